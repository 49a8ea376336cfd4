"""Items, terms and calendar of a record: written down, looked at, and never edited away."""

from datetime import date, timedelta

import pytest

from sharelink.audit.queries import chain_page
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.calendar import calendar_history, calendar_of
from sharelink.custody.errors import ActNotAllowed, ItemNotFound
from sharelink.custody.handover_view import handover_facts
from sharelink.custody.items import ItemDetails, checked_item, items_of
from sharelink.custody.next_steps import StepCode, checklist, next_step
from sharelink.custody.states import CalendarKind, CustodyState, ItemKind, RecordKind
from sharelink.custody.terms import parties_of
from sharelink.errors import InvalidInput
from sharelink.unit_of_work import UnitOfWork
from tests.custody import handovers
from tests.custody.handovers import Team, make_team, record_in
from tests.factories import Person, open_record
from tests.fakes import MovableClock


@pytest.fixture
def team(unit_of_work: UnitOfWork, staff: Person) -> Team:
    """Return a custodian and a colleague."""
    return make_team(unit_of_work, staff)


def item(kind: ItemKind, holder: str = "Vault group", place: str = "Vault, entry 7") -> ItemDetails:
    return checked_item(
        RecordKind.AWS_ROOT, kind=kind.value, label="", holder=holder, place=place, serial_tail="", state_text=""
    )


def add(team: Team, record_id: bytes, details: ItemDetails) -> bytes:
    with team.unit_of_work.write(team.custodian.actor) as work:
        return work.items.add(record_id, details)


def last_event(team: Team, record_id: bytes) -> str:
    with team.unit_of_work.read() as work:
        return chain_page(work.session, id_text(record_id), 1).events[0].type


def step(team: Team, record_id: bytes) -> StepCode:
    with team.unit_of_work.read() as work:
        return next_step(handover_facts(work.session, record_id, work.now)).code


def test_an_item_is_added_changed_checked_and_removed_each_with_its_event(team: Team) -> None:
    record_id = record_in(team, CustodyState.DRAFT)
    keys = add(team, record_id, item(ItemKind.ACCESS_KEYS))
    assert last_event(team, record_id) == "custody.item_added"
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.items.change(keys, item(ItemKind.ACCESS_KEYS, holder="Nobody"))
    assert last_event(team, record_id) == "custody.item_changed"
    with team.unit_of_work.write(team.second.actor) as work:
        work.items.check(keys, "", none_seen=True)
    assert last_event(team, record_id) == "custody.item_checked"
    with team.unit_of_work.read() as work:
        (line,) = items_of(work.session, record_id)
    assert (line.label, line.holder, line.last_checked_by) == ("Root access keys", "Nobody", team.second.name)
    assert line.seen_none_at == line.last_checked_at is not None
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.items.remove(keys, "Written down twice")
    assert last_event(team, record_id) == "custody.item_removed"
    with pytest.raises(ItemNotFound), team.unit_of_work.write(team.custodian.actor) as work:
        work.items.check(keys, "gone", none_seen=False)
    with pytest.raises(ItemNotFound), team.unit_of_work.write(team.custodian.actor) as work:
        work.items.remove(new_id(), "never there")


def test_only_access_keys_can_be_none_and_a_look_says_what_it_found(team: Team) -> None:
    record_id = record_in(team, CustodyState.DRAFT)
    password = add(team, record_id, item(ItemKind.PASSWORD))
    for text, none_seen in (("", True), ("", False)):
        with pytest.raises(InvalidInput) as refused, team.unit_of_work.write(team.custodian.actor) as work:
            work.items.check(password, text, none_seen=none_seen)
        assert set(refused.value.fields) == {"state_text"}


def test_a_plain_credential_has_only_itself() -> None:
    def typed(kind: str) -> ItemDetails:
        return checked_item(
            RecordKind.CREDENTIAL, kind=kind, label="", holder="x", place="y", serial_tail="", state_text=""
        )

    assert typed("password").label == "Credential"
    for kind in ("mfa_device", "mailbox", "gold"):
        with pytest.raises(InvalidInput) as refused:
            typed(kind)
        assert set(refused.value.fields) == {"kind"}


def test_a_second_factor_beside_its_password_is_pointed_out(team: Team) -> None:
    record_id = record_in(team, CustodyState.DRAFT)
    add(team, record_id, item(ItemKind.PASSWORD))
    add(team, record_id, item(ItemKind.MFA_DEVICE, holder="Other group", place="VAULT, entry 7"))
    add(team, record_id, item(ItemKind.MFA_DEVICE, holder="Third group", place="Safe"))
    with team.unit_of_work.read() as work:
        warned = [line.holder for line in items_of(work.session, record_id) if line.warning]
    assert warned == ["Other group"]


def test_what_has_ended_keeps_its_items_as_they_are(team: Team) -> None:
    record_id = record_in(team, CustodyState.CLOSED)
    with pytest.raises(ActNotAllowed):
        add(team, record_id, item(ItemKind.PASSWORD))


