"""The custody statement as staff see it, and the links by which contacts of the customer read it."""

from datetime import timedelta

from flask import Blueprint, Response, make_response, render_template, request

from sharelink.accounts.permissions import Permission
from sharelink.acts import handing_out
from sharelink.crypto.identifiers import id_from_text
from sharelink.custody.queries import RecordDetail, record_detail, record_group
from sharelink.errors import InvalidInput
from sharelink.statements.errors import StatementLinkNotFound
from sharelink.statements.queries import statement_links
from sharelink.statements.service import LINK_LIFETIMES, MadeLink
from sharelink.statements.statement import custody_statement
from sharelink.web.authentication import authorise, requires, signed_in_actor
from sharelink.web.downloads import download, statement_sheet
from sharelink.web.filters import duration_text, utc_text
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.staff.record_access import record_id_of
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("statements", __name__)

LIFETIME_CHOICES = tuple(
    (int(length.total_seconds()), duration_text(length.total_seconds())) for length in LINK_LIFETIMES
)
LIFETIME_DEFAULT_SECONDS = int(timedelta(days=30).total_seconds())


@blueprint.get("/records/<record_text>/statement")
@requires(Permission.RECORD_READ)
def preview(record_text: str) -> Response:
    """Show the statement as the customer sees it. Nothing is written: the customer's readings stay the customer's."""
    return _preview_page(_readable(record_text))


@blueprint.post("/records/<record_text>/statement/bundle")
@requires(Permission.RECORD_READ)
@limited("create")
def bundle(record_text: str) -> Response:
    """Issue the statement as files that can be checked without us."""
    record_id = _readable(record_text)
    order = handing_out.BundleOrder(statement_sheet, request.form.get("checkpoint", ""))
    try:
        found = handing_out.statement_for_staff(current_unit_of_work(), signed_in_actor(), record_id, order)
    except InvalidInput as error:
        return _preview_page(record_id, 422, error)
    return download(found)


@blueprint.post("/records/<record_text>/receipt")
@requires(Permission.RECORD_READ)
@limited("create")
def receipt(record_text: str) -> Response:
    """Hand out what the log says of the end of custody."""
    return download(handing_out.receipt_of_end(current_unit_of_work(), _readable(record_text)))


@blueprint.get("/records/<record_text>/statement/links")
@requires(Permission.STATEMENT_SHARE)
def links(record_text: str) -> Response:
    """Show who may read the statement, who did, and the form for another link."""
    return _links_page(_record(record_text))


@blueprint.post("/records/<record_text>/statement/links")
@requires(Permission.STATEMENT_SHARE)
@limited("create")
def make_link(record_text: str) -> Response:
    """Make a link for a confirmed contact and show it once."""
    record = _record(record_text)
    try:
        contact_id, lifetime = _chosen()
    except InvalidInput as error:
        return _links_page(record, 422, error)
    with current_unit_of_work().write(signed_in_actor()) as work:
        made = work.statements.make(record.id, contact_id, lifetime)
    return _made_page(record, made)


@blueprint.post("/records/<record_text>/statement/links/<link_text>/revoke")
@requires(Permission.STATEMENT_SHARE)
@limited("create")
def revoke_link(record_text: str, link_text: str) -> Response:
    """End a link at once."""
    record = _record(record_text)
    try:
        link_id = id_from_text(link_text)
    except ValueError:
        raise StatementLinkNotFound("not an id") from None
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.statements.revoke(record.id, link_id)
    return redirect_after_post(f"/records/{record.id_text}/statement/links")


def _readable(text: str) -> bytes:
    record_id = record_id_of(text)
    with current_unit_of_work().read() as work:
        group_id = record_group(work.session, record_id)
    authorise(Permission.RECORD_READ, group_id)
    return record_id


def _preview_page(record_id: bytes, status: int = 200, error: InvalidInput | None = None) -> Response:
    with current_unit_of_work().read() as work:
        statement = custody_statement(work.session, record_id, work.now, _asked_part())
    page = render_template(
        "staff/statement.html",
        statement=statement,
        errors=error.fields if error is not None else {},
        kept=request.form.get("checkpoint", ""),
    )
    return make_response(page, status)


def _record(text: str) -> RecordDetail:
    record_id = record_id_of(text)
    with current_unit_of_work().read() as work:
        record = record_detail(work.session, record_id)
    authorise(Permission.STATEMENT_SHARE, record.group_id)
    return record


def _chosen() -> tuple[bytes, timedelta]:
    problems = {}
    contact_id = b""
    try:
        contact_id = id_from_text(request.form.get("contact", ""))
    except ValueError:
        problems["contact"] = "Choose who may read the statement."
    seconds = request.form.get("lifetime", "")
    if seconds not in {str(value) for value, _text in LIFETIME_CHOICES}:
        problems["lifetime"] = "Choose one from the list."
    if problems:
        raise InvalidInput(problems)
    return contact_id, timedelta(seconds=int(seconds))


def _asked_part() -> int:
    text = request.args.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 1


def _links_page(record: RecordDetail, status: int = 200, error: InvalidInput | None = None) -> Response:
    with current_unit_of_work().read() as work:
        found = statement_links(work.session, record.id, work.now)
    page = render_template(
        "staff/statement_links.html",
        record=record,
        statement_links=found,
        lifetimes=LIFETIME_CHOICES,
        chosen_lifetime=request.form.get("lifetime", str(LIFETIME_DEFAULT_SECONDS)),
        chosen_contact=request.form.get("contact", ""),
        errors=error.fields if error is not None else {},
    )
    return make_response(page, status)


def _made_page(record: RecordDetail, made: MadeLink) -> Response:
    settings = current_settings()
    link = made.link.url(settings.base_url)
    page = render_template(
        "staff/statement_link_made.html", record=record, made=made, link=link, message=_message(record, made, link)
    )
    return make_response(page, 201)


def _message(record: RecordDetail, made: MadeLink, link: str) -> str:
    until = utc_text(made.expires_at)
    lines = [
        f"Hello {made.contact_name},",
        "",
        f"here you can read the custody statement of {record.reference}, at any time until {until}:",
        "",
        link,
        "",
        "It shows who held and used what we look after for you, when and why. It never shows the secret itself.",
        "Whoever has this link can read the statement, so please do not pass it on.",
    ]
    return "\n".join(lines)
