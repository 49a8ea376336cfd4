"""What tests of access do again and again: a policy, a confirmed contact, a use in each of its states."""

from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import select

from sharelink.access.declarations import TypedDeclaration
from sharelink.access.links import ApproverLink
from sharelink.access.models import ApprovalCode, ApprovalLink, RootUse
from sharelink.access.queries import UseDetail, use_detail
from sharelink.access.states import UseState
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.acts import deciding, declaring
from sharelink.acts.deciding import TypedDecision
from sharelink.crypto.identifiers import id_text
from sharelink.custody.contacts import Contacts, checked_contact
from sharelink.custody.models import CustodyProposal
from sharelink.custody.policy import Policies, record_policy
from sharelink.custody.proposals import Proposals
from sharelink.custody.states import ProposalState, RecordKind
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded_types
from tests.factories import Person, make_person, open_record

DECLARED = TypedDeclaration(
    purpose="billing_case",
    ticket="T-1",
    reason="Raise the spending limit, as agreed on the phone.",
    starts_in_seconds="0",
    lasts_seconds="14400",
)
CUSTOMER_EMAIL = "carla@customer.example"


@dataclass(frozen=True)
class Team:
    """Anna and Ben are custodians of the record, Cleo is an approver; Dora is of nobody's group."""

    anna: Person
    ben: Person
    cleo: Person
    dora: Person
    record: bytes


def make_team(unit_of_work: UnitOfWork, anna: Person, kind: RecordKind = RecordKind.AWS_ROOT) -> Team:
    """Make Anna's colleagues and a record in their care."""
    custodian = {Role.STAFF, Role.CUSTODIAN}
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com", custodian)
    cleo = make_person(unit_of_work, "Cleo Example", "cleo@example.com", {Role.APPROVER}, [])
    dora = make_person(
        unit_of_work, "Dora Example", "dora@example.com", {Role.CUSTODIAN}, ["Keepers of second factors"]
    )
    return Team(anna, ben, cleo, dora, open_record(unit_of_work, anna, kind=kind))


def group_of(unit_of_work: UnitOfWork, name: str) -> bytes:
    """Return the id of a group."""
    with unit_of_work.read() as work:
        return work.accounts.groups.id_of(name)


def set_policy(unit_of_work: UnitOfWork, team: Team, **changed: object) -> None:
    """Give the record another policy, proposed by Anna and confirmed by Ben."""
    with unit_of_work.write(team.anna.actor) as work:
        policy = replace(record_policy(work.session, team.record), **changed)  # type: ignore[arg-type]
        Policies(work.custody, Proposals(work.custody)).propose(team.record, policy)
    with unit_of_work.write(team.ben.actor) as work:
        proposals = Proposals(work.custody)
        waiting = work.session.scalars(
            select(CustodyProposal).where(
                CustodyProposal.custody_id == team.record, CustodyProposal.state == ProposalState.PENDING
            )
        ).one()
        Policies(work.custody, proposals).changed(proposals.confirm(waiting.id, waiting.digest, is_proven=True))


def add_contact(
    unit_of_work: UnitOfWork, team: Team, email: str = CUSTOMER_EMAIL, *, confirmed_by: Person | None = None
) -> bytes:
    """Add a contact of the customer by Anna, confirmed by Ben or somebody else; return its id."""
    with unit_of_work.write(team.anna.actor) as work:
        contacts = Contacts(work.custody, Proposals(work.custody))
        details = checked_contact(side="customer", name="Carla Customer", email=email, role_text="Head of IT")
        contact_id = contacts.add(team.record, details)
    with unit_of_work.write((confirmed_by or team.ben).actor) as work:
        proposals = Proposals(work.custody)
        waiting = work.session.scalars(
            select(CustodyProposal).where(CustodyProposal.subject == id_text(contact_id))
        ).one()
        decided = proposals.confirm(waiting.id, waiting.digest, is_proven=True)
        Contacts(work.custody, proposals).confirmed(decided, "Called the number of the contract.")
    return contact_id


def declare(unit_of_work: UnitOfWork, person: Person, record: bytes, **changed: str) -> bytes:
    """Declare a use of four hours that begins now; return its id."""
    return declaring.declare(unit_of_work, person.actor, record, replace(DECLARED, **changed))


def detail(unit_of_work: UnitOfWork, use_id: bytes) -> UseDetail:
    """Return a use as its page shows it."""
    with unit_of_work.read() as work:
        return use_detail(work.session, use_id, work.now)


def state(unit_of_work: UnitOfWork, use_id: bytes) -> UseState:
    """Return where a use stands."""
    return detail(unit_of_work, use_id).line.state


def decide(
    unit_of_work: UnitOfWork, person: Person, use_id: bytes, verdict: str = "approved", note: str = "A note."
) -> UseState:
    """Decide about what the page shows."""
    typed = TypedDecision(detail(unit_of_work, use_id).digest_text, verdict, note)
    return deciding.decide(unit_of_work, person.actor, use_id, typed)


def check_out(unit_of_work: UnitOfWork, person: Person, use_id: bytes) -> None:
    """Begin a use."""
    declaring.check_out(unit_of_work, person.actor, use_id)


def check_in(unit_of_work: UnitOfWork, person: Person, use_id: bytes, outcome: str = "done", note: str = "") -> None:
    """End a use."""
    declaring.check_in(unit_of_work, person.actor, use_id, outcome, note)


def kinds(unit_of_work: UnitOfWork, record: bytes) -> list[str]:
    """Return the names of the record's events about access, oldest first."""
    return [kind for kind in recorded_types(unit_of_work, id_text(record)) if kind.startswith("access.")]


def mailed_link(unit_of_work: UnitOfWork, use_id: bytes) -> ApproverLink:
    """Return the link that a mail to the one contact would carry, made as at its sending."""
    with unit_of_work.write(Actor.system()) as work:
        link_id = work.session.scalars(select(ApprovalLink.id).where(ApprovalLink.use_id == use_id)).one()
        made = work.approver_links.make_link(link_id)
        assert made is not None
        return made[1]


def mailed_code(unit_of_work: UnitOfWork, use_id: bytes) -> str:
    """Return the code that the newest mail with a code would carry, made as at its sending."""
    with unit_of_work.write(Actor.system()) as work:
        wanted = (
            select(ApprovalCode.id)
            .join(ApprovalLink, ApprovalLink.id == ApprovalCode.link_id)
            .where(ApprovalLink.use_id == use_id)
            .order_by(ApprovalCode.number.desc())
            .limit(1)
        )
        made = work.approver_links.make_code(work.session.scalars(wanted).one())
        assert made is not None
        return made[2]


def tamper(unit_of_work: UnitOfWork, use_id: bytes, **changed: object) -> None:
    """Change a stored use behind the service's back, as somebody with the database could."""
    with unit_of_work.write(Actor.system()) as work:
        use = work.session.get_one(RootUse, use_id)
        for name, value in changed.items():
            setattr(use, name, value)


def sweep(unit_of_work: UnitOfWork) -> int:
    """Do what the background work does; return how many uses it moved."""
    with unit_of_work.write(Actor.system()) as work:
        return work.use_endings.expire_due(100)


HOUR = timedelta(hours=1)
