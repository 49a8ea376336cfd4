"""One transaction, one moment: builds the services for a piece of work, commits it, or undoes all of it.

The only place in the core that begins, commits or rolls back. Each unit has a session of its own: nothing that an
earlier one has read can be stale in a later one.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import Connection, Engine
from structlog import get_logger

from sharelink.accounts.policy import AccountPolicy
from sharelink.accounts.sessions import SessionLimits
from sharelink.actors import Actor
from sharelink.audit.log import PendingEvent
from sharelink.audit.signing import LogKeys
from sharelink.clock import Clock
from sharelink.crypto.epoch_keys import EpochKeys
from sharelink.crypto.keyring import Keyring
from sharelink.errors import GivenUp
from sharelink.keys.live import LiveKeyring
from sharelink.keys.log_keys import LiveLogKeys
from sharelink.outbox.policy import OutboxPolicy
from sharelink.persistence.database import WRITE_OPTION
from sharelink.persistence.failures import named_failure
from sharelink.persistence.write_queue import HeadQueue, WriteQueue
from sharelink.shares.rows import ShareLimits
from sharelink.witnesses.configured import Witnesses
from sharelink.work import Work

LONGEST_LIFETIME = timedelta(seconds=30)
"""How old the moment of a writing unit of work may be when it commits: longer than all that it may wait for."""

TRIES = 3
PAUSE_SECONDS = 0.05
"""How long to wait before a transaction that was given up is done anew; twice as long the next time."""

_Result = TypeVar("_Result")
_log = get_logger("sharelink.storage")


@dataclass(frozen=True)
class UnitOfWork:
    """Makes units of work for one application: `with unit_of_work.write(actor) as work: ...`."""

    engine: Engine
    clock: Clock
    keys: LiveKeyring
    epoch_keys: EpochKeys
    share_limits: ShareLimits
    session_limits: SessionLimits
    account_policy: AccountPolicy
    write_queue: WriteQueue | None
    head_queue: HeadQueue
    outbox_policy: OutboxPolicy
    live_log_keys: LiveLogKeys
    witnesses: Witnesses
    on_commit: Callable[[Sequence[PendingEvent]], None] | None = None
    """Told of the events of every unit of work that was committed; must not raise."""

    @property
    def keyring(self) -> Keyring:
        """The keys as they are now; each unit of work keeps to those that it began with."""
        return self.keys.keyring

    @property
    def log_keys(self) -> LogKeys:
        """The keys that sign the audit log now, and those that did."""
        return self.live_log_keys.current

    def refresh_keys(self) -> None:
        """Look at the versions of the keys if that was not done for a while. Every unit of work begins with this.

        Raises:
            StorageUnavailable: the database could not be read.
        """
        if not self.keys.is_due:
            return
        # In a transaction of its own: a key management service may be asked, and nobody should wait for that.
        connection: Connection | None = None
        try:
            connection = self.engine.connect().execution_options(**{WRITE_OPTION: False})
            connection.begin()
            self.keys.refresh(connection)
            connection.close()
        except Exception as error:
            _undo(connection)
            if (failure := named_failure(error, committing=False)) is not None:
                raise failure from error
            raise

    @contextmanager
    def write(self, actor: Actor) -> Iterator[Work]:
        """Run the block in one writing transaction; commit at its end, undo everything if it raises.

        Raises:
            StorageUnavailable: the database could not be written; nothing was changed.
            GivenUp: the same, and it may be tried anew at once, which `carry_out` does.
            OutcomeUnknown: the connection broke at the commit; it was made as a whole or not at all.
        """
        self.refresh_keys()
        with ExitStack() as turn:
            if self.write_queue is not None:
                turn.enter_context(self.write_queue.turn())
            with self._transaction(actor, True) as work:
                yield work
                work.flush()
                events = work.audit.pending
                work.outbox.collect(events)
                # Given back after the commit, which is when the next one can have the head.
                work.audit.write_pending(work.connection, lambda: turn.enter_context(self.head_queue.turn()))
                self._require_in_time(work)
        if self.on_commit is not None:
            self.on_commit(events)

    def carry_out(self, actor: Actor, step: Callable[[Work], _Result]) -> _Result:
        """Do `step` in one writing transaction, anew where the database gave that up; return what it returned.

        Each time it gets new services and a new moment, so it may change nothing but the database, and must look at
        what may have changed meanwhile (docs/adr/0065).

        Raises:
            StorageUnavailable: as in `write`; GivenUp only after `TRIES` times.
        """
        for number in range(1, TRIES):
            try:
                with self.write(actor) as work:
                    return step(work)
            except GivenUp as error:
                # The driver's own class names the reason; its text could hold what was about to be stored.
                cause = getattr(error.__cause__, "orig", error.__cause__)
                _log.warning("done anew", cause=type(cause).__name__, detail=str(error))
            time.sleep(PAUSE_SECONDS * number)
        with self.write(actor) as work:
            return step(work)

    def _require_in_time(self, work: Work) -> None:
        """Refuse to commit what was decided at a moment long ago: a process may have been frozen since."""
        now = self.clock()
        if now > work.now + LONGEST_LIFETIME or any(now >= deadline for deadline in work.deadlines):
            raise GivenUp("its moment has passed")

    @contextmanager
    def read(self, actor: Actor | None = None) -> Iterator[Work]:
        """Run the block in one reading transaction; nothing in it is kept.

        Raises:
            StorageUnavailable: the database could not be read.
        """
        self.refresh_keys()
        with self._transaction(actor or Actor.system(), False) as work:
            yield work

    @contextmanager
    def _transaction(self, actor: Actor, writing: bool) -> Iterator[Work]:
        connection: Connection | None = None
        committing = False
        try:
            connection = self.engine.connect().execution_options(**{WRITE_OPTION: writing})
            connection.begin()
            # The clock is read after the wait for the writer's turn: a share may have expired meanwhile.
            yield Work(
                self.clock(),
                actor,
                connection,
                self.keyring,
                self.epoch_keys,
                self.share_limits,
                self.session_limits,
                self.account_policy,
                self.outbox_policy,
                self.log_keys,
            )
            if writing:
                committing = True
                connection.commit()
            connection.close()
        except Exception as error:
            _undo(connection)
            if (failure := named_failure(error, committing=committing)) is not None:
                raise failure from error
            raise
        except BaseException:
            _undo(connection)
            raise


def _undo(connection: Connection | None) -> None:
    """Roll back without hiding the first error: a broken connection cannot be rolled back, only dropped."""
    if connection is None:
        return
    try:
        connection.close()
    except Exception:  # noqa: BLE001 - the first error is the one to report
        connection.invalidate()
