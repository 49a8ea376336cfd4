"""Contacts of a record: people of the customer and of the operator. They count once a second person confirmed them.

A contact is never edited: another address is another contact, which somebody has to confirm anew.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from sharelink.accounts.details import email_problem, normalised_email
from sharelink.accounts.models import Account
from sharelink.audit.events import AuditEvent
from sharelink.crypto.identifiers import id_from_text, id_text, new_id
from sharelink.custody.errors import ContactNotConfirmed, ContactNotFound
from sharelink.custody.models import Contact
from sharelink.custody.proposals import CONTACT_KINDS, Proposal, Proposals
from sharelink.custody.service import CustodyRecords
from sharelink.custody.states import Act, ProposalKind, Side
from sharelink.custody.texts import TextCheck
from sharelink.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class ContactDetails:
    """A checked contact."""

    side: Side
    name: str
    email: str
    role_text: str


@dataclass(frozen=True, slots=True)
class ContactLine:
    """A contact as pages show it. It counts only while `is_confirmed`."""

    id: bytes
    side: Side
    name: str
    email: str
    role_text: str
    added_by: str
    added_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    confirmed_how: str | None
    removed_at: datetime | None

    @property
    def id_text(self) -> str:
        """The contact's id as URLs and forms name it."""
        return id_text(self.id)

    @property
    def is_confirmed(self) -> bool:
        """Whether a second person has confirmed this contact."""
        return self.confirmed_at is not None


def checked_contact(*, side: str, name: str, email: str, role_text: str) -> ContactDetails:
    """Return what was typed about a contact.

    Raises:
        InvalidInput: in "side", "name", "email" or "role_text".
    """
    check = TextCheck()
    name = check.line("name", name, "Enter the person's name.")
    role_text = check.line("role_text", role_text)
    email = normalised_email(email)
    if side not in set(Side):
        check.problems["side"] = "Choose whose contact this is."
    if problem := email_problem(email):
        check.problems["email"] = problem
    check.done()
    return ContactDetails(Side(side), name, email, role_text)


@dataclass(frozen=True, slots=True)
class Contacts:
    """The acts on contacts, in one unit of work."""

    records: CustodyRecords
    proposals: Proposals

    def add(self, custody_id: bytes, details: ContactDetails) -> bytes:
        """Add a contact that does not count yet, and propose it to a second person; return the contact's id.

        Raises:
            RecordNotFound, RecordArchived, ActNotAllowed: the record takes no contact.
            InvalidInput: in "email": it is a contact already, or the record's list, which many people read.
        """
        if self.records.actor.account_id is None:
            raise ValueError("only a person with an account adds a contact")
        record = self.records.require(custody_id, Act.CONTACTS, alone=True)
        if details.email == normalised_email(record.distribution_list or ""):
            raise InvalidInput({"email": "This is the record's distribution list. Enter the person's own address."})
        contact = Contact(
            id=new_id(),
            custody_id=custody_id,
            side=details.side,
            name=details.name,
            email=details.email,
            role_text=details.role_text,
            added_by=self.records.actor.account_id,
            added_at=self.records.now,
            confirmed_by=None,
            confirmed_at=None,
            confirmed_how=None,
            removed_at=None,
        )
        try:
            with self.records.session.begin_nested():
                self.records.session.add(contact)
        except IntegrityError:
            raise InvalidInput({"email": "This address is a contact of the record already."}) from None
        self._propose(contact, ProposalKind.ADD_CONTACT, AuditEvent.CUSTODY_CONTACT_ADDED)
        return contact.id

    def ask_again(self, contact_id: bytes) -> None:
        """Propose a contact once more whose earlier proposal is void or too old.

        Raises:
            ContactNotFound: there is none, or it is confirmed.
            ProposalWaits: it still waits.
            RecordArchived, ActNotAllowed: the record takes no contact.
        """
        contact = self._locked(contact_id)
        if contact.confirmed_at is not None:
            raise ContactNotFound("this contact is confirmed")
        self._propose(contact, ProposalKind.ADD_CONTACT, AuditEvent.CUSTODY_PROPOSED)

    def remove(self, contact_id: bytes) -> bool:
        """Remove a contact that does not count, or propose to remove one that does; return whether it is removed.

        Raises:
            ContactNotFound: there is none (any more).
            ProposalWaits: this was proposed before.
            RecordArchived, ActNotAllowed: the record's contacts stay as they are.
        """
        contact = self._locked(contact_id)
        if contact.confirmed_at is not None:
            self._propose(contact, ProposalKind.REMOVE_CONTACT, AuditEvent.CUSTODY_PROPOSED)
            return False
        self.proposals.void_on(contact.custody_id, CONTACT_KINDS, id_text(contact.id))
        self._remove(contact, {})
        return True

    def confirmed(self, proposal: Proposal, how: str) -> None:
        """Carry out a confirmed proposal to add a contact; `how` says how the address was checked.

        Raises:
            InvalidInput: in "how": nothing was said.
            ContactNotFound: the contact was removed meanwhile.
        """
        check = TextCheck()
        how = check.note("how", how, "Say how you checked it, such as a call to a number that you knew before.")
        check.done()
        contact = self._locked(id_from_text(proposal.subject))
        contact.confirmed_by = self.records.actor.account_id
        contact.confirmed_at = self.records.now
        contact.confirmed_how = how
        self._tell(AuditEvent.CUSTODY_CONTACT_CONFIRMED, contact, _facts(proposal), {"how": how})

    def removed(self, proposal: Proposal) -> None:
        """Carry out a confirmed proposal to remove a contact.

        Raises:
            ContactNotFound: it was removed meanwhile.
        """
        self._remove(self._locked(id_from_text(proposal.subject)), _facts(proposal))

    def refused(self, proposal: Proposal) -> None:
        """Take away the contact whose adding was refused; it never counted. The refusal is the event."""
        if proposal.kind is ProposalKind.ADD_CONTACT:
            self.records.session.execute(
                update(Contact)
                .where(Contact.id == id_from_text(proposal.subject), Contact.confirmed_at.is_(None))
                .values(removed_at=self.records.now),
                execution_options={"synchronize_session": False},
            )

    def _locked(self, contact_id: bytes) -> Contact:
        custody_id = self.records.session.scalar(select(Contact.custody_id).where(Contact.id == contact_id))
        if custody_id is None:
            raise ContactNotFound("there is no such contact")
        self.records.require(custody_id, Act.CONTACTS, alone=True)
        contact = self.records.session.get_one(Contact, contact_id, populate_existing=True)
        if contact.removed_at is not None:
            raise ContactNotFound("this contact was removed")
        return contact

    def _propose(self, contact: Contact, kind: ProposalKind, event: AuditEvent) -> None:
        self.proposals.propose(
            self.records.locked(contact.custody_id),
            kind,
            {"side": contact.side.value, "name": contact.name, "email": contact.email, "role": contact.role_text},
            subject=id_text(contact.id),
            event=event,
            obj=("contact", contact.id),
            personal={"name": contact.name, "email": contact.email, "role": contact.role_text},
        )

    def _remove(self, contact: Contact, facts: dict[str, str | int | bool | None]) -> None:
        contact.removed_at = self.records.now
        self._tell(AuditEvent.CUSTODY_CONTACT_REMOVED, contact, facts, {})

    def _tell(
        self, event: AuditEvent, contact: Contact, facts: dict[str, str | int | bool | None], personal: dict[str, str]
    ) -> None:
        self.records.append(
            event,
            contact.custody_id,
            obj=("contact", contact.id),
            facts=facts | {"side": contact.side.value},
            personal=personal | {"name": contact.name, "email": contact.email},
        )


