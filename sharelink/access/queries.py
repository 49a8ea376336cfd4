"""Read models of declared uses: frozen, complete, and never a database row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session, aliased

from sharelink.access.approvals import Missing, approvers_of, decisions_of, missing
from sharelink.access.errors import UseNotFound
from sharelink.access.models import ApprovalLink, RootUse, UseDecision
from sharelink.access.states import (
    FINDING_LABELS,
    OUTCOME_LABELS,
    STATE_LABELS,
    WAITING_STATES,
    Finding,
    UseOutcome,
    UseState,
    Verdict,
)
from sharelink.accounts.models import Account
from sharelink.accounts.queries import groups_for_choice
from sharelink.crypto.identifiers import id_text
from sharelink.custody.models import Contact, CustodyRecord
from sharelink.custody.policy import record_policy
from sharelink.custody.queries import record_group
from sharelink.custody.states import PURPOSE_LABELS, Purpose

USES_MAX = 50
USES_PER_PAGE = 25
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Said:
    """One decision, for people to read. `by_customer` tells the customer's contacts from people of ours."""

    name: str
    by_customer: bool
    verdict: Verdict
    note: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class UseLine:
    """One use in a list: on the record, on the statement, among what waits for somebody."""

    id: bytes
    number: int
    custody_id: bytes
    record_reference: str
    customer: str
    requester_id: bytes
    requester_name: str
    purpose: Purpose
    ticket: str
    reason: str
    state: UseState
    is_break_glass: bool
    approvals_needed: int
    requested_at: datetime
    window_start: datetime
    window_end: datetime
    expires_at: datetime
    checked_out_at: datetime | None
    overdue_at: datetime | None
    checked_in_at: datetime | None
    checked_in_by: str
    outcome: UseOutcome | None
    outcome_note: str
    review_due_at: datetime | None
    reviewed_at: datetime | None
    reviewed_by: str
    finding: Finding | None
    review_note: str
    ended_at: datetime | None
    end_reason: str
    said: tuple[Said, ...]

    @property
    def id_text(self) -> str:
        """The use's id as URLs name it."""
        return id_text(self.id)

    @property
    def custody_id_text(self) -> str:
        """The record's id as URLs name it."""
        return id_text(self.custody_id)

    @property
    def address(self) -> str:
        """Where its page is."""
        return f"/uses/{self.id_text}"

    @property
    def purpose_label(self) -> str:
        """What the purpose is called."""
        return PURPOSE_LABELS[self.purpose]

    @property
    def state_label(self) -> str:
        """What the state is called."""
        return STATE_LABELS[self.state]

    @property
    def outcome_label(self) -> str:
        """What the outcome is called; empty before check-in."""
        return "" if self.outcome is None else OUTCOME_LABELS[self.outcome]

    @property
    def finding_label(self) -> str:
        """What the review found; empty before it."""
        return "" if self.finding is None else FINDING_LABELS[self.finding]

    @property
    def tone(self) -> str:
        """The tone of the state: done, warn, bad or plain."""
        if self.state in {UseState.DENIED, UseState.OVERDUE} or self.finding is Finding.CONCERN:
            return "bad"
        if self.state in {UseState.CHECKED_OUT, UseState.REQUESTED}:
            return "warn"
        return "done" if self.state in {UseState.REVIEWED, UseState.APPROVED} else "plain"

    @property
    def was_late(self) -> bool:
        """Whether it was, or is, open beyond its window."""
        end = self.checked_in_at
        return self.overdue_at is not None or (end is not None and end > self.window_end)

    @property
    def approvals(self) -> tuple[Said, ...]:
        """What was said in favour."""
        return tuple(said for said in self.said if said.verdict is Verdict.APPROVED)


@dataclass(frozen=True, slots=True)
class AskedContact:
    """A contact of the customer who was asked to approve. The link itself is nowhere to be seen."""

    name: str
    is_mailed: bool
    opened_at: datetime | None
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class UseDetail:
    """A use as its own page shows it to one viewer.

    `missing` is what it still needs of those who may decide now; `viewer_is_alone`: nobody else could review it.
    """

    line: UseLine
    digest_text: str
    group_id: bytes
    group_name: str
    mfa_group_id: bytes | None
    mfa_group_name: str
    customer_approves: bool
    asked: tuple[AskedContact, ...]
    missing: Missing
    viewer_has_spoken: bool
    viewer_is_alone: bool


def use_line(session: Session, use_id: bytes) -> UseLine:
    """Return one use.

    Raises:
        UseNotFound: there is no such use.
    """
    lines = use_lines(session, RootUse.id == use_id, limit=1)
    if not lines:
        raise UseNotFound("there is no such use")
    return lines[0]


def use_detail(session: Session, use_id: bytes, now: datetime, viewer_id: bytes | None = None) -> UseDetail:
    """Return everything that the page of a use shows.

    Raises:
        UseNotFound: there is no such use.
    """
    line = use_line(session, use_id)
    policy = record_policy(session, line.custody_id)
    approvers = approvers_of(session, line.custody_id, policy)
    use = session.get_one(RootUse, use_id)
    decisions = decisions_of(session, use_id)
    group_id = record_group(session, line.custody_id)
    names = {group.id: group.name for group in groups_for_choice(session, {group_id, policy.separate_mfa_group or b""})}
    asked = session.execute(
        select(Contact.name, ApprovalLink)
        .join(Contact, Contact.id == ApprovalLink.contact_id)
        .where(ApprovalLink.use_id == use_id)
        .order_by(ApprovalLink.created_at, Contact.name)
        .execution_options(populate_existing=True)
    )
    return UseDetail(
        line=line,
        digest_text=use.digest.hex(),
        group_id=group_id,
        group_name=names[group_id],
        mfa_group_id=policy.separate_mfa_group,
        mfa_group_name=names.get(policy.separate_mfa_group or b"", ""),
        customer_approves=policy.customer_approves,
        asked=tuple(
            AskedContact(name, link.key_hash is not None, link.opened_at, link.expires_at, link.used_at)
            for name, link in asked
        ),
        missing=missing(use, decisions, policy, approvers, None if line.checked_out_at else now),
        viewer_has_spoken=any(said.account_id == viewer_id for said in decisions if viewer_id is not None),
        viewer_is_alone=viewer_id == line.requester_id and approvers.people <= {line.requester_id},
    )


