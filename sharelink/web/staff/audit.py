"""The auditor's page: look through the whole log, verify it, export it. Each of these is itself an event."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from flask import Blueprint, Response, make_response, render_template, request, stream_with_context

from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import people
from sharelink.acts import auditing
from sharelink.audit.export import MIME_TYPES, ExportFormat
from sharelink.audit.queries import RecordedEvent
from sharelink.audit.tree import newest_checkpoint
from sharelink.audit.verification_runs import ask_for_run, newest_run
from sharelink.crypto.identifiers import id_from_text
from sharelink.custody.queries import record_by_reference, references_of
from sharelink.tlog.checkpoints import MAX_SIZE
from sharelink.web.authentication import requires, signed_in_actor, signed_in_viewer
from sharelink.web.rate_limits import limited
from sharelink.web.responses import page_or_fragment, redirect_after_post, wants_fragment
from sharelink.web.staff.audit_filters import OUTCOMES, AskedFor, asked_for, kind_choices
from sharelink.web.staff.timeline import TimelineEntry, timeline_entry
from sharelink.web.wiring import current_unit_of_work
from sharelink.work import Work

blueprint = Blueprint("audit", __name__)

_ADDRESS = "/audit/log"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event as the page shows it, with its number and the record it belongs to, if it belongs to one."""

    index: int
    entry: TimelineEntry
    record_reference: str
    record_text: str


@blueprint.get(_ADDRESS)
@requires(Permission.AUDIT_READ)
def log() -> Response:
    """Show the events that fit what the address asks for, the newest first."""
    asked = _asked(request.args)
    if asked.problems:
        return _page(asked, (), None, 422)
    found = auditing.view(current_unit_of_work(), signed_in_actor(), asked.wanted, _before())
    with current_unit_of_work().read() as work:
        lines = _lines(work, found.events)
    return _page(asked, lines, found.older_than)


@blueprint.post(f"{_ADDRESS}/export")
@requires(Permission.AUDIT_READ)
@limited("create")
def export() -> Response:
    """Send the events that fit as a file, the oldest first."""
    asked = _asked(request.form)
    form = request.form.get("format", "")
    if asked.problems or form not in set(ExportFormat):
        return _page(asked, (), None, 422)
    chosen = ExportFormat(form)
    texts = auditing.export(current_unit_of_work(), signed_in_actor(), asked.wanted, chosen)
    response = Response(stream_with_context(texts), mimetype=MIME_TYPES[chosen])
    response.headers["Content-Disposition"] = f"attachment; filename=audit.{chosen.value}"
    return response


@blueprint.get(f"{_ADDRESS}/verification")
@requires(Permission.AUDIT_READ)
def verification() -> Response:
    """Show how the newest verification stands: alone for htmx, which asks again while it runs."""
    if not wants_fragment():
        return redirect_after_post(f"{_ADDRESS}#verification")
    with current_unit_of_work().read() as work:
        run = newest_run(work.session)
    return make_response(render_template("staff/_audit_verification.html", run=run))


@blueprint.post(f"{_ADDRESS}/verification")
@requires(Permission.AUDIT_READ)
@limited("create")
def verify() -> Response:
    """Ask for a verification of the whole log."""
    with current_unit_of_work().write(signed_in_actor()) as work:
        ask_for_run(work.session, signed_in_viewer().account_id, work.now)
    if wants_fragment():
        return verification()
    return redirect_after_post(f"{_ADDRESS}#verification")


def _asked(values: Mapping[str, str]) -> AskedFor:
    with current_unit_of_work().read() as work:
        return asked_for(values, partial(record_by_reference, work.session))


def _before() -> int | None:
    text = request.args.get("before", "")
    is_index = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_SIZE))
    return min(int(text), MAX_SIZE) if is_index else None


def _page(asked: AskedFor, lines: tuple[LogLine, ...], older_than: int | None, status: int = 200) -> Response:
    with current_unit_of_work().read() as work:
        context = {
            "people": people(work.session),
            "run": newest_run(work.session),
            "checkpoint": newest_checkpoint(work.session),
        }
    return page_or_fragment(
        "staff/audit.html",
        "staff/_audit_events.html",
        status,
        asked=asked,
        lines=lines,
        older_than=older_than,
        kinds=kind_choices(),
        outcomes=OUTCOMES,
        formats=list(ExportFormat),
        keys=current_unit_of_work().log_keys.public_keys,
        **context,
    )


def _lines(work: Work, events: tuple[RecordedEvent, ...]) -> tuple[LogLine, ...]:
    ids = {event.rec: found for event in events if (found := _id_of(event.rec)) is not None}
    references = references_of(work.session, ids.values())
    return tuple(
        LogLine(
            event.index,
            timeline_entry(event, {}),
            references.get(ids.get(event.rec, b""), ""),
            event.rec,
        )
        for event in events
    )


def _id_of(rec: str) -> bytes | None:
    try:
        return id_from_text(rec)
    except ValueError:
        return None
