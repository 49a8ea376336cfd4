"""Contacts of a record, and the terms on which the two parties own the credential together."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import ClassVar

from flask import Blueprint, Response
from wtforms import RadioField, StringField, TextAreaField

from sharelink.accounts.permissions import Permission
from sharelink.custody.contacts import ContactLine, checked_contact, contacts_of
from sharelink.custody.errors import ContactNotFound
from sharelink.custody.queries import RecordDetail
from sharelink.custody.states import Side
from sharelink.custody.terms import Parties, parties_of
from sharelink.errors import InvalidInput
from sharelink.web.authentication import requires, signed_in_actor
from sharelink.web.rate_limits import limited
from sharelink.web.staff.act_forms import (
    ONE_LINE,
    REQUIRED_LINE,
    REQUIRED_NOTE,
    ActForm,
    ActWords,
    act_page,
    carried_out,
    done,
)
from sharelink.web.staff.record_access import record_for
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("contacts", __name__)

CONTACT_WORDS = ActWords(
    "Add a contact",
    "It counts when a second person has confirmed it, for example by calling a number known from the contract.",
    "Add the contact",
    "contacts",
)
TERMS_WORDS = ActWords(
    "Parties and terms",
    "Who owns the credential together, and what for. The customer reads it on the statement.",
    "Save the terms",
    "parties",
)


class ContactForm(ActForm):
    """A person of one of the two parties."""

    choices: ClassVar[Mapping[str, Sequence[tuple[str, str]]]] = {
        "side": [(Side.CUSTOMER.value, "The customer's"), (Side.OPERATOR.value, "Ours")]
    }

    side = RadioField(
        "Whose contact is this?",
        default=Side.CUSTOMER.value,
        validate_choice=False,
    )
    name = StringField("Name", render_kw=REQUIRED_LINE)
    email = StringField(
        "E-mail",
        description="The person's own address, not a list. Links for this person are mailed there.",
        render_kw=REQUIRED_LINE | {"type": "email"},
    )
    role_text = StringField("What the person is in charge of", render_kw=ONE_LINE)


class TermsForm(ActForm):
    """The parties, and on what terms they own the credential together."""

    operator_name = StringField("Operator", description="Your own company.", render_kw=REQUIRED_LINE)
    purpose = TextAreaField(
        "Purpose",
        description="What the credential may be used for, as agreed. Write nothing secret here.",
        render_kw=REQUIRED_NOTE,
    )
    since = StringField("Owned together since", render_kw={"type": "date"})

    def day(self) -> date | None:
        """Return the day since when, None for none.

        Raises:
            InvalidInput: in "since": this is no day.
        """
        text = self.text("since").strip()
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            raise InvalidInput({"since": "Enter a day, such as 2026-11-24."}) from None


@blueprint.get("/records/<record_text>/contacts/new")
@requires(Permission.CUSTODY_UPKEEP)
def new_contact(record_text: str) -> Response:
    """Show the empty form."""
    return act_page(record_for(record_text, Permission.CUSTODY_UPKEEP), ContactForm(formdata=None), CONTACT_WORDS)


@blueprint.post("/records/<record_text>/contacts/new")
@requires(Permission.CUSTODY_UPKEEP)
@limited("create")
def add_contact(record_text: str) -> Response:
    """Add a contact that a second person has to confirm."""
    detail, form = record_for(record_text, Permission.CUSTODY_UPKEEP), ContactForm()

    def add() -> None:
        contact = checked_contact(
            side=form.text("side"), name=form.text("name"), email=form.text("email"), role_text=form.text("role_text")
        )
        with current_unit_of_work().write(signed_in_actor()) as work:
            work.contacts.add(detail.id, contact)

    return carried_out(detail, form, CONTACT_WORDS, add)


@blueprint.post("/records/<record_text>/contacts/<contact_text>/ask-again")
@requires(Permission.CUSTODY_UPKEEP)
@limited("create")
def ask_again(record_text: str, contact_text: str) -> Response:
    """Ask a second person once more to confirm a contact."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    contact = _contact(detail, contact_text)
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.contacts.ask_again(contact.id)
    return done(detail, "contacts")


@blueprint.post("/records/<record_text>/contacts/<contact_text>/remove")
@requires(Permission.CUSTODY_UPKEEP)
@limited("create")
def remove_contact(record_text: str, contact_text: str) -> Response:
    """Remove a contact that does not count, or propose to remove one that does."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    contact = _contact(detail, contact_text)
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.contacts.remove(contact.id)
    return done(detail, "contacts")


@blueprint.get("/records/<record_text>/terms")
@requires(Permission.CUSTODY_UPKEEP)
def terms_form(record_text: str) -> Response:
    """Show the form with what is stored, or with what is usual."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    with current_unit_of_work().read() as work:
        parties = parties_of(work.session, detail.id)
    return act_page(detail, _showing(parties), TERMS_WORDS)


@blueprint.post("/records/<record_text>/terms")
@requires(Permission.CUSTODY_UPKEEP)
@limited("create")
def save_terms(record_text: str) -> Response:
    """Save the terms."""
    detail, form = record_for(record_text, Permission.CUSTODY_UPKEEP), TermsForm()

    def save() -> None:
        since = form.day()
        with current_unit_of_work().write(signed_in_actor()) as work:
            work.terms.save(
                detail.id, operator_name=form.text("operator_name"), purpose=form.text("purpose"), since=since
            )

    return carried_out(detail, form, TERMS_WORDS, save)


def _contact(detail: RecordDetail, text: str) -> ContactLine:
    """Return the contact if it is one of this record: whoever may change this record may not change another's."""
    with current_unit_of_work().read() as work:
        for contact in contacts_of(work.session, detail.id):
            if contact.id_text == text:
                return contact
    raise ContactNotFound("there is no such contact on this record")


def _showing(parties: Parties) -> TermsForm:
    return TermsForm(
        formdata=None,
        data={
            "operator_name": parties.operator or current_settings().organisation_name,
            "purpose": parties.purpose,
            "since": parties.since.isoformat() if parties.since else "",
        },
    )
