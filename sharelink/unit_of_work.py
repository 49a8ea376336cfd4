"""One transaction, one moment: builds the services for a piece of work, commits it, or undoes all of it.

The only place in the core that begins, commits or rolls back. Needs a Flask application context, because
Flask-SQLAlchemy's session lives in one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy.orm import Session

from sharelink.access.approver_links import ApproverLinks
from sharelink.access.endings import UseEndings
from sharelink.access.service import Access
from sharelink.accounts.policy import AccountPolicy
from sharelink.accounts.service import Accounts
from sharelink.accounts.sessions import SessionLimits
from sharelink.actors import Actor
from sharelink.audit.log import AuditLog, PendingEvent
from sharelink.audit.signing import LogKeys
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
from sharelink.errors import StorageUnavailable
from sharelink.factors.service import Factors
from sharelink.outbox.claims import Claims
from sharelink.outbox.endpoints import Endpoints
from sharelink.outbox.policy import OutboxPolicy
from sharelink.outbox.service import Outbox
from sharelink.persistence.database import WRITE_OPTION, db, is_storage_failure
from sharelink.persistence.write_queue import WriteQueue
from sharelink.requests.service import Requests
from sharelink.shares.attempts import Attempts
from sharelink.shares.epochs import Epochs
from sharelink.shares.rows import ShareLimits, ShareRows
from sharelink.shares.service import Shares
from sharelink.sso.service import SignOns
from sharelink.statements.service import Statements


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
    outbox_policy: OutboxPolicy
    log_keys: LogKeys

    @cached_property
    def audit(self) -> AuditLog:
        """The audit of this unit of work, written as its last statements."""
        return AuditLog(self.keyring.audit_key, self.log_keys)

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
    outbox_policy: OutboxPolicy
    log_keys: LogKeys
    on_commit: Callable[[Sequence[PendingEvent]], None] | None = None
    """Told of the events of every unit of work that was committed; must not raise."""

    @contextmanager
    def write(self, actor: Actor) -> Iterator[Work]:
        """Run the block in one writing transaction; commit at its end, undo everything if it raises.

        Raises:
            StorageUnavailable: the database could not be written; nothing was changed.
        """
        with self.write_queue.turn() if self.write_queue else nullcontext(), self._transaction(actor, True) as work:
            yield work
            work.session.flush()
            events = work.audit.pending
            work.outbox.collect(events)
            work.audit.write_pending(work.session)
        if self.on_commit is not None:
            self.on_commit(events)

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
                self.outbox_policy,
                self.log_keys,
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
