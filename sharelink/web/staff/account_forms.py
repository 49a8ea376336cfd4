"""The forms about one's own account. What a field may hold is decided by the services, not here."""

from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, PasswordField, StringField

from sharelink.errors import InvalidInput


class SetUpForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The first account."""

    key = HiddenField("Set-up link")
    name = StringField("Your name")
    email = EmailField("E-mail")
    password = PasswordField("Password")


class SignInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Who one is, and where to go after that."""

    next = HiddenField()
    email = EmailField("E-mail")
    password = PasswordField("Password")


class PasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Another password for one's own account."""

    current = PasswordField("Present password")
    new = PasswordField("New password")


class FirstPasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The first password of an account that has a passkey and none."""

    new = PasswordField("New password")


def show_problems(form: FlaskForm, error: InvalidInput) -> None:
    """Put each message beside its field."""
    for name, message in error.fields.items():
        form[name].errors = [message]
