"""One transaction, one moment: builds the services for a piece of work, commits it, or undoes all of it.

The only place in the core that begins, commits or rolls back. Needs a Flask application context, because
Flask-SQLAlchemy's session lives in one.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy.orm import Session

from sharelink.accounts.policy import AccountPolicy
from sharelink.accounts.service import Accounts
from sharelink.accounts.sessions import SessionLimits
from sharelink.actors import Actor
from sharelink.audit.log import AuditLog
from sharelink.clock import Clock
from sharelink.crypto.epoch_keys import EpochKeys
from sharelink.crypto.keyring import Keyring
from sharelink.custody.holds import Holds
from sharelink.custody.service import CustodyRecords
from sharelink.errors import StorageUnavailable
from sharelink.factors.service import Factors
from sharelink.persistence.database import WRITE_OPTION, db, is_storage_failure
from sharelink.persistence.write_queue import WriteQueue
from sharelink.requests.service import Requests
from sharelink.shares.attempts import Attempts
from sharelink.shares.epochs import Epochs
from sharelink.shares.rows import ShareLimits, ShareRows
from sharelink.shares.service import Shares
from sharelink.sso.service import SignOns


@dataclass
class Work:
    """What one unit of work offers: a moment, a session, and services that share both."""

    now: datetime
    actor: Actor
    session: Session
    keyring: Keyring
    epoch_keys: EpochKeys
    share_limits: ShareLimits
    session_limits: SessionLimits
    account_policy: AccountPolicy

    @cached_property
    def audit(self) -> AuditLog:
        """The audit of this unit of work, written as its last statements."""
        return AuditLog(self.keyring.audit_key)

    @cached_property
    def share_rows(self) -> ShareRows:
        """What the acts on shares have in common."""
        return ShareRows(
            self.session, self.audit, self.keyring, self.epoch_keys, self.share_limits, self.actor, self.now
        )

    @cached_property
    def shares(self) -> Shares:
        """One-time links: create, open, reveal, burn, expire."""
        return Shares(self.share_rows)

    @cached_property
    def requests(self) -> Requests:
        """Requests: ask, submit, retrieve, judge."""
        return Requests(self.share_rows)

    @cached_property
    def attempts(self) -> Attempts:
        """Tries at access codes."""
        return Attempts(self.share_rows)

    @cached_property
    def epochs(self) -> Epochs:
        """The days of epoch keys: which remain, which were destroyed."""
        return Epochs(self.session, self.audit, self.actor, self.now)

    @cached_property
    def accounts(self) -> Accounts:
        """People: set-up, sign-in, sessions, roles and groups."""
        return Accounts(
            self.session,
            self.audit,
            self.keyring,
            self.session_limits,
            self.account_policy,
            self.actor,
            self.now,
        )

    @cached_property
    def factors(self) -> Factors:
        """Second factors: passkeys, authenticator apps, recovery codes."""
        return Factors(self.session, self.keyring, self.accounts.chains, self.now)

    @cached_property
    def sign_ons(self) -> SignOns:
        """Single sign-on: browsers on their way, and whose account an identity is."""
        return SignOns(self.session, self.audit, self.accounts.chains, self.now)

    @cached_property
    def holds(self) -> Holds:
        """Holds on records: put by an incident, lifted by two people."""
        return Holds(self.session, self.audit, self.actor, self.now)

    @cached_property
    def custody(self) -> CustodyRecords:
        """Custody records: open, edit, archive."""
        return CustodyRecords(self.session, self.audit, self.actor, self.now)


@dataclass(frozen=True)
class UnitOfWork:
    """Makes units of work for one application: `with unit_of_work.write(actor) as work: ...`."""

    clock: Clock
    keyring: Keyring
    epoch_keys: EpochKeys
    share_limits: ShareLimits
    session_limits: SessionLimits
    account_policy: AccountPolicy
    write_queue: WriteQueue | None

    @contextmanager
    def write(self, actor: Actor) -> Iterator[Work]:
        """Run the block in one writing transaction; commit at its end, undo everything if it raises.

        Raises:
            StorageUnavailable: the database could not be written; nothing was changed.
        """
        with self.write_queue.turn() if self.write_queue else nullcontext(), self._transaction(actor, True) as work:
            yield work
            work.session.flush()
            work.audit.write_pending(work.session)

    @contextmanager
    def read(self, actor: Actor | None = None) -> Iterator[Work]:
        """Run the block in one reading transaction; nothing in it is kept.

        Raises:
            StorageUnavailable: the database could not be read.
        """
        with self._transaction(actor or Actor.system(), False) as work:
            yield work

    @contextmanager
    def _transaction(self, actor: Actor, writing: bool) -> Iterator[Work]:
        session = db.session()
        try:
            session.rollback()
            # What an earlier unit of work in this context has read may be stale by now.
            session.expunge_all()
            session.connection(execution_options={WRITE_OPTION: writing})
            # The clock is read after the wait for the writer's turn: a share may have expired meanwhile.
            yield Work(
                self.clock(),
                actor,
                session,
                self.keyring,
                self.epoch_keys,
                self.share_limits,
                self.session_limits,
                self.account_policy,
            )
            if writing:
                session.commit()
            else:
                session.rollback()
        except Exception as error:
            _undo(session)
            if is_storage_failure(error):
                raise StorageUnavailable("the database could not do its work") from error
            raise
        except BaseException:
            _undo(session)
            raise


def _undo(session: Session) -> None:
    """Roll back without hiding the first error: a broken connection cannot be rolled back, only dropped."""
    try:
        session.rollback()
    except Exception:  # noqa: BLE001 - the first error is the one to report
        session.invalidate()
