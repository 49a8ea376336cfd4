"""An invitation makes one account, once, for one address, within its time, while whoever sent it may still invite."""

import threading
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import func, select

from sharelink.accounts.changes import ChangeRequest
from sharelink.accounts.errors import GroupNotFound, InvitationUnavailable
from sharelink.accounts.invitations import SECOND_ADMINISTRATOR, NewInvitation
from sharelink.accounts.models import Account, Invitation
from sharelink.accounts.people_view import open_invitations
from sharelink.accounts.policy import BOTH_DUTIES, AccountPolicy
from sharelink.accounts.queries import groups_for_choice, person
from sharelink.accounts.sessions import StartedSession
from sharelink.accounts.stages import Stage
from sharelink.accounts.states import ChangeKind, Role
from sharelink.actors import Actor
from sharelink.acts.administering import change
from sharelink.acts.joining import join
from sharelink.crypto.bearer_keys import BearerPurpose, new_bearer_key
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.crypto.link_tokens import TokenPurpose, sign_token
from sharelink.errors import InvalidInput
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.accounts.records import recorded, recorded_types
from tests.factories import Person, make_person
from tests.fakes import MovableClock

GOOD_PASSWORD = "tapioca violin marsh eleven"
BEN = "ben@example.com"


def invite(
    unit_of_work: UnitOfWork,
    actor: Actor,
    email: str = BEN,
    roles: frozenset[Role] = frozenset({Role.STAFF}),
    group_ids: tuple[bytes, ...] = (),
) -> NewInvitation:
    with unit_of_work.write(actor) as work:
        return work.accounts.invitations.invite(email, roles, group_ids)


def follow(unit_of_work: UnitOfWork, link: str, email: str = BEN, password: str = GOOD_PASSWORD) -> StartedSession:
    visitor = Actor.public("203.0.113.7", "Test browser")
    return join(unit_of_work, visitor, link=link, name="Ben Example", email=email, password=password)


def count_of_accounts(unit_of_work: UnitOfWork) -> int:
    with unit_of_work.read() as work:
        return work.session.scalars(select(func.count()).select_from(Account)).one()


def test_whoever_follows_the_link_has_the_account_it_was_made_for(unit_of_work: UnitOfWork, staff: Person) -> None:
    with unit_of_work.read() as work:
        group = groups_for_choice(work.session, None)[0]
    made = invite(unit_of_work, staff.actor, roles=frozenset({Role.CUSTODIAN, Role.STAFF}), group_ids=(group.id,))
    started = follow(unit_of_work, made.link_secret)
    with unit_of_work.read() as work:
        joined = person(work.session, started.account_id)
        assert open_invitations(work.session, work.now) == ()
    assert (joined.name, joined.email, joined.group_names) == ("Ben Example", BEN, ("Custodians",))
    assert joined.roles == {Role.CUSTODIAN, Role.STAFF}
    assert joined.last_sign_in_at is None, "a second factor comes first"


def test_the_new_session_reaches_the_second_factor_only(unit_of_work: UnitOfWork, staff: Person) -> None:
    started = follow(unit_of_work, invite(unit_of_work, staff.actor).link_secret)
    assert started.stage is Stage.ENROLMENT


def test_the_whole_link_may_be_pasted(unit_of_work: UnitOfWork, staff: Person) -> None:
    made = invite(unit_of_work, staff.actor)
    assert follow(unit_of_work, f" https://share.example.com/join#{made.link_secret}\n")


def test_invitation_and_joining_are_told_without_an_address_in_the_leaf(
    unit_of_work: UnitOfWork, staff: Person
) -> None:
    made = invite(unit_of_work, staff.actor)
    started = follow(unit_of_work, made.link_secret)
    told = [event for event in recorded(unit_of_work) if event.object_kind == "invitation"]
    assert [event.type for event in told] == ["admin.invited", "admin.invitation_used"]
    assert {event.object_ref for event in told} == {id_text(made.id)}
    assert told[0].personal["account_email"] == BEN
    assert BEN not in str(told[0].facts)
    assert recorded_types(unit_of_work, id_text(started.account_id))[0] == "admin.account_created"


def test_only_a_hash_of_the_key_is_kept(unit_of_work: UnitOfWork, staff: Person) -> None:
    made = invite(unit_of_work, staff.actor)
    key = made.link_secret.rpartition(".")[2]
    with unit_of_work.read() as work:
        row = work.session.execute(select(Invitation.__table__)).one()
    assert key not in repr(tuple(row))
    assert key not in repr(made)


