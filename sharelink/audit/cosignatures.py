"""What witnesses have said about checkpoints: kept beside them, and put under them whenever one is handed out."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from sharelink.audit.models import AuditCheckpoint
from sharelink.audit.tree import StoredCheckpoint, checkpoint_of_size, newest_checkpoint
from sharelink.persistence.database import Base
from sharelink.persistence.types import UtcDateTime
from sharelink.tlog.signed_notes import SignatureLine, SignedNote

WITNESS_NAME_MAX = 200


class AuditCosignature(Base):
    """One witness' verified line under one checkpoint. `cosigned_at` is the time in it, by the witness' clock."""

    __tablename__ = "audit_cosignature"
    __table_args__ = (Index("ix_audit_cosignature_witness_stored_at", "witness", "stored_at"),)

    size: Mapped[int] = mapped_column(ForeignKey(AuditCheckpoint.size), primary_key=True, autoincrement=False)
    witness: Mapped[str] = mapped_column(String(WITNESS_NAME_MAX), primary_key=True)
    line: Mapped[str] = mapped_column(Text)
    cosigned_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stored_at: Mapped[datetime] = mapped_column(UtcDateTime)


def cosigned(session: Session, checkpoint: StoredCheckpoint) -> SignedNote:
    """Return the note of a checkpoint with the lines of all witnesses that have cosigned exactly this one."""
    wanted = select(AuditCosignature.line).where(AuditCosignature.size == checkpoint.size)
    lines = session.scalars(wanted.order_by(AuditCosignature.witness)).all()
    return checkpoint.note.with_signatures(SignatureLine.parse(line) for line in lines)


def witnessed_checkpoint(session: Session, quorum: int, least_size: int = 0) -> StoredCheckpoint | None:
    """Return the newest checkpoint that enough witnesses have cosigned; the newest of all where none is asked for.

    Args:
        session: a reading session.
        quorum: how many witnesses it takes.
        least_size: how many leaves it must cover, so that a certain event is among them.
    """
    if quorum == 0:
        newest = newest_checkpoint(session)
        return newest if newest is not None and newest.size >= least_size else None
    size = session.execute(
        select(AuditCosignature.size)
        .where(AuditCosignature.size >= least_size)
        .group_by(AuditCosignature.size)
        .having(func.count() >= quorum)
        .order_by(AuditCosignature.size.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None if size is None else checkpoint_of_size(session, size)
