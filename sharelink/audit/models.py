"""Tables of the audit: the leaves, their erasable disclosures, and the head that numbers them."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.persistence.database import Base
from sharelink.persistence.types import UtcDateTime


class AuditHead(Base):
    """One row: how many leaves there are. Locked by whoever appends, so that indices have no gap and no twin."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int] = mapped_column(BigInteger)


class AuditLeaf(Base):
    """One event, as the exact bytes that are hashed, served and verified. Never updated, never deleted.

    The columns beside `leaf` repeat fields of it for searching; `audit verify` compares them.
    """

    __tablename__ = "audit_leaf"
    __table_args__ = (
        Index("uq_audit_leaf_rec_rseq", "rec", "rseq", unique=True),
        # The newest events of some kinds in a chain that is long: notices of an account, news of a group.
        Index("ix_audit_leaf_rec_event_type", "rec", "event_type", "leaf_index"),
    )

    index: Mapped[int] = mapped_column("leaf_index", BigInteger, primary_key=True, autoincrement=False)
    rec: Mapped[str] = mapped_column(String(22))
    rseq: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column("event_type", String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    leaf: Mapped[bytes] = mapped_column(LargeBinary)
    leaf_hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class AuditDisclosure(Base):
    """One personal field of a leaf, with its salt. Erasing the row leaves every proof valid (RFC 9901 form)."""

    __tablename__ = "audit_disclosure"

    leaf_index: Mapped[int] = mapped_column(ForeignKey("audit_leaf.leaf_index"), primary_key=True)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    disclosure: Mapped[str] = mapped_column(Text)
