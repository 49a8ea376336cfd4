"""The days whose keys are known to have existed, and when each was destroyed.

The files themselves are `sharelink.crypto.epoch_keys`; this table is what remains of them. It decides who writes the
event of a destruction, exactly once, also when a crash came between the removal of the file and the event.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Date, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.log import AuditLog
from sharelink.persistence.database import Base
from sharelink.persistence.types import UtcDateTime


class EpochDay(Base):
    """One day of expiry that had a key."""

    __tablename__ = "epoch_day"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    destroyed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Epochs:
    """The days of epoch keys, in one unit of work."""

    session: Session
    audit: AuditLog
    actor: Actor
    now: datetime

    def remaining(self) -> list[date]:
        """Return the known days whose key has not been recorded as destroyed, oldest first."""
        wanted = select(EpochDay.day).where(EpochDay.destroyed_at.is_(None)).order_by(EpochDay.day)
        return list(self.session.scalars(wanted))

    def note(self, days: list[date]) -> None:
        """Remember that these days have a key, with an event for each that was not known; repeating is harmless."""
        insert = sqlite_insert if self.session.get_bind().dialect.name == "sqlite" else postgresql_insert
        remember = insert(EpochDay).on_conflict_do_nothing(index_elements=["day"]).returning(EpochDay.day)
        for day in days:
            if self.session.scalar(remember, {"day": day, "destroyed_at": None}) is not None:
                self._append(AuditEvent.KEY_CREATED, day)

    def record_destroyed(self, day: date) -> bool:
        """Record that the key of `day` is gone; return False if that was recorded before."""
        won = self.session.execute(
            update(EpochDay)
            .where(EpochDay.day == day, EpochDay.destroyed_at.is_(None))
            .values(destroyed_at=self.now)
            .returning(EpochDay.day)
        ).first()
        if won is None:
            return False
        self._append(AuditEvent.KEY_DESTROYED, day)
        return True

    def _append(self, event: AuditEvent, day: date) -> None:
        self.audit.append(
            event,
            rec=SYSTEM_CHAIN,
            actor=self.actor,
            now=self.now,
            facts={"purpose": "epoch", "day": day.isoformat()},
        )


def end_of(day: date) -> datetime:
    """Return the first moment after `day`, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)
