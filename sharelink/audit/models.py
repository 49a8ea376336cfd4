"""Tables of the audit: leaves, their erasable disclosures, the tree over them, and its signed checkpoints."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime


class AuditHead(Base):
    """One row: how many leaves there are, and what it takes to append to the tree over them.

    Locked by whoever appends, so that indices have no gap and no twin, and no size has a second tree.
    """

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int] = mapped_column(BigInteger)
    frontier: Mapped[bytes] = mapped_column(LargeBinary)


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


class AuditActor(Base):
    """Which account acted, for the search by person: the leaf has a pseudonym. Erased with the disclosures."""

    __tablename__ = "audit_actor"

    leaf_index: Mapped[int] = mapped_column(ForeignKey("audit_leaf.leaf_index"), primary_key=True)
    account_id: Mapped[bytes] = mapped_column(Id, index=True)


class AuditSubtree(Base):
    """The root of 256^level leaves that are all there: what proofs and tiles are made of without hashing them anew."""

    __tablename__ = "audit_subtree"

    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary(32))


class AuditCheckpoint(Base):
    """The log's signed word about its first `size` leaves, written in the transaction that made them so many.

    `note` is kept as it was signed. `handed_out_at` is set once it has left the service: from then on there are people
    who will hold the log to it.
    """

    __tablename__ = "audit_checkpoint"

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary(32))
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    handed_out_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditVerification(Base):
    """One run over the whole log that somebody asked for on a page; a worker does it and tells how far it is."""

    __tablename__ = "audit_verification"

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    asked_by: Mapped[bytes] = mapped_column(Id)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    moved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int] = mapped_column(BigInteger)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    findings: Mapped[int] = mapped_column(BigInteger)
    told: Mapped[str] = mapped_column(Text)
