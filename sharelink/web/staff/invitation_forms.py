"""The forms of invitations. What a field may hold is decided by the services, not here."""

from flask_wtf import FlaskForm
from wtforms import EmailField, Field, HiddenField, PasswordField, StringField


class InvitationForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Whom to invite, and as what. `roles` and `groups` are ticked boxes; the fields here carry their messages."""

    email = EmailField("E-mail")
    roles = Field("Roles")
    groups = Field("Groups")


class JoinForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The account of somebody who was invited."""

    key = HiddenField("Invitation link")
    name = StringField("Your name")
    email = EmailField("E-mail")
    password = PasswordField("Password")
