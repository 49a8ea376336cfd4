"""Finding events in the whole log: by record, person, kind, outcome and time, newest first or oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from sharelink.audit.events import Outcome
from sharelink.audit.models import AuditActor, AuditLeaf
from sharelink.audit.queries import RecordedEvent, recorded_events

EVENTS_PER_PAGE = 50
LOOKED_AT_MAX = 5000
"""Outcomes stand in the leaves only: so many events are looked at for one page, then a person goes on by hand."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted; what is None or empty does not matter. Times are moments, the later one is left out."""

    rec: str | None = None
    account_id: bytes | None = None
    kind: str = ""
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """What is asked for, by name and without the values: this is what the event of a reading tells."""
        asked = {
            "record": self.rec,
            "person": self.account_id,
            "kind": self.kind,
            "outcome": self.outcome,
            "since": self.since,
            "until": self.until,
        }
        return tuple(name for name, value in asked.items() if value)

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what the database can decide; the outcome stands in the leaf."""
        found: list[ColumnElement[bool]] = []
        if self.rec is not None:
            found.append(AuditLeaf.rec == self.rec)
        if self.account_id is not None:
            acted = select(AuditActor.leaf_index).where(AuditActor.account_id == self.account_id)
            found.append(AuditLeaf.index.in_(acted))
        if self.kind.endswith("."):
            # A family of events, such as "share.": the names are ours and hold neither % nor _.
            found.append(AuditLeaf.type.startswith(self.kind))
        elif self.kind:
            found.append(AuditLeaf.type == self.kind)
        if self.since is not None:
            found.append(AuditLeaf.at >= self.since)
        if self.until is not None:
            found.append(AuditLeaf.at < self.until)
        return found


@dataclass(frozen=True, slots=True)
class FoundEvents:
    """One page of what was found, newest first; `older_than` is where the next page goes on, None at the end."""

    events: tuple[RecordedEvent, ...]
    older_than: int | None


def find_events(session: Session, wanted: EventFilter, before: int | None = None) -> FoundEvents:
    """Return the newest events that fit, of those before the index `before`.

    Args:
        session: a reading session.
        wanted: which events.
        before: an index of the log; None begins with the newest.
    """
    found: list[RecordedEvent] = []
    looked_at = 0
    while looked_at < LOOKED_AT_MAX:
        rows = _rows(session, wanted, before, newest_first=True, limit=EVENTS_PER_PAGE)
        for event in recorded_events(session, rows):
            if wanted.outcome is None or event.outcome is wanted.outcome:
                found.append(event)
            before = event.index
            if len(found) == EVENTS_PER_PAGE:
                return FoundEvents(tuple(found), before)
        looked_at += len(rows)
        if len(rows) < EVENTS_PER_PAGE:
            return FoundEvents(tuple(found), None)
    return FoundEvents(tuple(found), before)


@dataclass(frozen=True, slots=True)
class ExportedEvent:
    """An event to be written out: parsed, and its exact bytes with their hash."""

    event: RecordedEvent
    leaf: bytes
    leaf_hash: bytes


def count_events(session: Session, wanted: EventFilter) -> int:
    """Return how many events there are that fit, whatever their outcome."""
    return session.execute(select(func.count()).select_from(AuditLeaf).where(*wanted.conditions())).scalar_one()


def next_events(
    session: Session, wanted: EventFilter, after: int, limit: int
) -> tuple[list[ExportedEvent], int | None]:
    """Return events that fit, in the order of the log, and after which index to go on; None at the end.

    Args:
        session: a reading session.
        wanted: which events.
        after: an index; -1 begins with the first.
        limit: how many are looked at.
    """
    rows = _rows(session, wanted, after, newest_first=False, limit=limit)
    raw = {row[0]: (row[3], row[4]) for row in rows}
    events = [
        ExportedEvent(event, _bytes(raw[event.index][0]), _bytes(raw[event.index][1]))
        for event in recorded_events(session, rows)
        if wanted.outcome is None or event.outcome is wanted.outcome
    ]
    return events, rows[-1][0] if len(rows) == limit else None


def _rows(
    session: Session, wanted: EventFilter, beside: int | None, *, newest_first: bool, limit: int
) -> Sequence[Any]:
    conditions = wanted.conditions()
    if beside is not None:
        conditions.append(AuditLeaf.index < beside if newest_first else AuditLeaf.index > beside)
    order = AuditLeaf.index.desc() if newest_first else AuditLeaf.index
    raw_leaf = type_coerce(AuditLeaf.leaf, NullType())
    columns = (AuditLeaf.index, AuditLeaf.rec, AuditLeaf.rseq, raw_leaf, type_coerce(AuditLeaf.leaf_hash, NullType()))
    return session.execute(select(*columns).where(*conditions).order_by(order).limit(limit)).all()


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