def test_a_used_link_is_dead(unit_of_work: UnitOfWork, staff: Person) -> None:
    made = invite(unit_of_work, staff.actor)
    follow(unit_of_work, made.link_secret)
    with pytest.raises(InvitationUnavailable):
        follow(unit_of_work, made.link_secret)
    assert count_of_accounts(unit_of_work) == 2


def test_the_link_dies_after_a_week(unit_of_work: UnitOfWork, clock: MovableClock, staff: Person) -> None:
    made = invite(unit_of_work, staff.actor)
    clock.move(days=7)
    with pytest.raises(InvitationUnavailable):
        follow(unit_of_work, made.link_secret)
    clock.move(seconds=-1)
    assert follow(unit_of_work, made.link_secret)


def test_a_revoked_link_is_dead_and_revoking_is_told(unit_of_work: UnitOfWork, staff: Person) -> None:
    made = invite(unit_of_work, staff.actor)
    with unit_of_work.write(staff.actor) as work:
        work.accounts.invitations.revoke(made.id)
    with pytest.raises(InvitationUnavailable):
        follow(unit_of_work, made.link_secret)
    with pytest.raises(InvitationUnavailable), unit_of_work.write(staff.actor) as work:
        work.accounts.invitations.revoke(made.id)
    assert recorded_types(unit_of_work)[-1] == "admin.invitation_revoked"


def test_a_newer_invitation_to_the_same_address_replaces_the_older(unit_of_work: UnitOfWork, staff: Person) -> None:
    older = invite(unit_of_work, staff.actor)
    newer = invite(unit_of_work, staff.actor, " BEN@Example.com ")
    with pytest.raises(InvitationUnavailable):
        follow(unit_of_work, older.link_secret)
    assert follow(unit_of_work, newer.link_secret)


@pytest.mark.parametrize("reason", ["disabled", "no administrator any more"])
def test_the_invitations_of_somebody_who_may_no_longer_invite_are_dead(
    unit_of_work: UnitOfWork, staff: Person, reason: str
) -> None:
    other = make_person(unit_of_work, "Eve", "eve@example.com", roles=[Role.ADMINISTRATOR], groups=[])
    made = invite(unit_of_work, other.actor)
    if reason == "disabled":
        with unit_of_work.write(staff.actor) as work:
            work.accounts.changes.disable(other.account_id)
    else:
        asked = ChangeRequest(ChangeKind.SET_ROLES, other.account_id, roles=frozenset({Role.STAFF}))
        change(unit_of_work, staff.actor, asked)
    with unit_of_work.read() as work:
        assert [line.is_void for line in open_invitations(work.session, work.now)] == [True]
    with pytest.raises(InvitationUnavailable):
        follow(unit_of_work, made.link_secret)


def test_only_the_invited_address_joins_and_the_link_stays_good(unit_of_work: UnitOfWork, staff: Person) -> None:
    made = invite(unit_of_work, staff.actor)
    with pytest.raises(InvalidInput) as refused:
        follow(unit_of_work, made.link_secret, "eve@example.com")
    assert set(refused.value.fields) == {"email"}
    assert count_of_accounts(unit_of_work) == 1
    assert follow(unit_of_work, made.link_secret, " Ben@EXAMPLE.com")


def test_a_refused_password_leaves_the_link_good(unit_of_work: UnitOfWork, staff: Person) -> None:
    made = invite(unit_of_work, staff.actor)
    with pytest.raises(InvalidInput) as refused:
        follow(unit_of_work, made.link_secret, password="too short")
    assert set(refused.value.fields) == {"password"}
    assert follow(unit_of_work, made.link_secret)


@pytest.mark.parametrize("part", ["", "A" * 43, "token.", ".key", "https://share.example.com/join"])
def test_a_link_that_is_cut_off_is_told_beside_its_field(unit_of_work: UnitOfWork, staff: Person, part: str) -> None:
    invite(unit_of_work, staff.actor)
    with pytest.raises(InvalidInput) as refused:
        follow(unit_of_work, part)
    assert set(refused.value.fields) == {"key"}


