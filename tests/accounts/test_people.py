"""Accounts are made with roles and groups, told apart by their address, and disabled for good."""

import threading

import pytest
from flask import Flask
from sqlalchemy import func, select

from sharelink.accounts.errors import AccountAlreadyDisabled, AccountNotFound, LastAdministrator
from sharelink.accounts.models import Account, CustodianGroup
from sharelink.accounts.queries import find_visitor, groups_for_choice, people, person
from sharelink.accounts.sessions import session_key_hash
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.acts.joining import create_account
from sharelink.acts.signing_in import sign_in
from sharelink.crypto.identifiers import id_text
from sharelink.errors import InvalidInput
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.accounts.records import recorded, recorded_types
from tests.accounts.steps import enter
from tests.factories import Person, make_person

GOOD_PASSWORD = "tapioca violin marsh eleven"


def create(unit_of_work: UnitOfWork, **changes: object) -> bytes:
    wanted = {
        "name": "Ben Example",
        "email": "ben@example.com",
        "roles": [Role.STAFF],
        "groups": [],
        "password": GOOD_PASSWORD,
    }
    return create_account(unit_of_work, Actor.operator(), **(wanted | changes))  # type: ignore[arg-type]  # each test knows its arguments


def disable(unit_of_work: UnitOfWork, email: str) -> None:
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.disable_account(email)


def test_an_account_has_the_roles_and_groups_it_was_made_with(unit_of_work: UnitOfWork) -> None:
    account_id = create(
        unit_of_work, name="  Ben   Example ", roles=[Role.STAFF, Role.CUSTODIAN], groups=["Nord", "Süd", "NORD"]
    )
    with unit_of_work.read() as work:
        found = person(work.session, account_id)
        groups = groups_for_choice(work.session, None)
    assert (found.name, found.email, found.is_disabled) == ("Ben Example", "ben@example.com", False)
    assert found.role_labels == ("Staff", "Custodian")
    assert found.group_names == ("Nord", "Süd")
    assert [group.name for group in groups] == ["Nord", "Süd"]


def test_groups_are_used_again_whatever_the_letter_case(unit_of_work: UnitOfWork) -> None:
    create(unit_of_work, groups=["Custodians"])
    create(unit_of_work, email="clara@example.com", groups=["custodians"])
    with unit_of_work.read() as work:
        assert work.session.scalar(select(func.count()).select_from(CustodianGroup)) == 1


def test_a_new_account_is_an_event_without_a_name_in_the_leaf(unit_of_work: UnitOfWork) -> None:
    account_id = create(unit_of_work)
    event = recorded(unit_of_work, id_text(account_id))[0]
    assert (event.type, event.object_ref) == ("admin.account_created", id_text(account_id))
    assert event.facts == {"roles": "staff"}
    assert event.personal["account_email"] == "ben@example.com"


def test_membership_stands_on_the_chain_of_the_group(unit_of_work: UnitOfWork) -> None:
    account_id = create(unit_of_work, groups=["Custodians"])
    with unit_of_work.read() as work:
        group = groups_for_choice(work.session, None)[0]
    events = recorded(unit_of_work, group.id_text)
    assert [event.type for event in events] == ["admin.group_created", "admin.member_added"]
    assert events[1].personal["member_name"] == "Ben Example"
    assert events[1].object_ref != id_text(account_id), "the account's id would link the chains of all groups"


@pytest.mark.parametrize("again", ["ben@example.com", " BEN@Example.COM ", "bEn@example.com"])
def test_one_address_has_one_account(unit_of_work: UnitOfWork, again: str) -> None:
    create(unit_of_work)
    with pytest.raises(InvalidInput) as refused:
        create(unit_of_work, email=again)
    assert set(refused.value.fields) == {"email"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "Ben\u202eelpmaxE"}, "name"),
        ({"name": "Ben\0"}, "name"),
        ({"name": "\u3164"}, "name"),
        ({"name": "Ben\u2800"}, "name"),
        ({"email": ""}, "email"),
        ({"email": "ben"}, "email"),
        ({"email": "ben@example.com, eve@example.com"}, "email"),
        ({"email": "ben@@example.com"}, "email"),
        ({"email": "b\0n@example.com"}, "email"),
        ({"email": "x" * 250 + "@example.com"}, "email"),
        ({"roles": []}, "roles"),
        ({"groups": [" "]}, "groups"),
        ({"password": "too short"}, "password"),
        ({"password": "ben@example.com ben@example.com"}, "password"),
    ],
)
def test_what_cannot_be_accepted_is_told_beside_its_field(
    unit_of_work: UnitOfWork, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        create(unit_of_work, **changes)
    assert set(refused.value.fields) == {field}
    with unit_of_work.read() as work:
        assert work.session.scalar(select(func.count()).select_from(Account)) == 0
    assert recorded_types(unit_of_work) == []


def test_all_problems_are_told_at_once(unit_of_work: UnitOfWork) -> None:
    with pytest.raises(InvalidInput) as refused:
        create(unit_of_work, name="", email="", password="")
    assert set(refused.value.fields) == {"name", "email", "password"}


def test_a_disabled_account_is_out_at_once_and_cannot_come_back(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[Role.STAFF])
    started = enter(unit_of_work, visitor, ben)
    assert started is not None
    disable(unit_of_work, "BEN@example.com")
    key_hash = session_key_hash(started.key)
    assert key_hash is not None
    with unit_of_work.read() as work:
        assert find_visitor(work.connection, key_hash, work.now, work.session_limits.idle_lifetime) is None
        assert [(one.name, one.is_disabled) for one in people(work.session)] == [
            ("Anna Example", False),
            ("Ben Example", True),
        ]
    assert sign_in(unit_of_work, visitor, ben.email, ben.password) is None
    event = recorded(unit_of_work, id_text(ben.account_id))[-1]
    assert (event.type, event.facts) == ("admin.account_disabled", {"sessions_ended": 1})


def test_the_last_administrator_stays(unit_of_work: UnitOfWork, staff: Person) -> None:
    other = make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[Role.ADMINISTRATOR])
    disable(unit_of_work, other.email)
    with pytest.raises(LastAdministrator):
        disable(unit_of_work, staff.email)
    with unit_of_work.read() as work:
        assert not person(work.session, staff.account_id).is_disabled


def test_disabling_nobody_or_twice_is_told(unit_of_work: UnitOfWork, staff: Person) -> None:
    make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[Role.STAFF])
    with pytest.raises(AccountNotFound):
        disable(unit_of_work, "nobody@example.com")
    disable(unit_of_work, "ben@example.com")
    with pytest.raises(AccountAlreadyDisabled):
        disable(unit_of_work, "ben@example.com")


def test_two_administrators_who_disable_each_other_leave_one(app: Flask) -> None:
    unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
    emails = ["anna@example.com", "ben@example.com"]
    with app.app_context():
        for email in emails:
            make_person(unit_of_work, "Example", email)
    start = threading.Barrier(2)
    refused: list[str] = []

    def disable_other(email: str) -> None:
        with app.app_context():
            start.wait()
            try:
                disable(unit_of_work, email)
            except LastAdministrator:
                refused.append(email)

    racers = [threading.Thread(target=disable_other, args=(email,)) for email in emails]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(refused) == 1
    with app.app_context(), unit_of_work.read() as work:
        assert [one.is_disabled for one in people(work.session)] == [False, True]
