"""A proposed change dies with what it was about: in time, by a decision, and when anything about it has changed."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from sharelink.accounts.changes import CHANGE_LIFETIME
from sharelink.accounts.errors import ChangeUnavailable, ChangeWaits
from sharelink.accounts.models import AccountChange, AccountRole
from sharelink.accounts.people_view import (
    pending_changes,
    pending_changes_of_account,
    pending_changes_of_group,
)
from sharelink.accounts.states import ChangeKind, ChangeState, Role
from sharelink.actors import Actor
from sharelink.acts.administering import approve, change
from sharelink.acts.joining import create_account
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.jobs.sweeper import void_lapsed_changes
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.staff.timeline import timeline_entry
from tests.accounts.proposals import add, reset, roles, state_of, waiting
from tests.accounts.records import recorded, recorded_types
from tests.factories import Person, make_person
from tests.fakes import MovableClock


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Switch separation of duties on."""
    return settings.model_copy(update={"separation_of_duties": True})


def test_a_proposal_is_void_after_a_week(
    unit_of_work: UnitOfWork, clock: MovableClock, ada: Person, bob: Person, dan: Person, nord: bytes
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    assert line.expires_at - line.proposed_at == CHANGE_LIFETIME == timedelta(days=7)
    clock.move(days=7)
    with pytest.raises(ChangeUnavailable):
        approve(unit_of_work, bob.actor, line.id, line.digest)
    with unit_of_work.read() as work:
        assert pending_changes(work.session, work.now) == ()
    assert not change(unit_of_work, ada.actor, add(dan, nord)), "and can be proposed again"
    assert state_of(unit_of_work, line.id) is ChangeState.VOID


def test_what_nobody_decided_in_time_is_told_once_to_the_person_and_the_group(
    unit_of_work: UnitOfWork, clock: MovableClock, ada: Person, dan: Person, clara: Person, nord: bytes
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    clock.move(days=6)
    change(unit_of_work, ada.actor, reset(clara))
    assert void_lapsed_changes(unit_of_work) == 0
    clock.move(days=1)
    assert void_lapsed_changes(unit_of_work) == 1
    assert void_lapsed_changes(unit_of_work) == 0
    assert state_of(unit_of_work, line.id) is ChangeState.VOID
    for chain in (dan.account_id, nord):
        event = recorded(unit_of_work, id_text(chain))[-1]
        assert (event.type, event.facts["why"]) == ("admin.change_voided", "lapsed")
        assert "Nobody decided within a week" in timeline_entry(event, {}).detail
    assert waiting(unit_of_work).kind is ChangeKind.RESET_FACTORS, "the younger one still waits"


def test_a_refused_proposal_is_over(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, dan: Person, nord: bytes
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    with unit_of_work.write(bob.actor) as work:
        work.accounts.changes.refuse(line.id)
    with pytest.raises(ChangeUnavailable):
        approve(unit_of_work, bob.actor, line.id, line.digest)
    event = recorded(unit_of_work, id_text(nord))[-1]
    assert (event.type, event.facts["by_author"]) == ("admin.change_refused", False)


def test_the_author_can_take_a_proposal_back(unit_of_work: UnitOfWork, ada: Person, dan: Person, nord: bytes) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    with unit_of_work.write(ada.actor) as work:
        work.accounts.changes.refuse(line.id)
    assert recorded(unit_of_work, id_text(nord))[-1].facts["by_author"] is True


def test_only_what_the_page_showed_is_approved(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, dan: Person, nord: bytes
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    for digest in (b"", bytes(32), line.digest[:-1] + bytes([line.digest[-1] ^ 1])):
        with pytest.raises(ChangeUnavailable):
            approve(unit_of_work, bob.actor, line.id, digest)
    with pytest.raises(ChangeUnavailable):
        approve(unit_of_work, bob.actor, new_id(), line.digest)


@pytest.mark.parametrize("column", ["account_id", "kind", "proposed_by", "proposed_at"])
def test_a_row_that_was_changed_in_the_database_is_not_approved(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, clara: Person, dan: Person, nord: bytes, column: str
) -> None:
    third = make_person(unit_of_work, "Cy", "cy@example.com", roles=[Role.ADMINISTRATOR], groups=[])
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    changed = {
        "account_id": clara.account_id,
        "kind": ChangeKind.REMOVE_MEMBER,
        "proposed_by": third.account_id,
        "proposed_at": line.proposed_at - timedelta(seconds=1),
    }
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(update(AccountChange).values({column: changed[column]}))
    with pytest.raises(ChangeUnavailable):
        approve(unit_of_work, bob.actor, line.id, line.digest)


def test_a_proposal_is_void_when_the_person_has_changed_since(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, dan: Person, nord: bytes
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    assert change(unit_of_work, bob.actor, roles(dan, Role.CUSTODIAN, Role.AUDITOR))
    assert state_of(unit_of_work, line.id) is ChangeState.VOID
    assert "admin.change_voided" in recorded_types(unit_of_work, id_text(nord))
    with pytest.raises(ChangeUnavailable):
        approve(unit_of_work, bob.actor, line.id, line.digest)


@pytest.mark.parametrize("by", ["a new member", "a reset factor"])
def test_a_change_of_the_group_voids_what_waits_about_it(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, clara: Person, dan: Person, nord: bytes, by: str
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    eve = make_person(unit_of_work, "Eve", "eve@example.com", roles=[Role.STAFF], groups=[])
    asked = add(eve, nord) if by == "a new member" else reset(clara)
    change(unit_of_work, Actor.operator(), asked)
    assert state_of(unit_of_work, line.id) is ChangeState.VOID


def test_the_proposals_of_a_disabled_administrator_are_void(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, dan: Person, nord: bytes
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    with unit_of_work.write(bob.actor) as work:
        work.accounts.changes.disable(ada.account_id)
    assert state_of(unit_of_work, line.id) is ChangeState.VOID


def test_the_proposals_of_somebody_who_lost_the_role_are_void(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, dan: Person, nord: bytes
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    change(unit_of_work, bob.actor, roles(ada, Role.STAFF))
    assert state_of(unit_of_work, line.id) is ChangeState.VOID


def test_a_proposal_by_somebody_who_is_no_administrator_is_not_approved(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, dan: Person, nord: bytes
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(delete(AccountRole).where(AccountRole.account_id == ada.account_id))
    with pytest.raises(ChangeUnavailable):
        approve(unit_of_work, bob.actor, line.id, line.digest)


def test_a_new_account_in_the_group_voids_what_waits_about_it(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, dan: Person, nord: bytes
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    line = waiting(unit_of_work)
    create_account(
        unit_of_work,
        Actor.operator(),
        name="Eve",
        email="eve@example.com",
        roles=[Role.STAFF],
        groups=["Nord"],
        password="tapioca violin marsh eleven",
    )
    assert state_of(unit_of_work, line.id) is ChangeState.VOID


def test_one_change_of_a_person_waits_at_a_time(
    unit_of_work: UnitOfWork, ada: Person, bob: Person, clara: Person, dan: Person, nord: bytes
) -> None:
    change(unit_of_work, ada.actor, add(dan, nord))
    with pytest.raises(ChangeWaits):
        change(unit_of_work, bob.actor, reset(dan))
    assert not change(unit_of_work, bob.actor, reset(clara)), "another person's can wait beside it"
    with unit_of_work.read() as work:
        assert len(pending_changes(work.session, work.now)) == 2
        assert len(pending_changes_of_account(work.session, work.now, dan.account_id)) == 1
        assert len(pending_changes_of_group(work.session, work.now, nord)) == 2
