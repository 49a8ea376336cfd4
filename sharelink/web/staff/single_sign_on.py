"""Signing in by a provider: off to it, and back.

The way back is a GET that changes state, because a provider sends browsers back by a redirect. It does so only with a
state that this very browser left with, once, within minutes (docs/adr/0012). No page is ever shown at an address that
holds what the provider sent: every answer to the callback is a redirect.
"""

from collections.abc import Mapping

from flask import Blueprint, Response, make_response, redirect, render_template, request
from structlog import get_logger

from sharelink.accounts.permissions import Permission
from sharelink.acts import single_sign_on
from sharelink.acts.single_sign_on import Answer as ProviderAnswer
from sharelink.errors import SharelinkError, StorageUnavailable
from sharelink.sso.errors import ProviderUnavailable, Refusal, SignOnRefused
from sharelink.sso.models import FlowPurpose
from sharelink.sso.provider import CALLBACK_PATH
from sharelink.web.answers import Answer
from sharelink.web.authentication import (
    browser_keys,
    leave_for_provider,
    local_path,
    provider_key,
    public_actor,
    renew_browser,
    requires,
    signed_in_actor,
    signed_in_response,
    signed_in_viewer,
    to_sign_in,
    viewer,
)
from sharelink.web.errors import answer_for, render_answer
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.step_up import provider_can_prove
from sharelink.web.wiring import current_single_sign_on, current_unit_of_work

START_PATH = "/sign-in/sso"
FAILED_PATH = "/sign-in/sso/failed"
UNAVAILABLE = "unavailable"
STORAGE = "storage"

blueprint = Blueprint("single_sign_on", __name__)

_ASK = "Ask an administrator."
_BEGIN_AGAIN = "Go back to the sign-in page and begin again."
_REFUSED: Mapping[Refusal, Answer] = {
    Refusal.DECLINED: Answer(
        403, "You were not signed in", "Your organisation's sign-in was broken off, or declined.", _BEGIN_AGAIN
    ),
    Refusal.FLOW: Answer(
        400,
        "This sign-in cannot be finished",
        "It took longer than ten minutes, was finished before, or was begun in another browser.",
        _BEGIN_AGAIN,
    ),
    Refusal.CODE: Answer(403, "You were not signed in", "Your organisation's sign-in took it back.", _BEGIN_AGAIN),
    Refusal.TOKEN: Answer(
        403,
        "You were not signed in",
        "What your organisation's sign-in said does not hold. Nothing was changed; it was noted.",
        "Try once more. If it goes on, tell an administrator.",
    ),
    Refusal.METHODS: Answer(
        403,
        "Your organisation did not ask for enough",
        "Here you must sign in with more than it asked of you, such as a second factor, and just now.",
        "Sign out there, and sign in with your second factor.",
    ),
    Refusal.EMAIL: Answer(
        403,
        "Your address is not confirmed",
        "Your organisation does not vouch for your e-mail address.",
        _ASK,
    ),
    Refusal.PERSON: Answer(
        403, "You have no account here", "Your organisation knows you, but no account here is open to you.", _ASK
    ),
    Refusal.OTHER_PERSON: Answer(
        403, "That was somebody else", "You are signed in here as another person than there.", _BEGIN_AGAIN
    ),
    Refusal.POLICY: Answer(
        403,
        "Your roles do not go together",
        "Your organisation gives you roles that nobody may have at once here. You were not signed in; it was noted.",
        _ASK,
    ),
    Refusal.SECOND_ADMINISTRATOR: Answer(
        403,
        "Two administrators must agree first",
        "Your organisation gives you a role or group that takes two administrators here. You were not signed in.",
        "Ask an administrator to propose it on the page People.",
    ),
    Refusal.LAST_ADMINISTRATOR: Answer(
        403,
        "You are the last administrator",
        "Your organisation takes that role from you, and nobody would be left. You were not signed in; it was noted.",
        "Make somebody else administrator first, or sign in with the break-glass account.",
    ),
    Refusal.NO_ROLE: Answer(403, "You have no role here", "Your organisation gives you none for this service.", _ASK),
}
"""What people read. Who is unknown, disabled, or has the address of somebody else reads one and the same."""


