"""Tables of imported sign-ins. No sign-in and no explanation is changed or deleted: triggers of 0011 see to it."""

from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.cloudtrail.states import ExportFormat, SignInResult
from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime, enum_text

FILE_NAME_MAX = 200
EVENT_ID_MAX = 64
SOURCE_MAX = 64
AGENT_MAX = 400
REGION_MAX = 32


class CloudTrailImport(Base):
    """One file that was brought in, and for which time whoever did so vouches that it is complete."""

    __tablename__ = "cloudtrail_import"
    __table_args__ = (
        CheckConstraint("format IN ('json', 'csv')", name="format"),
        CheckConstraint("covers_from < covers_until", name="covers"),
        UniqueConstraint("custody_id", "number"),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"))
    number: Mapped[int] = mapped_column()
    format: Mapped[ExportFormat] = mapped_column(enum_text(ExportFormat))
    file_name: Mapped[str] = mapped_column(String(FILE_NAME_MAX))
    file_digest: Mapped[bytes] = mapped_column(Id)
    covers_from: Mapped[datetime] = mapped_column(UtcDateTime)
    covers_until: Mapped[datetime] = mapped_column(UtcDateTime)
    event_count: Mapped[int] = mapped_column()
    sign_in_count: Mapped[int] = mapped_column()
    new_count: Mapped[int] = mapped_column()
    imported_at: Mapped[datetime] = mapped_column(UtcDateTime)
    imported_by: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))


class RootSignIn(Base):
    """One sign-in of the root user, as AWS recorded it. `use_id` is the declared use that it falls into, if any.

    What is free text in it was written by whoever signed in: it is shown, and never trusted.
    """

    __tablename__ = "root_sign_in"
    __table_args__ = (
        CheckConstraint("result IN ('success', 'failure', 'unknown')", name="result"),
        UniqueConstraint("custody_id", "event_id"),
        Index("ix_root_sign_in_custody_id_signed_in_at", "custody_id", "signed_in_at"),
        Index("ix_root_sign_in_custody_id_use_id_signed_in_at", "custody_id", "use_id", "signed_in_at"),
    )

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"))
    import_id: Mapped[bytes] = mapped_column(Id, ForeignKey("cloudtrail_import.id"))
    event_id: Mapped[str] = mapped_column(String(EVENT_ID_MAX))
    signed_in_at: Mapped[datetime] = mapped_column(UtcDateTime)
    result: Mapped[SignInResult] = mapped_column(enum_text(SignInResult))
    mfa_used: Mapped[bool | None] = mapped_column(Boolean)
    source: Mapped[str] = mapped_column(String(SOURCE_MAX))
    agent: Mapped[str] = mapped_column(String(AGENT_MAX))
    region: Mapped[str] = mapped_column(String(REGION_MAX))
    use_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("root_use.id"))


class MismatchExplanation(Base):
    """What somebody wrote about a mismatch: a sign-in without a use, or a use. A second thought is a second row."""

    __tablename__ = "mismatch_explanation"
    __table_args__ = (CheckConstraint("(sign_in_id IS NULL) <> (use_id IS NULL)", name="one_thing"),)

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    custody_id: Mapped[bytes] = mapped_column(Id, ForeignKey("custody_record.id"), index=True)
    sign_in_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("root_sign_in.id"), index=True)
    use_id: Mapped[bytes | None] = mapped_column(Id, ForeignKey("root_use.id"))
    text: Mapped[str] = mapped_column(Text)
    explained_at: Mapped[datetime] = mapped_column(UtcDateTime)
    explained_by: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"))
