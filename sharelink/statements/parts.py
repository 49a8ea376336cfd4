"""What the record itself says: parties, contacts, items, versions, steps, holds, reviews and drills. One query each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from sharelink.accounts.models import Account
from sharelink.crypto.identifiers import id_text
from sharelink.custody.evidence import evidence_words
from sharelink.custody.models import (
    CalendarEntry,
    CalendarTask,
    Contact,
    CustodyItem,
    CustodyProposal,
    CustodyStep,
    CustodyTerms,
    SecretVersion,
)
from sharelink.custody.queries import RecordDetail
from sharelink.custody.states import (
    RECORD_TEMPLATES,
    STATE_LABELS,
    CalendarKind,
    Side,
    VersionOrigin,
)
from sharelink.custody.transitions import FREE_TEXTS, TRANSITIONS, Evidence
from sharelink.shares.holds import Hold, HoldReason

ORIGIN_LABELS: Mapping[VersionOrigin, str] = {
    VersionOrigin.CUSTOMER: "submitted by the customer",
    VersionOrigin.GENERATED: "generated here",
    VersionOrigin.EXTERNAL: "set outside of this service",
}

_SHOWN_EVIDENCE = FREE_TEXTS - {Evidence.PROPOSED_BY} | {
    Evidence.SCENARIO,
    Evidence.VERSION,
    Evidence.ORIGIN,
    Evidence.SIGNED_IN_AT,
    Evidence.CHECKED,
}

ROWS_MAX = 500
"""No list here grows without bound; the numbers that the rows carry show what is left out."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms customer and operator own the credential together."""

    operator_name: str
    purpose: str
    since: date | None


@dataclass(frozen=True, slots=True)
class Party:
    """A contact of one side; `removed_at` for one that is none any more."""

    id_text: str
    side: Side
    name: str
    email: str
    role: str
    added_at: datetime
    confirmed_at: datetime | None
    confirmed_by: str
    confirmed_how: str
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that belongs to the credential: who has it, where, and when it was last seen."""

    kind_label: str
    label: str
    holder: str
    place: str
    serial_tail: str
    state: str
    last_checked_at: datetime | None
    last_checked_by: str
    seen_none_at: datetime | None
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the secret and its times. Nothing of the secret."""

    number: int
    origin: VersionOrigin
    received_at: datetime
    verified_at: datetime | None
    retired_at: datetime | None

    @property
    def origin_label(self) -> str:
        """Where it came from, in words."""
        return ORIGIN_LABELS[self.origin]


@dataclass(frozen=True, slots=True)
class Step:
    """One step from state to state, with the evidence that was given for it."""

    number: int
    label: str
    from_label: str
    to_label: str
    at: datetime
    by: str
    second: str
    evidence: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class HoldTime:
    """A time in which nothing of the record could be used."""

    reason: HoldReason
    raised_at: datetime
    lifted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Duty:
    """What is to be done again and again, and when it is due next."""

    kind: CalendarKind
    every_days: int
    next_due_at: datetime
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class DutyDone:
    """One review or drill that was done."""

    kind: CalendarKind
    done_at: datetime
    done_by: str
    went_well: bool
    result: str


def terms(session: Session, custody_id: bytes) -> Terms | None:
    """Return the terms of co-ownership; None while nobody has written them."""
    found = session.get(CustodyTerms, custody_id)
    return Terms(found.operator_name, found.purpose, found.since) if found is not None else None


def contacts(session: Session, custody_id: bytes) -> tuple[Party, ...]:
    """Return all contacts there have ever been, those of the customer first."""
    rows = session.execute(
        select(Contact, Account.name)
        .outerjoin(Account, Account.id == Contact.confirmed_by)
        .where(Contact.custody_id == custody_id)
        .order_by(Contact.side, Contact.added_at, Contact.id)
        .limit(ROWS_MAX)
    )
    return tuple(
        Party(
            id_text=id_text(contact.id),
            side=contact.side,
            name=contact.name,
            email=contact.email,
            role=contact.role_text,
            added_at=contact.added_at,
            confirmed_at=contact.confirmed_at,
            confirmed_by=confirmed_by or "",
            confirmed_how=contact.confirmed_how or "",
            removed_at=contact.removed_at,
        )
        for contact, confirmed_by in rows
    )


