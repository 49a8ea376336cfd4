"""The table of steps is one, in the code and in the database, and the database lets nothing go another way."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from sharelink.custody.states import ALLOWED_ACTS, TERMINAL_STATES, CalendarKind, CustodyState, RecordKind
from sharelink.custody.transitions import TRANSITIONS, states_after
from sharelink.errors import StorageUnavailable
from sharelink.unit_of_work import UnitOfWork
from tests.custody import handovers
from tests.custody.handovers import Team, make_team, record_in, state_of
from tests.factories import Person, open_record, send_secret

EVIDENCE = json.dumps({"reason": "because"})


@pytest.fixture
def team(unit_of_work: UnitOfWork, staff: Person) -> Team:
    """Return a custodian and a colleague."""
    return make_team(unit_of_work, staff)


def refused(team: Team, *statements: str, **values: object) -> None:
    """Run statements behind the services' back and see the database refuse them."""
    with pytest.raises(StorageUnavailable) as error, team.unit_of_work.write(team.custodian.actor) as work:
        for statement in statements:
            work.session.execute(text(statement), values)
    assert isinstance(error.value.__cause__, IntegrityError)


def step(team: Team, record_id: bytes, from_state: CustodyState, to_state: CustodyState, number: int = 1) -> str:
    """Return the statement that writes a step down, whatever it rests on."""
    return (
        "INSERT INTO custody_step (custody_id, number, from_state, to_state, at, by_account_id, evidence)"
        f" VALUES (:record, {number}, '{from_state.value}', '{to_state.value}', 1, NULL, '{EVIDENCE}')"
    )


MOVE = "UPDATE custody_record SET state = :to, scenario = 'keep' WHERE id = :record"


def test_code_and_database_have_the_same_table(unit_of_work: UnitOfWork) -> None:
    with unit_of_work.read() as work:
        stored = work.session.execute(text("SELECT from_state, to_state, demand FROM custody_transition")).all()
    assert {(CustodyState(old), CustodyState(new)): demand for old, new, demand in stored} == {
        pair: transition.demand.value for pair, transition in TRANSITIONS.items()
    }


def test_the_table_has_no_dead_end_but_the_ends_and_every_state_says_what_it_allows() -> None:
    assert {state for state in CustodyState if not states_after(state)} == TERMINAL_STATES
    assert set(ALLOWED_ACTS) == set(CustodyState)
    assert all(not ALLOWED_ACTS[state] for state in TERMINAL_STATES)
    reached, waiting = {CustodyState.DRAFT}, [CustodyState.DRAFT]
    while waiting:
        new = set(states_after(waiting.pop())) - reached
        reached |= new
        waiting.extend(new)
    assert reached == set(CustodyState)


def test_a_state_is_not_changed_without_a_step(team: Team) -> None:
    record_id = open_record(team.unit_of_work, team.custodian)
    for state in CustodyState:
        if state is not CustodyState.DRAFT:
            refused(team, MOVE, record=record_id, to=state.value)


def test_a_record_begins_as_a_draft(team: Team) -> None:
    record_id = open_record(team.unit_of_work, team.custodian)
    columns = "kind, customer, subject, search_text, group_id, opened_at, opened_by, version, scenario"
    refused(
        team,
        f"INSERT INTO custody_record (id, reference, state, {columns})"
        " SELECT :new, 'CR-OTHER', 'active', kind, customer, subject, search_text, group_id, opened_at, opened_by,"
        " version, 'keep' FROM custody_record WHERE id = :record",
        record=record_id,
        new=b"n" * 16,
    )


@pytest.mark.parametrize("state", CustodyState)
def test_a_step_that_is_not_in_the_table_is_not_written(team: Team, state: CustodyState) -> None:
    record_id = record_in(team, state)
    with team.unit_of_work.read() as work:
        newest = work.session.execute(text("SELECT count(*) FROM custody_step")).scalar_one()
    for to_state in set(CustodyState) - set(states_after(state)):
        refused(team, step(team, record_id, state, to_state, newest + 1), MOVE, record=record_id, to=to_state.value)


def test_a_step_from_elsewhere_out_of_turn_or_without_evidence_is_not_written(team: Team) -> None:
    record_id = open_record(team.unit_of_work, team.custodian)
    draft, awaiting, abandoned = CustodyState.DRAFT, CustodyState.AWAITING_SECRET, CustodyState.ABANDONED
    refused(team, step(team, record_id, awaiting, abandoned), record=record_id)
    refused(team, step(team, record_id, draft, abandoned, 2), record=record_id)
    refused(team, step(team, record_id, draft, abandoned).replace(EVIDENCE, "{}"), record=record_id)
    refused(
        team,
        step(team, record_id, draft, awaiting),
        step(team, record_id, draft, abandoned, 2),
        record=record_id,
    )


