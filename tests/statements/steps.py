"""What tests of statements begin with: a record with a confirmed contact of the customer, a link, and uses."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sharelink.access.models import RootUse, UseDecision
from sharelink.access.states import UseOutcome, UseState, Verdict
from sharelink.crypto.identifiers import new_id
from sharelink.custody.models import Contact
from sharelink.custody.states import Purpose, RecordKind, Side
from sharelink.statements.links import StatementLink
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person, open_record

MONTH = timedelta(days=30)
BASE = "http://localhost"


@dataclass(frozen=True)
class Stated:
    """A record whose statement somebody may read."""

    custody_id: bytes
    contact_id: bytes
    link: StatementLink

    @property
    def url(self) -> str:
        """The whole link, as the customer has it."""
        return self.link.url(BASE)


def add_contact(
    unit_of_work: UnitOfWork,
    person: Person,
    custody_id: bytes,
    name: str = "Carla Customer",
    *,
    side: Side = Side.CUSTOMER,
    is_confirmed: bool = True,
) -> bytes:
    """Add a contact as the second person left it; return its id."""
    contact_id = new_id()
    with unit_of_work.write(person.actor) as work:
        work.session.add(
            Contact(
                id=contact_id,
                custody_id=custody_id,
                side=side,
                name=name,
                email=f"{name.split(maxsplit=1)[0].lower()}@customer.example",
                role_text="Head of IT",
                added_by=person.account_id,
                added_at=work.now,
                confirmed_by=person.account_id if is_confirmed else None,
                confirmed_at=work.now if is_confirmed else None,
                confirmed_how="called back" if is_confirmed else None,
            )
        )
    return contact_id


def make_link(
    unit_of_work: UnitOfWork, person: Person, custody_id: bytes, contact_id: bytes, lifetime: timedelta = MONTH
) -> StatementLink:
    """Make a link for a contact."""
    with unit_of_work.write(person.actor) as work:
        return work.statements.make(custody_id, contact_id, lifetime).link


def stated(unit_of_work: UnitOfWork, person: Person, kind: RecordKind = RecordKind.AWS_ROOT) -> Stated:
    """Open a record with a confirmed contact and a link for it."""
    custody_id = open_record(unit_of_work, person, kind=kind)
    contact_id = add_contact(unit_of_work, person, custody_id)
    return Stated(custody_id, contact_id, make_link(unit_of_work, person, custody_id, contact_id))


def add_uses(unit_of_work: UnitOfWork, person: Person, record: Stated, count: int, first: int = 1) -> None:
    """Add finished uses straight into the database, each approved by the record's contact."""
    with unit_of_work.write(person.actor) as work:
        uses = [_use(person, record.custody_id, first + number, work.now) for number in range(count)]
        work.session.add_all(uses)
        work.session.flush()
        work.session.add_all(
            UseDecision(
                id=new_id(),
                use_id=use.id,
                requester_id=person.account_id,
                account_id=None,
                contact_id=record.contact_id,
                name="Carla Customer",
                verdict=Verdict.APPROVED,
                digest=bytes(32),
                note=None,
                decided_at=use.requested_at + timedelta(minutes=3),
            )
            for use in uses
        )


def _use(person: Person, custody_id: bytes, number: int, now: datetime) -> RootUse:
    start = now - timedelta(hours=4 * number)
    return RootUse(
        id=new_id(),
        custody_id=custody_id,
        number=number,
        requester_id=person.account_id,
        requester_name=person.name,
        purpose=Purpose.BILLING_CASE,
        ticket=f"T-{number}",
        reason=f"Reason number {number}",
        window_start=start,
        window_end=start + timedelta(hours=1),
        state=UseState.CHECKED_IN,
        salt=bytes(16),
        digest=bytes(32),
        policy_digest=bytes(32),
        approvals_needed=1,
        is_break_glass=False,
        requested_at=start - timedelta(minutes=10),
        expires_at=start + timedelta(hours=1),
        checked_out_at=start + timedelta(minutes=1),
        checked_in_at=start + timedelta(minutes=31),
        checked_in_by=person.account_id,
        outcome=UseOutcome.DONE,
    )
