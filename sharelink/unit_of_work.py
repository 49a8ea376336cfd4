"""One transaction, one moment: builds the services for a piece of work, commits it, or undoes all of it.

The only place in the core that begins, commits or rolls back. Each unit has a session of its own: nothing that an
earlier one has read can be stale in a later one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session
from structlog import get_logger

from sharelink.access.approver_links import ApproverLinks
from sharelink.access.endings import UseEndings
from sharelink.access.service import Access
from sharelink.accounts.policy import AccountPolicy
from sharelink.accounts.service import Accounts
from sharelink.accounts.sessions import SessionLimits
from sharelink.actors import Actor
from sharelink.audit.log import AuditLog
from sharelink.audit.signing import LogKeys
from sharelink.bundles.service import Bundles
from sharelink.clock import Clock
from sharelink.cloudtrail.service import SignIns
from sharelink.crypto.epoch_keys import EpochKeys
from sharelink.crypto.keyring import Keyring
from sharelink.custody.calendar import Calendar
from sharelink.custody.contacts import Contacts
from sharelink.custody.handover import Handover
from sharelink.custody.holds import Holds
from sharelink.custody.items import Items
from sharelink.custody.policy import Policies
from sharelink.custody.proposals import Proposals
from sharelink.custody.service import CustodyRecords
from sharelink.custody.steps import Steps
from sharelink.custody.terms import Terms
from sharelink.custody.versions import Versions
from sharelink.errors import GivenUp
from sharelink.factors.service import Factors
from sharelink.keys.live import LiveKeyring
from sharelink.keys.log_keys import LiveLogKeys
from sharelink.keys.service import KeyVersions
from sharelink.outbox.claims import Claims
from sharelink.outbox.endpoints import Endpoints
from sharelink.outbox.policy import OutboxPolicy
from sharelink.outbox.service import Outbox
from sharelink.persistence.database import WRITE_OPTION
from sharelink.persistence.failures import named_failure
from sharelink.persistence.write_queue import WriteQueue
from sharelink.requests.service import Requests
from sharelink.shares.attempts import Attempts
from sharelink.shares.epochs import Epochs
from sharelink.shares.rows import ShareLimits, ShareRows
from sharelink.shares.service import Shares
from sharelink.sso.service import SignOns
from sharelink.statements.service import Statements

LONGEST_LIFETIME = timedelta(seconds=30)
"""How old the moment of a writing unit of work may be when it commits: longer than all that it may wait for."""

TRIES = 3
PAUSE_SECONDS = 0.05
"""How long to wait before a transaction that was given up is done anew; twice as long the next time."""

_Result = TypeVar("_Result")
_log = get_logger("sharelink.storage")


@dataclass
class Work:
    """What one unit of work offers: a moment, a connection in one transaction, and services that share both.

    `deadlines` are moments before which it must commit, because what it did was allowed only before them.
    """

    now: datetime
    actor: Actor
    connection: Connection
    keyring: Keyring
    epoch_keys: EpochKeys
    share_limits: ShareLimits
    session_limits: SessionLimits
    account_policy: AccountPolicy
    outbox_policy: OutboxPolicy
    log_keys: LogKeys
    deadlines: list[datetime] = field(default_factory=list)

    @cached_property
    def session(self) -> Session:
        """The same transaction for services that load and change mapped objects; most reads never ask for it."""
        return Session(self.connection, autoflush=False, expire_on_commit=False)

    @cached_property
    def audit(self) -> AuditLog:
        """The audit of this unit of work, written as its last statements."""
        return AuditLog(self.keyring.audit_key, self.log_keys)

    @cached_property
    def share_rows(self) -> ShareRows:
        """What the acts on shares have in common."""
        return ShareRows(
            self.connection,
            self.audit,
            self.keyring,
            self.epoch_keys,
            self.share_limits,
            self.actor,
            self.now,
            self.deadlines,
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
    def key_versions(self) -> KeyVersions:
        """The versions of the server's keys: known, staged, current, retired."""
        return KeyVersions(self.session, self.audit, self.actor, self.now)

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
    def access(self) -> Access:
        """Declared uses: request, decide, check out and in, review."""
        return Access(self.session, self.audit, self.custody, self.actor, self.now)

    @cached_property
    def use_endings(self) -> UseEndings:
        """Uses that end by themselves, or with their record."""
        return UseEndings(self.session, self.audit, self.actor, self.now)

    @cached_property
    def approver_links(self) -> ApproverLinks:
        """Links and codes by which the customer's contacts decide about uses."""
        return ApproverLinks(self.session, self.audit, self.keyring, self.actor, self.now)

    @cached_property
    def outbox(self) -> Outbox:
        """What must be told to whom: queued with the act."""
        return Outbox(self.session, self.audit, self.outbox_policy, self.actor, self.now)

    @cached_property
    def claims(self) -> Claims:
        """What waits in the outbox: taken, and marked when it was sent."""
        return Claims(self.session, self.now)

    @cached_property
    def endpoints(self) -> Endpoints:
        """Webhooks: added and removed by administrators."""
        return Endpoints(self.session, self.audit, self.keyring, self.actor, self.now)

    @cached_property
    def custody(self) -> CustodyRecords:
        """Custody records: open, edit, archive."""
        return CustodyRecords(self.session, self.audit, self.actor, self.now)

    @cached_property
    def proposals(self) -> Proposals:
        """What waits for a second person: confirm, refuse, void."""
        return Proposals(self.custody)

    @cached_property
    def contacts(self) -> Contacts:
        """Contacts of records: add, ask again, remove."""
        return Contacts(self.custody, self.proposals)

    @cached_property
    def terms(self) -> Terms:
        """On what terms a credential is owned together."""
        return Terms(self.custody)

    @cached_property
    def items(self) -> Items:
        """Items of records: add, change, check, remove."""
        return Items(self.custody)

    @cached_property
    def policies(self) -> Policies:
        """What access to a record takes: propose, change."""
        return Policies(self.custody, self.proposals)

    @cached_property
    def calendar(self) -> Calendar:
        """Reviews and drills: plan, done."""
        return Calendar(self.custody)

    @cached_property
    def handover(self) -> Handover:
        """The steps of a record, from first contact to its end."""
        steps = Steps(self.custody, self.proposals, self.shares)
        versions = Versions(self.session, self.now)
        return Handover(self.custody, self.proposals, steps, versions, self.holds, self.calendar)

    @cached_property
    def sign_ins(self) -> SignIns:
        """Root sign-ins of the customer's CloudTrail: bring in, explain."""
        return SignIns(self.custody)

    @cached_property
    def statements(self) -> Statements:
        """Links to custody statements: make, revoke, read, confirm, report."""
        return Statements(self.session, self.audit, self.keyring, self.actor, self.now)

    @cached_property
    def bundles(self) -> Bundles:
        """Bundles of statements: issue, mark as handed out."""
        return Bundles(self.session, self.audit, self.actor, self.now)


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
    outbox_policy: OutboxPolicy
    live_log_keys: LiveLogKeys

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
        try:
            with Session(self.engine) as session:
                session.connection(execution_options={WRITE_OPTION: False})
                self.keys.refresh(session)
        except Exception as error:
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
        with self.write_queue.turn() if self.write_queue else nullcontext(), self._transaction(actor, True) as work:
            yield work
            work.session.flush()
            work.outbox.collect(work.audit.pending)
            work.audit.write_pending(work.session)
            self._require_in_time(work)

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
