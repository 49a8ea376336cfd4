"""One's own account: who one is here, and another password."""

from flask import Blueprint, Response, make_response, render_template, request

from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import person
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
from sharelink.web.staff.account_forms import PasswordForm, show_problems
from sharelink.web.wiring import current_unit_of_work

blueprint = Blueprint("account", __name__)


@blueprint.get("/account")
@requires(Permission.OWN_ACCOUNT)
def account() -> Response:
    """Show the viewer's account."""
    return _page(PasswordForm(formdata=None))


@blueprint.post("/account")
@requires(Permission.OWN_ACCOUNT)
@limited("sign_in")
def change_password() -> Response:
    """Change the password; this browser goes on under a new id, all others are signed out."""
    form = PasswordForm()
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
    return sign_in_browser(redirect_after_post("/account?changed=1"), started)


def _page(form: PasswordForm, status: int = 200) -> Response:
    account_id = signed_in_viewer().account_id
    with current_unit_of_work().read() as work:
        shown = person(work.session, account_id)
    page = render_template(
        "staff/account.html", account=shown, form=form, password_changed=request.args.get("changed") == "1"
    )
    return make_response(page, status)
