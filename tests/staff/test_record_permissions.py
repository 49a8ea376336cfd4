"""Who may see and change which records."""

from collections.abc import Callable

import pytest
from flask import Flask

from sharelink.accounts.states import Role
from sharelink.crypto.identifiers import id_from_text, id_text
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import HTMX, Browser
from tests.factories import Person, make_person, open_record
from tests.staff.record_pages import count, custodians, stored, typed


@pytest.fixture
def signed_in(app: Flask, unit_of_work: UnitOfWork, staff: Person) -> Callable[..., Browser]:
    """Return a function that signs in somebody with other roles and groups."""

    def sign_in(*roles: Role, groups: tuple[str, ...] = ()) -> Browser:
        person = make_person(unit_of_work, "Ben Other", "ben@example.com", roles, groups)
        browser = Browser.of(app)
        browser.sign_in(person)
        return browser

    return sign_in


def test_signed_out_people_are_asked_to_sign_in_and_come_back(client: Browser, unit_of_work: UnitOfWork, staff: Person):
    record = f"/records/{id_text(open_record(unit_of_work, staff))}"
    before = count(unit_of_work, "audit_leaf")
    for path in ("/records", "/records/new", record, f"{record}/edit"):
        answer = client.get(path)
        assert answer.status_code == 303
        assert answer.location == f"/sign-in?next={path}"
    for path in ("/records/new", f"{record}/edit", f"{record}/archive", f"{record}/restore"):
        answer = client.submit(path, typed(unit_of_work, version="1"), form_page="/sign-in")
        assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert count(unit_of_work, "audit_leaf") == before
    assert not stored(unit_of_work, id_from_text(record.rpartition("/")[2])).is_archived


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.APPROVER])
def test_readers_read_everything_and_change_nothing(
    signed_in: Callable[..., Browser], unit_of_work: UnitOfWork, staff: Person, role: Role
):
    record_id = open_record(unit_of_work, staff, "Acme")
    record = f"/records/{id_text(record_id)}"
    reader = signed_in(role)
    assert "Acme" in reader.get("/records").text
    page = reader.get(record)
    assert page.status_code == 200
    assert "/archive" not in page.text
    assert reader.get("/records/new").status_code == 403
    assert reader.get(f"{record}/edit").status_code == 403
    for path in ("/records/new", f"{record}/edit", f"{record}/archive", f"{record}/restore"):
        assert reader.submit(path, typed(unit_of_work, customer="Other", version="1")).status_code == 403
    assert stored(unit_of_work, record_id).customer == "Acme"
    assert count(unit_of_work) == 1


def test_an_administrator_alone_sees_no_record(
    signed_in: Callable[..., Browser], unit_of_work: UnitOfWork, staff: Person
):
    record = f"/records/{id_text(open_record(unit_of_work, staff))}"
    administrator = signed_in(Role.ADMINISTRATOR)
    for path in ("/records", record, f"{record}/edit", "/records/new"):
        assert administrator.get(path).status_code == 403


def test_a_custodian_reaches_only_the_records_of_their_groups(
    signed_in: Callable[..., Browser], unit_of_work: UnitOfWork, staff: Person
):
    foreign = open_record(unit_of_work, staff, "Foreign customer")
    custodian = signed_in(Role.CUSTODIAN, groups=("Second group",))
    own_group = custodians(unit_of_work, "Second group")
    form = custodian.get("/records/new").text
    assert own_group in form
    assert custodians(unit_of_work) not in form
    opened = custodian.submit("/records/new", typed(unit_of_work, customer="Own", group=own_group))
    assert opened.status_code == 303
    assert custodian.get(opened.location).status_code == 200
    listed = custodian.get("/records?archived=1").text
    assert "Own" in listed
    assert "Foreign customer" not in listed
    assert "Foreign customer" not in custodian.get("/records?q=foreign").text
    record = f"/records/{id_text(foreign)}"
    assert custodian.get(record).status_code == 403
    assert custodian.get(record, headers=HTMX).status_code == 403
    assert custodian.get(f"{record}/edit").status_code == 403
    for act in ("edit", "archive", "restore"):
        data = typed(unit_of_work, customer="Taken", group=own_group, version="1")
        assert custodian.submit(f"{record}/{act}", data).status_code == 403
    assert stored(unit_of_work, foreign).customer == "Foreign customer"


def test_a_custodian_gives_no_record_to_a_group_of_others(
    signed_in: Callable[..., Browser], unit_of_work: UnitOfWork, staff: Person
):
    custodian = signed_in(Role.CUSTODIAN, groups=("Second group",))
    own_group, foreign = custodians(unit_of_work, "Second group"), custodians(unit_of_work)
    assert custodian.submit("/records/new", typed(unit_of_work, group=foreign)).status_code == 403
    opened = custodian.submit("/records/new", typed(unit_of_work, group=own_group)).location
    answer = custodian.submit(f"{opened}/edit", typed(unit_of_work, group=foreign, version="1"))
    assert answer.status_code == 403
    assert stored(unit_of_work, id_from_text(opened.rpartition("/")[2])).group_name == "Second group"
