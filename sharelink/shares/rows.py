"""What every act on a share begins with and ends in: finding the row, holding it, ending it, writing its event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.log import AuditLog
from sharelink.crypto.epoch_keys import EpochKeys
from sharelink.crypto.errors import EpochKeyMissing, SealBroken, TokenRejected
from sharelink.crypto.header import SealKind
from sharelink.crypto.identifiers import id_text
from sharelink.crypto.key_purposes import KeyPurpose
from sharelink.crypto.keyring import Keyring
from sharelink.crypto.link_keys import link_key_hash
from sharelink.crypto.link_tokens import TokenPurpose, verify_token
from sharelink.crypto.sealing import server_key_names
from sharelink.keys.holding import hold
from sharelink.persistence.database import lock_rows
from sharelink.shares import statements
from sharelink.shares.clients import client_digest
from sharelink.shares.errors import LinkUnavailable, OwnShare, ShareDamaged, ShareEnded, ShareHeld
from sharelink.shares.links import OpenLink
from sharelink.shares.seals import LinkSealed, SealedSecret
from sharelink.shares.states import LIVE_STATES, EndReason, ShareState

TRUTH_LIFETIME = timedelta(days=90)
"""How long after its end a link still tells its holder the truth, at least."""

REPORT_LIFETIME = timedelta(days=30)
"""How long after a share's end the holder of its link may still say "this was not me"."""


@dataclass(frozen=True, slots=True)
class ShareLimits:
    """The bounds that the settings put on every share."""

    lifetime_min: timedelta
    lifetime_max: timedelta
    secret_max_bytes: int

    @property
    def token_lifetime(self) -> timedelta:
        """How long a token verifies: the longest share, and the time in which its end can still be asked for."""
        return self.lifetime_max + TRUTH_LIFETIME

    @property
    def request_token_lifetime(self) -> timedelta:
        """The same for a request, which waits for its answer first and then for its reader."""
        return 2 * self.lifetime_max + TRUTH_LIFETIME


@dataclass(frozen=True, slots=True)
class Openings:
    """When the page of a link was first opened, by others and by this client; None: not yet."""

    by_others_at: datetime | None
    by_me_at: datetime | None


@dataclass(frozen=True, slots=True)
class ShareFacts:
    """What the holder of the whole link may know about a share; `openings` is None where nobody asked for them."""

    id: bytes
    state: ShareState
    custody_id: bytes
    created_by: bytes
    sender_name: str
    instruction: str
    code_required: bool
    expires_at: datetime
    ended_at: datetime | None
    end_reason: EndReason | None
    openings: Openings | None
    is_held: bool
    is_overdue: bool
    can_be_reported: bool
    is_reported: bool


