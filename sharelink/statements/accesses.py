"""The numbered list of everything that was declared, allowed, refused and done with what is in custody."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from sharelink.access.models import RootUse, UseDecision
from sharelink.access.states import (
    FINDING_LABELS,
    OPEN_STATES,
    OUTCOME_LABELS,
    STATE_LABELS,
    Finding,
    UseOutcome,
    UseState,
    Verdict,
)
from sharelink.accounts.models import Account
from sharelink.custody.states import PURPOSE_LABELS

ACCESSES_PER_PAGE = 250
ALL_ON_ONE_PAGE_MAX = 5_000
"""The longest list that is shown in one piece, for printing."""

ALL_PAGES = 0
"""Asked for instead of a page: the whole list."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person said about one use. `by_customer`: a contact of the customer, through their own link."""

    name: str
    by_customer: bool
    verdict: Verdict
    note: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Access:
    """One declared use, from its request to its review."""

    number: int
    person: str
    purpose: str
    ticket: str
    reason: str
    state: UseState
    is_break_glass: bool
    approvals_needed: int
    decisions: tuple[Decision, ...]
    requested_at: datetime
    window_start: datetime
    window_end: datetime
    checked_out_at: datetime | None
    was_overdue: bool
    checked_in_at: datetime | None
    checked_in_by: str
    outcome: UseOutcome | None
    outcome_note: str
    review_due_at: datetime | None
    reviewed_at: datetime | None
    reviewed_by: str
    finding: Finding | None
    review_note: str
    is_review_overdue: bool

    @property
    def was_used(self) -> bool:
        """Whether the use ever began."""
        return self.checked_out_at is not None

    @property
    def is_open(self) -> bool:
        """Whether the use has begun and not ended."""
        return self.state in OPEN_STATES

    @property
    def state_label(self) -> str:
        """Where the use stands, in a few words."""
        return STATE_LABELS[self.state]

    @property
    def outcome_label(self) -> str:
        """What came of it; empty while nobody has said so."""
        return OUTCOME_LABELS[self.outcome] if self.outcome is not None else ""

    @property
    def finding_label(self) -> str:
        """What its review found; empty before."""
        return FINDING_LABELS[self.finding] if self.finding is not None else ""

    @property
    def tone(self) -> str:
        """How the line is to be taken: plain, done, warn or bad."""
        if self.is_break_glass or self.state is UseState.OVERDUE or self.finding is Finding.CONCERN:
            return "bad"
        if self.state is UseState.DENIED or self.was_overdue:
            return "warn"
        return "done" if self.state in {UseState.CHECKED_IN, UseState.REVIEWED} else "plain"


@dataclass(frozen=True, slots=True)
class AccessPage:
    """A part of the list, newest first. `total` is the highest number given; `missing` are numbers without a row."""

    accesses: tuple[Access, ...]
    missing: tuple[int, ...]
    total: int
    page: int
    page_count: int

    @property
    def is_whole(self) -> bool:
        """Whether the list is shown in one piece."""
        return self.page == ALL_PAGES or self.page_count == 1

    @property
    def can_be_whole(self) -> bool:
        """Whether the whole list may be asked for at once."""
        return self.total <= ALL_ON_ONE_PAGE_MAX

    @property
    def first(self) -> int:
        """The lowest number of this part."""
        return 1 if self.is_whole else max(1, self.total - self.page * ACCESSES_PER_PAGE + 1)

    @property
    def last(self) -> int:
        """The highest number of this part."""
        return self.total if self.is_whole else self.total - (self.page - 1) * ACCESSES_PER_PAGE


@dataclass(frozen=True, slots=True)
class AccessCounts:
    """The whole list in a few numbers."""

    declared: int
    used: int
    refused: int
    break_glass: int
    open: int