@blueprint.get(START_PATH)
@limited("sign_in", "GET")
def start() -> Response:
    """Send the browser to the provider. A link, not a form: Chromium holds redirects of forms to `form-action`."""
    sso = current_single_sign_on()
    wanted = local_path(request.args.get("next"))
    if request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}:
        # Nobody is signed in because another site wants it.
        return to_sign_in()
    if viewer() is not None:
        return redirect_after_post(wanted or "/")
    try:
        departure = single_sign_on.depart(
            current_unit_of_work(), public_actor(), sso, browser_key=provider_key(), wanted_path=wanted
        )
    except ProviderUnavailable as error:
        return _failed(UNAVAILABLE, error)
    return leave_for_provider(departure)


@blueprint.get("/sign-in/sso/prove")
@requires(Permission.OWN_ACCOUNT)
@limited("sign_in", "GET")
def prove() -> Response:
    """Send somebody who is signed in to the provider to prove anew who they are."""
    person = signed_in_viewer()
    if request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"} or not provider_can_prove(person):
        return redirect_after_post("/account/security")
    sso = current_single_sign_on()
    try:
        departure = single_sign_on.depart(
            current_unit_of_work(), signed_in_actor(), sso, browser_key=provider_key(), viewer=person
        )
    except ProviderUnavailable as error:
        return _failed(UNAVAILABLE, error)
    return leave_for_provider(departure)


@blueprint.get(CALLBACK_PATH)
@limited("sign_in", "GET")
def callback() -> Response:
    """Take what the provider sent along with the browser; always answers with a redirect."""
    sso = current_single_sign_on()
    person = viewer()
    actor = public_actor() if person is None else signed_in_actor()
    answer = ProviderAnswer(
        state=request.args.get("state", ""),
        code=request.args.get("code", ""),
        issuer=request.args.get("iss", ""),
        has_error="error" in request.args,
    )
    try:
        arrival = single_sign_on.arrive(
            current_unit_of_work(),
            actor,
            sso,
            answer,
            browser_key=provider_key(),
            browser=browser_keys(),
            viewer=person,
        )
    except SignOnRefused as error:
        return _failed(error.refusal.value, error)
    except ProviderUnavailable as error:
        return _failed(UNAVAILABLE, error)
    except SharelinkError as error:
        # Whatever it is: an error page must not stand at this address.
        return _failed(STORAGE, error)
    if arrival.purpose is FlowPurpose.PROVE:
        return renew_browser(redirect_after_post("/sign-in/sso/proven"), arrival.started)
    return signed_in_response(arrival.started, arrival.wanted_path)


@blueprint.get("/sign-in/sso/proven")
@requires(Permission.OWN_ACCOUNT)
def proven() -> str:
    """Tell that the proof was good, and to go on in the other window."""
    return render_template("staff/proven.html")


@blueprint.get(FAILED_PATH)
@limited("open", "GET")
def failed() -> Response:
    """Tell why somebody was not signed in, at an address that holds nothing of it but the kind of reason."""
    current_single_sign_on()
    why = request.args.get("why", "")
    if why == UNAVAILABLE:
        return render_answer(answer_for(ProviderUnavailable()), retry_after_seconds=30)
    if why == STORAGE:
        return render_answer(answer_for(StorageUnavailable()), retry_after_seconds=30)
    return render_answer(_REFUSED[Refusal(why) if why in set(Refusal) else Refusal.FLOW])


def _failed(why: str, error: Exception) -> Response:
    # Our own words only; nothing of what the provider or the browser sent.
    get_logger("sharelink.web").warning("sign-in by the provider failed", why=why, detail=str(error))
    return make_response(redirect(f"{FAILED_PATH}?why={why}", 303))
