"""Sessions: browsers on their way in, and signed-in ones. They live in the database, so that ending one is immediate.

A password alone starts a session that waits for its second step; the full session comes after that, under a new id, and
so does every later proof: an id that somebody planted or saw before is worth nothing afterwards.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, or_, update
from sqlalchemy.orm import Session

from sharelink.accounts.chains import AccountChains
from sharelink.accounts.devices import Devices
from sharelink.accounts.errors import LocalSignInOff
from sharelink.accounts.models import AGENT_MAX, IP_MAX, METHODS_MAX, Account, StaffSession
from sharelink.accounts.policy import AccountPolicy
from sharelink.accounts.stages import PASSWORD_METHODS, ProviderWord, SignInProof, Stage
from sharelink.actors import Actor, ActorKind
from sharelink.audit.events import AuditEvent
from sharelink.audit.log import AuditLog
from sharelink.crypto.bearer_keys import (
    BearerPurpose,
    bearer_key_hash,
    new_bearer_key,
    session_reference,
)
from sharelink.crypto.identifiers import id_text
from sharelink.crypto.keyring import Keyring

SEEN_PRECISION = timedelta(minutes=1)
"""How exactly `last_seen_at` is kept: reading a page writes at most once in this time."""

SECOND_STEP_LIFETIME = timedelta(minutes=10)
"""How long somebody may take from the password to the second step."""

ENROLMENT_LIFETIME = timedelta(minutes=30)
"""How long somebody may take to add their first second factor."""

PROOF_LIFETIME = timedelta(minutes=5)
"""How long a strong proof suffices for sensitive acts."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lasts without being used, and in all."""

    idle_lifetime: timedelta
    absolute_lifetime: timedelta


@dataclass(frozen=True, slots=True)
class BrowserKeys:
    """What a browser brought along, as hashes: the session it had, and the device that it is. Each may be None."""

    session_hash: bytes | None = None
    device_hash: bytes | None = None


NEW_BROWSER = BrowserKeys()


