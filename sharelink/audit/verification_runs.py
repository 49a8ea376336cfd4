"""Runs over the whole log that were asked for on a page: who asked, how far it is, what was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from sharelink.audit.models import AuditVerification
from sharelink.crypto.identifiers import new_id

STALLED_AFTER = timedelta(seconds=60)
"""A run that has not moved for so long lost its worker; another one begins it anew."""


@dataclass(frozen=True, slots=True)
class VerificationRun:
    """The newest run as a page shows it. `told` are the findings in words, the first ones of them."""

    asked_at: datetime
    done: int
    total: int
    ended_at: datetime | None
    findings: int
    told: tuple[str, ...]

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.ended_at is None

    @property
    def percent(self) -> int:
        """How far it is, in whole hundredths."""
        return self.done * 100 // self.total if self.total else 0


def newest_run(session: Session) -> VerificationRun | None:
    """Return the run that was asked for last; None if there never was one."""
    row = session.scalars(select(AuditVerification).order_by(AuditVerification.asked_at.desc()).limit(1)).first()
    if row is None:
        return None
    told = tuple(row.told.splitlines())
    return VerificationRun(row.asked_at, row.done, row.total, row.ended_at, row.findings, told)


def ask_for_run(session: Session, account_id: bytes, now: datetime) -> None:
    """Ask for a run, unless one is on its way."""
    if session.scalar(select(AuditVerification.id).where(AuditVerification.ended_at.is_(None)).limit(1)) is None:
        run = AuditVerification(id=new_id(), asked_by=account_id, asked_at=now, done=0, total=0, findings=0, told="")
        session.add(run)


def next_run(session: Session, now: datetime) -> bytes | None:
    """Return the id of a run that waits for a worker, or that lost the one it had."""
    return session.scalar(select(AuditVerification.id).where(AuditVerification.ended_at.is_(None), _is_free(now)))


def take_run(session: Session, run_id: bytes, now: datetime) -> bool:
    """Take a run for oneself; return whether nobody was first."""
    taken = session.execute(
        update(AuditVerification)
        .where(AuditVerification.id == run_id, AuditVerification.ended_at.is_(None), _is_free(now))
        .values(moved_at=now, done=0)
        .returning(AuditVerification.id),
        execution_options={"synchronize_session": False},
    )
    return taken.first() is not None


def move_run(session: Session, run_id: bytes, now: datetime, done: int, total: int) -> None:
    """Tell how far a run is."""
    session.execute(
        update(AuditVerification).where(AuditVerification.id == run_id).values(moved_at=now, done=done, total=total),
        execution_options={"synchronize_session": False},
    )


def end_run(session: Session, run_id: bytes, now: datetime, findings: int, told: Sequence[str]) -> bytes:
    """Tell how a run ended; return the account that had asked for it."""
    return session.execute(
        update(AuditVerification)
        .where(AuditVerification.id == run_id)
        .values(ended_at=now, done=AuditVerification.total, findings=findings, told="\n".join(told))
        .returning(AuditVerification.asked_by),
        execution_options={"synchronize_session": False},
    ).scalar_one()


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(AuditVerification.moved_at.is_(None), AuditVerification.moved_at < now - STALLED_AFTER)