def suspended_without_hold(team: Team) -> tuple[bytes, CustodyState, CustodyState]:
    return record_in(team, CustodyState.ACTIVE), CustodyState.ACTIVE, CustodyState.SUSPENDED


def resumed_on_hold(team: Team) -> tuple[bytes, CustodyState, CustodyState]:
    return record_in(team, CustodyState.SUSPENDED), CustodyState.SUSPENDED, CustodyState.ACTIVE


def begun_without_contact(team: Team) -> tuple[bytes, CustodyState, CustodyState]:
    record_id = open_record(team.unit_of_work, team.custodian, kind=RecordKind.AWS_ROOT)
    handovers.add_contact(team, record_id)
    return record_id, CustodyState.DRAFT, CustodyState.AWAITING_SECRET


def received_without_version(team: Team) -> tuple[bytes, CustodyState, CustodyState]:
    return record_in(team, CustodyState.AWAITING_SECRET), CustodyState.AWAITING_SECRET, CustodyState.RECEIVED


def verified_without_sign_in(team: Team) -> tuple[bytes, CustodyState, CustodyState]:
    return record_in(team, CustodyState.RECEIVED), CustodyState.RECEIVED, CustodyState.VERIFIED


def activated_by_one(team: Team) -> tuple[bytes, CustodyState, CustodyState]:
    return record_in(team, CustodyState.VERIFIED), CustodyState.VERIFIED, CustodyState.ACTIVE


def released_by_one(team: Team) -> tuple[bytes, CustodyState, CustodyState]:
    return record_in(team, CustodyState.ACTIVE), CustodyState.ACTIVE, CustodyState.RELEASE_PENDING


def closing_by_one(team: Team) -> tuple[bytes, CustodyState, CustodyState]:
    return record_in(team, CustodyState.SUSPENDED), CustodyState.SUSPENDED, CustodyState.CLOSING


def closed_with_a_live_link(team: Team) -> tuple[bytes, CustodyState, CustodyState]:
    record_id = record_in(team, CustodyState.ACTIVE)
    send_secret(team.unit_of_work, team.custodian, custody_id=record_id)
    handovers.propose_closing(team, record_id)
    handovers.confirm(team, record_id)
    return record_id, CustodyState.CLOSING, CustodyState.CLOSED


@pytest.mark.parametrize(
    "make",
    [
        begun_without_contact,
        received_without_version,
        verified_without_sign_in,
        activated_by_one,
        suspended_without_hold,
        resumed_on_hold,
        released_by_one,
        closing_by_one,
        closed_with_a_live_link,
    ],
)
def test_a_step_without_what_it_demands_is_refused_by_the_database(
    team: Team, make: Callable[[Team], tuple[bytes, CustodyState, CustodyState]]
) -> None:
    record_id, from_state, to_state = make(team)
    with team.unit_of_work.read() as work:
        newest = work.session.execute(text("SELECT count(*) FROM custody_step")).scalar_one()
    written = step(team, record_id, from_state, to_state, newest + 1)
    refused(team, written, MOVE, record=record_id, to=to_state.value)
    assert state_of(team, record_id) is from_state


def test_a_proposal_of_another_kind_or_record_is_no_second_person(team: Team) -> None:
    other = record_in(team, CustodyState.ACTIVE)
    record_id = record_in(team, CustodyState.VERIFIED)
    written = step(team, record_id, CustodyState.VERIFIED, CustodyState.ACTIVE, 4)
    written = written.replace("evidence)", "evidence, proposal_id)").replace("}')", "}', :proposal)")
    with team.unit_of_work.read() as work:
        found = work.session.execute(text("SELECT id, custody_id, kind, state FROM custody_proposal")).all()
    assert {(bytes(row.custody_id) == other, row.kind) for row in found} == {
        (True, "add_contact"),
        (True, "activate"),
        (False, "add_contact"),
    }
    for row in found:
        refused(team, written, record=record_id, proposal=row.id)


def test_one_person_is_not_two_in_the_database_either(team: Team) -> None:
    record_id = open_record(team.unit_of_work, team.custodian)
    handovers.add_contact(team, record_id)
    decided = "UPDATE custody_proposal SET state = 'confirmed', decided_at = 1, decided_by = "
    refused(team, decided + "proposed_by")
    refused(team, decided + "NULL")
    refused(team, decided + "(SELECT id FROM account WHERE id <> proposed_by), is_alone = true")


@pytest.mark.parametrize("table", ["custody_step", "calendar_entry"])
def test_what_was_done_is_neither_changed_nor_deleted(team: Team, table: str) -> None:
    record_id = record_in(team, CustodyState.ACTIVE)
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.calendar.done(record_id, CalendarKind.REVIEW, "All as it should be", went_well=True)
    refused(team, f"UPDATE {table} SET custody_id = custody_id")
    refused(team, f"DELETE FROM {table}")
