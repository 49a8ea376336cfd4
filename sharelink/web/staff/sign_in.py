"""Sign in and out."""

from flask import Blueprint, Response, make_response, render_template, request

from sharelink.accounts.permissions import Permission
from sharelink.acts import signing_in
from sharelink.web.authentication import (
    local_path,
    public_actor,
    requires,
    sign_in_browser,
    sign_out_browser,
    signed_in_actor,
    signed_in_viewer,
    viewer,
)
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.staff.account_forms import SignInForm
from sharelink.web.wiring import current_unit_of_work

NOT_SIGNED_IN = "You could not be signed in. Check e-mail and password. After ten wrong tries, wait for 15 minutes."

blueprint = Blueprint("sign_in", __name__)


@blueprint.get("/sign-in")
def sign_in_form() -> Response:
    """Show the form, or the start page to somebody who is signed in."""
    wanted = local_path(request.args.get("next"))
    if viewer() is not None:
        return redirect_after_post(wanted or "/")
    form = SignInForm(formdata=None)
    form.next.data = wanted
    return _page(form)


@blueprint.post("/sign-in")
@limited("sign_in")
def sign_in() -> Response:
    """Start a new session, or say one and the same for every reason why not."""
    form = SignInForm()
    form.next.data = local_path(form.next.data)
    started = signing_in.sign_in(
        current_unit_of_work(), public_actor(), form.email.data or "", form.password.data or ""
    )
    if started is None:
        form.form_errors = [NOT_SIGNED_IN]
        return _page(form, 422)
    return sign_in_browser(redirect_after_post(form.next.data or "/"), started)


@blueprint.post("/sign-out")
@requires(Permission.OWN_ACCOUNT)
def sign_out() -> Response:
    """End this session on the server and forget it in the browser."""
    session_hash = signed_in_viewer().session_hash
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.accounts.sessions.end(session_hash)
    return sign_out_browser(redirect_after_post("/sign-in"))


def _page(form: SignInForm, status: int = 200) -> Response:
    return make_response(render_template("staff/sign_in.html", form=form), status)
