"""What staff do with statements: look, make a link for a contact, see what became of it, revoke it."""

import re

import pytest
from flask import Flask

from sharelink.accounts.states import Role
from sharelink.crypto.identifiers import id_text
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded_types
from tests.browsers import Browser
from tests.factories import Person, make_person, open_record
from tests.statements.steps import add_contact


@pytest.fixture
def record(unit_of_work: UnitOfWork, staff: Person) -> str:
    """Return the id of a record with one confirmed contact of the customer."""
    custody_id = open_record(unit_of_work, staff)
    add_contact(unit_of_work, staff, custody_id)
    return id_text(custody_id)


def made_link(page: str) -> str:
    """Return the link that the page of a new one shows."""
    found = re.search(r'<textarea id="link"[^>]*>\s*(\S+)</textarea>', page)
    assert found is not None
    return found[1].replace("&#35;", "#")


def form_of(browser: Browser, record: str) -> dict[str, str]:
    page = browser.get(f"/records/{record}/statement/links").text
    contact = re.search(r'<option value="([^"]+)"[^>]*>Carla Customer', page)
    assert contact is not None
    return {
        "csrf_token": browser.token(f"/records/{record}/statement/links"),
        "contact": contact[1],
        "lifetime": "604800",
    }


def test_a_link_is_shown_once_opens_the_statement_and_can_be_revoked(
    staff_client: Browser, client: Browser, record: str
) -> None:
    address = f"/records/{record}/statement/links"
    form = form_of(staff_client, record)
    answer = staff_client.post(address, data=form)
    assert answer.status_code == 201
    link = made_link(answer.text)
    key = link.partition("#")[2]
    assert client.post("/statement/read", data={"link": link}).status_code == 200
    page = staff_client.get(address).text
    assert "Last read" in page
    assert key not in page
    revoke = re.search(r'action="([^"]+/revoke)"', page)
    assert revoke is not None
    assert staff_client.post(revoke[1], data={"csrf_token": form["csrf_token"]}).status_code == 303
    assert client.post("/statement/read", data={"link": link}).status_code == 410
    assert "Revoked" in staff_client.get(address).text


@pytest.mark.parametrize(
    ("field", "value"), [("contact", ""), ("contact", "nobody"), ("lifetime", ""), ("lifetime", "1"), ("lifetime", "x")]
)
def test_a_form_that_lacks_something_comes_back_with_what_was_chosen(
    staff_client: Browser, record: str, field: str, value: str
) -> None:
    form = form_of(staff_client, record)
    answer = staff_client.post(f"/records/{record}/statement/links", data=form | {field: value})
    assert (answer.status_code, f'id="{field}-error"' in answer.text) == (422, True)


def test_without_a_confirmed_contact_there_is_nobody_to_choose(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    custody_id = open_record(unit_of_work, staff)
    add_contact(unit_of_work, staff, custody_id, is_confirmed=False)
    page = staff_client.get(f"/records/{id_text(custody_id)}/statement/links").text
    assert "Nobody may read it yet" in page


def test_a_look_by_staff_writes_nothing(staff_client: Browser, unit_of_work: UnitOfWork, record: str) -> None:
    before = recorded_types(unit_of_work, record)
    page = staff_client.get(f"/records/{record}/statement")
    assert (page.status_code, "What this does not prove" in page.text) == (200, True)
    assert "Report it" not in page.text
    assert recorded_types(unit_of_work, record) == before


def test_an_auditor_looks_and_makes_no_link(app: Flask, unit_of_work: UnitOfWork, record: str) -> None:
    person = make_person(unit_of_work, "Ada Auditor", "ada@example.com", roles=[Role.AUDITOR], groups=[])
    browser = Browser.of(app)
    browser.sign_in(person)
    page = browser.get(f"/records/{record}/statement")
    assert (page.status_code, "/statement/links" in page.text) == (200, False)
    assert browser.get(f"/records/{record}/statement/links").status_code == 403


def test_a_link_of_another_record_is_not_revoked_here(
    staff_client: Browser, client: Browser, unit_of_work: UnitOfWork, staff: Person, record: str
) -> None:
    form = form_of(staff_client, record)
    link = made_link(staff_client.post(f"/records/{record}/statement/links", data=form).text)
    revoke = re.search(r'links/([^"/]+)/revoke"', staff_client.get(f"/records/{record}/statement/links").text)
    assert revoke is not None
    other = id_text(open_record(unit_of_work, staff))
    answer = staff_client.post(
        f"/records/{other}/statement/links/{revoke[1]}/revoke", data={"csrf_token": form["csrf_token"]}
    )
    assert answer.status_code == 409
    assert client.post("/statement/read", data={"link": link}).status_code == 200
