"""Takes records through custody the way people do, through the acts, for tests that begin somewhere in the middle."""

from dataclasses import dataclass, replace
from typing import Any

from sharelink.accounts.states import Role
from sharelink.acts import handing_over, tending
from sharelink.custody.contacts import checked_contact
from sharelink.custody.models import CustodyRecord
from sharelink.custody.policy import record_policy
from sharelink.custody.proposal_view import ProposalView, proposals_of
from sharelink.custody.release import release_checklist
from sharelink.custody.states import CustodyState, RecordKind, Scenario
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person, ask_secret, make_person, open_record, submit_answer

CHANNEL = "A call to the number in the contract"


@dataclass(frozen=True)
class Team:
    """A custodian of the record's group, and a colleague who is none."""

    unit_of_work: UnitOfWork
    custodian: Person
    second: Person


def make_team(unit_of_work: UnitOfWork, custodian: Person) -> Team:
    """Return a team of `custodian` and a new colleague."""
    return Team(unit_of_work, custodian, make_person(unit_of_work, "Ben Example", "ben@example.com", {Role.STAFF}, ()))


def state_of(team: Team, record_id: bytes) -> CustodyState:
    """Return where the record stands."""
    with team.unit_of_work.read() as work:
        return work.session.get_one(CustodyRecord, record_id).state


def waiting(team: Team, record_id: bytes, person: Person | None = None) -> tuple[ProposalView, ...]:
    """Return what waits on the record, as somebody sees it."""
    viewer = person or team.second
    with team.unit_of_work.read() as work:
        return proposals_of(work.session, record_id, viewer.account_id, work.now)


def confirm(team: Team, record_id: bytes, person: Person | None = None, *, proven: bool = False) -> None:
    """Confirm the one proposal that waits on the record."""
    (proposal,) = waiting(team, record_id)
    actor = (person or team.second).actor
    digest = bytes.fromhex(proposal.digest_text)
    handing_over.confirm(team.unit_of_work, actor, proposal.id, digest, is_proven=proven, how="Called them")


def add_contact(team: Team, record_id: bytes, email: str = "carla@customer.example") -> bytes:
    """Add a contact of the customer, not confirmed yet; return its id."""
    details = checked_contact(side="customer", name="Carla Customer", email=email, role_text="Head of IT")
    with team.unit_of_work.write(team.custodian.actor) as work:
        return work.contacts.add(record_id, details)


def confirmed_contact(team: Team, record_id: bytes) -> bytes:
    """Add a contact of the customer and have it confirmed; return its id."""
    contact_id = add_contact(team, record_id)
    confirm(team, record_id)
    return contact_id


def begin(team: Team, record_id: bytes, scenario: Scenario = Scenario.KEEP, contact_id: bytes | None = None) -> None:
    """Begin a handover."""
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.handover.begin(record_id, scenario.value, CHANNEL, contact_id)


def receive(team: Team, record_id: bytes) -> None:
    """Ask for the secret and submit it."""
    asked = ask_secret(team.unit_of_work, team.custodian, custody_id=record_id)
    submit_answer(team.unit_of_work, asked.submit_link, "a root password")


def verify(team: Team, record_id: bytes) -> None:
    """Say that somebody has signed in just now."""
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.handover.verify(record_id, work.now, "4711")


def activate(team: Team, record_id: bytes) -> None:
    """Propose to take the record into custody, and have it confirmed."""
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.handover.propose_activation(record_id, "Carla Customer", CHANNEL)
    confirm(team, record_id)


def propose_release(team: Team, record_id: bytes) -> None:
    """Propose the release."""
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.handover.propose_release(record_id, "Carla Customer", CHANNEL)


def propose_closing(team: Team, record_id: bytes) -> None:
    """Propose the closing."""
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.handover.propose_closing(record_id, "The customer leaves AWS")


def complete_release(team: Team, record_id: bytes) -> None:
    """Tick everything off."""
    with team.unit_of_work.read() as work:
        ticked = [line.key for line in release_checklist(work.session, record_id)]
    handing_over.complete_release(
        team.unit_of_work, team.custodian.actor, record_id, ticked, confirmed_by="Carla Customer", channel=CHANNEL
    )


def lift_hold(team: Team, record_id: bytes) -> None:
    """Lift the hold, the two together."""
    for person in (team.custodian, team.second):
        tending.release_hold(team.unit_of_work, person.actor, record_id, is_proven=False)


def record_in(team: Team, state: CustodyState, kind: RecordKind = RecordKind.AWS_ROOT) -> bytes:
    """Open a record and take it to a state on the straight way; return its id."""
    record_id = open_record(team.unit_of_work, team.custodian, kind=kind)
    contact_id = confirmed_contact(team, record_id) if kind is RecordKind.AWS_ROOT else None
    if state is CustodyState.ABANDONED:
        handing_over.abandon(team.unit_of_work, team.custodian.actor, record_id, "They chose another way")
    if state in {CustodyState.DRAFT, CustodyState.ABANDONED}:
        return record_id
    begin(team, record_id, contact_id=contact_id)
    for reached, step in (
        (CustodyState.AWAITING_SECRET, receive),
        (CustodyState.RECEIVED, verify),
        (CustodyState.VERIFIED, activate),
    ):
        if state is reached:
            return record_id
        step(team, record_id)
    _leave_active(team, record_id, state)
    assert state_of(team, record_id) is state
    return record_id


def _leave_active(team: Team, record_id: bytes, state: CustodyState) -> None:
    actor, make = team.custodian.actor, team.unit_of_work
    if state is CustodyState.SUSPENDED:
        handing_over.suspend(make, actor, record_id, "Something is odd")
    elif state is CustodyState.COMPROMISED:
        handing_over.mark_compromised(make, actor, record_id, "Found in a chat")
    elif state in {CustodyState.RELEASE_PENDING, CustodyState.RELEASED}:
        propose_release(team, record_id)
        confirm(team, record_id)
        if state is CustodyState.RELEASED:
            complete_release(team, record_id)
    elif state in {CustodyState.CLOSING, CustodyState.CLOSED}:
        propose_closing(team, record_id)
        confirm(team, record_id)
        if state is CustodyState.CLOSED:
            handing_over.close(make, actor, record_id, "AWS case 4711")


def propose_policy(team: Team, record_id: bytes, **changes: Any) -> None:
    """Propose the policy that holds, with some other values."""
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.policies.propose(record_id, replace(record_policy(work.session, record_id), **changes))
