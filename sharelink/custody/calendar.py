"""What is done again and again on a record: the review of who has access, and the drill of using it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.accounts.models import Account
from sharelink.audit.events import AuditEvent
from sharelink.crypto.identifiers import new_id
from sharelink.custody.models import CalendarEntry, CalendarTask
from sharelink.custody.service import CustodyRecords
from sharelink.custody.states import Act, CalendarKind, RecordKind
from sharelink.custody.texts import TextCheck

EVERY_DAYS_MAX = 3_660

CALENDAR_LABELS: Mapping[CalendarKind, str] = {
    CalendarKind.REVIEW: "Access review",
    CalendarKind.DRILL: "Access drill",
}
_DEFAULT_DAYS: Mapping[RecordKind, Mapping[CalendarKind, int]] = {
    RecordKind.AWS_ROOT: {CalendarKind.REVIEW: 90, CalendarKind.DRILL: 90},
    RecordKind.CREDENTIAL: {CalendarKind.REVIEW: 365},
}
"""AWS asks for both, quarterly (https://docs.aws.amazon.com/wellarchitected/latest/security-pillar/)."""


@dataclass(frozen=True, slots=True)
class CalendarLine:
    """How a review or drill stands: how often, when last and by whom, when next."""

    kind: CalendarKind
    every_days: int
    next_due_at: datetime
    is_overdue: bool
    last_done_at: datetime | None
    last_done_by: str | None
    last_went_well: bool | None
    last_result: str

    @property
    def label(self) -> str:
        """What people call it."""
        return CALENDAR_LABELS[self.kind]


@dataclass(frozen=True, slots=True)
class CalendarDone:
    """A review or drill that was done."""

    kind: CalendarKind
    done_at: datetime
    done_by: str
    went_well: bool
    result: str

    @property
    def label(self) -> str:
        """What people call it."""
        return CALENDAR_LABELS[self.kind]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The acts on the calendar of a record, in one unit of work."""

    records: CustodyRecords

    def begin(self, custody_id: bytes, kind: RecordKind) -> None:
        """Plan what a record of this kind needs from now on, where nobody has planned it. No event: part of a step."""
        session = self.records.session
        for task, days in _DEFAULT_DAYS[kind].items():
            if session.get(CalendarTask, (custody_id, task)) is None:
                due = self.records.now + timedelta(days=days)
                session.add(CalendarTask(custody_id=custody_id, kind=task, every_days=days, next_due_at=due))

    def plan(self, custody_id: bytes, kind: CalendarKind, every_days: int | None) -> None:
        """Say how often something is due, counted from when it was last done, or from now.

        Raises:
            InvalidInput: in "every_days".
            RecordNotFound, RecordArchived, ActNotAllowed: the record has no calendar any more.
        """
        self.records.require(custody_id, Act.CALENDAR, alone=True)
        check = TextCheck()
        if every_days is None or not 1 <= every_days <= EVERY_DAYS_MAX:
            check.problems["every_days"] = f"Enter a number of days from 1 to {EVERY_DAYS_MAX:,}."
        check.done()
        days = every_days or 1
        task = self._task(custody_id, kind, days)
        task.every_days = days
        task.next_due_at = (self._last_done(custody_id, kind) or self.records.now) + timedelta(days=days)
        self.records.append(
            AuditEvent.CUSTODY_CALENDAR_CHANGED, custody_id, facts={"kind": kind.value, "every_days": days}
        )

    def done(self, custody_id: bytes, kind: CalendarKind, result: str, *, went_well: bool) -> None:
        """Record that a review or drill was done now, with what it found; the next is due from now.

        Raises:
            InvalidInput: in "result": nothing was said.
            RecordNotFound, RecordArchived, ActNotAllowed: the record has no calendar any more.
        """
        actor = self.records.actor
        if actor.account_id is None:
            raise ValueError("only a person with an account reviews")
        record = self.records.require(custody_id, Act.CALENDAR, alone=True)
        check = TextCheck()
        result = check.note("result", result, "Say what you found; it is kept on the record.")
        check.done()
        self.records.session.add(
            CalendarEntry(
                id=new_id(),
                custody_id=custody_id,
                kind=kind,
                done_at=self.records.now,
                done_by=actor.account_id,
                went_well=went_well,
                result=result,
            )
        )
        task = self._task(custody_id, kind, _DEFAULT_DAYS[record.kind].get(kind, 365))
        task.next_due_at = self.records.now + timedelta(days=task.every_days)
        event = AuditEvent.CUSTODY_REVIEWED if kind is CalendarKind.REVIEW else AuditEvent.CUSTODY_DRILL_DONE
        self.records.append(event, custody_id, facts={"went_well": went_well}, personal={"result": result})

    def _task(self, custody_id: bytes, kind: CalendarKind, days: int) -> CalendarTask:
        task = self.records.session.get(CalendarTask, (custody_id, kind), populate_existing=True)
        if task is None:
            task = CalendarTask(custody_id=custody_id, kind=kind, every_days=days)
            self.records.session.add(task)
        return task

    def _last_done(self, custody_id: bytes, kind: CalendarKind) -> datetime | None:
        return self.records.session.scalar(
            select(CalendarEntry.done_at)
            .where(CalendarEntry.custody_id == custody_id, CalendarEntry.kind == kind)
            .order_by(CalendarEntry.done_at.desc())
            .limit(1)
        )


def calendar_of(session: Session, custody_id: bytes, now: datetime) -> tuple[CalendarLine, ...]:
    """Return what is planned on a record, reviews first."""
    tasks = session.scalars(
        select(CalendarTask).where(CalendarTask.custody_id == custody_id).execution_options(populate_existing=True)
    ).all()
    lines = []
    for task in sorted(tasks, key=lambda task: list(CalendarKind).index(task.kind)):
        last = next(iter(calendar_history(session, custody_id, kind=task.kind, most=1)), None)
        lines.append(
            CalendarLine(
                kind=task.kind,
                every_days=task.every_days,
                next_due_at=task.next_due_at,
                is_overdue=task.next_due_at < now,
                last_done_at=last.done_at if last else None,
                last_done_by=last.done_by if last else None,
                last_went_well=last.went_well if last else None,
                last_result=last.result if last else "",
            )
        )
    return tuple(lines)


def calendar_history(
    session: Session, custody_id: bytes, *, kind: CalendarKind | None = None, most: int = 100
) -> tuple[CalendarDone, ...]:
    """Return the reviews and drills that were done, the newest first, at most `most`."""
    wanted = (
        select(CalendarEntry, Account.name)
        .join(Account, Account.id == CalendarEntry.done_by)
        .where(CalendarEntry.custody_id == custody_id)
        .order_by(CalendarEntry.done_at.desc(), CalendarEntry.id)
        .limit(most)
    )
    if kind is not None:
        wanted = wanted.where(CalendarEntry.kind == kind)
    return tuple(
        CalendarDone(entry.kind, entry.done_at, name, entry.went_well, entry.result)
        for entry, name in session.execute(wanted)
    )
