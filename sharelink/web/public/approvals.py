"""The customer's approval: one static page, then posts with the whole link in their body, never in an address."""

from collections.abc import Mapping

from flask import Blueprint, Response, request

from sharelink.access.approver_links import ApprovalFacts
from sharelink.access.errors import AccessRefused, AlreadyDecided, TooManyCodes, UseMovedOn
from sharelink.access.links import ApproverLink, parse_approver_link
from sharelink.actors import Actor
from sharelink.acts import deciding
from sharelink.acts.deciding import TypedDecision
from sharelink.errors import InvalidInput
from sharelink.web.authentication import public_actor, signed_in_actor, viewer
from sharelink.web.metrics import count_refusal
from sharelink.web.rate_limits import limited, limited_per_link
from sharelink.web.responses import page_for_everybody, page_or_fragment
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("approvals", __name__, url_prefix="/approve")

_NO_CODE = "This code is not good any more. Have a new one sent to you."


@blueprint.get("/<token>")
@limited("open", "GET")
def link(token: str) -> Response:  # noqa: ARG001 - the page must not depend on it
    """Show the one page that is the same for every token; nothing is looked up and nothing changes (promise 5)."""
    return page_for_everybody("public/approval_link.html")


@blueprint.post("/status")
@limited("status")
def status() -> Response:
    """Tell the holder of a whole link what is to be approved, or what became of it."""
    return _page(_posted_link())


@blueprint.post("/code")
@limited("reveal")
@limited_per_link
def code() -> Response:
    """Have a code mailed to the contact of the link."""
    posted = _posted_link()
    try:
        deciding.ask_code(current_unit_of_work(), _actor(), posted)
    except TooManyCodes as error:
        count_refusal(error)
        return _page(posted, 429, {"code": "No more codes are sent for this link. Call us if none arrives."})
    except (UseMovedOn, AccessRefused) as error:
        count_refusal(error)
        return _page(posted, 409)
    return _page(posted, is_code_sent=True)


@blueprint.post("/decide")
@limited("reveal")
@limited_per_link
def decide() -> Response:
    """Take the contact's decision, once, if the code is right."""
    posted = _posted_link()
    typed = TypedDecision(request.form.get("digest", ""), request.form.get("verdict", ""), request.form.get("note", ""))
    try:
        tried = deciding.decide_as_contact(
            current_unit_of_work(), _actor(), posted, typed, request.form.get("code", "")
        )
    except InvalidInput as error:
        count_refusal(error)
        return _page(posted, 422, error.fields, is_code_sent=True)
    except (UseMovedOn, AlreadyDecided, AccessRefused) as error:
        count_refusal(error)
        return _page(posted, 409)
    if tried.state is None:
        left = "One try is left." if tried.tries_left == 1 else f"{tried.tries_left} tries are left."
        problem = f"The code is not right. {left}" if tried.tries_left else _NO_CODE
        return _page(posted, 422, {"code": problem}, is_code_sent=True)
    return _page(posted)


def _actor() -> Actor:
    return signed_in_actor() if viewer() is not None else public_actor()


def _posted_link() -> ApproverLink:
    return parse_approver_link(request.form.get("link", ""))


def _page(
    posted: ApproverLink, status: int = 200, errors: Mapping[str, str] | None = None, *, is_code_sent: bool = False
) -> Response:
    actor = _actor()
    facts: ApprovalFacts = deciding.look_as_contact(current_unit_of_work(), actor, posted)
    return page_or_fragment(
        "public/approval.html",
        "public/_approval.html",
        status,
        audience="public",
        ask=facts,
        use=facts.use,
        is_preview=actor.account_id is not None,
        is_code_sent=is_code_sent,
        link=posted.url(current_settings().base_url),
        errors=errors or {},
        values={"note": request.form.get("note", "")},
    )