@dataclass(frozen=True, slots=True)
class UsePage:
    """One page of a record's uses; `total` counts all pages."""

    uses: tuple[UseLine, ...]
    total: int
    page: int
    page_count: int


def use_page(session: Session, custody_id: bytes, page: int) -> UsePage:
    """Return one page of a record's uses, the newest first; a page beyond the last gives the last."""
    total = session.scalar(select(func.count()).where(RootUse.custody_id == custody_id)) or 0
    page_count = max(1, -(-total // USES_PER_PAGE))
    page = min(max(page, 1), page_count)
    newest = total - (page - 1) * USES_PER_PAGE
    # Numbers have no gaps, so a page is a range of them, however many uses there are.
    within = and_(RootUse.custody_id == custody_id, RootUse.number <= newest, RootUse.number > newest - USES_PER_PAGE)
    return UsePage(use_lines(session, within, limit=USES_PER_PAGE), total, page, page_count)


def uses_of(session: Session, custody_id: bytes, limit: int | None = USES_MAX) -> tuple[UseLine, ...]:
    """Return the uses of a record, the newest first; all of them, without a gap in their numbers, for `limit` None."""
    return use_lines(session, RootUse.custody_id == custody_id, limit=limit)


def open_use(session: Session, custody_id: bytes, account_id: bytes, now: datetime) -> UseLine | None:
    """Return somebody's use of a record in which they may reach its secret now, as far as rows tell; None for none."""
    found = use_lines(
        session,
        and_(
            RootUse.custody_id == custody_id,
            RootUse.requester_id == account_id,
            RootUse.state == UseState.CHECKED_OUT,
            RootUse.window_end > now,
        ),
        limit=1,
    )
    return found[0] if found else None


def ready_use(session: Session, custody_id: bytes, account_id: bytes, now: datetime) -> UseLine | None:
    """Return somebody's use of a record that waits: for approvals, or to be checked out by them; None for none."""
    found = use_lines(
        session,
        and_(
            RootUse.custody_id == custody_id,
            RootUse.requester_id == account_id,
            RootUse.state.in_(WAITING_STATES),
            RootUse.expires_at > now,
        ),
        limit=1,
    )
    return found[0] if found else None


def use_lines(session: Session, condition: ColumnElement[bool], *, limit: int | None) -> tuple[UseLine, ...]:
    """Return the uses for which `condition` holds, the newest first, at most `limit`."""
    into, reviewer = aliased(Account), aliased(Account)
    wanted = (
        select(
            RootUse,
            CustodyRecord.reference,
            CustodyRecord.customer,
            into.name.label("checked_in_by"),
            reviewer.name.label("reviewed_by"),
        )
        .join(CustodyRecord, CustodyRecord.id == RootUse.custody_id)
        .outerjoin(into, into.id == RootUse.checked_in_by)
        .outerjoin(reviewer, reviewer.id == RootUse.reviewed_by)
        .where(condition)
        .order_by(RootUse.requested_at.desc(), RootUse.number.desc())
        .execution_options(populate_existing=True)
    )
    if limit is not None:
        wanted = wanted.limit(limit)
    rows = session.execute(wanted).all()
    said = _said(session, [row[0].id for row in rows])
    return tuple(
        UseLine(
            id=use.id,
            number=use.number,
            custody_id=use.custody_id,
            record_reference=reference,
            customer=customer,
            requester_id=use.requester_id,
            requester_name=use.requester_name,
            purpose=Purpose(use.purpose),
            ticket=use.ticket or "",
            reason=use.reason,
            state=use.state,
            is_break_glass=use.is_break_glass,
            approvals_needed=use.approvals_needed,
            requested_at=use.requested_at,
            window_start=use.window_start,
            window_end=use.window_end,
            expires_at=use.expires_at,
            checked_out_at=use.checked_out_at,
            overdue_at=use.overdue_at,
            checked_in_at=use.checked_in_at,
            checked_in_by=checked_in_by or "",
            outcome=use.outcome,
            outcome_note=use.outcome_note or "",
            review_due_at=use.review_due_at,
            reviewed_at=use.reviewed_at,
            reviewed_by=reviewed_by or "",
            finding=use.finding,
            review_note=use.review_note or "",
            ended_at=use.ended_at,
            end_reason=use.end_reason or "",
            said=said.get(use.id, ()),
        )
        for use, reference, customer, checked_in_by, reviewed_by in rows
    )


def _said(session: Session, use_ids: Sequence[bytes]) -> Mapping[bytes, tuple[Said, ...]]:
    found: dict[bytes, tuple[Said, ...]] = {}
    # In parts: a database takes only so many parameters, and a statement lists all uses of a record.
    for start in range(0, len(use_ids), _AT_ONCE):
        wanted = (
            select(UseDecision)
            .where(UseDecision.use_id.in_(use_ids[start : start + _AT_ONCE]))
            .order_by(UseDecision.decided_at, UseDecision.id)
        )
        for said in session.scalars(wanted, execution_options={"populate_existing": True}):
            line = Said(said.name, said.contact_id is not None, said.verdict, said.note or "", said.decided_at)
            found[said.use_id] = (*found.get(said.use_id, ()), line)
    return found
