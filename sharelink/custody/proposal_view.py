"""Proposals as pages show them: what waits for a second person, who proposed it, and whether the viewer may confirm."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.accounts.models import Account, CustodianGroup
from sharelink.crypto.identifiers import id_text
from sharelink.custody.holds import LONELY_WAIT, able_to_release, is_alone
from sharelink.custody.models import CustodyProposal, CustodyRecord
from sharelink.custody.policy import policy_from
from sharelink.custody.proposals import CUSTODIAN_KINDS, Payload
from sharelink.custody.states import PURPOSE_LABELS, ProposalKind, ProposalState, Side
from sharelink.custody.transitions import EVIDENCE_LABELS, Evidence

WAITING_MAX = 100

PROPOSAL_LABELS: Mapping[ProposalKind, str] = {
    ProposalKind.ADD_CONTACT: "Confirm a contact",
    ProposalKind.REMOVE_CONTACT: "Remove a contact",
    ProposalKind.POLICY: "Change the policy",
    ProposalKind.ACTIVATE: "Take into custody",
    ProposalKind.RELEASE: "Begin the release",
    ProposalKind.CLOSING: "Begin the closing",
}
_SIDES = {Side.CUSTOMER: "The customer's side", Side.OPERATOR: "Our side"}


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A waiting proposal, for one viewer. `lines` are pairs of label and text: exactly what the digest covers.

    `alone`: the viewer proposed it and nobody else could confirm it, so they may, from `alone_from` on or freshly
    proven. `needs_custodian`: the viewer and the author are no custodians of the record, and one of the two must be.
    """

    id: bytes
    kind: ProposalKind
    subject: str
    digest_text: str
    lines: tuple[tuple[str, str], ...]
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    is_own: bool
    alone: bool
    alone_from: datetime
    needs_custodian: bool
    may_decide: bool

    @property
    def id_text(self) -> str:
        """The proposal's id as URLs name it."""
        return id_text(self.id)

    @property
    def label(self) -> str:
        """What confirming it does."""
        return PROPOSAL_LABELS[self.kind]

    @property
    def may_confirm(self) -> bool:
        """Whether the viewer may confirm it: somebody else's, or their own where nobody else could."""
        return self.may_decide and (self.alone if self.is_own else not self.needs_custodian)


@dataclass(frozen=True, slots=True)
class WaitingProposal:
    """A proposal of somebody else, for the list of what waits."""

    record_id: bytes
    reference: str
    customer: str
    kind: ProposalKind
    proposed_by: str
    proposed_at: datetime

    @property
    def record_id_text(self) -> str:
        """The record's id as URLs name it."""
        return id_text(self.record_id)

    @property
    def label(self) -> str:
        """What confirming it does."""
        return PROPOSAL_LABELS[self.kind]


def proposals_of(session: Session, custody_id: bytes, viewer_id: bytes, now: datetime) -> tuple[ProposalView, ...]:
    """Return what waits for a second person on a record, the oldest first.

    Raises:
        RecordNotFound: there is no such record.
    """
    rows = session.execute(
        select(CustodyProposal, Account.name)
        .join(Account, Account.id == CustodyProposal.proposed_by)
        .where(
            CustodyProposal.custody_id == custody_id,
            CustodyProposal.state == ProposalState.PENDING,
            CustodyProposal.expires_at > now,
        )
        .order_by(CustodyProposal.proposed_at, CustodyProposal.id)
        .execution_options(populate_existing=True)
    ).all()
    if not rows:
        return ()
    able, custodians = able_to_release(session, custody_id)
    viewer_is_alone = is_alone(session, custody_id, viewer_id, now)
    return tuple(
        ProposalView(
            id=row.id,
            kind=row.kind,
            subject=row.subject,
            digest_text=row.digest.hex(),
            lines=_lines(session, row),
            proposed_by=name,
            proposed_at=row.proposed_at,
            expires_at=row.expires_at,
            is_own=row.proposed_by == viewer_id,
            alone=row.proposed_by == viewer_id and viewer_id in able and viewer_is_alone,
            alone_from=row.proposed_at + LONELY_WAIT,
            needs_custodian=row.kind in CUSTODIAN_KINDS and not {viewer_id, row.proposed_by} & custodians,
            may_decide=viewer_id in able,
        )
        for row, name in rows
    )


def waiting_proposals(
    session: Session, groups: Collection[bytes] | None, viewer_id: bytes, now: datetime
) -> tuple[WaitingProposal, ...]:
    """Return what others have proposed and the viewer might confirm, the oldest first, at most `WAITING_MAX`.

    Args:
        session: a reading session.
        groups: only on records of these groups; None for all.
        viewer_id: whose list it is.
        now: the moment.
    """
    wanted = (
        select(
            CustodyRecord.id,
            CustodyRecord.reference,
            CustodyRecord.customer,
            CustodyProposal.kind,
            Account.name,
            CustodyProposal.proposed_at,
        )
        .join(CustodyRecord, CustodyRecord.id == CustodyProposal.custody_id)
        .join(Account, Account.id == CustodyProposal.proposed_by)
        .where(
            CustodyProposal.state == ProposalState.PENDING,
            CustodyProposal.expires_at > now,
            CustodyProposal.proposed_by != viewer_id,
        )
        .order_by(CustodyProposal.proposed_at, CustodyProposal.id)
        .limit(WAITING_MAX)
    )
    if groups is not None:
        wanted = wanted.where(CustodyRecord.group_id.in_(groups))
    return tuple(WaitingProposal(*row) for row in session.execute(wanted))


def _lines(session: Session, row: CustodyProposal) -> tuple[tuple[str, str], ...]:
    payload = json.loads(row.payload)
    if row.kind in {ProposalKind.ADD_CONTACT, ProposalKind.REMOVE_CONTACT}:
        told = [
            ("Name", payload["name"]),
            ("E-mail", payload["email"]),
            ("Role", payload["role"]),
            ("Side", _SIDES[Side(payload["side"])]),
        ]
        return tuple((label, text) for label, text in told if text)
    if row.kind is ProposalKind.POLICY:
        return _policy_lines(session, payload)
    return tuple((EVIDENCE_LABELS[Evidence(name)], str(text)) for name, text in payload.items())


def _policy_lines(session: Session, payload: Payload) -> tuple[tuple[str, str], ...]:
    policy = policy_from(payload)
    group = session.get(CustodianGroup, policy.separate_mfa_group) if policy.separate_mfa_group else None
    return (
        ("Approvals needed", str(policy.approvals_needed)),
        ("The customer approves", "Yes" if policy.customer_approves else "No"),
        ("Purposes", ", ".join(PURPOSE_LABELS[purpose] for purpose in policy.purposes)),
        ("Longest window", _duration(policy.longest_window_seconds)),
        ("Ticket", "Required" if policy.ticket_required else "Not required"),
        ("Ticket pattern", policy.ticket_pattern or "None"),
        ("Second factor kept by", group.name if group else "The record's own group"),
    )


def _duration(seconds: int) -> str:
    minutes = int(timedelta(seconds=seconds).total_seconds() // 60)
    hours, rest = divmod(minutes, 60)
    return " ".join(part for part in (f"{hours} h" if hours else "", f"{rest} min" if rest else "") if part)
