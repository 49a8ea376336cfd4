"""Signs of life of what works in the background, so that a silent failure can be seen from outside."""

from datetime import datetime

from sqlalchemy import String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from sharelink.persistence.database import Base
from sharelink.persistence.types import UtcDateTime

SWEEPER = "sweeper"
CLOCK_JUMP = "clock_jump"
"""Not a sign of life but kept like one: when the clock was last seen to jump."""


class WorkerHeartbeat(Base):
    """When a kind of background work was last done by anybody."""

    __tablename__ = "worker_heartbeat"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime)


def beat(session: Session, name: str, now: datetime) -> None:
    """Record that the work `name` was done at `now`. The migration made the row, so that racing workers only update."""
    session.execute(update(WorkerHeartbeat).where(WorkerHeartbeat.name == name).values(beat_at=now))


def last_beat_at(session: Session, name: str) -> datetime | None:
    """Return when the work `name` was last done."""
    return session.scalar(select(WorkerHeartbeat.beat_at).where(WorkerHeartbeat.name == name))