def test_terms_are_written_down_once_per_wording(team: Team) -> None:
    record_id = record_in(team, CustodyState.DRAFT)
    for _again in range(2):
        with team.unit_of_work.write(team.custodian.actor) as work:
            work.terms.save(
                record_id, operator_name="Example Reseller", purpose="Billing only", since=date(2026, 11, 1)
            )
    with team.unit_of_work.read() as work:
        parties = parties_of(work.session, record_id)
        told = [event.type for event in chain_page(work.session, id_text(record_id), 1).events]
    assert (parties.customer, parties.operator, parties.since) == (
        "Example GmbH",
        "Example Reseller",
        date(2026, 11, 1),
    )
    assert told.count("custody.terms_changed") == 1
    with pytest.raises(InvalidInput) as refused, team.unit_of_work.write(team.custodian.actor) as work:
        work.terms.save(record_id, operator_name="", purpose=" ", since=None)
    assert set(refused.value.fields) == {"operator_name", "purpose"}


def test_reviews_and_drills_come_due_and_are_shown_when_overdue(team: Team, clock: MovableClock) -> None:
    record_id = record_in(team, CustodyState.ACTIVE)
    assert step(team, record_id) is StepCode.NOTHING
    clock.move(days=91)
    with team.unit_of_work.read() as work:
        assert [line.is_overdue for line in calendar_of(work.session, record_id, work.now)] == [True, True]
    assert step(team, record_id) is StepCode.REVIEW
    with team.unit_of_work.write(team.second.actor) as work:
        work.calendar.done(record_id, CalendarKind.REVIEW, "All as it should be", went_well=True)
    assert step(team, record_id) is StepCode.DRILL
    with team.unit_of_work.write(team.second.actor) as work:
        work.calendar.done(record_id, CalendarKind.DRILL, "The phone was flat", went_well=False)
        work.calendar.plan(record_id, CalendarKind.DRILL, 30)
    with team.unit_of_work.read() as work:
        review, drill = calendar_of(work.session, record_id, work.now)
        history = calendar_history(work.session, record_id)
    assert (review.last_done_by, review.next_due_at) == (team.second.name, clock.now + timedelta(days=90))
    assert (drill.every_days, drill.next_due_at, drill.last_went_well) == (30, clock.now + timedelta(days=30), False)
    assert len(history) == 2


@pytest.mark.parametrize("days", [None, 0, 3_661])
def test_a_calendar_needs_a_number_of_days(team: Team, days: int | None) -> None:
    record_id = record_in(team, CustodyState.ACTIVE)
    with pytest.raises(InvalidInput) as refused, team.unit_of_work.write(team.custodian.actor) as work:
        work.calendar.plan(record_id, CalendarKind.REVIEW, days)
    assert set(refused.value.fields) == {"every_days"}


def test_the_next_step_leads_from_first_contact_to_custody(team: Team) -> None:
    record_id = open_record(team.unit_of_work, team.custodian, kind=RecordKind.AWS_ROOT)
    assert step(team, record_id) is StepCode.ADD_CONTACT
    contact_id = handovers.add_contact(team, record_id)
    assert step(team, record_id) is StepCode.CONFIRM_CONTACT
    handovers.confirm(team, record_id)
    assert step(team, record_id) is StepCode.BEGIN
    handovers.begin(team, record_id, contact_id=contact_id)
    assert step(team, record_id) is StepCode.REQUEST
    handovers.receive(team, record_id)
    assert step(team, record_id) is StepCode.RETRIEVE
    handovers.verify(team, record_id)
    for kind in (ItemKind.PASSWORD, ItemKind.MFA_DEVICE, ItemKind.MAILBOX):
        assert step(team, record_id) is StepCode.ADD_ITEM
        add(team, record_id, item(kind, holder=kind.value, place=kind.value))
    keys = add(team, record_id, item(ItemKind.ACCESS_KEYS))
    assert step(team, record_id) is StepCode.CHECK_ITEM
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.items.check(keys, "", none_seen=True)
    assert step(team, record_id) is StepCode.PROPOSE_ACTIVATION
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.handover.propose_activation(record_id, "Carla", "by letter")
    assert step(team, record_id) is StepCode.CONFIRM_PROPOSAL
    handovers.confirm(team, record_id)
    with team.unit_of_work.read() as work:
        lines = checklist(handover_facts(work.session, record_id, work.now))
    assert [line.label.split()[0] for line in lines if not line.is_done] == ["Terms", "Root"]


@pytest.mark.parametrize("state", CustodyState)
def test_every_state_has_a_next_step_and_a_checklist(team: Team, state: CustodyState) -> None:
    record_id = record_in(team, state)
    with team.unit_of_work.read() as work:
        facts = handover_facts(work.session, record_id, work.now)
    assert next_step(facts).title
    assert len(checklist(facts)) == 10
