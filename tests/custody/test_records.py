"""Opening, editing, archiving and restoring records; each act is one event in the record's own chain."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from sharelink.accounts.queries import groups_for_choice
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.audit.models import AuditLeaf
from sharelink.audit.queries import RecordedEvent, chain_page
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody import service
from sharelink.custody.details import RecordDetails, checked_details
from sharelink.custody.errors import LiveSharesRemain, RecordArchived, RecordChangedMeanwhile, RecordNotFound
from sharelink.custody.queries import RecordDetail, record_detail
from sharelink.custody.states import RecordField
from sharelink.errors import InvalidInput, StorageUnavailable
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.factories import Person, ask_secret, make_person, open_record, send_secret, submit_answer
from tests.fakes import MovableClock


def details(kind: str = "credential", **typed: str) -> RecordDetails:
    return checked_details(kind, {RecordField(name): value for name, value in typed.items()})


def group_id(unit_of_work: UnitOfWork, name: str = "Custodians") -> bytes:
    with unit_of_work.read() as work:
        return next(group.id for group in groups_for_choice(work.session, None) if group.name == name)


def stored(unit_of_work: UnitOfWork, record_id: bytes) -> RecordDetail:
    with unit_of_work.read() as work:
        return record_detail(work.session, record_id)


def events(unit_of_work: UnitOfWork, record_id: bytes) -> list[RecordedEvent]:
    with unit_of_work.read() as work:
        return list(chain_page(work.session, id_text(record_id)).events)


def edit(unit_of_work: UnitOfWork, person: Person, record_id: bytes, version: int, new: RecordDetails) -> None:
    with unit_of_work.write(person.actor) as work:
        work.custody.edit(record_id, version, new, group_id(unit_of_work))


def test_a_record_starts_as_a_draft_with_a_reference_to_say_aloud(unit_of_work: UnitOfWork, staff: Person):
    group = group_id(unit_of_work)
    with unit_of_work.write(staff.actor) as work:
        record_id = work.custody.open(
            details("aws_root", customer="Acme", aws_account_id="1234 5678 9012", root_email="root@example.com"), group
        )
    record = stored(unit_of_work, record_id)
    assert record.state == "draft"
    assert record.reference.startswith("CR-")
    assert set(record.reference[3:]) <= set("23456789ABCDEFGHJKMNPQRSTUVWXYZ")
    assert (record.customer, record.aws_account_id, record.root_email) == ("Acme", "123456789012", "root@example.com")
    assert (record.contract_reference, record.subject) == ("", "")
    assert (record.group_name, record.opened_by, record.version) == ("Custodians", staff.name, 1)


def test_opening_is_the_first_event_of_the_records_chain(unit_of_work: UnitOfWork, staff: Person):
    record_id = open_record(unit_of_work, staff, "Acme")
    (event,) = events(unit_of_work, record_id)
    assert (event.type, event.rseq, event.object_ref) == ("custody.opened", 0, id_text(record_id))
    assert event.facts["reference"] == stored(unit_of_work, record_id).reference
    assert event.personal["customer"] == "Acme"


def test_no_detail_of_a_record_stands_in_a_leaf(unit_of_work: UnitOfWork, staff: Person):
    group = group_id(unit_of_work)
    typed = details(
        "aws_root",
        customer="Planted Customer",
        subject="Planted Subject",
        aws_account_id="999988887777",
        root_email="planted@example.com",
        contract_reference="Planted-7",
    )
    with unit_of_work.write(staff.actor) as work:
        record_id = work.custody.open(details(customer="Before"), group)
        work.custody.edit(record_id, 1, typed, group)
    with unit_of_work.read() as work:
        leaves = b"".join(work.session.execute(select(AuditLeaf.leaf)).scalars())
    for planted in (b"Planted", b"999988887777", b"planted@", b"Before"):
        assert planted not in leaves


def test_a_record_can_be_opened_under_an_id_that_a_seal_is_bound_to(unit_of_work: UnitOfWork, staff: Person):
    wanted, group = new_id(), group_id(unit_of_work)
    with unit_of_work.write(staff.actor) as work:
        assert work.custody.open(details(customer="Acme"), group, wanted) == wanted
    assert stored(unit_of_work, wanted).customer == "Acme"


def test_a_record_needs_a_group_that_exists(unit_of_work: UnitOfWork, staff: Person):
    with pytest.raises(InvalidInput) as refused, unit_of_work.write(staff.actor) as work:
        work.custody.open(details(customer="Acme"), new_id())
    assert set(refused.value.fields) == {"group"}


def test_nobody_without_an_account_opens_a_record(unit_of_work: UnitOfWork, staff: Person):
    group = group_id(unit_of_work)
    with pytest.raises(ValueError, match="account"), unit_of_work.write(Actor.system()) as work:
        work.custody.open(details(customer="Acme"), group)


def test_a_reference_that_is_taken_is_drawn_again(
    unit_of_work: UnitOfWork, staff: Person, monkeypatch: pytest.MonkeyPatch
):
    drawn = iter(["CR-AAAAAA", "CR-AAAAAA", "CR-BBBBBB"])
    monkeypatch.setattr(service, "new_reference", lambda _prefix: next(drawn))
    references = [stored(unit_of_work, open_record(unit_of_work, staff)).reference for _ in range(2)]
    assert references == ["CR-AAAAAA", "CR-BBBBBB"]


def test_an_edit_is_one_event_that_names_the_fields_and_can_forget_their_values(
    unit_of_work: UnitOfWork, staff: Person
):
    record_id = open_record(unit_of_work, staff, "Acme")
    edit(unit_of_work, staff, record_id, 1, details(customer="Acme Ltd", subject="Payer"))
    event = events(unit_of_work, record_id)[0]
    assert event.type == "custody.details_changed"
    assert event.facts == {"changed": "customer,subject"}
    values = {name: text for name, text in event.personal.items() if name.endswith(("_before", "_after"))}
    assert values == {"customer_before": "Acme", "customer_after": "Acme Ltd", "subject_after": "Payer"}
    assert stored(unit_of_work, record_id).version == 2


def test_saving_the_same_details_again_is_no_event(unit_of_work: UnitOfWork, staff: Person):
    record_id = open_record(unit_of_work, staff, "Acme")
    edit(unit_of_work, staff, record_id, 1, details(customer="Acme"))
    assert len(events(unit_of_work, record_id)) == 1
    assert stored(unit_of_work, record_id).version == 1


def test_another_kind_takes_away_what_only_the_old_one_had(unit_of_work: UnitOfWork, staff: Person):
    record_id = open_record(unit_of_work, staff, "Acme")
    edit(unit_of_work, staff, record_id, 1, details("aws_root", customer="Acme", aws_account_id="123456789012"))
    edit(unit_of_work, staff, record_id, 2, details("credential", customer="Acme", aws_account_id="123456789012"))
    event = events(unit_of_work, record_id)[0]
    assert event.facts == {
        "changed": "aws_account_id,kind",
        "kind_before": "aws_root",
        "kind_after": "credential",
    }
    assert event.personal["aws_account_id_before"] == "123456789012"
    assert stored(unit_of_work, record_id).aws_account_id == ""


def test_a_record_can_be_given_to_another_group(unit_of_work: UnitOfWork, staff: Person):
    make_person(unit_of_work, "Ben", "ben@example.com", groups=["Second group"])
    record_id = open_record(unit_of_work, staff, "Acme")
    old, new = stored(unit_of_work, record_id).group_id, group_id(unit_of_work, "Second group")
    with unit_of_work.write(staff.actor) as work:
        work.custody.edit(record_id, 1, details(customer="Acme"), new)
    event = events(unit_of_work, record_id)[0]
    assert event.facts == {"changed": "group", "group_before": id_text(old), "group_after": id_text(new)}
    assert (event.personal["group_before"], event.personal["group_after"]) == ("Custodians", "Second group")
    assert stored(unit_of_work, record_id).group_name == "Second group"


def test_what_came_to_a_group_is_given_away_by_its_custodians_only(unit_of_work: UnitOfWork, staff: Person):
    outsider = make_person(
        unit_of_work, "Ben", "ben@example.com", {Role.STAFF, Role.CUSTODIAN, Role.APPROVER}, ["Second group"]
    )
    new, record_id = group_id(unit_of_work, "Second group"), open_record(unit_of_work, staff, "Acme")
    asked = ask_secret(unit_of_work, outsider, custody_id=record_id)
    submit_answer(unit_of_work, asked.submit_link, "a secret of a test")
    with pytest.raises(InvalidInput) as refused, unit_of_work.write(outsider.actor) as work:
        work.custody.edit(record_id, 1, details(customer="Acme"), new)
    assert set(refused.value.fields) == {"group"}
    assert stored(unit_of_work, record_id).group_name == "Custodians"
    edit(unit_of_work, outsider, record_id, 1, details(customer="Other details"))
    with unit_of_work.write(staff.actor) as work:
        work.custody.edit(record_id, 2, details(customer="Acme"), new)
    assert stored(unit_of_work, record_id).group_name == "Second group"


def test_an_edit_of_an_old_version_overwrites_nothing(unit_of_work: UnitOfWork, staff: Person):
    record_id = open_record(unit_of_work, staff, "Acme")
    edit(unit_of_work, staff, record_id, 1, details(customer="First"))
    with pytest.raises(RecordChangedMeanwhile) as refused:
        edit(unit_of_work, staff, record_id, 1, details(customer="Second"))
    assert refused.value.version == 2
    assert stored(unit_of_work, record_id).customer == "First"
    assert len(events(unit_of_work, record_id)) == 2


def test_of_many_edits_of_one_version_exactly_one_is_saved(app: Flask, unit_of_work: UnitOfWork, staff: Person):
    record_id, group = open_record(unit_of_work, staff, "Acme"), group_id(unit_of_work)
    results: list[str] = []
    start = threading.Barrier(5)

    def save(number: int) -> None:
        with app.app_context():
            start.wait()
            try:
                with app.extensions[EXTENSION].unit_of_work.write(staff.actor) as work:
                    work.custody.edit(record_id, 1, details(customer=f"Customer {number}"), group)
                results.append("saved")
            except RecordChangedMeanwhile:
                results.append("too late")

    threads = [threading.Thread(target=save, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["saved"] + ["too late"] * 4
    assert len(events(unit_of_work, record_id)) == 2


def test_archive_and_restore_are_events_and_harmless_when_repeated(unit_of_work: UnitOfWork, staff: Person):
    record_id = open_record(unit_of_work, staff)
    for act in ("archive", "archive", "restore", "restore"):
        with unit_of_work.write(staff.actor) as work:
            getattr(work.custody, act)(record_id)
    assert [event.type for event in events(unit_of_work, record_id)] == [
        "custody.restored",
        "custody.archived",
        "custody.opened",
    ]
    assert not stored(unit_of_work, record_id).is_archived


def test_an_archived_record_is_neither_edited_nor_sent_on(unit_of_work: UnitOfWork, staff: Person):
    record_id = open_record(unit_of_work, staff)
    with unit_of_work.write(staff.actor) as work:
        work.custody.archive(record_id)
    with pytest.raises(RecordArchived):
        edit(unit_of_work, staff, record_id, 2, details(customer="Other"))
    with pytest.raises(RecordArchived):
        send_secret(unit_of_work, staff, custody_id=record_id)
    assert len(events(unit_of_work, record_id)) == 2


def test_a_record_with_a_link_that_still_opens_is_not_archived(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
):
    record_id = open_record(unit_of_work, staff)
    send_secret(unit_of_work, staff, custody_id=record_id, lifetime=timedelta(hours=1))
    with pytest.raises(LiveSharesRemain) as refused, unit_of_work.write(staff.actor) as work:
        work.custody.archive(record_id)
    assert refused.value.count == 1
    assert not stored(unit_of_work, record_id).is_archived
    clock.move(hours=1)
    with unit_of_work.write(staff.actor) as work:
        work.custody.archive(record_id)
    assert stored(unit_of_work, record_id).is_archived


def test_archiving_and_sending_at_once_never_leave_a_live_link_on_an_archived_record(
    app: Flask, unit_of_work: UnitOfWork, staff: Person
):
    records = [open_record(unit_of_work, staff, f"Customer {number}") for number in range(6)]
    outcomes: list[str] = []

    def race(record_id: bytes, start: threading.Barrier, act: str) -> None:
        with app.app_context():
            mine = app.extensions[EXTENSION].unit_of_work
            start.wait()
            try:
                if act == "send":
                    send_secret(mine, staff, custody_id=record_id, code=False)
                else:
                    with mine.write(staff.actor) as work:
                        work.custody.archive(record_id)
            except (RecordArchived, LiveSharesRemain) as error:
                outcomes.append(type(error).__name__)

    for record_id in records:
        start = threading.Barrier(2)
        threads = [threading.Thread(target=race, args=(record_id, start, act)) for act in ("send", "archive")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with unit_of_work.read() as work:
            live = work.session.execute(
                text("SELECT count(*) FROM share WHERE custody_id = :id AND state = 'sealed'"), {"id": record_id}
            ).scalar_one()
        assert bool(live) != stored(unit_of_work, record_id).is_archived
    assert len(outcomes) == len(records)


@pytest.mark.parametrize("act", ["archive", "restore", "locked"])
def test_an_unknown_record_is_named_as_such(unit_of_work: UnitOfWork, staff: Person, act: str):
    with pytest.raises(RecordNotFound), unit_of_work.write(staff.actor) as work:
        getattr(work.custody, act)(new_id())


def test_an_act_without_its_event_does_not_happen(unit_of_work: UnitOfWork, staff: Person):
    record_id = open_record(unit_of_work, staff, "Acme")
    with unit_of_work.write(staff.actor) as work:
        work.session.execute(text("DELETE FROM audit_head"))
    with pytest.raises(StorageUnavailable):
        edit(unit_of_work, staff, record_id, 1, details(customer="Other"))
    assert stored(unit_of_work, record_id).customer == "Acme"


@pytest.mark.parametrize(
    "change", ["state = 'released'", "kind = 'gold_bar'", "version = 0", "group_id = opened_by", "customer = NULL"]
)
def test_the_database_refuses_what_the_code_would(unit_of_work: UnitOfWork, staff: Person, change: str):
    open_record(unit_of_work, staff)
    with pytest.raises(StorageUnavailable) as refused, unit_of_work.write(staff.actor) as work:
        work.session.execute(text(f"UPDATE custody_record SET {change}"))
    assert isinstance(refused.value.__cause__, IntegrityError)


def test_leaves_of_a_record_name_their_chain(unit_of_work: UnitOfWork, staff: Person):
    record_id = open_record(unit_of_work, staff)
    with unit_of_work.read() as work:
        leaf = work.session.execute(select(AuditLeaf.leaf).where(AuditLeaf.rec == id_text(record_id))).scalar_one()
    fields: dict[str, Any] = json.loads(leaf)
    assert fields["rec"] == id_text(record_id)
    assert fields["obj"] == {"kind": "record", "ref": id_text(record_id)}
