"""Adding and removing one's own second factors.

Open to whoever has signed in with a password for the first time and has no factor yet, and to whoever has proven lately
who they are. After a sign-in with a recovery code there is a quarter of an hour to add a new factor in its place.
"""

from datetime import timedelta
from functools import wraps
from typing import Any, cast

from flask import Blueprint, Response, jsonify, make_response, render_template, request

from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import HalfSignedIn, Viewer
from sharelink.accounts.queries import person as account_person
from sharelink.accounts.stages import SignInProof, Stage
from sharelink.acts import enrolling
from sharelink.acts.enrolling import Enrolled
from sharelink.crypto.identifiers import id_from_text
from sharelink.errors import InvalidInput
from sharelink.factors.errors import FactorNotFound, PasskeyRefused
from sharelink.factors.one_time_codes import app_address, secret_text
from sharelink.factors.queries import factors_of
from sharelink.web.authentication import (
    ENROLMENT_PATH,
    View,
    browser_keys,
    half_signed_in,
    holder_actor,
    local_path,
    requires,
    sign_in_browser,
    signed_in_actor,
    signed_in_holder,
    signed_in_viewer,
    with_next,
)
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.staff.qr import qr_code
from sharelink.web.step_up import (
    ask_unless_fresh,
    current_relying_party,
    is_fresh,
    named_party,
    provider_can_prove,
    requires_fresh_proof,
)
from sharelink.web.wiring import current_settings, current_unit_of_work

SECURITY_PATH = "/account/security"
RECOVERED_LIFETIME = timedelta(minutes=15)
NOT_ADDED = "The passkey could not be added. Try again; if this device has one already, use another device."

blueprint = Blueprint("factors", __name__)

_for_enrolment = requires(Permission.OWN_ACCOUNT, also={Stage.ENROLMENT})


def _may_add_factors(person: Viewer) -> bool:
    if person.proof is SignInProof.PASSWORD_AND_RECOVERY_CODE:
        return current_unit_of_work().clock() < person.signed_in_at + RECOVERED_LIFETIME
    return is_fresh(person) or _comes_for_first_factor(person)


def _comes_for_first_factor(person: Viewer) -> bool:
    """Tell whether somebody has just come from the provider and has no factor here: as after a first password."""
    if person.proof is not SignInProof.SSO or provider_can_prove(person):
        return False
    with current_unit_of_work().read() as work:
        has_none = factors_of(work.session, person.account_id).count == 0
    return has_none and current_unit_of_work().clock() < person.signed_in_at + RECOVERED_LIFETIME


def requires_right_to_add(view: View) -> View:
    """Ask for a fresh proof, except those who are adding their first factor or replacing a lost one.

    Stands below `requires`, like `requires_fresh_proof`.
    """

    @wraps(view)
    def guarded(*arguments: Any, **named: Any) -> Any:
        asked = None if half_signed_in() else ask_unless_fresh(_may_add_factors)
        return view(*arguments, **named) if asked is None else asked

    vars(guarded)["fresh_proof"] = True
    return cast(View, guarded)


@blueprint.get(ENROLMENT_PATH)
@_for_enrolment
def enrol() -> Response:
    """Offer the choice of a first second factor."""
    if half_signed_in() is None:
        return redirect_after_post(SECURITY_PATH)
    page = render_template("staff/enrol.html", next=_wanted(), has_passkeys=current_relying_party() is not None)
    return make_response(page)


@blueprint.get("/account/factors/passkey")
@_for_enrolment
def passkey_form() -> Response:
    """Show the form for a new passkey."""
    return _passkey_page()


@blueprint.post("/account/factors/passkey/challenge")
@_for_enrolment
@limited("create")
@requires_right_to_add
def ask_for_passkey() -> Response:
    """Tell the browser how to make a passkey."""
    return jsonify(enrolling.ask_for_passkey(current_unit_of_work(), holder_actor(), named_party(), signed_in_holder()))


@blueprint.post("/account/factors/passkey")
@_for_enrolment
@limited("create")
@requires_right_to_add
def add_passkey() -> Response:
    """Add the passkey that the browser has made."""
    answer, name = request.form.get("passkey", ""), request.form.get("name", "")
    if not answer:
        # The proof that was asked for in between is there now; the browser has yet to make the passkey.
        return _passkey_page(name=name)
    try:
        enrolled = enrolling.add_passkey(
            current_unit_of_work(),
            holder_actor(),
            named_party(),
            signed_in_holder(),
            answer=answer,
            name=name,
            browser=browser_keys(),
        )
    except PasskeyRefused:
        return _passkey_page(422, name=name, problem=NOT_ADDED)
    except InvalidInput as error:
        return _passkey_page(422, name=name, problem=error.fields["name"])
    return _added(enrolled)