def test_no_part_of_a_link_works_with_another(unit_of_work: UnitOfWork, clock: MovableClock, staff: Person) -> None:
    ours, theirs = invite(unit_of_work, staff.actor), invite(unit_of_work, staff.actor, "clara@example.com")
    token, key = ours.link_secret.rsplit(".", 1)
    other_token, other_key = theirs.link_secret.rsplit(".", 1)
    keys = unit_of_work.keyring.token_keys
    foreign = sign_token(keys, TokenPurpose.OPEN, ours.id, clock.now)
    unknown = sign_token(keys, TokenPurpose.JOIN, new_id(), clock.now)
    set_up_key = new_bearer_key(BearerPurpose.SET_UP).text
    for forged in (
        f"{token}.{other_key}",
        f"{other_token}.{key}",
        f"{token[:-1]}{'A' if token[-1] != 'A' else 'B'}.{key}",
        f"{foreign}.{key}",
        f"{unknown}.{key}",
        f"{token}.{set_up_key}",
    ):
        with pytest.raises(InvitationUnavailable):
            follow(unit_of_work, forged)
    assert count_of_accounts(unit_of_work) == 1


def test_what_cannot_be_accepted_is_told_beside_its_field(unit_of_work: UnitOfWork, staff: Person) -> None:
    for email, roles, field in (
        ("no address", frozenset({Role.STAFF}), "email"),
        ("ANNA@example.com", frozenset({Role.STAFF}), "email"),
        (BEN, frozenset[Role](), "roles"),
    ):
        with pytest.raises(InvalidInput) as refused:
            invite(unit_of_work, staff.actor, email, roles)
        assert set(refused.value.fields) == {field}
    with pytest.raises(GroupNotFound):
        invite(unit_of_work, staff.actor, group_ids=(new_id(),))


def test_an_account_that_came_to_be_meanwhile_keeps_its_address(unit_of_work: UnitOfWork, staff: Person) -> None:
    made = invite(unit_of_work, staff.actor)
    make_person(unit_of_work, "Ben Example", BEN)
    with pytest.raises(InvalidInput) as refused:
        follow(unit_of_work, made.link_secret)
    assert set(refused.value.fields) == {"email"}


def test_with_separation_of_duties_an_invitation_alone_opens_no_way_to_secrets(
    app: Flask, unit_of_work: UnitOfWork, staff: Person
) -> None:
    wiring = app.extensions[EXTENSION]
    with unit_of_work.read() as work:
        group = groups_for_choice(work.session, None)[0]
    earlier = [
        invite(unit_of_work, staff.actor, "one@example.com", group_ids=(group.id,)),
        invite(unit_of_work, staff.actor, "two@example.com", frozenset({Role.ADMINISTRATOR})),
        invite(unit_of_work, Actor.operator(), "three@example.com", frozenset({Role.ADMINISTRATOR, Role.CUSTODIAN})),
    ]
    separated = _separated(wiring.unit_of_work)
    for roles, groups, field, message in (
        ({Role.STAFF}, (group.id,), "groups", SECOND_ADMINISTRATOR),
        ({Role.ADMINISTRATOR}, (), "roles", SECOND_ADMINISTRATOR),
        ({Role.ADMINISTRATOR, Role.CUSTODIAN}, (), "roles", BOTH_DUTIES),
    ):
        with pytest.raises(InvalidInput) as refused:
            invite(separated, staff.actor, roles=frozenset(roles), group_ids=groups)
        assert refused.value.fields == {field: message}
    for made in earlier:
        with pytest.raises(InvitationUnavailable):
            follow(separated, made.link_secret, made.email)
    by_operator = invite(separated, Actor.operator(), BEN, frozenset({Role.ADMINISTRATOR}))
    assert follow(separated, by_operator.link_secret)


def _separated(unit_of_work: UnitOfWork) -> UnitOfWork:
    return replace(unit_of_work, account_policy=AccountPolicy(separation_of_duties=True))


def test_of_racing_posts_one_makes_the_account(app: Flask, staff: Person) -> None:
    unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
    with app.app_context():
        made = invite(unit_of_work, staff.actor)
    start = threading.Barrier(4)
    outcomes: list[bool] = []

    def race() -> None:
        with app.app_context():
            start.wait()
            try:
                follow(unit_of_work, made.link_secret)
                outcomes.append(True)
            except InvitationUnavailable:
                outcomes.append(False)

    racers = [threading.Thread(target=race) for _number in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(outcomes) == [False, False, False, True]
