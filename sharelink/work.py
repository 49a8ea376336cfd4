"""What one unit of work offers: a moment, one transaction, and the services that share both."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from sqlalchemy import Connection
from sqlalchemy.orm import Session

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
from sharelink.factors.service import Factors
from sharelink.keys.service import KeyVersions
from sharelink.monitors.tokens import MonitorTokens
from sharelink.outbox.claims import Claims
from sharelink.outbox.endpoints import Endpoints
from sharelink.outbox.policy import OutboxPolicy
from sharelink.outbox.service import Outbox
from sharelink.requests.service import Requests
from sharelink.shares.attempts import Attempts
from sharelink.shares.epochs import Epochs
from sharelink.shares.rows import ShareLimits, ShareRows
from sharelink.shares.service import Shares
from sharelink.sinks.service import Sinks
from sharelink.sso.service import SignOns
from sharelink.statements.service import Statements
from sharelink.witnesses.service import Witnessing


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

    def flush(self) -> None:
        """Write what was changed in mapped objects, if any service has loaded some."""
        if "session" in self.__dict__:
            self.session.flush()

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
    def witnessing(self) -> Witnessing:
        """Asking the witnesses of the log."""
        return Witnessing(self.session, self.audit, self.actor, self.now)

    @cached_property
    def monitor_tokens(self) -> MonitorTokens:
        """Tokens by which programs read the log."""
        return MonitorTokens(self.session, self.audit, self.actor, self.now)

    @cached_property
    def sinks(self) -> Sinks:
        """How far the log has been sent to its second sink."""
        return Sinks(self.session, self.audit, self.actor, self.now)

    @cached_property
    def outbox(self) -> Outbox:
        """What must be told to whom: queued with the act."""
        return Outbox(self, self.audit, self.outbox_policy, self.actor, self.now)

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
