"""The second step after a password: a code, a recovery code, or a passkey. Nothing else is open until it is taken."""

from flask import Blueprint, Response, make_response, render_template, request

from sharelink.accounts.queries import HalfSignedIn
from sharelink.accounts.stages import Stage
from sharelink.acts import signing_in
from sharelink.factors.queries import factors_of
from sharelink.web.authentication import (
    browser_keys,
    half_actor,
    half_signed_in,
    local_path,
    signed_in_response,
    to_sign_in,
)
from sharelink.web.rate_limits import limited
from sharelink.web.step_up import current_relying_party
from sharelink.web.wiring import current_unit_of_work

NOT_TAKEN = "This did not work. Wait for the next code and type that one. After ten wrong tries, wait for 15 minutes."

blueprint = Blueprint("second_step", __name__)


@blueprint.get("/sign-in/second-step")
@limited("open", "GET")
def second_step_form() -> Response:
    """Ask for the second step."""
    half = _waiting()
    return to_sign_in() if half is None else _page(half, request.args.get("next"))


@blueprint.post("/sign-in/second-step")
@limited("sign_in")
def take_second_step() -> Response:
    """Sign in all the way, or say one and the same for every reason why not."""
    half = _waiting()
    if half is None:
        return to_sign_in()
    unit_of_work = current_unit_of_work()
    answer, party = request.form.get("passkey", ""), current_relying_party()
    if answer and party is not None:
        started = signing_in.sign_in_with_passkey(
            unit_of_work, half_actor(half), party, answer, browser=browser_keys(), half=half
        )
    else:
        typed = request.form.get("code", "") or request.form.get("recovery_code", "")
        started = signing_in.take_second_step(unit_of_work, half_actor(half), half, typed, browser_keys())
    wanted = request.form.get("next")
    return _page(half, wanted, 422, NOT_TAKEN) if started is None else signed_in_response(started, wanted)


def _waiting() -> HalfSignedIn | None:
    half = half_signed_in()
    return half if half is not None and half.stage is Stage.SECOND_FACTOR else None


def _page(half: HalfSignedIn, wanted: str | None, status: int = 200, problem: str = "") -> Response:
    with current_unit_of_work().read() as work:
        factors = factors_of(work.session, half.account_id)
    page = render_template(
        "staff/second_step.html",
        email=half.email,
        next=local_path(wanted) or "",
        has_passkey=bool(factors.passkeys) and current_relying_party() is not None,
        has_app=factors.app is not None,
        problem=problem,
    )
    return make_response(page, status)
