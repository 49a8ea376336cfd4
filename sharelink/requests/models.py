"""What is asked and with which keys: one row beside the share of each request. Holds nothing of the answer."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.crypto.request_keys import PUBLIC_KEY_BYTES
from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime, enum_text
from sharelink.requests.states import RequestTemplate, Verdict


class SecretRequest(Base):
    """One request. Its share has the state; this has the question, the public key, and what became of the answer."""

    __tablename__ = "secret_request"
    __table_args__ = (
        CheckConstraint("template IN ('aws_root', 'text', 'own')", name="template"),
        CheckConstraint("(verdict IS NULL) = (verdict_at IS NULL)", name="verdict_has_time"),
        CheckConstraint("verdict IS NULL OR verdict IN ('worked', 'wrong')", name="verdict"),
        CheckConstraint("(submitted_at IS NULL) = (submitted_event IS NULL)", name="submission_has_event"),
    )

    share_id: Mapped[bytes] = mapped_column(Id, ForeignKey("share.id"), primary_key=True)
    reference: Mapped[str] = mapped_column(String(12), unique=True)
    template: Mapped[RequestTemplate] = mapped_column(enum_text(RequestTemplate))
    fields: Mapped[str] = mapped_column(Text)
    message: Mapped[str] = mapped_column(Text)
    public_key: Mapped[bytes] = mapped_column(LargeBinary(PUBLIC_KEY_BYTES))
    submit_key_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    submit_until: Mapped[datetime] = mapped_column(UtcDateTime)
    retrieve_lifetime_seconds: Mapped[int] = mapped_column(Integer)
    remind_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reminded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    submitted_event: Mapped[bytes | None] = mapped_column(Id)
    retrieved_by_name: Mapped[str | None] = mapped_column(String(200))
    retrieval_purpose: Mapped[str | None] = mapped_column(String(64))
    retrieval_ticket: Mapped[str | None] = mapped_column(String(100))
    verdict: Mapped[Verdict | None] = mapped_column(enum_text(Verdict))
    verdict_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    verdict_note: Mapped[str | None] = mapped_column(Text)
    vault_reference: Mapped[str | None] = mapped_column(Text)