def items(session: Session, record: RecordDetail) -> tuple[Item, ...]:
    """Return all items there have ever been: those that remain first."""
    labels = RECORD_TEMPLATES[record.kind].item_labels
    rows = session.execute(
        select(CustodyItem, Account.name)
        .outerjoin(Account, Account.id == CustodyItem.last_checked_by)
        .where(CustodyItem.custody_id == record.id)
        .order_by(CustodyItem.removed_at.is_not(None), CustodyItem.added_at, CustodyItem.id)
        .limit(ROWS_MAX)
    )
    return tuple(
        Item(
            # A record whose kind was changed keeps its items.
            kind_label=labels.get(item.kind, item.kind.value.replace("_", " ").capitalize()),
            label=item.label,
            holder=item.holder,
            place=item.place,
            serial_tail=item.serial_tail,
            state=item.state_text,
            last_checked_at=item.last_checked_at,
            last_checked_by=checked_by or "",
            seen_none_at=item.seen_none_at,
            removed_at=item.removed_at,
        )
        for item, checked_by in rows
    )


def versions(session: Session, custody_id: bytes) -> tuple[Version, ...]:
    """Return the versions of the secret, newest first."""
    rows = session.scalars(
        select(SecretVersion)
        .where(SecretVersion.custody_id == custody_id)
        .order_by(SecretVersion.number.desc())
        .limit(ROWS_MAX)
    )
    return tuple(Version(row.number, row.origin, row.received_at, row.verified_at, row.retired_at) for row in rows)


def steps(session: Session, custody_id: bytes) -> tuple[Step, ...]:
    """Return the steps that the record has made, newest first."""
    proposer, decider = aliased(Account), aliased(Account)
    rows = session.execute(
        select(CustodyStep, Account.name, proposer.name, decider.name)
        .outerjoin(Account, Account.id == CustodyStep.by_account_id)
        .outerjoin(CustodyProposal, CustodyProposal.id == CustodyStep.proposal_id)
        .outerjoin(proposer, proposer.id == CustodyProposal.proposed_by)
        .outerjoin(decider, decider.id == CustodyProposal.decided_by)
        .where(CustodyStep.custody_id == custody_id)
        .order_by(CustodyStep.number.desc())
        .limit(ROWS_MAX)
    )
    words = evidence_words(session, custody_id)
    return tuple(
        Step(
            number=step.number,
            label=TRANSITIONS[step.from_state, step.to_state].label,
            from_label=STATE_LABELS[step.from_state],
            to_label=STATE_LABELS[step.to_state],
            at=step.at,
            by=proposed_by or by or "",
            second=decided_by or "",
            evidence=tuple(
                (label, text) for kind, label, text in words.lines(step.evidence) if kind in _SHOWN_EVIDENCE
            ),
        )
        for step, by, proposed_by, decided_by in rows
    )


def holds(session: Session, custody_id: bytes) -> tuple[HoldTime, ...]:
    """Return the holds there have been, newest first; one that is not lifted is an open incident."""
    rows = session.scalars(
        select(Hold).where(Hold.custody_id == custody_id).order_by(Hold.raised_at.desc()).limit(ROWS_MAX)
    )
    return tuple(HoldTime(row.reason, row.raised_at, row.lifted_at) for row in rows)


def duties(session: Session, custody_id: bytes, now: datetime) -> tuple[Duty, ...]:
    """Return what is due on the record again and again."""
    wanted = select(CalendarTask).where(CalendarTask.custody_id == custody_id).order_by(CalendarTask.kind)
    rows = session.scalars(wanted)
    return tuple(Duty(row.kind, row.every_days, row.next_due_at, row.next_due_at <= now) for row in rows)


def duties_done(session: Session, custody_id: bytes) -> tuple[DutyDone, ...]:
    """Return the reviews and drills that were done, newest first."""
    rows = session.execute(
        select(CalendarEntry, Account.name)
        .join(Account, Account.id == CalendarEntry.done_by)
        .where(CalendarEntry.custody_id == custody_id)
        .order_by(CalendarEntry.done_at.desc(), CalendarEntry.id)
        .limit(ROWS_MAX)
    )
    return tuple(DutyDone(row.kind, row.done_at, name, row.went_well, row.result) for row, name in rows)
