"""What administrators do with accounts takes effect at once, is told to those it concerns, and leaves one of them."""

import threading

import pytest
from flask import Flask
from sqlalchemy import select

from sharelink.accounts.changes import ChangeRequest
from sharelink.accounts.errors import (
    AccountNotFound,
    AlreadySo,
    GroupNotFound,
    LastAdministrator,
    OwnFactors,
)
from sharelink.accounts.models import GroupMember
from sharelink.accounts.people_view import group_detail, group_list
from sharelink.accounts.queries import active_administrators, groups_for_choice, people, person
from sharelink.accounts.states import ChangeKind, Role
from sharelink.actors import Actor
from sharelink.acts.administering import change, change_groups, set_password
from sharelink.acts.joining import create_account
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.holds import HoldRelease
from sharelink.errors import InvalidInput
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.accounts.records import recorded, recorded_types
from tests.factories import Person, make_person, send_secret


@pytest.fixture
def ben(unit_of_work: UnitOfWork, staff: Person) -> Person:
    """Return a custodian, beside the administrator `staff`, in the group "Nord"."""
    return make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[Role.CUSTODIAN], groups=["Nord"])


def set_roles(unit_of_work: UnitOfWork, actor: Actor, who: Person, *roles: Role) -> bool:
    return change(unit_of_work, actor, ChangeRequest(ChangeKind.SET_ROLES, who.account_id, roles=frozenset(roles)))


def group_of(unit_of_work: UnitOfWork, name: str) -> bytes:
    with unit_of_work.read() as work:
        return next(group.id for group in groups_for_choice(work.session, None) if group.name == name)


def put_on_hold(unit_of_work: UnitOfWork, sender: Person) -> bytes:
    sent = send_secret(unit_of_work, sender)
    with unit_of_work.write(Actor.system()) as work:
        work.holds.put(sent.custody_id, sent.share_id)
    return sent.custody_id


def test_roles_are_exactly_what_was_asked_for_and_told_with_before_and_after(
    unit_of_work: UnitOfWork, staff: Person, ben: Person
) -> None:
    assert set_roles(unit_of_work, staff.actor, ben, Role.STAFF, Role.AUDITOR)
    with unit_of_work.read() as work:
        assert person(work.session, ben.account_id).roles == {Role.STAFF, Role.AUDITOR}
    for chain in (id_text(ben.account_id), id_text(group_of(unit_of_work, "Nord"))):
        event = recorded(unit_of_work, chain)[-1]
        assert (event.type, event.facts) == ("admin.roles_changed", {"before": "custodian", "after": "auditor,staff"})
        assert event.personal["actor_name"] == "Anna Example"


def test_no_role_at_all_is_refused(unit_of_work: UnitOfWork, staff: Person, ben: Person) -> None:
    with pytest.raises(InvalidInput) as refused:
        set_roles(unit_of_work, staff.actor, ben)
    assert set(refused.value.fields) == {"roles"}


@pytest.mark.parametrize(
    "asked",
    [
        ChangeRequest(ChangeKind.SET_ROLES, b"", roles=frozenset({Role.CUSTODIAN})),
        ChangeRequest(ChangeKind.ENABLE, b""),
    ],
    ids=lambda asked: asked.kind,
)
def test_what_is_so_already_is_told_and_is_no_event(
    unit_of_work: UnitOfWork, staff: Person, ben: Person, asked: ChangeRequest
) -> None:
    before = recorded_types(unit_of_work, id_text(ben.account_id))
    with pytest.raises(AlreadySo):
        change(unit_of_work, staff.actor, ChangeRequest(asked.kind, ben.account_id, roles=asked.roles))
    assert recorded_types(unit_of_work, id_text(ben.account_id)) == before


def test_the_last_administrator_keeps_the_role(unit_of_work: UnitOfWork, staff: Person, ben: Person) -> None:
    with pytest.raises(LastAdministrator):
        set_roles(unit_of_work, staff.actor, staff, Role.STAFF)
    set_roles(unit_of_work, staff.actor, ben, Role.ADMINISTRATOR)
    assert set_roles(unit_of_work, staff.actor, staff, Role.STAFF)
    with pytest.raises(LastAdministrator):
        set_roles(unit_of_work, ben.actor, ben, Role.STAFF)


def test_a_disabled_administrator_does_not_count(unit_of_work: UnitOfWork, staff: Person, ben: Person) -> None:
    set_roles(unit_of_work, staff.actor, ben, Role.ADMINISTRATOR)
    with unit_of_work.write(staff.actor) as work:
        work.accounts.changes.disable(ben.account_id)
    with pytest.raises(LastAdministrator):
        set_roles(unit_of_work, staff.actor, staff, Role.STAFF)


