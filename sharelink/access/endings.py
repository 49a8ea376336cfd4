"""Uses that end by themselves: not begun in time, open beyond their window, or of a record whose custody has ended."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from sharelink.access.models import RootUse
from sharelink.access.rows import UseRows
from sharelink.access.states import WAITING_STATES, UseState
from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.log import AuditLog

RECORD_ENDED = "record_ended"


@dataclass(frozen=True, slots=True)
class UseEndings:
    """Ends uses, in one unit of work."""

    session: Session
    audit: AuditLog
    actor: Actor
    now: datetime

    def close_all(self, custody_id: bytes) -> None:
        """End every use of a record that has not begun: the record's state allows none any more."""
        wanted = select(RootUse).where(RootUse.custody_id == custody_id, RootUse.state.in_(WAITING_STATES))
        for use in self.session.scalars(wanted.with_for_update(), execution_options={"populate_existing": True}).all():
            self.rows.move(use, WAITING_STATES, UseState.WITHDRAWN, ended_at=self.now, end_reason=RECORD_ENDED)
            self.rows.append(AuditEvent.ACCESS_WITHDRAWN, use, reason=RECORD_ENDED)

    def expire_due(self, limit: int) -> int:
        """End up to `limit` uses that did not begin in time, and mark as many that are overdue; return how many."""
        wanted = (
            select(RootUse)
            .where(*self._is_due())
            .order_by(RootUse.expires_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        due = self.session.scalars(wanted, execution_options={"populate_existing": True}).all()
        for use in due:
            if use.state is UseState.CHECKED_OUT:
                self.rows.move(use, {UseState.CHECKED_OUT}, UseState.OVERDUE, overdue_at=self.now)
                self.rows.append(AuditEvent.ACCESS_OVERDUE, use, outcome=Outcome.FAILURE)
            else:
                self.rows.move(use, WAITING_STATES, UseState.EXPIRED, ended_at=self.now)
                self.rows.append(AuditEvent.ACCESS_EXPIRED, use)
        return len(due)

    def is_something_due(self) -> bool:
        """Tell whether `expire_due` would find anything."""
        return self.session.scalar(select(RootUse.id).where(*self._is_due()).limit(1)) is not None

    @property
    def rows(self) -> UseRows:
        """The rows of uses."""
        return UseRows(self.session, self.audit, self.actor, self.now)

    def _is_due(self) -> tuple[ColumnElement[bool], ...]:
        return RootUse.state.in_([*WAITING_STATES, UseState.CHECKED_OUT]), RootUse.expires_at <= self.now
