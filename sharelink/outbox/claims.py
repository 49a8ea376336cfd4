"""Delivering: entries are taken for a while, sent outside of any transaction, and then marked.

Whoever dies in between leaves a lease behind that ends by itself, and the entry is sent again: at least once, never
lost. Several workers take different entries.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from sharelink.crypto.identifiers import new_id
from sharelink.outbox.models import OutboxEntry
from sharelink.outbox.service import KEPT_FOR
from sharelink.outbox.states import Audience, Channel, DeliveryState, LetterKind

LEASE = timedelta(minutes=2)
"""How long a taken entry is left to its worker. Longer than sending a batch takes."""

MOST_TRIES = 16
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=2)
"""The waits double from the first to the longest: all tries together take more than half a day."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An entry in the hands of one attempt, which `lease` names."""

    id: bytes
    event_id: bytes
    event_type: str
    rec: str
    obj_kind: str | None
    obj_ref: bytes | None
    channel: Channel
    audience: Audience
    audience_ref: bytes
    letter: LetterKind
    attempts: int
    created_at: datetime
    lease: bytes


@dataclass(frozen=True, slots=True)
class Claims:
    """Taking and marking entries, within one unit of work."""

    session: Session
    now: datetime

    def is_any_due(self) -> bool:
        """Tell whether there is something to take; asked first, so that idle workers write nothing."""
        due = select(OutboxEntry.id).where(OutboxEntry.state == DeliveryState.QUEUED, OutboxEntry.next_at <= self.now)
        return self.session.scalar(due.limit(1)) is not None

    def take(self, most: int) -> tuple[Claimed, ...]:
        """Take up to `most` entries whose time has come, the longest waiting first."""
        lease = new_id()
        due = (
            select(OutboxEntry.id)
            .where(OutboxEntry.state == DeliveryState.QUEUED, OutboxEntry.next_at <= self.now)
            .order_by(OutboxEntry.next_at)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        ids = list(self.session.scalars(due))
        if not ids:
            return ()
        rows = self.session.execute(
            update(OutboxEntry)
            .where(OutboxEntry.id.in_(ids))
            .values(lease=lease, next_at=self.now + LEASE, attempts=OutboxEntry.attempts + 1)
            .returning(OutboxEntry),
            execution_options={"synchronize_session": False, "populate_existing": True},
        ).scalars()
        taken = [_claimed(row, lease) for row in rows]
        return tuple(sorted(taken, key=lambda entry: entry.created_at))

    def accepted(self, entry: Claimed) -> None:
        """Note that the other side took it."""
        self._mark(entry, state=DeliveryState.ACCEPTED, accepted_at=self.now, last_error=None)

    def refused(self, entry: Claimed, error: str) -> None:
        """Note that the other side said no for good; `error` is a code from a closed list."""
        self._mark(entry, state=DeliveryState.REFUSED, last_error=error)

    def void(self, entry: Claimed) -> None:
        """Note that there is nobody, or nothing, to tell any more."""
        self._mark(entry, state=DeliveryState.VOID)

    def failed(self, entry: Claimed, error: str) -> None:
        """Note that it did not work this time: it is tried again later, or given up after many tries."""
        if entry.attempts >= MOST_TRIES:
            self._mark(entry, state=DeliveryState.DEAD, last_error=error)
        else:
            self._mark(entry, next_at=self.now + wait_after(entry), last_error=error)

    def give_back(self, entry: Claimed) -> None:
        """Let somebody else take it at once; it was not tried."""
        self._mark(entry, next_at=self.now, attempts=entry.attempts - 1)

    def forget_old(self) -> int:
        """Erase entries that are settled and old; return how many. What failed stays until somebody looks."""
        settled = (DeliveryState.ACCEPTED, DeliveryState.VOID)
        old = delete(OutboxEntry).where(OutboxEntry.state.in_(settled), OutboxEntry.created_at < self.now - KEPT_FOR)
        result = self.session.execute(old, execution_options={"synchronize_session": False})
        return result.rowcount if isinstance(result, CursorResult) else 0

    def _mark(self, entry: Claimed, **values: Any) -> None:
        # Only while the lease is ours: another attempt may have the entry by now, and its word counts.
        self.session.execute(
            update(OutboxEntry)
            .where(OutboxEntry.id == entry.id, OutboxEntry.lease == entry.lease)
            .values(lease=None, **values),
            execution_options={"synchronize_session": False},
        )


def wait_after(entry: Claimed) -> timedelta:
    """Return how long to wait after this failure: twice as long each time, scattered so that not all come at once."""
    wait: timedelta = min(FIRST_WAIT * 2 ** min(entry.attempts - 1, 10), LONGEST_WAIT)
    scatter = int.from_bytes(entry.lease[:4], "big") / 2**32
    return wait * (0.75 + scatter / 2)


def _claimed(row: OutboxEntry, lease: bytes) -> Claimed:
    return Claimed(
        id=row.id,
        event_id=row.event_id,
        event_type=row.event_type,
        rec=row.rec,
        obj_kind=row.obj_kind,
        obj_ref=row.obj_ref,
        channel=row.channel,
        audience=row.audience_kind,
        audience_ref=row.audience_ref,
        letter=row.letter,
        attempts=row.attempts,
        created_at=row.created_at,
        lease=lease,
    )
