"""What access to a record takes: approvals, purposes, the longest window, the ticket, and who keeps the second factor.

Where nothing is stored, the template of the record's kind decides. Changing it takes a second person.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.audit.events import AuditEvent
from sharelink.audit.leaves import JsonValue, canonical_json
from sharelink.crypto.identifiers import id_from_text, id_text
from sharelink.custody.errors import RecordNotFound
from sharelink.custody.groups_apart import check_apart
from sharelink.custody.models import TICKET_PATTERN_MAX, CustodyRecord, StoredPolicy
from sharelink.custody.proposals import Proposal, Proposals
from sharelink.custody.service import CustodyRecords
from sharelink.custody.states import RECORD_TEMPLATES, Act, ProposalKind, Purpose, RecordKind
from sharelink.custody.texts import TextCheck

APPROVALS_MAX = 3
WINDOW_MIN = timedelta(minutes=15)
WINDOW_MAX = timedelta(days=7)
WINDOW_DEFAULT = timedelta(hours=4)
ANY_NUMBER = "#"
"""Stands for one or more digits in a ticket pattern; everything else stands for itself."""


@dataclass(frozen=True, slots=True)
class RecordPolicy:
    """What access to one record takes. `separate_mfa_group` is the id of the group that keeps the second factor."""

    approvals_needed: int
    customer_approves: bool
    purposes: tuple[Purpose, ...]
    longest_window_seconds: int
    ticket_required: bool
    ticket_pattern: str
    separate_mfa_group: bytes | None

    def payload(self) -> dict[str, JsonValue]:
        """Return the policy as canonical JSON takes it; purposes in one order."""
        return {
            "approvals_needed": self.approvals_needed,
            "customer_approves": self.customer_approves,
            "purposes": sorted(purpose.value for purpose in self.purposes),
            "longest_window_seconds": self.longest_window_seconds,
            "ticket_required": self.ticket_required,
            "ticket_pattern": self.ticket_pattern,
            "separate_mfa_group": None if self.separate_mfa_group is None else id_text(self.separate_mfa_group),
        }

    def digest(self) -> bytes:
        """Return SHA-256 over the canonical JSON of the policy: 32 bytes."""
        return hashlib.sha256(b"sharelink/v1/record policy\0" + canonical_json(self.payload())).digest()

    def ticket_problem(self, ticket: str) -> str | None:
        """Return what is wrong with a ticket, None if the policy takes it."""
        if not ticket:
            return "Enter the ticket that this belongs to." if self.ticket_required else None
        if self.ticket_pattern and not _fits(self.ticket_pattern, ticket):
            return f"A ticket here looks like {self.ticket_pattern.replace(ANY_NUMBER, '123')}."
        return None


@dataclass(frozen=True, slots=True)
class Policies:
    """The acts on policies, in one unit of work."""

    records: CustodyRecords
    proposals: Proposals

    def propose(self, custody_id: bytes, policy: RecordPolicy) -> None:
        """Propose another policy to a second person.

        Raises:
            RecordNotFound, RecordArchived, ActNotAllowed: the record's policy stays as it is.
            InvalidInput: in "policy": this is what holds now.
            GroupsNotApart: somebody is in both groups.
            ProposalWaits: another policy waits.
        """
        record = self.records.require(custody_id, Act.POLICY, alone=True)
        check = TextCheck()
        if policy.digest() == record_policy(self.records.session, custody_id).digest():
            check.problems["policy"] = "This is what holds now. Change something first."
        check.done()
        check_apart(self.records.session, record.group_id, policy.separate_mfa_group)
        self.proposals.propose(record, ProposalKind.POLICY, policy.payload())

    def changed(self, proposal: Proposal) -> None:
        """Carry out a confirmed proposal of another policy.

        Raises:
            RecordArchived, ActNotAllowed: the record's policy stays as it is.
            GroupsNotApart: somebody is in both groups by now.
        """
        record = self.records.require(proposal.custody_id, Act.POLICY, alone=True)
        policy = policy_from(proposal.payload)
        check_apart(self.records.session, record.group_id, policy.separate_mfa_group)
        before = record_policy(self.records.session, record.id).payload()
        stored = self.records.session.get(StoredPolicy, record.id)
        if stored is None:
            stored = StoredPolicy(custody_id=record.id)
            self.records.session.add(stored)
        stored.approvals_needed = policy.approvals_needed
        stored.customer_approves = policy.customer_approves
        stored.purposes = ",".join(purpose.value for purpose in policy.purposes)
        stored.longest_window_seconds = policy.longest_window_seconds
        stored.ticket_required = policy.ticket_required
        stored.ticket_pattern = policy.ticket_pattern
        stored.separate_mfa_group = policy.separate_mfa_group
        stored.changed_at = self.records.now
        self.records.session.flush()
        after = policy.payload()
        facts: dict[str, str | int | bool | None] = {
            "proposal": id_text(proposal.id),
            "digest": policy.digest().hex(),
            "changed": ",".join(name for name in after if after[name] != before[name]),
        }
        self.records.append(
            AuditEvent.CUSTODY_POLICY_CHANGED, record.id, facts=facts | {name: _fact(after[name]) for name in after}
        )


def record_policy(session: Session, custody_id: bytes) -> RecordPolicy:
    """Return what access to the record takes now.

    Raises:
        RecordNotFound: there is no such record.
    """
    found = session.execute(
        select(CustodyRecord.kind, StoredPolicy)
        .outerjoin(StoredPolicy, StoredPolicy.custody_id == CustodyRecord.id)
        .where(CustodyRecord.id == custody_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise RecordNotFound("there is no such record")
    stored: StoredPolicy | None = found[1]
    if stored is None:
        return default_policy(found[0])
    return RecordPolicy(
        approvals_needed=stored.approvals_needed,
        customer_approves=stored.customer_approves,
        purposes=tuple(Purpose(purpose) for purpose in stored.purposes.split(",") if purpose),
        longest_window_seconds=stored.longest_window_seconds,
        ticket_required=stored.ticket_required,
        ticket_pattern=stored.ticket_pattern,
        separate_mfa_group=stored.separate_mfa_group,
    )


def default_policy(kind: RecordKind) -> RecordPolicy:
    """Return what access to a record of this kind takes where nobody said otherwise."""
    template = RECORD_TEMPLATES[kind]
    return RecordPolicy(
        approvals_needed=0,
        customer_approves=False,
        purposes=template.purposes,
        longest_window_seconds=int(WINDOW_DEFAULT.total_seconds()),
        ticket_required=template.ticket_required,
        ticket_pattern="",
        separate_mfa_group=None,
    )


def checked_policy(
    kind: RecordKind,
    *,
    approvals_needed: int | None,
    customer_approves: bool,
    purposes: Collection[str],
    longest_window: timedelta | None,
    ticket_required: bool,
    ticket_pattern: str,
    separate_mfa_group: bytes | None,
) -> RecordPolicy:
    """Return the policy that was typed for a record of `kind`; None stands for what could not be read.

    Raises:
        InvalidInput: in "approvals_needed", "customer_approves", "purposes", "longest_window" or "ticket_pattern".
    """
    check = TextCheck()
    pattern = check.line("ticket_pattern", ticket_pattern, maximum=TICKET_PATTERN_MAX)
    if approvals_needed is None or not 0 <= approvals_needed <= APPROVALS_MAX:
        check.problems["approvals_needed"] = f"Choose from 0 to {APPROVALS_MAX}."
    if customer_approves and not approvals_needed:
        check.problems["customer_approves"] = "The customer approves only where at least one approval is needed."
    known = RECORD_TEMPLATES[kind].purposes
    if not purposes or set(purposes) - set(known):
        check.problems["purposes"] = "Choose at least one purpose from the list."
    if longest_window is None or not WINDOW_MIN <= longest_window <= WINDOW_MAX:
        check.problems["longest_window"] = "Choose from 15 minutes to 7 days."
    check.done()
    return RecordPolicy(
        approvals_needed=approvals_needed or 0,
        customer_approves=customer_approves,
        purposes=tuple(purpose for purpose in known if purpose in purposes),
        longest_window_seconds=int(longest_window.total_seconds()) if longest_window else 0,
        ticket_required=ticket_required,
        ticket_pattern=pattern,
        separate_mfa_group=separate_mfa_group,
    )


def policy_from(payload: Mapping[str, JsonValue]) -> RecordPolicy:
    """Return the policy of a payload that `RecordPolicy.payload` made."""
    wanted, group = payload["purposes"], payload["separate_mfa_group"]
    return RecordPolicy(
        approvals_needed=_number(payload["approvals_needed"]),
        customer_approves=bool(payload["customer_approves"]),
        purposes=tuple(purpose for purpose in Purpose if isinstance(wanted, list) and purpose.value in wanted),
        longest_window_seconds=_number(payload["longest_window_seconds"]),
        ticket_required=bool(payload["ticket_required"]),
        ticket_pattern=str(payload["ticket_pattern"]),
        separate_mfa_group=None if group is None else id_from_text(str(group)),
    )


def _fits(pattern: str, ticket: str) -> bool:
    # Not a regular expression: an ambiguous one could take for ever.
    ticket, ends = ticket.casefold(), {0}
    for part in re.split(f"({ANY_NUMBER}+)", pattern.casefold()):
        if part.startswith(ANY_NUMBER):
            ends = {end for start in ends for end in _digit_ends(ticket, start)}
        else:
            ends = {start + len(part) for start in ends if ticket.startswith(part, start)}
    return len(ticket) in ends


def _digit_ends(ticket: str, start: int) -> Iterator[int]:
    while start < len(ticket) and ticket[start] in "0123456789":
        start += 1
        yield start


def _number(value: JsonValue) -> int:
    if not isinstance(value, int):
        raise TypeError("a policy's number is not a number")
    return value


def _fact(value: JsonValue) -> str | int | bool | None:
    return ",".join(str(part) for part in value) if isinstance(value, list) else _plain(value)


def _plain(value: JsonValue) -> str | int | bool | None:
    return value if isinstance(value, str | int | bool | None) else str(value)
