"""The recipient's way: one static page, then posts that carry the whole link in their body and never in an address."""

from flask import Blueprint, Response, request

from sharelink.actors import Actor
from sharelink.acts import handing_out, receiving
from sharelink.errors import InvalidInput
from sharelink.shares.errors import CodeRefused, OwnShare, ShareEnded, ShareHeld
from sharelink.shares.links import OpenLink, parse_open_link
from sharelink.shares.rows import ShareFacts
from sharelink.shares.states import FINAL_STATES
from sharelink.web.authentication import public_actor, signed_in_actor, viewer
from sharelink.web.downloads import download
from sharelink.web.metrics import count_refusal
from sharelink.web.rate_limits import limited
from sharelink.web.responses import page_for_everybody, page_or_fragment
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("links", __name__, url_prefix="/s")


@blueprint.get("/<token>")
@limited("open", "GET")
def link(token: str) -> Response:  # noqa: ARG001 - the page must not depend on it
    """Show the one page that is the same for every token; nothing is looked up and nothing changes (promise 5)."""
    return page_for_everybody("public/link.html")


@blueprint.post("/status")
@limited("status")
def status() -> Response:
    """Tell the holder of a whole link what it is, and record the first opening."""
    open_link = _posted_link()
    actor = _actor()
    return _share_page(actor, receiving.look(current_unit_of_work(), actor, open_link), open_link)


@blueprint.post("/reveal")
@limited("reveal")
def reveal() -> Response:
    """Show the secret, once."""
    open_link = _posted_link()
    actor = _actor()
    try:
        revealed = receiving.reveal(current_unit_of_work(), actor, open_link, request.form.get("code", ""))
    except (InvalidInput, CodeRefused, ShareEnded, ShareHeld, OwnShare) as error:
        return _refused(actor, open_link, error)
    return page_or_fragment(
        "public/revealed.html",
        "public/_revealed.html",
        audience="public",
        text=revealed.text,
        has_edge_space=revealed.text != revealed.text.strip(),
        line_count=revealed.text.count("\n") + 1,
        receipt=revealed.receipt,
        sender_name=revealed.facts.sender_name,
        instruction=revealed.facts.instruction,
    )


@blueprint.post("/decline")
@limited("reveal")
def decline() -> Response:
    """Burn the share unread on behalf of its recipient."""
    open_link = _posted_link()
    actor = _actor()
    note = request.form.get("note", "")
    try:
        receiving.decline(current_unit_of_work(), actor, open_link, request.form.get("code", ""), note)
    except (InvalidInput, CodeRefused, ShareEnded, ShareHeld, OwnShare) as error:
        return _refused(actor, open_link, error, declining=True, note=note)
    return page_or_fragment("public/declined.html", "public/_declined.html", audience="public")


@blueprint.post("/report")
@limited("reveal")
def report() -> Response:
    """Raise an incident for the holder of an ended share's link who says "this was not me"."""
    facts = receiving.report(current_unit_of_work(), _actor(), _posted_link())
    return page_or_fragment("public/reported.html", "public/_reported.html", audience="public", share=facts)


@blueprint.post("/displayed")
@limited("status")
def displayed() -> Response:
    """Take note that the page has shown the secret."""
    receiving.acknowledge(current_unit_of_work(), _actor(), request.form.get("receipt", ""), stored=False)
    return Response(status=204)


@blueprint.post("/stored")
@limited("status")
def stored() -> Response:
    """Take note that the recipient stored the secret."""
    receiving.acknowledge(current_unit_of_work(), _actor(), request.form.get("receipt", ""), stored=True)
    return page_or_fragment(
        "public/stored.html", "public/_stored.html", audience="public", receipt=request.form.get("receipt", "")
    )


@blueprint.post("/receipt")
@limited("reveal")
def receipt() -> Response:
    """Hand out what the log says of the share: to the holder of the whole link, or to the page that has shown it."""
    acknowledgement = request.form.get("receipt", "")
    if acknowledgement:
        return download(handing_out.receipt_by_acknowledgement(current_unit_of_work(), _actor(), acknowledgement))
    return download(handing_out.receipt_for_recipient(current_unit_of_work(), _actor(), _posted_link()))


def _actor() -> Actor:
    """Return who holds the link: somebody who is signed in here, or a visitor. No cookie is needed or set."""
    return signed_in_actor() if viewer() is not None else public_actor()


def _posted_link() -> OpenLink:
    return parse_open_link(request.form.get("link", ""))


def _refused(
    actor: Actor,
    open_link: OpenLink,
    error: InvalidInput | CodeRefused | ShareEnded | ShareHeld | OwnShare,
    *,
    declining: bool = False,
    note: str = "",
) -> Response:
    """Show the share's page again with what was wrong; this look is the same person's, so it is no new opening."""
    count_refusal(error)
    facts = receiving.look(current_unit_of_work(), actor, open_link)
    errors: dict[str, str] = {}
    tries_left: int | None = None
    if isinstance(error, InvalidInput):
        errors = error.fields
    elif isinstance(error, CodeRefused):
        errors = {"code": "This code is not right. Nothing was used up."}
        tries_left = error.tries_left
    # It was locked when it was tried, and may have been unlocked since: only what is over is gone.
    ended = 410 if facts.state in FINAL_STATES else 423
    status = {ShareEnded: ended, ShareHeld: 423, OwnShare: 403}.get(type(error), 422)
    return _share_page(actor, facts, open_link, status, errors, tries_left=tries_left, declining=declining, note=note)


def _share_page(
    actor: Actor,
    facts: ShareFacts,
    open_link: OpenLink,
    status: int = 200,
    errors: dict[str, str] | None = None,
    *,
    tries_left: int | None = None,
    declining: bool = False,
    note: str = "",
) -> Response:
    return page_or_fragment(
        "public/share.html",
        "public/_share.html",
        status,
        audience="public",
        share=facts,
        is_preview=facts.created_by == actor.account_id,
        link=open_link.url(current_settings().base_url),
        errors=errors or {},
        tries_left=tries_left,
        declining=declining,
        note=note,
    )