@blueprint.post("/account/factors/app/new")
@_for_enrolment
@limited("create")
@requires_right_to_add
def begin_app() -> Response:
    """Make a secret for an authenticator app and go to the page that shows it."""
    enrolling.begin_app(current_unit_of_work(), holder_actor(), signed_in_holder())
    return redirect_after_post(with_next("/account/factors/app", _wanted()))


@blueprint.get("/account/factors/app")
@_for_enrolment
def app_form() -> Response:
    """Show the secret that waits for its first code, as long as the right to add it lasts."""
    return _app_page()


@blueprint.post("/account/factors/app")
@_for_enrolment
@limited("create")
@requires_right_to_add
def confirm_app() -> Response:
    """Let the app count whose code this is."""
    try:
        enrolled = enrolling.confirm_app(
            current_unit_of_work(), holder_actor(), signed_in_holder(), request.form.get("code", ""), browser_keys()
        )
    except InvalidInput as error:
        return _app_page(422, problem=error.fields["code"])
    except FactorNotFound:
        return _to_start()
    return _added(enrolled)


@blueprint.post("/account/factors/app/remove")
@requires(Permission.OWN_ACCOUNT)
@limited("create")
@requires_fresh_proof
def remove_app() -> Response:
    """Take the authenticator app away."""
    enrolling.remove_app(current_unit_of_work(), signed_in_actor(), signed_in_viewer())
    return redirect_after_post(f"{SECURITY_PATH}?done=removed")


@blueprint.post("/account/factors/passkey/<passkey_text>/remove")
@requires(Permission.OWN_ACCOUNT)
@limited("create")
@requires_fresh_proof
def remove_passkey(passkey_text: str) -> Response:
    """Take a passkey away."""
    try:
        passkey_id = id_from_text(passkey_text)
    except ValueError:
        raise FactorNotFound("not an id") from None
    enrolling.remove_passkey(current_unit_of_work(), signed_in_actor(), signed_in_viewer(), passkey_id)
    return redirect_after_post(f"{SECURITY_PATH}?done=removed")


@blueprint.post("/account/factors/recovery-codes")
@requires(Permission.OWN_ACCOUNT)
@limited("create")
@requires_fresh_proof
def new_recovery_codes() -> Response:
    """Make new recovery codes and show them, this once."""
    codes = enrolling.new_recovery_codes(current_unit_of_work(), signed_in_actor(), signed_in_viewer())
    return codes_page(codes, SECURITY_PATH, has_password=_has_password())


def _added(enrolled: Enrolled) -> Response:
    if enrolled.started is None:
        return redirect_after_post(f"{SECURITY_PATH}?done=added")
    return sign_in_browser(codes_page(enrolled.recovery_codes, _wanted() or "/"), enrolled.started)


def codes_page(codes: tuple[str, ...], onward: str, *, has_password: bool = True) -> Response:
    """Show recovery codes, this once, and lead on to the page `onward`."""
    page = render_template("staff/recovery_codes.html", codes=codes, onward=onward, has_password=has_password)
    return make_response(page)


def _passkey_page(status: int = 200, *, name: str = "", problem: str = "") -> Response:
    page = render_template(
        "staff/passkey.html",
        name=name,
        problem=problem,
        next=_wanted(),
        has_passkeys=current_relying_party() is not None,
        is_first=half_signed_in() is not None,
    )
    return make_response(page, status)


def _app_page(status: int = 200, *, problem: str = "") -> Response:
    holder = signed_in_holder()
    if isinstance(holder, Viewer) and not _may_add_factors(holder):
        return _to_start()
    pending = enrolling.pending_app(current_unit_of_work(), holder)
    if pending is None:
        return _to_start()
    address = app_address(pending.secret, email=holder.email, issuer=current_settings().organisation_name)
    page = render_template(
        "staff/authenticator_app.html",
        qr=qr_code(address),
        secret=_in_groups(secret_text(pending.secret)),
        problem=problem,
        next=_wanted(),
        is_first=isinstance(holder, HalfSignedIn),
    )
    return make_response(page, status)


def _to_start() -> Response:
    return redirect_after_post(with_next(ENROLMENT_PATH, _wanted()) if half_signed_in() else SECURITY_PATH)


def _has_password() -> bool:
    with current_unit_of_work().read() as work:
        return account_person(work.session, signed_in_viewer().account_id).has_password


def _wanted() -> str:
    return local_path(request.values.get("next")) or ""


def _in_groups(text: str) -> str:
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))
