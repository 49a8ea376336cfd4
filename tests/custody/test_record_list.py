"""Finding records: search, pages, archive, and only what somebody may see."""

import pytest

from sharelink.accounts.queries import groups_for_choice
from sharelink.custody import queries
from sharelink.custody.details import checked_details
from sharelink.custody.queries import RecordList, record_list, records_for_choice
from sharelink.custody.states import Act, RecordField
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person, make_person, open_record
from tests.fakes import MovableClock


def found(unit_of_work: UnitOfWork, search: str = "", **given: object) -> list[str]:
    return [record.customer for record in listed(unit_of_work, search=search, **given).records]


def listed(unit_of_work: UnitOfWork, **given: object) -> RecordList:
    with unit_of_work.read() as work:
        return record_list(work.session, **({"groups": None} | given))  # type: ignore[arg-type]  # each test knows its arguments


def open_aws_record(unit_of_work: UnitOfWork, person: Person, **typed: str) -> bytes:
    details = checked_details("aws_root", {RecordField(name): value for name, value in typed.items()})
    with unit_of_work.write(person.actor) as work:
        return work.custody.open(details, groups_for_choice(work.session, None)[0].id)


def test_newest_records_come_first(unit_of_work: UnitOfWork, staff: Person, clock: MovableClock):
    for customer in ("First", "Second", "Third"):
        open_record(unit_of_work, staff, customer)
        clock.move(seconds=1)
    assert found(unit_of_work) == ["Third", "Second", "First"]


@pytest.mark.parametrize(
    "search",
    [
        *(
            "acme",
            "ACME",
            "ürüm",
            "ÜRÜM",
            "payer",
            "123456789012",
            "1234-5678",
            "1234 5678 9012",
            "c-7/x",
            "acme payer",
        ),
        *("  payer   acme ", "100%", "a_b", "straße", "STRASSE", "ﬁrst"),
    ],
)
def test_search_finds_words_in_any_detail_and_any_case(unit_of_work: UnitOfWork, staff: Person, search: str):
    open_aws_record(
        unit_of_work,
        staff,
        customer="Acme Ürüm Straße First",
        subject="Payer 100% a_b",
        aws_account_id="123456789012",
        contract_reference="C-7/X",
    )
    open_record(unit_of_work, staff, "Other")
    assert found(unit_of_work, search) == ["Acme Ürüm Straße First"]


@pytest.mark.parametrize("search", ["%", "_", "a%e", "acme other", "\\", "acme\0zzz", "'; DROP TABLE custody_record"])
def test_nothing_in_a_search_has_a_special_meaning(unit_of_work: UnitOfWork, staff: Person, search: str):
    open_record(unit_of_work, staff, "Acme")
    open_record(unit_of_work, staff, "Other")
    assert found(unit_of_work, search) == []


def test_a_record_is_found_by_its_reference(unit_of_work: UnitOfWork, staff: Person):
    open_record(unit_of_work, staff, "Acme")
    open_record(unit_of_work, staff, "Other")
    reference = next(record.reference for record in listed(unit_of_work).records if record.customer == "Acme")
    assert found(unit_of_work, reference.lower()) == ["Acme"]


def test_an_endless_search_is_cut_not_refused(unit_of_work: UnitOfWork, staff: Person):
    open_record(unit_of_work, staff, "Acme")
    assert found(unit_of_work, "acme " * 500) == ["Acme"]


def test_archived_records_are_listed_only_when_asked_for(unit_of_work: UnitOfWork, staff: Person):
    record_id = open_record(unit_of_work, staff, "Acme")
    with unit_of_work.write(staff.actor) as work:
        work.custody.archive(record_id)
    assert found(unit_of_work) == []
    assert found(unit_of_work, archived=True) == ["Acme"]
    with unit_of_work.read() as work:
        assert records_for_choice(work.session, Act.SEND, groups=None) == []


def test_pages_hold_every_record_once(unit_of_work: UnitOfWork, staff: Person, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(queries, "RECORDS_PER_PAGE", 2)
    for number in range(5):
        open_record(unit_of_work, staff, f"Customer {number}")
    pages = [listed(unit_of_work, page=number) for number in (1, 2, 3)]
    assert sorted(line.customer for page in pages for line in page.records) == [f"Customer {n}" for n in range(5)]
    assert {(page.total, page.page_count) for page in pages} == {(5, 3)}
    assert listed(unit_of_work, page=99).page == 3
    assert listed(unit_of_work, page=-1).page == 1


def test_records_of_other_groups_are_neither_listed_nor_counted(unit_of_work: UnitOfWork, staff: Person):
    make_person(unit_of_work, "Ben", "ben@example.com", groups=["Second group"])
    with unit_of_work.read() as work:
        groups = {group.name: group.id for group in groups_for_choice(work.session, None)}
    for name, group in groups.items():
        with unit_of_work.write(staff.actor) as work:
            work.custody.open(checked_details("credential", {RecordField.CUSTOMER: name}), group)
    own = listed(unit_of_work, groups={groups["Second group"]})
    assert [record.customer for record in own.records] == ["Second group"]
    assert own.total == 1
    assert listed(unit_of_work, groups=frozenset()).total == 0
    with unit_of_work.read() as work:
        choice = records_for_choice(work.session, Act.SEND, groups={groups["Custodians"]})
    assert [record.customer for record in choice] == ["Custodians"]
