"""Tables of the links to statements. The statement itself is kept nowhere: it is read anew each time."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime, enum_text
from sharelink.statements.states import LinkDelivery


class StatementLinkRow(Base):
    """One link for one contact. Kept for good: it says who could read, when they did, and what they answered.

    `key_hash` is None until the letter with the link is written. `acknowledged_entries` counts the entries of the
    record's chain that the statement covered when its reader said that it is right.
    """

    __tablename__ = "statement_link"
    __table_args__ = (
        CheckConstraint("delivery IN ('shown', 'mailed')", name="delivery"),
        CheckConstraint("key_hash IS NOT NULL OR delivery = 'mailed'", name="shown_has_key"),
        CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name="revoked_by_somebody"),
        CheckConstraint("(acknowledged_at IS NULL) = (acknowledged_entries IS NULL)", name="acknowledged_what"),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"), index=True)
    contact_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_contact.id"))
    delivery: Mapped[LinkDelivery] = mapped_column(enum_text(LinkDelivery))
    key_hash: Mapped[bytes | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
    last_opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_entries: Mapped[int | None] = mapped_column(BigInteger)
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class StatementReading(Base):
    """One client that has read the statement through one link on one day (counted from 1970, UTC): one event each."""

    __tablename__ = "statement_reading"

    link_id: Mapped[bytes] = mapped_column(Id, ForeignKey("statement_link.id"), primary_key=True)
    client: Mapped[bytes] = mapped_column(Id, primary_key=True)
    day: Mapped[int] = mapped_column(Integer, primary_key=True)
