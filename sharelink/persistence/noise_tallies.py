"""What strangers did that came to nothing: one row for each kind, however many they are and however often they come."""

from datetime import datetime

from sqlalchemy import BigInteger, String, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from sharelink.persistence.database import Base
from sharelink.persistence.types import UtcDateTime

KIND_MAX = 48


class NoiseTally(Base):
    """How much noise of one kind no event has told yet, and when the last event was written."""

    __tablename__ = "noise_tally"

    kind: Mapped[str] = mapped_column(String(KIND_MAX), primary_key=True)
    untold: Mapped[int] = mapped_column(BigInteger)
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


_table = NoiseTally.metadata.tables[NoiseTally.__tablename__]
_take = (
    update(_table)
    .where(_table.c.kind == bindparam("of_kind"), _table.c.untold > 0)
    .values(untold=0, reported_at=bindparam("now", type_=UtcDateTime))
)


def add_noise(session: Session, kind: str, count: int) -> None:
    """Add `count` to what is untold of `kind`; processes that do so at once wait for each other."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    first = insert(_table).values(kind=kind, untold=count)
    session.execute(
        first.on_conflict_do_update(
            index_elements=[_table.c.kind], set_={"untold": _table.c.untold + first.excluded.untold}
        )
    )


def untold_noise(session: Session, told_before: datetime, *, lock: bool = False) -> dict[str, int]:
    """Return what is untold, by kind, where the last event is not younger than `told_before`.

    With `lock` nobody else takes the same until the commit.
    """
    wanted = _table.select().where(
        _table.c.untold > 0, _table.c.reported_at.is_(None) | (_table.c.reported_at <= told_before)
    )
    rows = session.execute(wanted.order_by(_table.c.kind).with_for_update() if lock else wanted)
    return {row.kind: row.untold for row in rows}


def mark_told(session: Session, kind: str, now: datetime) -> None:
    """Begin to count `kind` anew."""
    session.execute(_take, {"of_kind": kind, "now": now})
