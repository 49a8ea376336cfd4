"""Custody records: list and search, open, look at, edit, archive and restore."""

from typing import Any, TypeVar

from flask import Blueprint, Response, request

from sharelink.access.queries import use_page
from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import groups_for_choice
from sharelink.audit.queries import chain_page
from sharelink.cloudtrail.queries import reconciliation
from sharelink.crypto.identifiers import id_text
from sharelink.custody.errors import RecordArchived, RecordChangedMeanwhile
from sharelink.custody.queries import RecordDetail, record_detail, record_group, record_list
from sharelink.custody.share_lines import shares_of_record
from sharelink.errors import InvalidInput
from sharelink.statements.queries import statement_links
from sharelink.web.authentication import authorise, requires, signed_in_actor, signed_in_viewer, viewer
from sharelink.web.rate_limits import limited
from sharelink.web.responses import page_or_fragment, redirect_after_post, wants_fragment
from sharelink.web.staff.paging import asked_page
from sharelink.web.staff.record_access import record_id_of
from sharelink.web.staff.record_forms import EditRecordForm, RecordForm, TypedRecord
from sharelink.web.staff.record_page import record_page
from sharelink.web.staff.timeline import timeline_entry
from sharelink.web.wiring import current_unit_of_work
from sharelink.work import Work

blueprint = Blueprint("records", __name__)

_Form = TypeVar("_Form", bound=RecordForm)

_QUERY_MAX = 200
USES_SHOWN = 5


@blueprint.get("/records")
@requires(Permission.RECORD_READ)
def records() -> Response:
    """List the records that the viewer may read, and search them."""
    query = request.args.get("q", "")[:_QUERY_MAX].replace("\0", "").strip()
    archived = request.args.get("archived") == "1"
    with current_unit_of_work().read() as work:
        found = record_list(
            work.session,
            groups=_groups_within_reach(Permission.RECORD_READ),
            search=query,
            archived=archived,
            page=asked_page(),
        )
    return page_or_fragment(
        "staff/records.html",
        "staff/_records.html",
        records=found.records,
        total=found.total,
        is_cut=found.is_cut,
        page=found.page,
        page_count=found.page_count,
        query=query,
        show_archived=archived,
    )


@blueprint.get("/records/new")
@requires(Permission.RECORD_EDIT)
def new_record() -> Response:
    """Show the empty form."""
    return _new_page(_offered(RecordForm(formdata=None)))


@blueprint.post("/records/new")
@requires(Permission.RECORD_EDIT)
@limited("create")
def open_record() -> Response:
    """Open a record, or say what to mend."""
    form = _offered(RecordForm())
    try:
        typed = form.typed()
        authorise(Permission.RECORD_EDIT, typed.group_id)
        with current_unit_of_work().write(signed_in_actor()) as work:
            record_id = work.custody.open(typed.details, typed.group_id)
    except InvalidInput as error:
        form.show(error.fields)
        return _new_page(form, 422)
    return redirect_after_post(_address(record_id))


@blueprint.get("/records/<record_text>")
@requires(Permission.RECORD_READ)
def record(record_text: str) -> Response:
    """Show a record: where it stands, what comes next, everything that belongs to it, and its timeline."""
    record_id = record_id_of(record_text)
    with current_unit_of_work().read() as work:
        detail = record_detail(work.session, record_id)
    authorise(Permission.RECORD_READ, detail.group_id)
    with current_unit_of_work().read() as work:
        history = chain_page(work.session, detail.id_text, asked_page())
        shares = shares_of_record(work.session, record_id, work.now)
        # htmx asks for another page of the timeline, and for nothing else.
        parts = {} if wants_fragment() else _parts(work, detail)
    labels = {share.id_text: share.label for share in shares}
    return page_or_fragment(
        "staff/record.html",
        "staff/_timeline.html",
        record=detail,
        shares=shares,
        timeline=[timeline_entry(event, labels) for event in history.events],
        timeline_address=f"/records/{detail.id_text}",
        timeline_page=history.page,
        timeline_page_count=history.page_count,
        **parts,
    )


