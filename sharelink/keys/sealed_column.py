"""A column of values that name, in their first two bytes, the version of the key that they are sealed with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from sharelink.crypto.key_purposes import KeyPurpose
from sharelink.persistence.database import lock_rows

_VERSION_BYTES = 2


@dataclass(frozen=True, slots=True)
class Position:
    """How far a pass over the rows has come: the part, and the last row of it that was seen."""

    part: int = 0
    at: datetime | None = None
    id: bytes = b""


@dataclass(frozen=True, slots=True, repr=False)
class SealedRow:
    """One sealed value, and what it is sealed for."""

    id: bytes
    context: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """Where values sealed for one purpose are kept.

    Each of `parts` is a condition that an index answers in the order of `at`; together they are the rows with a value.
    """

    purpose: KeyPurpose
    id: InstrumentedAttribute[bytes]
    context: InstrumentedAttribute[Any]
    value: InstrumentedAttribute[Any]
    at: InstrumentedAttribute[datetime]
    parts: tuple[ColumnElement[bool], ...]

    def sealed_with(self, session: Session, version: int) -> int:
        """Return how many values are sealed with `version`."""
        return self._count(session, self._version == _prefix(version))

    def not_sealed_with(self, session: Session, version: int) -> int:
        """Return how many values are sealed with another version."""
        return self._count(session, self._version != _prefix(version))

    def batch(self, session: Session, version: int, after: Position, most: int) -> tuple[list[SealedRow], Position]:
        """Return up to `most` rows after a position whose values are sealed with another version, and the new position.

        No row means that the pass is over.
        """
        for part in range(after.part, len(self.parts)):
            here = after if part == after.part else Position(part)
            rows = session.execute(self._batch(version, here, most)).all()
            if rows:
                last = rows[-1]
                return [SealedRow(row[0], row[1], row[2]) for row in rows], Position(part, last[3], last[0])
        return [], after

    def replace(self, session: Session, pairs: Sequence[tuple[SealedRow, bytes]]) -> int:
        """Put new values in the place of those that were read; return how many were still the same, and were replaced.

        Rows that somebody works on are left alone: to wait for them could be a deadlock, and they come again.
        """
        free = self._lock(session, [row.id for row, _new in pairs])
        statement = update(self.id.class_).where(
            self.id == bindparam("this"), self.value == bindparam("old"), self._any_part
        )
        replaced = 0
        for row, new in pairs:
            if row.id in free:
                done = session.execute(
                    statement.values({self.value: new}),
                    {"this": row.id, "old": row.value},
                    execution_options={"synchronize_session": False},
                )
                replaced += done.rowcount  # type: ignore[attr-defined]  # an UPDATE's result has it
        return replaced

    def _lock(self, session: Session, ids: list[bytes]) -> set[bytes]:
        if not lock_rows(session.connection()):
            return set(ids)
        wanted = select(self.id).where(self.id.in_(ids)).order_by(self.id).with_for_update(skip_locked=True)
        return set(session.scalars(wanted))

    @property
    def _version(self) -> ColumnElement[bytes]:
        return func.substr(self.value, 1, _VERSION_BYTES)

    @property
    def _any_part(self) -> ColumnElement[bool]:
        condition = self.parts[0]
        for part in self.parts[1:]:
            condition |= part
        return condition

    def _count(self, session: Session, condition: ColumnElement[bool]) -> int:
        parts = (select(func.count()).select_from(self.id.class_).where(part, condition) for part in self.parts)
        return sum(session.scalars(part).one() for part in parts)

    def _batch(self, version: int, here: Position, most: int) -> Any:
        wanted = select(self.id, self.context, self.value, self.at).where(
            self.parts[here.part], self._version != _prefix(version)
        )
        if here.at is not None:
            wanted = wanted.where(self.at >= here.at, (self.at > here.at) | (self.id > here.id))
        return wanted.order_by(self.at, self.id).limit(most)


def _prefix(version: int) -> bytes:
    return version.to_bytes(_VERSION_BYTES, "big")
