"""Holds: while a record has one, none of its shares is revealed or declined, and nothing is destroyed by that.

The table is here because the deciding statement of a reveal asks it; who may put and lift one is custody's business.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, select, text
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime, enum_text


class HoldReason(StrEnum):
    """Why a record is on hold: a recipient's report, a suspension, or the customer's report on the statement."""

    INCIDENT = "incident"
    SUSPENDED = "suspended"
    CUSTOMER = "customer"


class Hold(Base):
    """One hold on one record; an incident names the share whose recipient caused it.

    A record has at most one that is not lifted.
    """

    __tablename__ = "hold"
    __table_args__ = (
        CheckConstraint("reason IN ('incident', 'suspended', 'customer')", name="reason"),
        CheckConstraint("share_id IS NOT NULL OR reason <> 'incident'", name="incident_has_share"),
        Index(
            "uq_hold_custody_id_active",
            "custody_id",
            unique=True,
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"), index=True)
    share_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("share.id"))
    reason: Mapped[HoldReason] = mapped_column(enum_text(HoldReason), server_default="incident")
    raised_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lifted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


active_hold = select(Hold.id).where(Hold.lifted_at.is_(None))
"""Begins every question for a hold that counts."""
