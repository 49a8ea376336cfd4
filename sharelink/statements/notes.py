"""Refused and failed attempts, and warnings, as the record's log tells them, in words for the customer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharelink.actors import ActorKind
from sharelink.audit.events import AuditEvent
from sharelink.audit.models import AuditLeaf
from sharelink.audit.queries import RecordedEvent, recent_events
from sharelink.custody.queries import RecordDetail

NOTES_MAX = 500

ATTEMPT_WORDS: Mapping[AuditEvent, str] = {
    AuditEvent.SHARE_CODE_FAILED: "A wrong access code was typed at one of the links",
    AuditEvent.SHARE_CLIENT_PAUSED: "One visitor was made to wait after several wrong codes",
    AuditEvent.SHARE_LOCKED: "A link was locked after too many wrong codes",
    AuditEvent.SHARE_TAMPER_REPORTED: "Somebody with a link said: this was not me",
    AuditEvent.REQUEST_KEY_MISMATCH: "An answer was refused: its form named another key than the link",
    AuditEvent.STATEMENT_REPORTED: "A contact of the customer reported a problem",
}


@dataclass(frozen=True, slots=True)
class Note:
    """One such event. `entry` is its number in the record's log."""

    entry: int
    at: datetime
    text: str
    who: str
    detail: str


@dataclass(frozen=True, slots=True)
class LogState:
    """What counting the record's log says: `entries` in all, and whether they are numbered without a gap."""

    entries: int
    is_unbroken: bool


def attempts(session: Session, record: RecordDetail) -> tuple[Note, ...]:
    """Return the newest attempts and warnings of a record, newest first, at most `NOTES_MAX`."""
    events = recent_events(session, [record.id_text], tuple(ATTEMPT_WORDS), record.opened_at, NOTES_MAX)
    return tuple(_note(event) for event in events if event.is_readable)


def attempt_count(session: Session, record: RecordDetail) -> int:
    """Return how many attempts and warnings there are in all."""
    wanted = select(func.count()).where(
        AuditLeaf.rec == record.id_text, AuditLeaf.type.in_([event.value for event in ATTEMPT_WORDS])
    )
    return session.execute(wanted).scalar_one()


def log_state(session: Session, record: RecordDetail) -> LogState:
    """Count the record's log. Its hashes are checked by `sharelink audit verify`, not here."""
    numbers = select(func.count(), func.coalesce(func.max(AuditLeaf.rseq), -1)).where(AuditLeaf.rec == record.id_text)
    count, highest = session.execute(numbers).one()
    return LogState(entries=count, is_unbroken=count == highest + 1)


def _note(event: RecordedEvent) -> Note:
    is_public = event.actor_kind == ActorKind.PUBLIC
    return Note(
        entry=event.rseq,
        at=event.at,
        text=ATTEMPT_WORDS[AuditEvent(event.type)],
        who="" if is_public else event.personal_text("actor_name"),
        detail=event.personal.get("message", ""),
    )
