"""One's own account: who one is here, and another password."""

from flask import Blueprint, Response, make_response, render_template, request
from flask_wtf import FlaskForm

from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import Person, person
from sharelink.acts import signing_in
from sharelink.errors import InvalidInput
from sharelink.web.authentication import (
    browser_keys,
    requires,
    sign_in_browser,
    signed_in_actor,
    signed_in_viewer,
)
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.staff.account_forms import FirstPasswordForm, PasswordForm, show_problems
from sharelink.web.staff.factors import requires_right_to_add
from sharelink.web.wiring import current_unit_of_work

NONE_YET = "Your account has no password yet. Set one here."

blueprint = Blueprint("account", __name__)


@blueprint.get("/account")
@requires(Permission.OWN_ACCOUNT)
def account() -> Response:
    """Show the viewer's account."""
    form = PasswordForm if _shown().has_password else FirstPasswordForm
    return _page(form(formdata=None))


@blueprint.post("/account/password")
@requires(Permission.OWN_ACCOUNT)
@limited("sign_in")
@requires_right_to_add
def set_first_password() -> Response:
    """Set the password of an account that has none; all other browsers are signed out."""
    form = FirstPasswordForm()
    try:
        signing_in.set_first_password(
            current_unit_of_work(), signed_in_actor(), signed_in_viewer(), form.new.data or ""
        )
    except InvalidInput as error:
        show_problems(form, error)
        return _page(form, 422)
    return redirect_after_post("/account?done=set")


@blueprint.post("/account")
@requires(Permission.OWN_ACCOUNT)
@limited("sign_in")
def change_password() -> Response:
    """Change the password; this browser goes on under a new id, all others are signed out."""
    form = PasswordForm()
    if not _shown().has_password:
        form.form_errors = [NONE_YET]
        return _page(form, 422)
    try:
        started = signing_in.change_password(
            current_unit_of_work(),
            signed_in_actor(),
            signed_in_viewer(),
            current=form.current.data or "",
            new=form.new.data or "",
            browser=browser_keys(),
        )
    except InvalidInput as error:
        show_problems(form, error)
        return _page(form, 422)
    return sign_in_browser(redirect_after_post("/account?done=changed"), started)


def _page(form: FlaskForm, status: int = 200) -> Response:
    page = render_template(
        "staff/account.html",
        account=_shown(),
        form=form,
        done=request.args.get("done", ""),
        has_local_sign_in=current_unit_of_work().account_policy.local_sign_in,
    )
    return make_response(page, status)


def _shown() -> Person:
    account_id = signed_in_viewer().account_id
    with current_unit_of_work().read() as work:
        return person(work.session, account_id)
