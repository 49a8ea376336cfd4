"""What tests of telling people need: a record with a list, a person behind a link, and the outbox as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from sharelink.accounts.queries import groups_for_choice
from sharelink.actors import Actor
from sharelink.acts import receiving
from sharelink.custody.details import checked_details
from sharelink.custody.states import RecordField, RecordKind
from sharelink.outbox.models import OutboxEntry

if TYPE_CHECKING:
    from sharelink.acts.sending import Sent
    from sharelink.unit_of_work import UnitOfWork
    from tests.factories import Person

LIST = "aws-root+example@tickets.example.net"


def open_told_record(unit_of_work: UnitOfWork, person: Person, customer: str = "Example GmbH", to: str = LIST) -> bytes:
    """Open a record whose events go to a distribution list."""
    details = checked_details(
        RecordKind.CREDENTIAL.value, {RecordField.CUSTOMER: customer, RecordField.DISTRIBUTION_LIST: to}
    )
    with unit_of_work.write(person.actor) as work:
        return work.custody.open(details, groups_for_choice(work.session, None)[0].id)


def reveal(unit_of_work: UnitOfWork, sent: Sent) -> str:
    """Reveal a share as its recipient does."""
    visitor = Actor.public("203.0.113.9", "A phone")
    receiving.look(unit_of_work, visitor, sent.link)
    return receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "").text


def entries(unit_of_work: UnitOfWork) -> list[OutboxEntry]:
    """Return everything in the outbox, oldest first."""
    with unit_of_work.read() as work:
        wanted = select(OutboxEntry).order_by(OutboxEntry.created_at, OutboxEntry.event_type, OutboxEntry.letter)
        return list(work.session.scalars(wanted))


def told(unit_of_work: UnitOfWork) -> list[tuple[str, str]]:
    """Return event and letter of every entry."""
    return [(entry.event_type, entry.letter.value) for entry in entries(unit_of_work)]
