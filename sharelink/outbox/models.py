"""Tables of what must be told: the entries, and the endpoints of webhooks."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.outbox.states import Audience, Channel, DeliveryState, LetterKind
from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime, enum_text

URL_MAX = 500
NAME_MAX = 120
ERROR_MAX = 64


class OutboxEntry(Base):
    """One thing to tell to one audience by one way. Holds ids only: addresses, texts and links are made at sending.

    `lease` names the attempt that has the entry in hand; `next_at` is when it may be taken (again). A worker that dies
    leaves both behind, and the entry is taken anew when its time has come.
    """

    __tablename__ = "outbox_entry"
    __table_args__ = (
        CheckConstraint("channel IN ('mail', 'webhook')", name="channel"),
        CheckConstraint("audience_kind IN ('record', 'account', 'contact', 'endpoint')", name="audience_kind"),
        CheckConstraint("state IN ('queued', 'accepted', 'refused', 'dead', 'void')", name="state"),
        CheckConstraint("(state = 'accepted') = (accepted_at IS NOT NULL)", name="accepted_at_only_when_accepted"),
        Index("uq_outbox_entry_told_once", "event_id", "audience_ref", "channel", "letter", unique=True),
        Index("ix_outbox_entry_state_next_at", "state", "next_at"),
        Index("ix_outbox_entry_audience_ref_created_at", "audience_ref", "created_at"),
        Index("ix_outbox_entry_rec_created_at", "rec", "created_at"),
        Index("ix_outbox_entry_obj_ref_created_at", "obj_ref", "created_at"),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    event_id: Mapped[bytes] = mapped_column(Id)
    event_type: Mapped[str] = mapped_column(String(64))
    rec: Mapped[str] = mapped_column(String(22))
    obj_kind: Mapped[str | None] = mapped_column(String(32))
    obj_ref: Mapped[bytes | None] = mapped_column(Id)
    channel: Mapped[Channel] = mapped_column(enum_text(Channel))
    audience_kind: Mapped[Audience] = mapped_column(enum_text(Audience))
    audience_ref: Mapped[bytes] = mapped_column(Id)
    letter: Mapped[LetterKind] = mapped_column(enum_text(LetterKind))
    state: Mapped[DeliveryState] = mapped_column(enum_text(DeliveryState))
    attempts: Mapped[int] = mapped_column(Integer)
    lease: Mapped[bytes | None] = mapped_column(Id)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(String(ERROR_MAX))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class WebhookEndpoint(Base):
    """An address that hears of the events of records. Its signing secret is sealed; removed ones stay for the log."""

    __tablename__ = "webhook_endpoint"

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_MAX))
    url: Mapped[str] = mapped_column(String(URL_MAX))
    sealed_secret: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_by: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
