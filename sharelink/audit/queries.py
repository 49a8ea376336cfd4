"""Read models of the audit: events with their fields parsed and whatever personal fields still exist."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.leaves import disclosed_field
from sharelink.audit.models import AuditCheckpoint, AuditDisclosure, AuditHead, AuditLeaf

ERASED = "(erased)"
EVENTS_PER_PAGE = 50
UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of an event whose leaf cannot be read."""

_newest_index = select(func.max(AuditLeaf.index)).scalar_subquery()
_newest_checkpoint = select(func.max(AuditCheckpoint.size)).scalar_subquery()
_head_and_checkpoint = select(AuditHead.size, _newest_checkpoint.label("signed")).where(AuditHead.id == 1)
_head_and_newest = select(AuditHead.size, _newest_index.label("newest")).where(AuditHead.id == 1)


def log_size(session: Session) -> int | None:
    """Return how many events the head of the log counts; None when the head is missing."""
    return session.scalar(select(AuditHead.size).where(AuditHead.id == 1))


def checkpoint_covers_log(session: Session) -> bool:
    """Tell whether the newest signed checkpoint is over everything that the head counts: each act signs its own."""
    found = session.execute(_head_and_checkpoint).one_or_none()
    return found is not None and found.size == (found.signed or 0)


def head_counts_leaves(session: Session) -> bool:
    """Tell whether the head is there and counts exactly the events up to the newest; one statement, one moment."""
    found = session.execute(_head_and_newest).one_or_none()
    return found is not None and found.size == (0 if found.newest is None else found.newest + 1)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One event of the log, as its leaf and its remaining disclosures tell it.

    `is_readable` is False when the stored leaf is no leaf any more: somebody changed the database, and
    `sharelink audit verify` tells more.
    """

    index: int
    rec: str
    rseq: int
    at: datetime
    type: str
    actor_kind: str
    outcome: Outcome
    reason: str | None
    object_kind: str | None
    object_ref: str | None
    facts: Mapping[str, str | int | bool | None]
    personal: Mapping[str, str]
    erased_count: int
    is_readable: bool

    def personal_text(self, name: str) -> str:
        """Return a personal field; "(erased)" if it is missing and some were erased; "" if it never was."""
        if name in self.personal:
            return self.personal[name]
        return ERASED if self.erased_count else ""


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of a chain, newest first; `total` counts all pages."""

    events: tuple[RecordedEvent, ...]
    total: int
    page: int
    page_count: int


def chain_page(session: Session, rec: str, page: int = 1) -> EventPage:
    """Return one page of the chain `rec`, newest first.

    Numbers in a chain have no gap, so a page is a range of them and costs the same in a chain of any length.

    Args:
        session: a reading session.
        rec: the chain's id.
        page: counted from 1; one beyond the last gives the last.
    """
    last = session.execute(select(func.max(AuditLeaf.rseq)).where(AuditLeaf.rec == rec)).scalar_one_or_none()
    total = 0 if last is None else last + 1
    page_count = max(1, -(-total // EVENTS_PER_PAGE))
    page = min(max(page, 1), page_count)
    end = total - (page - 1) * EVENTS_PER_PAGE
    wanted = (
        # The leaf as it is stored: converting it would raise where somebody changed the type of the value.
        select(AuditLeaf.index, AuditLeaf.rseq, type_coerce(AuditLeaf.leaf, NullType()))
        .where(AuditLeaf.rec == rec, AuditLeaf.rseq < end, AuditLeaf.rseq >= end - EVENTS_PER_PAGE)
        .order_by(AuditLeaf.rseq.desc())
    )
    rows: Sequence[Any] = session.execute(wanted).all()
    disclosed = _disclosed(session, [index for index, _rseq, _leaf in rows])
    events = tuple(_event(index, rec, rseq, leaf, disclosed.get(index, {})) for index, rseq, leaf in rows)
    return EventPage(events, total, page, page_count)


def recent_events(
    session: Session, recs: Collection[str], types: Collection[AuditEvent], since: datetime, limit: int
) -> tuple[RecordedEvent, ...]:
    """Return the newest events of these chains and types that are not older than `since`, newest first.

    Args:
        session: a reading session.
        recs: the chains' ids.
        types: which events.
        since: the oldest moment wanted.
        limit: how many at most.
    """
    wanted = (
        select(AuditLeaf.index, AuditLeaf.rec, AuditLeaf.rseq, type_coerce(AuditLeaf.leaf, NullType()))
        .where(
            AuditLeaf.rec.in_(recs),
            AuditLeaf.type.in_([event.value for event in types]),
            AuditLeaf.at >= since,
        )
        .order_by(AuditLeaf.index.desc())
        .limit(limit)
    )
    return recorded_events(session, session.execute(wanted).all())


def recorded_events(session: Session, rows: Sequence[Any]) -> tuple[RecordedEvent, ...]:
    """Return the events of some rows with what remains of their personal fields.

    Args:
        session: a reading session.
        rows: index, chain, number in the chain and stored leaf of each, then whatever else was asked for.
    """
    disclosed = _disclosed(session, [row[0] for row in rows])
    return tuple(_event(row[0], row[1], row[2], row[3], disclosed.get(row[0], {})) for row in rows)


def _disclosed(session: Session, indices: Iterable[int]) -> dict[int, dict[str, str]]:
    wanted = select(AuditDisclosure.leaf_index, AuditDisclosure.disclosure).where(
        AuditDisclosure.leaf_index.in_(list(indices))
    )
    found: dict[int, dict[str, str]] = {}
    for index, text in session.execute(wanted):
        try:
            name, value = disclosed_field(text)
        except (ValueError, TypeError):
            # A disclosure that somebody damaged discloses nothing; `audit verify` names it.
            continue
        found.setdefault(index, {})[name] = value
    return found


def _event(index: int, rec: str, rseq: int, leaf: str | bytes, personal: Mapping[str, str]) -> RecordedEvent:
    try:
        fields = json.loads(leaf)
        obj = fields["obj"] or {}
        return RecordedEvent(
            index=index,
            rec=rec,
            rseq=rseq,
            at=datetime.fromisoformat(fields["t"]).astimezone(UTC),
            type=str(fields["type"]),
            actor_kind=str(fields["actor"]["kind"]),
            outcome=Outcome(fields["outcome"]),
            reason=fields["reason"],
            object_kind=obj.get("kind"),
            object_ref=obj.get("ref"),
            facts=dict(fields.get("facts", {})),
            personal=personal,
            erased_count=len(fields["_sd"]) - len(personal),
            is_readable=True,
        )
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return _unreadable(index, rec, rseq)


def _unreadable(index: int, rec: str, rseq: int) -> RecordedEvent:
    return RecordedEvent(
        index=index,
        rec=rec,
        rseq=rseq,
        at=UNKNOWN_TIME,
        type="",
        actor_kind="",
        outcome=Outcome.FAILURE,
        reason=None,
        object_kind=None,
        object_ref=None,
        facts={},
        personal={},
        erased_count=0,
        is_readable=False,
    )
