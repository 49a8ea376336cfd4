"""What access to a record takes: from its template until two people say otherwise; and two groups kept apart."""

from datetime import timedelta
from typing import Any

import pytest

from sharelink.accounts.changes import ChangeRequest
from sharelink.accounts.states import ChangeKind, Role
from sharelink.actors import Actor
from sharelink.acts import administering, joining
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.passwords import CHARACTER_CLASSES, generate_password
from sharelink.custody.details import checked_details
from sharelink.custody.errors import GroupsNotApart, RecordNotFound
from sharelink.custody.policy import RecordPolicy, checked_policy, default_policy, policy_from, record_policy
from sharelink.custody.states import CustodyState, Purpose, RecordField, RecordKind
from sharelink.errors import InvalidInput
from sharelink.unit_of_work import UnitOfWork
from tests.custody import handovers
from tests.custody.handovers import Team, make_team, record_in, waiting
from tests.factories import Person, make_person, open_record

TYPED: dict[str, Any] = {
    "approvals_needed": 1,
    "customer_approves": False,
    "purposes": ["billing_case"],
    "longest_window": timedelta(hours=2),
    "ticket_required": True,
    "ticket_pattern": "CASE-#",
    "separate_mfa_group": None,
}


@pytest.fixture
def team(unit_of_work: UnitOfWork, staff: Person) -> Team:
    """Return a custodian and a colleague."""
    return make_team(unit_of_work, staff)


def holds(team: Team, record_id: bytes) -> RecordPolicy:
    with team.unit_of_work.read() as work:
        return record_policy(work.session, record_id)


def mfa_group(team: Team, person_name: str = "Mia", name: str = "Second factors") -> bytes:
    email = f"{person_name.lower()}@example.com"
    make_person(team.unit_of_work, f"{person_name} Example", email, {Role.CUSTODIAN}, (name,))
    with team.unit_of_work.read() as work:
        return work.accounts.groups.id_of(name)


def test_a_new_record_has_the_policy_of_its_kind(team: Team) -> None:
    for kind in RecordKind:
        record_id = open_record(team.unit_of_work, team.custodian, kind=kind)
        assert holds(team, record_id) == default_policy(kind)
    assert holds(team, record_id).approvals_needed == 0
    with pytest.raises(RecordNotFound):
        holds(team, new_id())


def test_another_policy_holds_from_the_second_persons_word_on(team: Team) -> None:
    record_id = open_record(team.unit_of_work, team.custodian, kind=RecordKind.AWS_ROOT)
    before = holds(team, record_id)
    handovers.propose_policy(team, record_id, approvals_needed=2, ticket_pattern="CASE-#")
    assert holds(team, record_id) == before
    (proposal,) = waiting(team, record_id)
    assert ("Approvals needed", "2") in proposal.lines
    handovers.confirm(team, record_id)
    after = holds(team, record_id)
    assert (after.approvals_needed, after.ticket_pattern) == (2, "CASE-#")
    assert after.digest() != before.digest()
    with pytest.raises(InvalidInput):
        handovers.propose_policy(team, record_id)


def test_the_digest_covers_every_part_and_survives_being_stored() -> None:
    policy = checked_policy(RecordKind.AWS_ROOT, **TYPED)
    others = [
        checked_policy(RecordKind.AWS_ROOT, **TYPED | change)
        for change in (
            {"approvals_needed": 2},
            {"customer_approves": True},
            {"purposes": ["billing_case", "access_drill"]},
            {"longest_window": timedelta(hours=3)},
            {"ticket_required": False},
            {"ticket_pattern": "#"},
            {"separate_mfa_group": new_id()},
        )
    ]
    assert len({policy.digest(), *(other.digest() for other in others)}) == len(others) + 1
    assert all(policy_from(other.payload()).digest() == other.digest() for other in others)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"approvals_needed": 4}, "approvals_needed"),
        ({"approvals_needed": None}, "approvals_needed"),
        ({"approvals_needed": 0, "customer_approves": True}, "customer_approves"),
        ({"purposes": []}, "purposes"),
        ({"purposes": [Purpose.AGREED_TASK.value]}, "purposes"),
        ({"longest_window": timedelta(days=8)}, "longest_window"),
        ({"longest_window": None}, "longest_window"),
        ({"ticket_pattern": "x" * 201}, "ticket_pattern"),
    ],
)
def test_a_policy_that_cannot_be_is_not_accepted(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_policy(RecordKind.AWS_ROOT, **TYPED | change)
    assert set(refused.value.fields) == {field}


@pytest.mark.parametrize(
    ("pattern", "ticket", "fits"),
    [
        ("", "whatever", True),
        ("CASE-#", "case-4711", True),
        ("CASE-#", "CASE-", False),
        ("CASE-#", "CASE-47x", False),
        ("#/#", "12/3", True),
        ("#/#", "12/3/4", False),
        ("INC.#", "INCx1", False),
        ("##", "1", True),
        ("#1#1" * 40, "1" * 100 + "x", False),
    ],
)
def test_a_ticket_fits_its_pattern_or_is_told_so(pattern: str, ticket: str, fits: bool) -> None:
    policy = checked_policy(RecordKind.AWS_ROOT, **TYPED | {"ticket_pattern": pattern})
    assert (policy.ticket_problem(ticket) is None) == fits
    assert policy.ticket_problem("")


def test_nobody_may_be_in_both_groups_however_they_get_there(team: Team) -> None:
    record_id = record_in(team, CustodyState.DRAFT)
    group_id = mfa_group(team)
    handovers.propose_policy(team, record_id, separate_mfa_group=group_id)
    handovers.confirm(team, record_id)
    joins = ChangeRequest(ChangeKind.ADD_MEMBER, team.custodian.account_id, group_id=group_id)
    with pytest.raises(GroupsNotApart):
        administering.change(team.unit_of_work, team.custodian.actor, joins)
    password = generate_password(24, frozenset(CHARACTER_CLASSES), avoid_look_alikes=False).text
    with pytest.raises(GroupsNotApart):
        joining.create_account(
            team.unit_of_work,
            Actor.operator(),
            name="Both Example",
            email="both@example.com",
            roles={Role.CUSTODIAN},
            groups=("Custodians", "Second factors"),
            password=password,
        )
    with team.unit_of_work.read() as work:
        assert not work.accounts.groups.is_member(group_id, team.custodian.account_id)


def test_a_group_that_shares_a_member_or_is_the_same_keeps_no_second_factor(team: Team) -> None:
    record_id = record_in(team, CustodyState.DRAFT)
    with team.unit_of_work.read() as work:
        own_group = work.custody.locked(record_id).group_id
    shared = mfa_group(team, name="Shared")
    request = ChangeRequest(ChangeKind.ADD_MEMBER, team.custodian.account_id, group_id=shared)
    administering.change(team.unit_of_work, team.custodian.actor, request)
    for group_id in (own_group, shared, new_id()):
        with pytest.raises(GroupsNotApart):
            handovers.propose_policy(team, record_id, separate_mfa_group=group_id)


def test_a_record_is_not_handed_to_the_group_that_keeps_its_second_factor(team: Team) -> None:
    record_id = record_in(team, CustodyState.DRAFT, RecordKind.CREDENTIAL)
    group_id = mfa_group(team)
    handovers.propose_policy(team, record_id, separate_mfa_group=group_id)
    handovers.confirm(team, record_id)
    details = checked_details("credential", {RecordField.CUSTOMER: "Example GmbH"})
    with pytest.raises(GroupsNotApart), team.unit_of_work.write(team.custodian.actor) as work:
        work.custody.edit(record_id, 1, details, group_id)
