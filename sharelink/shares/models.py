"""Tables of shares: one row each, kept content-free after the end, and what is counted per client while it lives."""

from datetime import datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime, enum_text
from sharelink.shares.states import EndReason, ShareKind, ShareState


class Share(Base):
    """One single-use exchange of one secret.

    `outer` is the only ciphertext there is. It leaves the row in the transaction that ends the share (promise 4).
    Nothing here is derived from the secret: no hash, no length.
    """

    __tablename__ = "share"
    __table_args__ = (
        CheckConstraint(
            "(state IN ('sealed', 'locked')) = (outer_ciphertext IS NOT NULL)", name="ciphertext_only_while_live"
        ),
        CheckConstraint("kind IN ('send', 'request')", name="kind"),
        CheckConstraint(
            "state IN ('awaiting', 'sealed', 'locked', 'revealed', 'expired', 'burned')"
            " AND (state <> 'awaiting' OR kind = 'request') AND (state <> 'locked' OR kind = 'send')",
            name="state",
        ),
        CheckConstraint(
            "(state IN ('awaiting', 'sealed', 'locked')) = (ended_at IS NULL)", name="ended_at_only_when_ended"
        ),
        CheckConstraint(
            "code_required OR code_waiver_reason IS NOT NULL OR kind = 'request'", name="waiver_has_reason"
        ),
        CheckConstraint("seal_header IS NOT NULL OR kind = 'request'", name="send_is_sealed"),
        UniqueConstraint("created_by", "form_id"),
        # The sweeper asks for live shares by their end; ended rows must not slow it down for ever.
        Index("ix_share_state_expires_at", "state", "expires_at"),
        # What somebody's daily work asks for, however much they have sent and requested in years.
        Index(
            "ix_share_created_by_expires_at_live",
            "created_by",
            "expires_at",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_share_created_by_ended_at", "created_by", "ended_at"),
        Index(
            "ix_share_created_by_reported_at",
            "created_by",
            "reported_at",
            sqlite_where=text("reported_at IS NOT NULL"),
            postgresql_where=text("reported_at IS NOT NULL"),
        ),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    kind: Mapped[ShareKind] = mapped_column(enum_text(ShareKind))
    state: Mapped[ShareState] = mapped_column(enum_text(ShareState))
    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"), index=True)
    created_by: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
    sender_name: Mapped[str] = mapped_column(String(200))
    form_id: Mapped[bytes] = mapped_column(Id)
    label: Mapped[str] = mapped_column(String(200))
    instruction: Mapped[str] = mapped_column(Text)
    code_required: Mapped[bool] = mapped_column(Boolean)
    code_waiver_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_reason: Mapped[EndReason | None] = mapped_column(enum_text(EndReason))
    end_note: Mapped[str | None] = mapped_column(Text)
    displayed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # No foreign key: adding one would make SQLite copy the whole table, ciphertext included.
    replaces_id: Mapped[bytes | None] = mapped_column(Id, index=True)
    tries_allowed: Mapped[int] = mapped_column(Integer)
    link_key_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    seal_header: Mapped[bytes | None] = mapped_column(LargeBinary(60))
    outer_ciphertext: Mapped[bytes | None] = mapped_column(LargeBinary)


class ShareClient(Base):
    """What one client did with one share: when it opened the page, and how many codes it tried.

    The client is a keyed hash of its network (IPv6: /64). Rows are erased when the share ends.
    """

    __tablename__ = "share_client"

    share_id: Mapped[bytes] = mapped_column(Id, ForeignKey("share.id"), primary_key=True)
    client: Mapped[bytes] = mapped_column(Id, primary_key=True)
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(Integer)
    tries_since_pause: Mapped[int] = mapped_column(Integer)
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
