"""Tables of second factors. Nothing in them lets their reader sign in."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime, enum_text

CREDENTIAL_ID_MAX = 1023
"""The longest a credential id may be (WebAuthn, section 4)."""

FACTOR_NAME_MAX = 60
TRANSPORTS_MAX = 100


class ChallengePurpose(StrEnum):
    """What a passkey is asked for; an answer for one purpose is nothing for another."""

    SIGN_IN = "sign_in"
    SECOND_STEP = "second_step"
    PROVE = "prove"
    ENROL = "enrol"
    JOIN = "join"


class Passkey(Base):
    """The public half of a passkey. The private half never leaves the person's device or its maker's vault."""

    __tablename__ = "passkey"

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    account_id: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"), index=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(CREDENTIAL_ID_MAX), unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    transports: Mapped[str] = mapped_column(String(TRANSPORTS_MAX))
    name: Mapped[str] = mapped_column(String(FACTOR_NAME_MAX))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuthenticatorApp(Base):
    """The secret shared with an authenticator app, sealed. It counts once it is confirmed by a code.

    `last_step` is the newest time step whose code was used: no code works twice.
    """

    __tablename__ = "authenticator_app"
    __table_args__ = (
        Index(
            "uq_authenticator_app_confirmed",
            "account_id",
            unique=True,
            sqlite_where=text("confirmed_at IS NOT NULL"),
            postgresql_where=text("confirmed_at IS NOT NULL"),
        ),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    account_id: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"), index=True)
    sealed_secret: Mapped[bytes] = mapped_column(LargeBinary)
    last_step: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RecoveryCode(Base):
    """A keyed hash of one recovery code, kept after its use so that the count stays visible."""

    __tablename__ = "recovery_code"

    code_hash: Mapped[bytes] = mapped_column(Id, primary_key=True)
    account_id: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PasskeyChallenge(Base):
    """A random number that a passkey is asked to sign: for one purpose, one account (or anybody), once, for minutes.

    `invitation_id` and `new_account_id` are of somebody who joins: by which invitation, and the id that their account
    will have, which the passkey keeps as its owner's name.
    """

    __tablename__ = "passkey_challenge"
    __table_args__ = (
        CheckConstraint("purpose IN ('sign_in', 'second_step', 'prove', 'enrol', 'join')", name="purpose"),
        CheckConstraint("(purpose IN ('sign_in', 'join')) = (account_id IS NULL)", name="known_after_sign_in"),
        CheckConstraint("(purpose = 'join') = (invitation_id IS NOT NULL)", name="joins_by_invitation"),
        CheckConstraint("(purpose = 'join') = (new_account_id IS NOT NULL)", name="joins_as_somebody"),
    )

    challenge: Mapped[bytes] = mapped_column(Id, primary_key=True)
    purpose: Mapped[ChallengePurpose] = mapped_column(enum_text(ChallengePurpose))
    account_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
    session_hash: Mapped[bytes | None] = mapped_column(Id)
    invitation_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("invitation.id"))
    new_account_id: Mapped[bytes | None] = mapped_column(Id)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
