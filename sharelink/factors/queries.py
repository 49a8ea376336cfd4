"""Read models of second factors: what an account has, without anything that could be used."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharelink.crypto.identifiers import id_text
from sharelink.factors.models import AuthenticatorApp, Passkey, RecoveryCode


@dataclass(frozen=True, slots=True)
class PasskeyLine:
    """One passkey as its owner sees it."""

    id: bytes
    name: str
    created_at: datetime
    last_used_at: datetime | None

    @property
    def id_text(self) -> str:
        """The id as forms and URLs name it."""
        return id_text(self.id)


@dataclass(frozen=True, slots=True)
class AppLine:
    """The authenticator app as its owner sees it."""

    confirmed_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class FactorSummary:
    """The second factors of one account."""

    passkeys: tuple[PasskeyLine, ...]
    app: AppLine | None
    recovery_codes_left: int
    recovery_codes_made_at: datetime | None

    @property
    def count(self) -> int:
        """How many factors there are; recovery codes are none."""
        return len(self.passkeys) + (self.app is not None)


def factors_of(session: Session, account_id: bytes) -> FactorSummary:
    """Return the second factors of an account."""
    passkeys = session.execute(
        select(Passkey.id, Passkey.name, Passkey.created_at, Passkey.last_used_at)
        .where(Passkey.account_id == account_id)
        .order_by(Passkey.created_at, Passkey.id)
    )
    app = session.execute(
        select(AuthenticatorApp.confirmed_at, AuthenticatorApp.last_used_at).where(
            AuthenticatorApp.account_id == account_id, AuthenticatorApp.confirmed_at.is_not(None)
        )
    ).first()
    codes = session.execute(
        select(
            func.count().filter(RecoveryCode.used_at.is_(None)).label("left"),
            func.max(RecoveryCode.created_at).label("made_at"),
        ).where(RecoveryCode.account_id == account_id)
    ).one()
    return FactorSummary(
        passkeys=tuple(PasskeyLine(*row) for row in passkeys),
        app=AppLine(app.confirmed_at, app.last_used_at) if app else None,
        recovery_codes_left=codes.left,
        recovery_codes_made_at=codes.made_at,
    )
