"""With separation of duties, what gives somebody a way to secrets takes two administrators, and the group sees it."""

import threading

import pytest
from flask import Flask
from sqlalchemy import update

from sharelink.accounts.changes import ChangeRequest
from sharelink.accounts.errors import ChangeUnavailable, LastAdministrator, OwnChange
from sharelink.accounts.models import AccountChange
from sharelink.accounts.people_view import (
    pending_changes,
)
from sharelink.accounts.policy import BOTH_DUTIES
from sharelink.accounts.queries import person
from sharelink.accounts.states import ChangeKind, ChangeState, Role
from sharelink.actors import Actor
from sharelink.acts.administering import approve, change
from sharelink.acts.joining import create_account
from sharelink.crypto.identifiers import id_text
from sharelink.errors import InvalidInput, PermissionDenied
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.accounts.proposals import add, members, roles, state_of, waiting
from tests.accounts.records import recorded, recorded_types
from tests.factories import Person, make_person


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Switch separation of duties on."""
    return settings.model_copy(update={"separation_of_duties": True})


def test_a_member_is_added_only_when_a_second_administrator_approves(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, dan: Person, nord: bytes
) -> None:
    assert not change(unit_of_work, ada.actor, add(dan, nord))
    assert dan.account_id not in members(unit_of_work, nord)
    line = waiting(unit_of_work)
    assert (line.person_name, line.group_name, line.proposed_by_name) == ("Dan", "Nord", "Ada")
    approve(unit_of_work, bob.actor, line.id, line.digest)
    assert dan.account_id in members(unit_of_work, nord)
    assert state_of(unit_of_work, line.id) is ChangeState.APPROVED


def test_the_group_hears_of_the_proposal_and_of_the_approval_with_the_same_digest(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, dan: Person, nord: bytes
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    approve(unit_of_work, bob.actor, line.id, line.digest)
    proposed, approved, added = recorded(unit_of_work, id_text(nord))[-3:]
    assert (proposed.type, proposed.outcome, proposed.personal["actor_name"]) == (
        "admin.change_proposed",
        "pending",
        "Ada",
    )
    assert (approved.type, approved.personal["actor_name"]) == ("admin.change_approved", "Bob")
    assert proposed.facts["digest"] == approved.facts["digest"] == line.digest_text
    assert (added.type, added.personal["member_name"]) == ("admin.member_added", "Dan")


@pytest.mark.parametrize("kind", [ChangeKind.REMOVE_MEMBER, ChangeKind.RESET_FACTORS, ChangeKind.ENABLE])
def test_removal_reset_and_enabling_of_a_member_wait_too(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, clara: Person, nord: bytes, kind: ChangeKind
) -> None:
    if kind is ChangeKind.ENABLE:
        with unit_of_work.write(ada.actor) as work:
            work.accounts.changes.disable(clara.account_id)
    group_id = nord if kind is ChangeKind.REMOVE_MEMBER else None
    assert not change(unit_of_work, ada.actor, ChangeRequest(kind, clara.account_id, group_id=group_id))
    line = waiting(unit_of_work)
    told = recorded_types(unit_of_work, id_text(nord))
    assert told[-1] == "admin.change_proposed"
    approve(unit_of_work, bob.actor, line.id, line.digest)
    effect = {
        ChangeKind.REMOVE_MEMBER: "admin.member_removed",
        ChangeKind.RESET_FACTORS: "admin.factors_reset",
        ChangeKind.ENABLE: "admin.account_enabled",
    }
    assert recorded_types(unit_of_work, id_text(nord))[-1] == effect[kind]


@pytest.mark.parametrize(("role", "waits"), [(Role.ADMINISTRATOR, True), (Role.CUSTODIAN, False)])
def test_a_former_administrator_comes_back_by_two_others_and_somebody_without_a_group_by_one(
    unit_of_work: UnitOfWork, ada: Person, role: Role, waits: bool
) -> None:
    eve = make_person(unit_of_work, "Eve", "eve@example.com", roles=[role], groups=[])
    with unit_of_work.write(ada.actor) as work:
        work.accounts.changes.disable(eve.account_id)
    assert change(unit_of_work, ada.actor, ChangeRequest(ChangeKind.ENABLE, eve.account_id)) is not waits
    with unit_of_work.read() as work:
        assert person(work.session, eve.account_id).is_disabled is waits


@pytest.mark.parametrize(
    ("before", "after", "in_group", "waits"),
    [
        ({Role.STAFF}, {Role.STAFF, Role.ADMINISTRATOR}, False, True),
        ({Role.STAFF}, {Role.STAFF, Role.CUSTODIAN}, True, True),
        ({Role.STAFF, Role.CUSTODIAN}, {Role.STAFF}, True, True),
        ({Role.STAFF}, {Role.STAFF, Role.CUSTODIAN}, False, False),
        ({Role.STAFF}, {Role.AUDITOR}, True, False),
        ({Role.STAFF, Role.ADMINISTRATOR}, {Role.STAFF}, False, False),
    ],
)
def test_roles_that_open_a_way_to_secrets_wait(
    unit_of_work: UnitOfWork, ada: Person, before: set[Role], after: set[Role], in_group: bool, waits: bool
) -> None:
    eve = make_person(unit_of_work, "Eve", "eve@example.com", roles=before, groups=["Nord"] if in_group else [])
    assert change(unit_of_work, ada.actor, roles(eve, *after)) is not waits
    with unit_of_work.read() as work:
        assert person(work.session, eve.account_id).roles == (before if waits else after)


def test_nobody_approves_their_own_proposal(unit_of_work: UnitOfWork, ada: Person, dan: Person, nord: bytes) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    with pytest.raises(OwnChange):
        approve(unit_of_work, ada.actor, line.id, line.digest)
    assert dan.account_id not in members(unit_of_work, nord)
    assert state_of(unit_of_work, line.id) is ChangeState.PENDING


@pytest.mark.parametrize("who", ["custodian", "disabled administrator", "former administrator"])
def test_only_somebody_who_is_administrator_now_decides(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, clara: Person, dan: Person, nord: bytes, who: str
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    decider = clara if who == "custodian" else bob
    if who == "disabled administrator":
        with unit_of_work.write(Actor.operator()) as work:
            work.accounts.disable_account(bob.email)
    elif who == "former administrator":
        change(unit_of_work, Actor.operator(), roles(bob, Role.STAFF))
    with pytest.raises(PermissionDenied):
        approve(unit_of_work, decider.actor, line.id, line.digest)
    with pytest.raises(PermissionDenied), unit_of_work.write(decider.actor) as work:
        work.accounts.changes.refuse(line.id)
    assert dan.account_id not in members(unit_of_work, nord)


def test_approving_twice_makes_it_once(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, dan: Person, nord: bytes
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    approve(unit_of_work, bob.actor, line.id, line.digest)
    with pytest.raises(ChangeUnavailable):
        approve(unit_of_work, bob.actor, line.id, line.digest)
    assert recorded_types(unit_of_work, id_text(nord)).count("admin.member_added") == 2, "Clara and Dan, once each"


def test_disabling_needs_no_second_administrator(unit_of_work: UnitOfWork, ada: Person, clara: Person) -> None:
    with unit_of_work.write(ada.actor) as work:
        work.accounts.changes.disable(clara.account_id)
    with unit_of_work.read() as work:
        assert person(work.session, clara.account_id).is_disabled


def test_an_operator_acts_alone_and_the_group_sees_who_it_was(
    unit_of_work: UnitOfWork, dan: Person, nord: bytes
) -> None:
    assert change(unit_of_work, Actor.operator(), add(dan, nord))
    event = recorded(unit_of_work, id_text(nord))[-1]
    assert (event.type, event.actor_kind) == ("admin.member_added", "operator")


@pytest.mark.parametrize("by", ["ada", "operator"])
def test_nobody_becomes_administrator_and_custodian(unit_of_work: UnitOfWork, ada: Person, by: str) -> None:
    actor = ada.actor if by == "ada" else Actor.operator()
    both = {Role.ADMINISTRATOR, Role.CUSTODIAN}
    with pytest.raises(InvalidInput) as refused:
        change(unit_of_work, actor, roles(ada, *both))
    assert refused.value.fields == {"roles": BOTH_DUTIES}
    with pytest.raises(InvalidInput) as refused:
        create_account(
            unit_of_work,
            actor,
            name="Eve",
            email="eve@example.com",
            roles=both,
            groups=[],
            password="tapioca violin marsh eleven",
        )
    assert refused.value.fields == {"roles": BOTH_DUTIES}


def test_an_impossible_proposal_is_refused_at_once(unit_of_work: UnitOfWork, ada: Person) -> None:
    with pytest.raises(LastAdministrator):
        change(unit_of_work, ada.actor, roles(ada, Role.STAFF))
    with unit_of_work.read() as work:
        assert pending_changes(work.session, work.now) == ()


def test_the_database_itself_refuses_an_approval_by_the_author(
    unit_of_work: UnitOfWork, ada: Person, dan: Person, nord: bytes
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    with pytest.raises(Exception, match="could not do its work"), unit_of_work.write(Actor.system()) as work:
        work.session.execute(update(AccountChange).values(state=ChangeState.APPROVED, decided_by=ada.account_id))


def test_of_racing_decisions_one_counts(app: Flask, ada: Person, bob: Person, dan: Person, nord: bytes) -> None:
    unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
    with app.app_context():
        change(unit_of_work, ada.actor, add(dan, nord))
        line = waiting(unit_of_work)
    start = threading.Barrier(4)
    outcomes: list[str] = []

    def decide(number: int) -> None:
        with app.app_context():
            start.wait()
            try:
                if number % 2:
                    approve(unit_of_work, bob.actor, line.id, line.digest)
                    outcomes.append("approved")
                else:
                    with unit_of_work.write(bob.actor) as work:
                        work.accounts.changes.refuse(line.id)
                    outcomes.append("refused")
            except ChangeUnavailable:
                pass

    racers = [threading.Thread(target=decide, args=(number,)) for number in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(outcomes) == 1
    with app.app_context():
        assert (dan.account_id in members(unit_of_work, nord)) == (outcomes == ["approved"])