def access_page(session: Session, custody_id: bytes, now: datetime, page: int = 1) -> AccessPage:
    """Return a part of a record's list of uses; numbers have no gap, so a part is a range of them.

    Args:
        session: a reading session.
        custody_id: the record.
        now: decides whether a review is overdue.
        page: counted from 1, newest first; one beyond the last gives the last. `ALL_PAGES` for the whole list, if it
            is no longer than `ALL_ON_ONE_PAGE_MAX`.
    """
    highest = session.scalar(select(func.max(RootUse.number)).where(RootUse.custody_id == custody_id)) or 0
    page_count = max(1, -(-highest // ACCESSES_PER_PAGE))
    if page == ALL_PAGES and highest <= ALL_ON_ONE_PAGE_MAX:
        last, first = highest, 1
    else:
        page = min(max(page, 1), page_count)
        last = highest - (page - 1) * ACCESSES_PER_PAGE
        first = max(1, last - ACCESSES_PER_PAGE + 1)
    found = _accesses(session, custody_id, now, first, last)
    present = {access.number for access in found}
    missing = tuple(number for number in range(last, first - 1, -1) if number not in present)
    return AccessPage(found, missing, highest, page, page_count)


def access_counts(session: Session, custody_id: bytes) -> AccessCounts:
    """Return how many uses of a record there are of each sort."""
    row = session.execute(
        select(
            func.count(),
            func.count(RootUse.checked_out_at),
            func.count().filter(RootUse.state == UseState.DENIED),
            func.count().filter(RootUse.is_break_glass),
            func.count().filter(RootUse.state.in_(OPEN_STATES)),
        ).where(RootUse.custody_id == custody_id)
    ).one()
    return AccessCounts(*row)


_checker, _reviewer = aliased(Account), aliased(Account)


def _accesses(session: Session, custody_id: bytes, now: datetime, first: int, last: int) -> tuple[Access, ...]:
    in_range = (RootUse.custody_id == custody_id, RootUse.number.between(first, last))
    rows = session.execute(
        select(RootUse, _checker.name, _reviewer.name)
        .outerjoin(_checker, _checker.id == RootUse.checked_in_by)
        .outerjoin(_reviewer, _reviewer.id == RootUse.reviewed_by)
        .where(*in_range)
        .order_by(RootUse.number.desc())
    ).all()
    decided = session.execute(
        select(UseDecision).join(RootUse, RootUse.id == UseDecision.use_id).where(*in_range)
        .order_by(UseDecision.decided_at)
    ).scalars()  # fmt: skip
    decisions = _by_use(decided)
    return tuple(_access(use, checker, reviewer, decisions, now) for use, checker, reviewer in rows)


def _by_use(decided: Iterable[UseDecision]) -> dict[bytes, list[Decision]]:
    found: dict[bytes, list[Decision]] = {}
    for row in decided:
        found.setdefault(row.use_id, []).append(
            Decision(
                name=row.name,
                by_customer=row.contact_id is not None,
                verdict=row.verdict,
                note=row.note or "",
                decided_at=row.decided_at,
            )
        )
    return found


def _access(
    use: Any, checker: str | None, reviewer: str | None, decisions: Mapping[bytes, list[Decision]], now: datetime
) -> Access:
    return Access(
        number=use.number,
        person=use.requester_name,
        purpose=PURPOSE_LABELS[use.purpose],
        ticket=use.ticket or "",
        reason=use.reason,
        state=use.state,
        is_break_glass=use.is_break_glass,
        approvals_needed=use.approvals_needed,
        decisions=tuple(decisions.get(use.id, ())),
        requested_at=use.requested_at,
        window_start=use.window_start,
        window_end=use.window_end,
        checked_out_at=use.checked_out_at,
        was_overdue=use.overdue_at is not None,
        checked_in_at=use.checked_in_at,
        checked_in_by=checker or "",
        outcome=use.outcome,
        outcome_note=use.outcome_note or "",
        review_due_at=use.review_due_at,
        reviewed_at=use.reviewed_at,
        reviewed_by=reviewer or "",
        finding=use.finding,
        review_note=use.review_note or "",
        is_review_overdue=use.reviewed_at is None and use.review_due_at is not None and use.review_due_at <= now,
    )
