"""Who may decide about a use, and whether what was said is enough. Asked at the decision, at check-out and at use."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharelink.access.models import RootUse, UseDecision
from sharelink.access.states import APPROVAL_LIFETIME, Verdict
from sharelink.accounts.models import Account
from sharelink.accounts.queries import active_people
from sharelink.accounts.states import Role
from sharelink.custody.contacts import ContactLine, confirmed_contacts
from sharelink.custody.models import Contact, CustodyRecord
from sharelink.custody.policy import RecordPolicy
from sharelink.custody.queries import record_group
from sharelink.custody.states import Side


@dataclass(frozen=True, slots=True)
class Approvers:
    """Who may speak about the uses of one record now. Somebody in several of these is still one person."""

    custodians: frozenset[bytes]
    approvers: frozenset[bytes]
    mfa_group: frozenset[bytes]
    contacts: frozenset[bytes]

    @property
    def people(self) -> frozenset[bytes]:
        """Return everybody of ours who may decide, except about a use of their own."""
        return self.custodians | self.approvers | self.mfa_group


@dataclass(frozen=True, slots=True)
class Missing:
    """What a use still needs: so many more approvals, and from whom one of them must come."""

    approvals: int
    customer: bool
    mfa_group: bool

    @property
    def nothing(self) -> bool:
        """Whether the use has all that it needs."""
        return self.approvals <= 0 and not self.customer and not self.mfa_group


def needed_by(policy: RecordPolicy) -> int:
    """Return how many people must approve: those of the policy, and never fewer than the kinds of people it names."""
    kinds = int(policy.customer_approves) + int(policy.separate_mfa_group is not None and policy.approvals_needed > 0)
    return max(policy.approvals_needed, kinds)


def approvers_of(session: Session, custody_id: bytes, policy: RecordPolicy) -> Approvers:
    """Return who may decide about uses of a record now.

    Raises:
        RecordNotFound: there is no such record.
    """
    group_id = record_group(session, custody_id)
    custodians, approvers, mfa_group = set(), set(), set()
    for person in active_people(session):
        if Role.APPROVER in person.roles:
            approvers.add(person.account_id)
        if Role.CUSTODIAN in person.roles and group_id in person.group_ids:
            custodians.add(person.account_id)
        if Role.CUSTODIAN in person.roles and policy.separate_mfa_group in person.group_ids:
            mfa_group.add(person.account_id)
    contacts = (
        {contact.id for contact in approving_contacts(session, custody_id)} if policy.customer_approves else set()
    )
    return Approvers(frozenset(custodians), frozenset(approvers), frozenset(mfa_group), frozenset(contacts))


def approving_contacts(session: Session, custody_id: bytes) -> tuple[ContactLine, ...]:
    """Return the customer's contacts who may approve: confirmed by a second person, behind an address of their own.

    An address of somebody with an account here is nobody's of the customer, and the record's list and the root mailbox
    are read by many.
    """
    record = session.get_one(CustodyRecord, custody_id, populate_existing=True)
    shared = {(address or "").casefold() for address in (record.root_email, record.distribution_list)}
    by_second_person = frozenset(
        session.scalars(
            select(Contact.id).where(Contact.custody_id == custody_id, Contact.confirmed_by != Contact.added_by)
        )
    )
    return tuple(
        contact
        for contact in confirmed_contacts(session, custody_id, Side.CUSTOMER)
        if contact.id in by_second_person
        and contact.email.casefold() not in shared
        and not _is_of_an_account(session, contact.email)
    )


def missing(
    use: RootUse, decisions: Collection[UseDecision], policy: RecordPolicy, approvers: Approvers, now: datetime | None
) -> Missing:
    """Return what `use` still needs of those who may decide now.

    Args:
        use: the use.
        decisions: all that was said about it.
        policy: the policy of its record.
        approvers: who may decide now; the word of anybody else does not count (any more).
        now: approvals older than `APPROVAL_LIFETIME` do not count; None after check-out, when age does not matter.
    """
    good = [
        decision
        for decision in decisions
        if decision.verdict == Verdict.APPROVED
        and decision.digest == use.digest
        and (now is None or now < decision.decided_at + APPROVAL_LIFETIME)
    ]
    people = {decision.account_id for decision in good} & approvers.people - {use.requester_id}
    contacts = {decision.contact_id for decision in good} & approvers.contacts
    return Missing(
        approvals=use.approvals_needed - len(people) - len(contacts),
        customer=policy.customer_approves and not contacts,
        mfa_group=(
            policy.separate_mfa_group is not None and use.approvals_needed > 0 and not people & approvers.mfa_group
        ),
    )


def decisions_of(session: Session, use_id: bytes) -> tuple[UseDecision, ...]:
    """Return everything that was said about a use, in the order in which it was said."""
    wanted = select(UseDecision).where(UseDecision.use_id == use_id).order_by(UseDecision.decided_at, UseDecision.id)
    return tuple(session.scalars(wanted, execution_options={"populate_existing": True}))


def _is_of_an_account(session: Session, email: str) -> bool:
    return session.scalar(select(Account.id).where(func.lower(Account.email) == email.lower()).limit(1)) is not None