def contacts_of(session: Session, custody_id: bytes) -> tuple[ContactLine, ...]:
    """Return the contacts of a record that were not removed, the customer's first, oldest first."""
    return _contacts(session, Contact.custody_id == custody_id, Contact.removed_at.is_(None))


def confirmed_contacts(session: Session, custody_id: bytes, side: Side | None = None) -> tuple[ContactLine, ...]:
    """Return the contacts that count, of one side or of both."""
    conditions = [
        Contact.custody_id == custody_id,
        Contact.removed_at.is_(None),
        Contact.confirmed_at.is_not(None),
    ]
    if side is not None:
        conditions.append(Contact.side == side)
    return _contacts(session, *conditions)


def confirmed_contact(session: Session, custody_id: bytes, contact_id: bytes, side: Side | None = None) -> ContactLine:
    """Return one contact of this record that counts.

    Raises:
        ContactNotConfirmed: there is none, or it is not confirmed, was removed, or is of the other side.
    """
    for contact in confirmed_contacts(session, custody_id, side):
        if contact.id == contact_id:
            return contact
    raise ContactNotConfirmed("there is no such confirmed contact on this record")


def _contacts(session: Session, *conditions: ColumnElement[bool]) -> tuple[ContactLine, ...]:
    adder, confirmer = aliased(Account), aliased(Account)
    rows = session.execute(
        select(Contact, adder.name, confirmer.name)
        .join(adder, adder.id == Contact.added_by)
        .outerjoin(confirmer, confirmer.id == Contact.confirmed_by)
        .where(*conditions)
        .order_by(Contact.side, Contact.added_at, Contact.id)
        .execution_options(populate_existing=True)
    ).all()
    return tuple(
        ContactLine(
            id=contact.id,
            side=contact.side,
            name=contact.name,
            email=contact.email,
            role_text=contact.role_text,
            added_by=added_by,
            added_at=contact.added_at,
            confirmed_by=confirmed_by,
            confirmed_at=contact.confirmed_at,
            confirmed_how=contact.confirmed_how,
            removed_at=contact.removed_at,
        )
        for contact, added_by, confirmed_by in rows
    )


def _facts(proposal: Proposal) -> dict[str, str | int | bool | None]:
    return {"proposal": id_text(proposal.id)}