def test_two_administrators_who_take_the_role_from_each_other_leave_one(app: Flask) -> None:
    unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
    with app.app_context():
        pair = [make_person(unit_of_work, "Example", f"{name}@example.com") for name in ("anna", "ben")]
    start = threading.Barrier(2)
    refused: list[str] = []

    def take_from(author: Person, other: Person) -> None:
        with app.app_context():
            start.wait()
            try:
                set_roles(unit_of_work, author.actor, other, Role.STAFF)
            except LastAdministrator:
                refused.append(author.email)

    racers = [threading.Thread(target=take_from, args=order) for order in (pair, pair[::-1])]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(refused) == 1
    with app.app_context(), unit_of_work.read() as work:
        assert len(active_administrators(work.session)) == 1


def test_a_disabled_person_comes_back_with_roles_and_groups_and_the_group_hears_of_both(
    unit_of_work: UnitOfWork, staff: Person, ben: Person
) -> None:
    with unit_of_work.write(staff.actor) as work:
        work.accounts.changes.disable(ben.account_id)
    assert change(unit_of_work, staff.actor, ChangeRequest(ChangeKind.ENABLE, ben.account_id))
    with unit_of_work.read() as work:
        back = person(work.session, ben.account_id)
    assert (back.is_disabled, back.roles, back.group_names) == (False, {Role.CUSTODIAN}, ("Nord",))
    told = recorded_types(unit_of_work, id_text(group_of(unit_of_work, "Nord")))
    assert told[-2:] == ["admin.account_disabled", "admin.account_enabled"]


def test_a_stay_in_a_group_has_a_beginning_and_an_end(unit_of_work: UnitOfWork, staff: Person, ben: Person) -> None:
    group_id = group_of(unit_of_work, "Custodians")
    for _time in range(2):
        assert change(
            unit_of_work, staff.actor, ChangeRequest(ChangeKind.ADD_MEMBER, ben.account_id, group_id=group_id)
        )
        assert change(
            unit_of_work, staff.actor, ChangeRequest(ChangeKind.REMOVE_MEMBER, ben.account_id, group_id=group_id)
        )
    with unit_of_work.read() as work:
        stays = work.session.scalars(
            select(GroupMember).where(GroupMember.account_id == ben.account_id, GroupMember.group_id == group_id)
        ).all()
        assert [member.person.name for member in group_detail(work.session, group_id).members] == ["Anna Example"]
    assert len(stays) == 2
    assert all(stay.removed_at is not None for stay in stays)
    events = recorded(unit_of_work, id_text(group_id))[-4:]
    assert [event.type for event in events] == ["admin.member_added", "admin.member_removed"] * 2
    assert {event.personal["member_name"] for event in events} == {"Ben Example"}
    assert len({event.object_ref for event in events}) == 1
    assert id_text(ben.account_id) not in {event.object_ref for event in events}


@pytest.mark.parametrize("kind", [ChangeKind.ADD_MEMBER, ChangeKind.REMOVE_MEMBER])
def test_members_cannot_be_added_twice_or_removed_when_they_are_none(
    unit_of_work: UnitOfWork, staff: Person, ben: Person, kind: ChangeKind
) -> None:
    name = "Nord" if kind is ChangeKind.ADD_MEMBER else "Custodians"
    asked = ChangeRequest(kind, ben.account_id, group_id=group_of(unit_of_work, name))
    with pytest.raises(AlreadySo):
        change(unit_of_work, staff.actor, asked)


def test_an_unknown_group_or_account_is_told(unit_of_work: UnitOfWork, staff: Person, ben: Person) -> None:
    with pytest.raises(GroupNotFound):
        change(unit_of_work, staff.actor, ChangeRequest(ChangeKind.ADD_MEMBER, ben.account_id, group_id=new_id()))
    with pytest.raises(AccountNotFound):
        change(unit_of_work, staff.actor, ChangeRequest(ChangeKind.RESET_FACTORS, new_id()))


def test_nobody_resets_their_own_factors_as_an_administrator(unit_of_work: UnitOfWork, staff: Person) -> None:
    with pytest.raises(OwnFactors):
        change(unit_of_work, staff.actor, ChangeRequest(ChangeKind.RESET_FACTORS, staff.account_id))


