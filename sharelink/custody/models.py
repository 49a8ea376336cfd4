"""The table of custody records."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.custody.states import CustodyState, RecordKind
from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime, enum_text

CUSTOMER_MAX = 200
SUBJECT_MAX = 200
ROOT_EMAIL_MAX = 254
CONTRACT_REFERENCE_MAX = 100


class CustodyRecord(Base):
    """One credential in custody: whose it is, who looks after it, and where it stands.

    `version` counts the saved changes, so that two people who edit at once cannot overwrite each other unseen.
    `search_text` repeats the searchable details folded to one case, because databases fold only ASCII alike.
    """

    __tablename__ = "custody_record"
    __table_args__ = (
        CheckConstraint("kind IN ('aws_root', 'credential')", name="kind"),
        CheckConstraint("state IN ('draft')", name="state"),
        CheckConstraint("version >= 1", name="version"),
        Index("ix_custody_record_opened_at_id", "opened_at", "id"),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    reference: Mapped[str] = mapped_column(String(12), unique=True)
    kind: Mapped[RecordKind] = mapped_column(enum_text(RecordKind))
    state: Mapped[CustodyState] = mapped_column(String(32))
    customer: Mapped[str] = mapped_column(String(CUSTOMER_MAX))
    subject: Mapped[str] = mapped_column(String(SUBJECT_MAX))
    aws_account_id: Mapped[str | None] = mapped_column(String(12))
    root_email: Mapped[str | None] = mapped_column(String(ROOT_EMAIL_MAX))
    contract_reference: Mapped[str | None] = mapped_column(String(CONTRACT_REFERENCE_MAX))
    search_text: Mapped[str] = mapped_column(Text)
    group_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custodian_group.id"), index=True)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_by: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column()
