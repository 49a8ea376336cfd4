"""Tables of single sign-on. Nothing in them lets their reader sign in."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime, enum_text

ISSUER_MAX = 500
SUBJECT_MAX = 255
"""The longest a subject may be (OpenID Connect Core, section 2)."""


class FlowPurpose(StrEnum):
    """What the provider is asked for; an answer for one purpose is nothing for another."""

    SIGN_IN = "sign_in"
    PROVE = "prove"


class SsoIdentity(Base):
    """Whom a provider means: its name for a person, and whose account that is. The address plays no part."""

    __tablename__ = "sso_identity"
    __table_args__ = (UniqueConstraint("account_id", "issuer"),)

    issuer: Mapped[str] = mapped_column(String(ISSUER_MAX), primary_key=True)
    subject: Mapped[str] = mapped_column(String(SUBJECT_MAX), primary_key=True)
    account_id: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
    linked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SsoFlow(Base):
    """A browser that was sent to the provider and may come back: once, within minutes, with the key it left with."""

    __tablename__ = "sso_flow"
    __table_args__ = (
        CheckConstraint("purpose IN ('sign_in', 'prove')", name="purpose"),
        CheckConstraint("(purpose = 'sign_in') = (account_id IS NULL)", name="known_after_sign_in"),
    )

    state_hash: Mapped[bytes] = mapped_column(Id, primary_key=True)
    browser_hash: Mapped[bytes] = mapped_column(Id)
    purpose: Mapped[FlowPurpose] = mapped_column(enum_text(FlowPurpose))
    account_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
    wanted_path: Mapped[str | None] = mapped_column(Text)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
