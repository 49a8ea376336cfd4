"""Sign in with a passkey or a password, and out again. The second step after a password is in `second_step`."""

from flask import Blueprint, Response, jsonify, make_response, render_template, request

from sharelink.accounts.permissions import Permission
from sharelink.accounts.stages import Stage
from sharelink.acts import signing_in
from sharelink.acts.passkey_answers import ask_passkey
from sharelink.web.authentication import (
    browser_keys,
    half_signed_in,
    holder_actor,
    local_path,
    public_actor,
    requires,
    sign_out_browser,
    signed_in_holder,
    signed_in_response,
    viewer,
    with_next,
)
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.staff.account_forms import SignInForm
from sharelink.web.step_up import current_relying_party, named_party
from sharelink.web.wiring import current_settings, current_unit_of_work

NOT_SIGNED_IN = (
    "You could not be signed in. Check e-mail and password. After ten wrong tries, wait for 15 minutes. "
    "If you joined with a passkey, you have no password: sign in with the passkey."
)
PASSKEY_NOT_TAKEN = "You could not be signed in with this passkey. Try again, or use your password."

blueprint = Blueprint("sign_in", __name__)


@blueprint.get("/sign-in")
@limited("open", "GET")
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
    """Go on to the second step, or say one and the same for every reason why not."""
    form = SignInForm()
    form.next.data = local_path(form.next.data)
    started = signing_in.sign_in(
        current_unit_of_work(), public_actor(), form.email.data or "", form.password.data or "", browser_keys()
    )
    if started is None:
        form.form_errors = [NOT_SIGNED_IN]
        return _page(form, 422)
    return signed_in_response(started, form.next.data)


@blueprint.post("/sign-in/passkey")
@limited("sign_in")
def sign_in_with_passkey() -> Response:
    """Sign in with a passkey alone, or say one and the same for every reason why not."""
    form = SignInForm()
    form.next.data = local_path(form.next.data)
    party, started = current_relying_party(), None
    if party is not None:
        answer = request.form.get("passkey", "")
        started = signing_in.sign_in_with_passkey(
            current_unit_of_work(), public_actor(), party, answer, browser=browser_keys()
        )
    if started is None:
        form.form_errors = [PASSKEY_NOT_TAKEN]
        return _page(form, 422)
    return signed_in_response(started, form.next.data)


@blueprint.post("/sign-in/passkey/challenge")
@limited("sign_in", apart="challenge")
def passkey_challenge() -> Response:
    """Tell the browser what to ask a passkey. What the answer is good for depends on how far the visitor has come."""
    party = named_party()
    visitor = viewer() or half_signed_in()
    actor = public_actor() if visitor is None else holder_actor()
    return jsonify(ask_passkey(current_unit_of_work(), actor, party, visitor))


@blueprint.post("/sign-out")
@requires(Permission.OWN_ACCOUNT, also={Stage.SECOND_FACTOR, Stage.ENROLMENT})
def sign_out() -> Response:
    """End this session on the server and forget it in the browser, also one that waits for its next step."""
    holder = signed_in_holder()
    with current_unit_of_work().write(holder_actor()) as work:
        work.accounts.sessions.end(holder.session_hash, holder.account_id)
    return sign_out_browser(redirect_after_post("/sign-in"))


def _page(form: SignInForm, status: int = 200) -> Response:
    page = render_template(
        "staff/sign_in.html",
        form=form,
        has_passkeys=current_relying_party() is not None,
        provider_address=_provider_address(form),
        has_local_sign_in=current_settings().local_passwords,
    )
    return make_response(page, status)


def _provider_address(form: SignInForm) -> str:
    """Return where a sign-in by the provider begins; empty where there is none."""
    return with_next("/sign-in/sso", form.next.data) if current_settings().has_single_sign_on else ""
