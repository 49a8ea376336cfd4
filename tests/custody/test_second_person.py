"""What takes two people takes two: never one's own, exactly what was proposed, and only while the two still may."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from sharelink.accounts.changes import ChangeRequest
from sharelink.accounts.queries import groups_for_choice
from sharelink.accounts.states import ChangeKind, Role
from sharelink.actors import Actor
from sharelink.acts import administering, handing_over
from sharelink.crypto.identifiers import new_id
from sharelink.custody.contacts import checked_contact, confirmed_contacts, contacts_of
from sharelink.custody.errors import CustodianNeeded, OwnProposal, ProposalUnavailable, ProposalWaits
from sharelink.custody.proposal_view import waiting_proposals
from sharelink.custody.states import CustodyState, RecordKind
from sharelink.errors import InvalidInput, PermissionDenied
from sharelink.unit_of_work import UnitOfWork
from tests.custody import handovers
from tests.custody.handovers import Team, make_team, record_in, state_of, waiting
from tests.factories import Person, make_person, open_record
from tests.fakes import MovableClock


@pytest.fixture
def team(unit_of_work: UnitOfWork, staff: Person) -> Team:
    """Return a custodian and a colleague."""
    return make_team(unit_of_work, staff)


def proposed(team: Team, person: Person | None = None) -> bytes:
    """Return a verified record on which somebody has proposed the activation."""
    record_id = record_in(team, CustodyState.VERIFIED)
    with team.unit_of_work.write((person or team.custodian).actor) as work:
        work.handover.propose_activation(record_id, "Carla", "by letter")
    return record_id


def change_member(team: Team, person: Person, kind: ChangeKind, group_id: bytes) -> None:
    request = ChangeRequest(kind, person.account_id, group_id=group_id)
    administering.change(team.unit_of_work, team.custodian.actor, request)


def group_of_records(team: Team) -> bytes:
    with team.unit_of_work.read() as work:
        return groups_for_choice(work.session, None)[0].id


def test_nobody_confirms_their_own_proposal_however_fresh_the_proof(team: Team, clock: MovableClock) -> None:
    record_id = proposed(team)
    for _day in range(3):
        with pytest.raises(OwnProposal):
            handovers.confirm(team, record_id, team.custodian, proven=True)
        clock.move(days=1)
    assert state_of(team, record_id) is CustodyState.VERIFIED
    assert waiting(team, record_id, team.custodian)[0].may_confirm is False
    assert waiting(team, record_id)[0].may_confirm is True


def test_one_of_the_two_is_a_custodian_of_the_record(team: Team) -> None:
    cleo = make_person(team.unit_of_work, "Cleo Example", "cleo@example.com", {Role.STAFF}, ())
    record_id = proposed(team, team.second)
    assert waiting(team, record_id, cleo)[0].needs_custodian
    with pytest.raises(CustodianNeeded):
        handovers.confirm(team, record_id, cleo)
    handovers.confirm(team, record_id, team.custodian)
    assert state_of(team, record_id) is CustodyState.ACTIVE


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.APPROVER, Role.ADMINISTRATOR, Role.CUSTODIAN])
def test_only_who_looks_after_the_record_decides(team: Team, role: Role) -> None:
    stranger = make_person(team.unit_of_work, "Stan Example", "stan@example.com", {role}, ("Elsewhere",))
    record_id = proposed(team)
    (proposal,) = waiting(team, record_id)
    with pytest.raises(PermissionDenied):
        handovers.confirm(team, record_id, stranger, proven=True)
    with pytest.raises(PermissionDenied):
        handing_over.refuse(team.unit_of_work, stranger.actor, proposal.id)
    assert waiting(team, record_id)


def test_nobody_becomes_alone_by_disabling_the_others(team: Team) -> None:
    record_id = proposed(team)
    with team.unit_of_work.write(Actor.operator()) as work:
        work.accounts.disable_account(team.second.email)
    assert not waiting(team, record_id, team.custodian)[0].alone
    with pytest.raises(OwnProposal):
        handovers.confirm(team, record_id, team.custodian, proven=True)
    assert waiting(team, record_id)


def test_whoever_is_alone_confirms_freshly_proven_or_after_a_day(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    alone = Team(unit_of_work, staff, staff)
    for proven, later in ((True, timedelta()), (False, timedelta(days=1))):
        record_id = open_record(unit_of_work, staff)
        handovers.begin(alone, record_id)
        handovers.receive(alone, record_id)
        handovers.verify(alone, record_id)
        with unit_of_work.write(staff.actor) as work:
            work.handover.propose_activation(record_id, "Carla", "by letter")
        assert waiting(alone, record_id)[0].alone
        with pytest.raises(OwnProposal):
            handovers.confirm(alone, record_id, staff, proven=False)
        clock.now += later
        handovers.confirm(alone, record_id, staff, proven=proven)
        assert state_of(alone, record_id) is CustodyState.ACTIVE


def test_a_digest_of_something_else_confirms_nothing(team: Team) -> None:
    record_id = proposed(team)
    (proposal,) = waiting(team, record_id)
    for digest in (b"", b"\0" * 32, bytes.fromhex(proposal.digest_text)[::-1]):
        with pytest.raises(ProposalUnavailable):
            handing_over.confirm(team.unit_of_work, team.second.actor, proposal.id, digest, is_proven=True)
    with pytest.raises(ProposalUnavailable):
        handing_over.confirm(team.unit_of_work, team.second.actor, new_id(), b"", is_proven=True)


@pytest.mark.parametrize(
    "change",
    [
        """UPDATE custody_proposal SET payload = replace(payload, 'Carla', 'Mallory')""",
        """UPDATE custody_proposal SET kind = 'closing'""",
        """UPDATE custody_proposal SET proposed_by = (SELECT id FROM account WHERE email = 'cleo@example.com')""",
    ],
)
def test_a_row_that_was_changed_behind_our_back_is_not_confirmed(team: Team, change: str) -> None:
    make_person(team.unit_of_work, "Cleo Example", "cleo@example.com", {Role.STAFF}, ())
    record_id = proposed(team)
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.session.execute(text(change))
    with pytest.raises(ProposalUnavailable):
        handovers.confirm(team, record_id)


def test_a_contact_that_was_swapped_behind_our_back_is_not_confirmed(team: Team) -> None:
    record_id = open_record(team.unit_of_work, team.custodian)
    handovers.add_contact(team, record_id)
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.session.execute(text("UPDATE custody_contact SET email = 'mallory@evil.example'"))
    with pytest.raises(ProposalUnavailable):
        handovers.confirm(team, record_id)


def test_a_proposal_is_confirmed_once_and_is_too_old_after_a_week(team: Team, clock: MovableClock) -> None:
    record_id = proposed(team)
    (proposal,) = waiting(team, record_id)
    clock.move(days=7)
    digest = bytes.fromhex(proposal.digest_text)
    with pytest.raises(ProposalUnavailable):
        handing_over.confirm(team.unit_of_work, team.second.actor, proposal.id, digest, is_proven=False)
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.handover.propose_activation(record_id, "Carla", "by letter")
    (again,) = waiting(team, record_id)
    handovers.confirm(team, record_id)
    digest = bytes.fromhex(again.digest_text)
    with pytest.raises(ProposalUnavailable):
        handing_over.confirm(team.unit_of_work, team.second.actor, again.id, digest, is_proven=False)


def test_the_same_is_proposed_once_at_a_time(team: Team) -> None:
    record_id = proposed(team)
    with pytest.raises(ProposalWaits), team.unit_of_work.write(team.second.actor) as work:
        work.handover.propose_activation(record_id, "Carla", "by letter")


def test_a_step_that_was_taken_meanwhile_voids_what_waited_for_another(team: Team) -> None:
    record_id = record_in(team, CustodyState.ACTIVE)
    handovers.propose_release(team, record_id)
    handing_over.suspend(team.unit_of_work, team.second.actor, record_id, "Something is odd")
    assert waiting(team, record_id) == ()
    handovers.lift_hold(team, record_id)
    assert state_of(team, record_id) is CustodyState.ACTIVE


def test_another_member_of_the_group_voids_what_waits(team: Team) -> None:
    record_id = proposed(team)
    change_member(team, team.second, ChangeKind.ADD_MEMBER, group_of_records(team))
    assert waiting(team, record_id) == ()


def test_who_may_no_longer_has_not_proposed_anything(team: Team) -> None:
    record_id = proposed(team, team.second)
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.accounts.changes.disable(team.second.account_id)
    cleo = make_person(team.unit_of_work, "Cleo Example", "cleo@example.com", {Role.STAFF}, ())
    (proposal,) = waiting(team, record_id, cleo)
    digest = bytes.fromhex(proposal.digest_text)
    with pytest.raises(ProposalUnavailable):
        handing_over.confirm(team.unit_of_work, team.custodian.actor, proposal.id, digest, is_proven=True)


def test_refusing_is_final_and_takes_a_contact_away(team: Team) -> None:
    record_id = open_record(team.unit_of_work, team.custodian)
    handovers.add_contact(team, record_id)
    (proposal,) = waiting(team, record_id)
    handing_over.refuse(team.unit_of_work, team.second.actor, proposal.id)
    with team.unit_of_work.read() as work:
        assert contacts_of(work.session, record_id) == ()
    with pytest.raises(ProposalUnavailable):
        handing_over.refuse(team.unit_of_work, team.second.actor, proposal.id)
    handovers.confirmed_contact(team, record_id)


def test_a_contact_counts_once_confirmed_and_leaves_only_by_two_people(team: Team) -> None:
    record_id = open_record(team.unit_of_work, team.custodian)
    contact_id = handovers.add_contact(team, record_id)
    with team.unit_of_work.read() as work:
        assert confirmed_contacts(work.session, record_id) == ()
    (proposal,) = waiting(team, record_id)
    digest = bytes.fromhex(proposal.digest_text)
    with pytest.raises(InvalidInput) as refused:
        handing_over.confirm(team.unit_of_work, team.second.actor, proposal.id, digest, is_proven=False, how=" ")
    assert set(refused.value.fields) == {"how"}
    handovers.confirm(team, record_id)
    with team.unit_of_work.write(team.custodian.actor) as work:
        assert not work.contacts.remove(contact_id)
    with team.unit_of_work.read() as work:
        (contact,) = confirmed_contacts(work.session, record_id)
        assert (contact.confirmed_by, contact.confirmed_how) == (team.second.name, "Called them")
    handovers.confirm(team, record_id)
    with team.unit_of_work.read() as work:
        assert contacts_of(work.session, record_id) == ()


def test_an_unconfirmed_contact_is_removed_at_once_and_can_be_proposed_again(team: Team, clock: MovableClock) -> None:
    record_id = open_record(team.unit_of_work, team.custodian)
    contact_id = handovers.add_contact(team, record_id)
    clock.move(days=8)
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.contacts.ask_again(contact_id)
    assert len(waiting(team, record_id)) == 1
    with team.unit_of_work.write(team.custodian.actor) as work:
        assert work.contacts.remove(contact_id)
    assert waiting(team, record_id) == ()


@pytest.mark.parametrize("email", ["", "carla", "carla@customer.example\nbcc: x@evil.example", "list@customer.example"])
def test_an_address_that_is_none_or_everybodys_is_no_contact(team: Team, email: str) -> None:
    record_id = open_record(team.unit_of_work, team.custodian)
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.custody.locked(record_id).distribution_list = "List@customer.example"
    with pytest.raises(InvalidInput) as refused, team.unit_of_work.write(team.custodian.actor) as work:
        work.contacts.add(record_id, checked_contact(side="customer", name="Carla", email=email, role_text=""))
    assert set(refused.value.fields) == {"email"}


def test_what_others_proposed_is_listed_for_those_who_might_confirm_it(team: Team) -> None:
    record_id = record_in(team, CustodyState.DRAFT, RecordKind.CREDENTIAL)
    handovers.add_contact(team, record_id)
    with team.unit_of_work.read() as work:
        mine = waiting_proposals(work.session, None, team.custodian.account_id, work.now)
        theirs = waiting_proposals(work.session, None, team.second.account_id, work.now)
        nobodys = waiting_proposals(work.session, frozenset(), team.second.account_id, work.now)
    assert (mine, nobodys) == ((), ())
    assert [line.record_id for line in theirs] == [record_id]