@dataclass(frozen=True, slots=True)
class StartedSession:
    """A new session. The keys go into the browser's cookies and are kept nowhere else."""

    account_id: bytes
    stage: Stage
    key: str = field(repr=False)
    device_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Start, prolong and end sessions, within one unit of work."""

    session: Session
    audit: AuditLog
    keyring: Keyring
    limits: SessionLimits
    policy: AccountPolicy
    actor: Actor
    now: datetime

    def check_way_in(self, account: Account) -> None:
        """Make sure that people may sign in to this account here.

        Raises:
            LocalSignInOff: it comes in by the provider only.
        """
        if not self.policy.local_sign_in and not account.is_break_glass:
            raise LocalSignInOff("this account comes in by the provider only")

    def start_half(self, account: Account, stage: Stage, browser: BrowserKeys = NEW_BROWSER) -> StartedSession:
        """Start a session for somebody who has proven only a password: it reaches its next step and nothing else.

        Args:
            account: whose.
            stage: `SECOND_FACTOR`, or `ENROLMENT` while the account has no second factor.
            browser: what the browser brought; the session it had before is over.

        Raises:
            LocalSignInOff: this account comes in by the provider only.
        """
        self.check_way_in(account)
        lifetime = ENROLMENT_LIFETIME if stage is Stage.ENROLMENT else SECOND_STEP_LIFETIME
        started = self._start(account, stage, None, lifetime, browser)
        self.audit.append(
            AuditEvent.AUTH_PASSWORD_ACCEPTED,
            rec=id_text(account.id),
            actor=self._actor(account, started, PASSWORD_METHODS),
            now=self.now,
            obj=("account", account.id),
            facts={"next": stage.value},
        )
        return started

    def start_full(
        self,
        account: Account,
        proof: SignInProof,
        browser: BrowserKeys = NEW_BROWSER,
        word: ProviderWord | None = None,
    ) -> StartedSession:
        """Start a session for somebody who has proven to be `account` all the way, always with a new id.

        The device is remembered; sessions of the account that are over, and the one this browser had, are erased.

        Args:
            account: whose.
            proof: by what.
            browser: what the browser brought.
            word: what the provider said, if its word is the proof.

        Raises:
            LocalSignInOff: this account comes in by the provider only.
        """
        if word is None:
            self.check_way_in(account)
        account.last_sign_in_at = self.now
        started = self._start(account, Stage.FULL, proof, self.limits.absolute_lifetime, browser, word=word)
        device_key, is_new_device = Devices(self.session, self.now).remember(account.id, browser.device_hash)
        methods = proof.methods if word is None else (*proof.methods, *word.methods)
        actor = self._actor(account, started, methods)
        self.audit.append(
            AuditEvent.AUTH_SUCCEEDED,
            rec=id_text(account.id),
            actor=actor,
            now=self.now,
            obj=("account", account.id),
            facts={"proof": proof.value},
        )
        if account.is_break_glass:
            chains = AccountChains(self.session, self.audit, self.keyring, actor, self.now)
            chains.append(AuditEvent.AUTH_BREAK_GLASS_USED, account, groups=chains.groups_of(account.id))
        if is_new_device:
            self.audit.append(
                AuditEvent.AUTH_NEW_DEVICE,
                rec=id_text(account.id),
                actor=actor,
                now=self.now,
                obj=("account", account.id),
            )
        return replace(started, device_key=device_key)

    def go_on(
        self, key_hash: bytes, proof: SignInProof | None = None, word: ProviderWord | None = None
    ) -> StartedSession | None:
        """Give a full session a new id, and note the proof if there was one; None if it is over.

        Its limits stay as they were: proving oneself again does not make a session last longer.

        Args:
            key_hash: which session.
            proof: by what somebody has just proven who they are.
            word: what the provider said, if its word is the proof.
        """
        key = new_bearer_key(BearerPurpose.SESSION)
        changed: dict[str, object] = {"key_hash": key.hashed, "last_seen_at": self.now}
        if proof is not None:
            changed |= {
                "proof": proof,
                "proven_at": self._proven_at(proof, word),
                "provider_methods": _methods_text(word),
            }
        row = self.session.execute(
            update(StaffSession)
            .where(
                StaffSession.key_hash == key_hash,
                StaffSession.stage == Stage.FULL,
                StaffSession.expires_at > self.now,
                StaffSession.last_seen_at > self.now - self.limits.idle_lifetime,
            )
            .values(**changed)
            .returning(StaffSession.account_id),
            execution_options={"synchronize_session": False},
        ).first()
        return None if row is None else StartedSession(row.account_id, Stage.FULL, key.text)

    def touch(self, key_hash: bytes) -> None:
        """Note that the session is in use now; nothing is written if that was noted within the last minute."""
        self.session.execute(
            update(StaffSession)
            .where(
                StaffSession.key_hash == key_hash,
                StaffSession.last_seen_at <= self.now - SEEN_PRECISION,
            )
            .values(last_seen_at=self.now)
        )

    def use_up_half(self, key_hash: bytes, account_id: bytes, stage: Stage) -> bool:
        """End a session that waited for `stage`; False if there is none any more: then its step is over, too."""
        return bool(
            self._erase(
                and_(
                    StaffSession.key_hash == key_hash,
                    StaffSession.account_id == account_id,
                    StaffSession.stage == stage,
                    StaffSession.expires_at > self.now,
                )
            )
        )

    def end(self, key_hash: bytes, account_id: bytes) -> None:
        """End one session of an account. Ending one that is over already changes nothing and is no event."""
        if self._erase(and_(StaffSession.key_hash == key_hash, StaffSession.account_id == account_id)):
            self._tell_ended(account_id, 1)

    def end_others(self, account_id: bytes, key_hash: bytes) -> int:
        """End every session of an account but one, and return how many there were."""
        ended = self._erase(and_(StaffSession.account_id == account_id, StaffSession.key_hash != key_hash))
        if ended:
            self._tell_ended(account_id, ended)
        return ended

    def end_all(self, account_id: bytes, *, but: bytes = b"") -> int:
        """End every session of an account (`but` one) and return how many there were; the caller's event tells it."""
        return self._erase(and_(StaffSession.account_id == account_id, StaffSession.key_hash != but))

    def _start(
        self,
        account: Account,
        stage: Stage,
        proof: SignInProof | None,
        lifetime: timedelta,
        browser: BrowserKeys,
        *,
        word: ProviderWord | None = None,
    ) -> StartedSession:
        is_over = or_(
            StaffSession.expires_at <= self.now, StaffSession.last_seen_at <= self.now - self.limits.idle_lifetime
        )
        self._erase(and_(StaffSession.account_id == account.id, is_over))
        if browser.session_hash is not None:
            self._erase(StaffSession.key_hash == browser.session_hash)
        key = new_bearer_key(BearerPurpose.SESSION)
        self.session.add(
            StaffSession(
                key_hash=key.hashed,
                account_id=account.id,
                stage=stage,
                proof=proof,
                provider_methods=_methods_text(word),
                is_local=word is None,
                created_at=self.now,
                last_seen_at=self.now,
                expires_at=self.now + lifetime,
                proven_at=self._proven_at(proof, word),
                ip=(self.actor.ip or "")[:IP_MAX] or None,
                agent=(self.actor.agent or "")[:AGENT_MAX].replace("\0", "") or None,
            )
        )
        return StartedSession(account.id, stage, key.text)

    def _proven_at(self, proof: SignInProof | None, word: ProviderWord | None) -> datetime | None:
        if word is not None:
            return None if word.proven_at is None else min(word.proven_at, self.now)
        return self.now if proof is not None and proof.is_strong else None

    def _tell_ended(self, account_id: bytes, count: int) -> None:
        self.audit.append(
            AuditEvent.AUTH_SESSION_ENDED,
            rec=id_text(account_id),
            actor=self.actor,
            now=self.now,
            obj=("account", account_id),
            facts={"sessions": count},
        )

    def _erase(self, which: ColumnElement[bool]) -> int:
        erased = delete(StaffSession).where(which).returning(StaffSession.key_hash)
        return len(self.session.execute(erased, execution_options={"synchronize_session": False}).all())

    def _actor(self, account: Account, started: StartedSession, methods: tuple[str, ...]) -> Actor:
        key_hash = session_key_hash(started.key) or b""
        return replace(
            self.actor,
            kind=ActorKind.STAFF,
            account_id=account.id,
            name=account.name,
            session_ref=session_reference(self.keyring.audit_key, key_hash),
            amr=methods,
        )


def _methods_text(word: ProviderWord | None) -> str | None:
    return None if word is None else " ".join(word.methods)[:METHODS_MAX]


def session_key_hash(key: str) -> bytes | None:
    """Return the hash under which the session with this key is kept; None if `key` cannot be one."""
    return bearer_key_hash(BearerPurpose.SESSION, key)