def test_a_reset_of_factors_is_told_to_the_person_and_to_the_group(
    unit_of_work: UnitOfWork, staff: Person, ben: Person
) -> None:
    assert change(unit_of_work, staff.actor, ChangeRequest(ChangeKind.RESET_FACTORS, ben.account_id))
    for chain in (id_text(ben.account_id), id_text(group_of(unit_of_work, "Nord"))):
        assert "admin.factors_reset" in recorded_types(unit_of_work, chain)


@pytest.mark.parametrize("kind", [ChangeKind.RESET_FACTORS, ChangeKind.ADD_MEMBER, None])
def test_a_change_of_a_group_voids_the_words_for_lifting_its_holds(
    unit_of_work: UnitOfWork, staff: Person, ben: Person, kind: ChangeKind | None
) -> None:
    ours = group_of(unit_of_work, "Custodians")
    clara = make_person(unit_of_work, "Clara Example", "clara@example.com", roles=[Role.CUSTODIAN])
    custody_id = put_on_hold(unit_of_work, staff)
    with unit_of_work.write(clara.actor) as work:
        work.holds.release(custody_id, is_proven=False)
    if kind is None:
        create_account(
            unit_of_work,
            Actor.operator(),
            name="Eve",
            email="eve@example.com",
            roles=[Role.STAFF],
            groups=["Custodians"],
            password="tapioca violin marsh eleven",
        )
    else:
        concerned = clara if kind is ChangeKind.RESET_FACTORS else ben
        group_id = ours if kind is ChangeKind.ADD_MEMBER else None
        change(unit_of_work, staff.actor, ChangeRequest(kind, concerned.account_id, group_id=group_id))
    with unit_of_work.read() as work:
        assert work.session.scalars(select(HoldRelease)).all() == []
    assert recorded_types(unit_of_work, id_text(custody_id))[-1] == "custody.hold_words_voided"


def test_a_change_of_another_group_leaves_the_words_alone(unit_of_work: UnitOfWork, staff: Person, ben: Person) -> None:
    clara = make_person(unit_of_work, "Clara Example", "clara@example.com", roles=[Role.CUSTODIAN])
    custody_id = put_on_hold(unit_of_work, staff)
    with unit_of_work.write(clara.actor) as work:
        work.holds.release(custody_id, is_proven=False)
    change(unit_of_work, staff.actor, ChangeRequest(ChangeKind.RESET_FACTORS, ben.account_id))
    with unit_of_work.read() as work:
        assert len(work.session.scalars(select(HoldRelease)).all()) == 1


def test_an_operator_changes_groups_all_or_nothing(unit_of_work: UnitOfWork, staff: Person, ben: Person) -> None:
    with pytest.raises(AlreadySo):
        change_groups(unit_of_work, Actor.operator(), ben.account_id, added=["Süd"], removed=["Custodians"])
    with unit_of_work.read() as work:
        assert [group.name for group in group_list(work.session, None)] == ["Custodians", "Nord"]
    change_groups(unit_of_work, Actor.operator(), ben.account_id, added=["Süd", "custodians"], removed=["nord"])
    with unit_of_work.read() as work:
        assert person(work.session, ben.account_id).group_names == ("Custodians", "Süd")
        assert [(group.name, group.member_count) for group in group_list(work.session, None)] == [
            ("Custodians", 2),
            ("Nord", 0),
            ("Süd", 1),
        ]


def test_a_set_password_follows_the_rules_and_is_told(unit_of_work: UnitOfWork, staff: Person, ben: Person) -> None:
    with pytest.raises(InvalidInput):
        set_password(unit_of_work, Actor.operator(), ben.account_id, "ben@example.com ben@example.com")
    set_password(unit_of_work, Actor.operator(), ben.account_id, "tapioca violin marsh eleven")
    event = recorded(unit_of_work, id_text(ben.account_id))[-1]
    assert (event.type, event.actor_kind) == ("admin.password_set", "operator")


def test_a_group_is_made_once_whatever_the_letter_case(unit_of_work: UnitOfWork, staff: Person) -> None:
    with unit_of_work.write(staff.actor) as work:
        group_id = work.accounts.groups.create("  Süd  ")
    for name in ("SÜD", " ", "x" * 121):
        with pytest.raises(InvalidInput) as refused, unit_of_work.write(staff.actor) as work:
            work.accounts.groups.create(name)
        assert set(refused.value.fields) == {"name"}
    assert recorded_types(unit_of_work, id_text(group_id)) == ["admin.group_created"]
    with unit_of_work.read() as work:
        assert len(people(work.session)) == 1
