"""What is overdue on any record that somebody looks after, for their daily work."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.crypto.identifiers import id_text
from sharelink.custody.calendar import CALENDAR_LABELS
from sharelink.custody.models import CalendarTask, CustodyRecord
from sharelink.custody.states import TERMINAL_STATES, CalendarKind

OVERDUE_MAX = 50


@dataclass(frozen=True, slots=True)
class OverdueTask:
    """A review or a drill that should have been done by now."""

    record_id: bytes
    reference: str
    customer: str
    kind: CalendarKind
    due_at: datetime

    @property
    def record_id_text(self) -> str:
        """The record's id as URLs name it."""
        return id_text(self.record_id)

    @property
    def label(self) -> str:
        """What people call it."""
        return CALENDAR_LABELS[self.kind]


def overdue_tasks(session: Session, groups: Collection[bytes] | None, now: datetime) -> tuple[OverdueTask, ...]:
    """Return what is overdue at `now`, the longest first, at most `OVERDUE_MAX`.

    Args:
        session: a reading session.
        groups: only on records of these groups; None for all.
        now: the moment.
    """
    wanted = (
        select(
            CustodyRecord.id,
            CustodyRecord.reference,
            CustodyRecord.customer,
            CalendarTask.kind,
            CalendarTask.next_due_at,
        )
        .join(CustodyRecord, CustodyRecord.id == CalendarTask.custody_id)
        .where(
            CalendarTask.next_due_at < now,
            CustodyRecord.archived_at.is_(None),
            CustodyRecord.state.not_in(TERMINAL_STATES),
        )
        .order_by(CalendarTask.next_due_at, CustodyRecord.id)
        .limit(OVERDUE_MAX)
    )
    if groups is not None:
        wanted = wanted.where(CustodyRecord.group_id.in_(groups))
    return tuple(OverdueTask(*row) for row in session.execute(wanted))
