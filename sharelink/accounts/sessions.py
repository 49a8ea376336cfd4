"""Sessions of signed-in people. They live in the database, so that ending one takes effect with the next request."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, or_, update
from sqlalchemy.orm import Session

from sharelink.accounts.models import Account, StaffSession
from sharelink.actors import Actor, ActorKind
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.log import AuditLog
from sharelink.crypto.bearer_keys import (
    BearerPurpose,
    bearer_key_hash,
    new_bearer_key,
    session_reference,
)
from sharelink.crypto.keyring import Keyring

SEEN_PRECISION = timedelta(minutes=1)
"""How exactly `last_seen_at` is kept: reading a page writes at most once in this time."""

PASSWORD_FACTOR = "pwd"  # noqa: S105 - the name of a factor (RFC 8176), not a password


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lasts without being used, and in all."""

    idle_lifetime: timedelta
    absolute_lifetime: timedelta


@dataclass(frozen=True, slots=True)
class StartedSession:
    """A new session. `key` goes into the browser's cookie and is kept nowhere else."""

    account_id: bytes
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Start, prolong and end sessions, within one unit of work."""

    session: Session
    audit: AuditLog
    keyring: Keyring
    limits: SessionLimits
    actor: Actor
    now: datetime

    def start(self, account: Account) -> StartedSession:
        """Start a session for somebody who has just proven to be `account`, always with a new id.

        Sessions of the same account that are over are erased on the way.
        """
        is_over = or_(
            StaffSession.expires_at <= self.now, StaffSession.last_seen_at <= self.now - self.limits.idle_lifetime
        )
        self._erase(and_(StaffSession.account_id == account.id, is_over))
        key = new_bearer_key(BearerPurpose.SESSION)
        self.session.add(
            StaffSession(
                key_hash=key.hashed,
                account_id=account.id,
                created_at=self.now,
                last_seen_at=self.now,
                expires_at=self.now + self.limits.absolute_lifetime,
            )
        )
        self.audit.append(
            AuditEvent.AUTH_SUCCEEDED,
            rec=SYSTEM_CHAIN,
            actor=self._signed_in_as(account, key.hashed),
            now=self.now,
            obj=("account", account.id),
        )
        return StartedSession(account.id, key.text)

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

    def end(self, key_hash: bytes) -> None:
        """End one session. Ending one that is over already changes nothing and is no event."""
        if self._erase(StaffSession.key_hash == key_hash):
            self.audit.append(AuditEvent.AUTH_SESSION_ENDED, rec=SYSTEM_CHAIN, actor=self.actor, now=self.now)

    def end_all(self, account_id: bytes) -> int:
        """End every session of an account and return how many there were; the caller's event tells it."""
        return self._erase(StaffSession.account_id == account_id)

    def _erase(self, which: ColumnElement[bool]) -> int:
        erased = delete(StaffSession).where(which).returning(StaffSession.key_hash)
        return len(self.session.execute(erased, execution_options={"synchronize_session": False}).all())

    def _signed_in_as(self, account: Account, key_hash: bytes) -> Actor:
        return replace(
            self.actor,
            kind=ActorKind.STAFF,
            account_id=account.id,
            name=account.name,
            session_ref=session_reference(self.keyring.audit_key, key_hash),
            amr=(PASSWORD_FACTOR,),
        )


def session_key_hash(key: str) -> bytes | None:
    """Return the hash under which the session with this key is kept; None if `key` cannot be one."""
    return bearer_key_hash(BearerPurpose.SESSION, key)