@dataclass(frozen=True, slots=True)
class ShareRows:
    """The rows of shares, in one unit of work at one moment, for one actor; `deadlines` are those of its commit."""

    connection: Connection
    audit: AuditLog
    keyring: Keyring
    epoch_keys: EpochKeys
    limits: ShareLimits
    actor: Actor
    now: datetime
    deadlines: list[datetime]

    @property
    def dialect(self) -> str:
        """The database's name in SQLAlchemy: "sqlite" or "postgresql"."""
        return self.connection.dialect.name

    def verified(self, purpose: TokenPurpose, token: str, max_age: timedelta) -> bytes:
        """Return the id in a token of ours.

        Raises:
            LinkUnavailable: it is none.
        """
        try:
            return verify_token(self.keyring.token_keys, purpose, token, self.now, max_age)[0]
        except TokenRejected as error:
            raise LinkUnavailable("not a token of ours") from error

    def find(self, link: OpenLink, *, hold: bool = False) -> ShareFacts:
        """Return the share of a whole link, by a query that gives strangers nothing, whatever they lack (promise 7).

        Args:
            link: what its holder has.
            hold: whether nobody else may count or end the share until the commit.

        Raises:
            LinkUnavailable: unknown, forged, or with another key than the share's.
        """
        share_id = self.verified(TokenPurpose.OPEN, link.token, self.limits.token_lifetime)
        if hold:
            self.hold_row(share_id)
        key_hash = link_key_hash(share_id, link.link_key)
        row = self.connection.execute(statements.facts_of_link, {"share": share_id, "key_hash": key_hash}).first()
        if row is None:
            raise LinkUnavailable("no such share for this link")
        return self._facts(row)

    def openings(self, share_id: bytes) -> Openings:
        """Return when the share's page was opened."""
        who = {"share": share_id, "me": self.client_of(share_id)}
        return Openings(*self.connection.execute(statements.openings, who).one())

    def _facts(self, row: Any) -> ShareFacts:
        """Return what a row says now: one whose time has come is expired, swept or not."""
        is_due = row.state in LIVE_STATES and row.expires_at <= self.now
        ended_at = row.expires_at if is_due else row.ended_at
        return ShareFacts(
            id=row.id,
            state=ShareState.EXPIRED if is_due else row.state,
            custody_id=row.custody_id,
            created_by=row.created_by,
            sender_name=row.sender_name,
            instruction=row.instruction,
            code_required=row.code_required,
            expires_at=row.expires_at,
            ended_at=ended_at,
            end_reason=row.end_reason,
            openings=None,
            is_held=bool(row.is_held),
            is_overdue=is_due,
            can_be_reported=row.reported_at is None and ended_at is not None and self.now <= ended_at + REPORT_LIFETIME,
            is_reported=row.reported_at is not None,
        )

    def openable(self, link: OpenLink) -> tuple[ShareFacts, LinkSealed]:
        """Hold the share of a whole link and take off its server seal.

        Raises:
            LinkUnavailable: there is nothing for this visitor.
            ShareEnded: it ended or is locked.
            OwnShare: the actor is its creator.
            ShareHeld: its record is on hold.
            ShareDamaged: the stored bytes do not open, or belong to another row.
        """
        facts = self.find(link, hold=True)
        if facts.state is not ShareState.SEALED:
            raise ShareEnded(facts.state.value)
        if facts.created_by == self.actor.account_id:
            raise OwnShare("the creator may only look")
        if facts.is_held:
            raise ShareHeld("the record is on hold")
        return facts, self.link_sealed(SealKind.SEND, facts.id, facts.custody_id, facts.expires_at)

    def link_sealed(self, kind: SealKind, share_id: bytes, custody_id: bytes, expires_at: datetime) -> LinkSealed:
        """Take the server seal off a sealed share.

        Raises:
            ShareDamaged: the stored bytes do not open, or were made for another row.
        """
        stored = self.connection.execute(statements.sealed_bytes, {"share": share_id}).one()
        try:
            sealed = SealedSecret(stored.seal_header, stored.outer_ciphertext).opened_by_server(
                self.keyring, self.epoch_keys
            )
        except (SealBroken, EpochKeyMissing) as error:
            raise ShareDamaged("the stored bytes do not open") from error
        if not sealed.belongs_to(kind, share_id, custody_id, expires_at):
            raise ShareDamaged("the stored bytes belong to another share")
        return sealed

    def hold_row(self, share_id: bytes) -> None:
        """Let nobody else count or end this share until the commit; SQLite's transaction does that by itself."""
        if lock_rows(self.connection):
            self.connection.execute(statements.lock_share, {"share": share_id})

    def hold_master_key(self, sealed: SealedSecret) -> None:
        """Let nobody retire the master key of `sealed` before it is committed.

        Raises:
            SealingKeyRetired: it was retired since; nothing may be stored.
        """
        hold(self.connection, KeyPurpose.MASTER, server_key_names(sealed.outer)[0])

    def tries_allowed(self, share_id: bytes) -> int:
        """Return how many wrong codes the share takes in all before it is locked."""
        return int(self.connection.execute(statements.facts_of_share, {"share": share_id}).one().tries_allowed)

    def end(self, share_id: bytes, to: ShareState, why: EndReason | None = None, note: str | None = None) -> None:
        """End a sealed share whose time has not come: the one conditional statement that has exactly one winner.

        Raises:
            ShareEnded: somebody else, the end, or a lock was first.
            ShareHeld: the record was put on hold meanwhile.
        """
        won = self.connection.execute(
            statements.claim, {"share": share_id, "at": self.now, "to": to, "why": why, "note": note}
        ).first()
        if won is None:
            still = self.connection.execute(statements.facts_of_share, {"share": share_id}).one()
            if still.is_held and still.state is ShareState.SEALED and still.expires_at > self.now:
                raise ShareHeld("the record is on hold")
            raise ShareEnded("somebody was first")
        self.deadlines.append(won.expires_at)
        self.connection.execute(statements.forget_clients, {"share": share_id})

    def client_of(self, share_id: bytes) -> bytes:
        """Return what this share's rows call the actor's network."""
        return client_digest(self.keyring.client_key, share_id, self.actor.ip)

    def append(
        self,
        event: AuditEvent,
        share_id: bytes,
        custody_id: bytes,
        *,
        outcome: Outcome = Outcome.SUCCESS,
        reason: str | None = None,
        facts: Mapping[str, str | int | bool | None] | None = None,
        personal: Mapping[str, str] | None = None,
    ) -> bytes:
        """Write one event about the share into the chain of its record; return the event's id."""
        return self.audit.append(
            event,
            rec=id_text(custody_id),
            actor=self.actor,
            now=self.now,
            obj=("share", share_id),
            outcome=outcome,
            reason=reason,
            facts=facts,
            personal=personal,
        )
