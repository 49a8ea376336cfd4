"""The customer's view: one static page, then posts with the whole link in their body, never in an address."""

from flask import Blueprint, Response, request

from sharelink.actors import Actor
from sharelink.acts import handing_out, stating
from sharelink.acts.stating import Reading
from sharelink.custody.states import CustodyState
from sharelink.errors import InvalidInput
from sharelink.shares.states import ShareKind
from sharelink.statements.links import StatementLink, parse_statement_link
from sharelink.statements.statement import Statement
from sharelink.web.authentication import public_actor, signed_in_actor, viewer
from sharelink.web.downloads import download, statement_sheet
from sharelink.web.filters import utc_text
from sharelink.web.rate_limits import limited, limited_per_link
from sharelink.web.responses import page_for_everybody, page_or_fragment
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("statement_links", __name__, url_prefix="/statement")


@blueprint.get("/<token>")
@limited("open", "GET")
def link(token: str) -> Response:  # noqa: ARG001 - the page must not depend on it
    """Show the one page that is the same for every token; nothing is looked up and nothing changes (promise 5)."""
    return page_for_everybody("public/statement_link.html")


@blueprint.post("/read")
@limited("status")
def read() -> Response:
    """Show the statement to the holder of a whole link, and record that it was read."""
    posted = _posted_link()
    return _page(stating.read(current_unit_of_work(), _actor(), posted, _asked_page()), posted)


@blueprint.post("/confirm")
@limited("reveal")
@limited_per_link
def confirm() -> Response:
    """Take the customer's word that the statement is right."""
    posted = _posted_link()
    entries = request.form.get("entries", "")
    facts = stating.confirm(current_unit_of_work(), _actor(), posted, int(entries) if _is_count(entries) else 0)
    return page_or_fragment(
        "public/statement_confirmed.html",
        "public/_statement_confirmed.html",
        audience="public",
        reader=facts,
        link=posted.url(current_settings().base_url),
    )


@blueprint.post("/report")
@limited("reveal")
@limited_per_link
def report() -> Response:
    """Take what the customer says is wrong; the record goes on hold."""
    posted, actor = _posted_link(), _actor()
    try:
        facts = stating.report(current_unit_of_work(), actor, posted, request.form.get("message", ""))
    except InvalidInput as error:
        return _page(stating.read(current_unit_of_work(), actor, posted), posted, 422, error)
    return page_or_fragment(
        "public/statement_reported.html",
        "public/_statement_reported.html",
        audience="public",
        reader=facts,
        link=posted.url(current_settings().base_url),
    )


@blueprint.post("/bundle")
@limited("reveal")
@limited_per_link
def bundle() -> Response:
    """Issue the statement as files that can be checked without us."""
    posted, actor = _posted_link(), _actor()
    order = handing_out.BundleOrder(statement_sheet, request.form.get("checkpoint", ""))
    try:
        found = handing_out.statement_for_customer(current_unit_of_work(), actor, posted, order)
    except InvalidInput as error:
        return _page(stating.read(current_unit_of_work(), actor, posted), posted, 422, error)
    return download(found)


@blueprint.post("/receipt")
@limited("reveal")
def receipt() -> Response:
    """Hand out what the log says of one share of the record, or of the end of custody."""
    share_text = request.form.get("share", "")
    return download(handing_out.receipt_for_customer(current_unit_of_work(), _actor(), _posted_link(), share_text))


def _actor() -> Actor:
    return signed_in_actor() if viewer() is not None else public_actor()


def _posted_link() -> StatementLink:
    return parse_statement_link(request.form.get("link", ""))


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 15


def _asked_page() -> int:
    text = request.form.get("page", "1")
    return int(text) if _is_count(text) and len(text) <= 6 else 1


def _page(reading: Reading, posted: StatementLink, status: int = 200, error: InvalidInput | None = None) -> Response:
    return page_or_fragment(
        "public/statement.html",
        "public/_statement.html",
        status,
        audience="public",
        statement=reading.statement,
        reader=reading.facts,
        is_preview=reading.is_preview,
        link=posted.url(current_settings().base_url),
        errors=error.fields if error is not None else {},
        message=request.form.get("message", ""),
        kept=request.form.get("checkpoint", ""),
        receipts=_receipts(reading.statement),
    )


def _receipts(statement: Statement) -> list[tuple[str, str]]:
    """Return of what there are receipts: the value and the words of each choice."""
    ended = (
        [("", "the end of custody")] if statement.record.state in {CustodyState.RELEASED, CustodyState.CLOSED} else []
    )
    return ended + [
        (line.id_text, f"{line.label or 'Secret'}, {utc_text(line.created_at)}")
        for line in statement.exchanges.lines
        if (line.submitted_at is not None if line.kind is ShareKind.REQUEST else line.ended_at is not None)
    ]