def _parts(work: Work, detail: RecordDetail) -> dict[str, Any]:
    """Return what the fragments of the page show, each by the name that it expects."""
    page = record_page(work, detail, signed_in_viewer())
    uses = use_page(work.session, detail.id, 1)
    return {
        "page": page,
        "hold": page.hold,
        "uses": uses.uses[:USES_SHOWN],
        "use_total": uses.total,
        "sign_ins": reconciliation(work.session, detail.id),
        "statement_links": statement_links(work.session, detail.id, work.now),
    }


@blueprint.get("/records/<record_text>/edit")
@requires(Permission.RECORD_EDIT)
def edit_form(record_text: str) -> Response:
    """Show the form with what is stored."""
    detail = _detail_to_edit(record_text)
    if detail.is_archived:
        raise RecordArchived("an archived record cannot be edited")
    return _edit_page(detail, _offered(EditRecordForm.showing(detail)))


@blueprint.post("/records/<record_text>/edit")
@requires(Permission.RECORD_EDIT)
@limited("create")
def edit(record_text: str) -> Response:
    """Save the details, or say what to mend, or what somebody else saved meanwhile."""
    detail = _detail_to_edit(record_text)
    form = _offered(EditRecordForm())
    try:
        typed = form.typed()
        authorise(Permission.RECORD_EDIT, typed.group_id)
        _save(detail, form.edited_version(), typed)
    except InvalidInput as error:
        form.show(error.fields)
        return _edit_page(detail, form, 422)
    except RecordChangedMeanwhile:
        newer = _detail_to_edit(record_text)
        form.show_newer(newer)
        return _edit_page(newer, form, 409)
    return redirect_after_post(_address(detail.id))


@blueprint.post("/records/<record_text>/archive")
@requires(Permission.RECORD_EDIT)
@limited("create")
def archive(record_text: str) -> Response:
    """Take the record out of the daily lists."""
    record_id = _record_to_edit(record_text)
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.custody.archive(record_id)
    return redirect_after_post(_address(record_id))


@blueprint.post("/records/<record_text>/restore")
@requires(Permission.RECORD_EDIT)
@limited("create")
def restore(record_text: str) -> Response:
    """Bring the record back into the daily lists."""
    record_id = _record_to_edit(record_text)
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.custody.restore(record_id)
    return redirect_after_post(_address(record_id))


def _record_to_edit(text: str) -> bytes:
    record_id = record_id_of(text)
    with current_unit_of_work().read() as work:
        group_id = record_group(work.session, record_id)
    authorise(Permission.RECORD_EDIT, group_id)
    return record_id


def _detail_to_edit(text: str) -> RecordDetail:
    record_id = record_id_of(text)
    with current_unit_of_work().read() as work:
        detail = record_detail(work.session, record_id)
    authorise(Permission.RECORD_EDIT, detail.group_id)
    return detail


def _save(detail: RecordDetail, version: int, typed: TypedRecord) -> None:
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.custody.edit(detail.id, version, typed.details, typed.group_id)


def _groups_within_reach(permission: Permission) -> frozenset[bytes] | None:
    person = viewer()
    if person is None:
        return frozenset()
    reach = person.reach(permission)
    return None if reach.everywhere else reach.group_ids


def _offered(form: _Form) -> _Form:
    with current_unit_of_work().read() as work:
        groups = groups_for_choice(work.session, _groups_within_reach(Permission.RECORD_EDIT))
    form.offer([(id_text(group.id), group.name) for group in groups])
    return form


def _address(record_id: bytes) -> str:
    return f"/records/{id_text(record_id)}"


def _new_page(form: RecordForm, status: int = 200) -> Response:
    return page_or_fragment(
        "staff/record_new.html",
        "staff/_record_form.html",
        status,
        form=form,
        form_action="/records/new",
        form_button="Open the record",
        form_back="/records",
    )


def _edit_page(detail: RecordDetail, form: EditRecordForm, status: int = 200) -> Response:
    address = _address(detail.id)
    return page_or_fragment(
        "staff/record_edit.html",
        "staff/_record_form.html",
        status,
        record=detail,
        form=form,
        form_action=f"{address}/edit",
        form_button="Save the changes",
        form_back=address,
    )
