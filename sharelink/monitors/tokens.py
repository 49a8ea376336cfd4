"""Monitor tokens: made, shown once, admitted, revoked. Within one unit of work."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.orm import Session

from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.log import AuditLog
from sharelink.audit.models import AuditActor, AuditLeaf
from sharelink.crypto.bearer_keys import BearerPurpose, bearer_key_hash, new_bearer_key
from sharelink.crypto.identifiers import new_id
from sharelink.errors import InvalidInput
from sharelink.monitors.errors import MonitorTokenNotFound
from sharelink.monitors.models import NAME_MAX, MonitorToken

MOST_TOKENS = 50
LIFETIME_MAX_DAYS = 366
_KIND = "monitor_token"


@dataclass(frozen=True, slots=True)
class NewMonitorToken:
    """A token that was just made; its text is shown this once."""

    id: bytes
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AdmittedToken:
    """A token that may read. `is_first_today`: it was not used before on this day."""

    id: bytes
    is_first_today: bool


@dataclass(frozen=True, slots=True)
class MonitorTokens:
    """Who may read the log by a token, and the record of who did."""

    session: Session
    audit: AuditLog
    actor: Actor
    now: datetime

    def create(self, name: str, lifetime_days: int) -> NewMonitorToken:
        """Make a token; from now on whoever holds it reads every event of every record, without personal fields.

        Args:
            name: for whom or what it is.
            lifetime_days: after how many days it ends by itself.

        Raises:
            InvalidInput: the name or the lifetime cannot be used, or there are too many tokens already.
        """
        name = " ".join(name.split())
        errors = {}
        if not name or len(name) > NAME_MAX or not name.isprintable():
            errors["name"] = f"Say whose it is, in up to {NAME_MAX} characters."
        if not 1 <= lifetime_days <= LIFETIME_MAX_DAYS:
            errors["days"] = f"Choose from 1 to {LIFETIME_MAX_DAYS} days."
        live = select(func.count()).select_from(MonitorToken).where(*self._live())
        if self.session.execute(live).scalar_one() >= MOST_TOKENS:
            errors["name"] = f"There are {MOST_TOKENS} already. Revoke one first."
        if errors:
            raise InvalidInput(errors)
        key, token_id = new_bearer_key(BearerPurpose.MONITOR), new_id()
        self.session.add(
            MonitorToken(
                id=token_id,
                name=name,
                token_hash=key.hashed,
                created_at=self.now,
                created_by=self.actor.account_id,
                expires_at=self.now + timedelta(days=lifetime_days),
                last_used_at=None,
                revoked_at=None,
            )
        )
        self._append(AuditEvent.AUDIT_TOKEN_CREATED, token_id, {"token_name": name}, days=lifetime_days)
        return NewMonitorToken(token_id, key.text)

    def revoke(self, token_id: bytes) -> None:
        """End a token, at once.

        Raises:
            MonitorTokenNotFound: there is none, or it was revoked.
        """
        name = self.session.execute(
            update(MonitorToken)
            .where(MonitorToken.id == token_id, MonitorToken.revoked_at.is_(None))
            .values(revoked_at=self.now)
            .returning(MonitorToken.name),
            execution_options={"synchronize_session": False},
        ).scalar_one_or_none()
        if name is None:
            raise MonitorTokenNotFound("no such token")
        self._append(AuditEvent.AUDIT_TOKEN_REVOKED, token_id, {"token_name": name})

    def admitted(self, text: str) -> AdmittedToken | None:
        """Return the token that `text` is, or None if it is none, is over, or was revoked. Changes nothing."""
        hashed = bearer_key_hash(BearerPurpose.MONITOR, text)
        if hashed is None:
            return None
        wanted = select(MonitorToken.id, MonitorToken.last_used_at).where(
            MonitorToken.token_hash == hashed, *self._live()
        )
        found = self.session.execute(wanted).one_or_none()
        if found is None:
            return None
        return AdmittedToken(found.id, found.last_used_at is None or found.last_used_at < self._today())

    def note_use(self, token_id: bytes) -> None:
        """Record that a token reads the log on this day; once a day, or its reading would make more to read."""
        first = self.session.execute(
            update(MonitorToken)
            .where(
                MonitorToken.id == token_id,
                MonitorToken.last_used_at.is_(None) | (MonitorToken.last_used_at < self._today()),
            )
            .values(last_used_at=self.now)
            .returning(MonitorToken.name),
            execution_options={"synchronize_session": False},
        ).scalar_one_or_none()
        if first is not None:
            self._append(AuditEvent.AUDIT_MONITORED, token_id, {"token_name": first})

    def has_read_today(self, account_id: bytes) -> bool:
        """Tell whether it is on record already that this account reads tiles on this day."""
        return bool(
            self.session.execute(
                select(
                    exists(
                        select(AuditLeaf.index)
                        .join(AuditActor, AuditActor.leaf_index == AuditLeaf.index)
                        .where(
                            AuditActor.account_id == account_id,
                            AuditLeaf.type == AuditEvent.AUDIT_MONITORED.value,
                            AuditLeaf.at >= self._today(),
                        )
                    )
                )
            ).scalar_one()
        )

    def note_account(self) -> None:
        """Record that the acting account reads the log as tiles."""
        self.audit.append(AuditEvent.AUDIT_MONITORED, rec=SYSTEM_CHAIN, actor=self.actor, now=self.now)

    def _live(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return (MonitorToken.revoked_at.is_(None), MonitorToken.expires_at > self.now)

    def _today(self) -> datetime:
        return self.now.replace(hour=0, minute=0, second=0, microsecond=0)

    def _append(self, event: AuditEvent, token_id: bytes, personal: Mapping[str, str], **facts: int) -> None:
        self.audit.append(
            event,
            rec=SYSTEM_CHAIN,
            actor=self.actor,
            now=self.now,
            obj=(_KIND, token_id),
            facts=facts,
            personal=personal,
        )
