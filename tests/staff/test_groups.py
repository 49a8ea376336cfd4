"""Groups: their members see who is in them and hear of every change; administrators change them."""

import pytest
from flask import Flask

from sharelink.accounts.queries import groups_for_choice
from sharelink.accounts.states import Role
from sharelink.crypto.identifiers import id_text
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser
from tests.factories import Person, make_person
from tests.fakes import MovableClock


@pytest.fixture
def ben(unit_of_work: UnitOfWork, staff: Person) -> Person:
    """Return a custodian of the group "Nord"."""
    return make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[Role.CUSTODIAN], groups=["Nord"])


@pytest.fixture
def nord(unit_of_work: UnitOfWork, ben: Person) -> str:
    """Return the address of the page of that group."""
    return address_of(unit_of_work, "Nord")


def address_of(unit_of_work: UnitOfWork, name: str) -> str:
    with unit_of_work.read() as work:
        return next(f"/groups/{group.id_text}" for group in groups_for_choice(work.session, None) if group.name == name)


def signed_in(app: Flask, who: Person) -> Browser:
    browser = Browser.of(app)
    browser.sign_in(who)
    return browser


def test_a_member_sees_the_own_group_and_no_other(app: Flask, unit_of_work: UnitOfWork, ben: Person, nord: str) -> None:
    browser = signed_in(app, ben)
    listed = browser.get("/groups").text
    assert "Nord" in listed
    assert address_of(unit_of_work, "Custodians") not in listed
    page = browser.get(nord)
    assert "Ben Example" in page.text
    assert "Member added to the group" in page.text
    assert "/members/" not in page.text, "a member changes nothing"
    assert browser.get(address_of(unit_of_work, "Custodians")).status_code == 403


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AUDITOR])
def test_administrators_and_auditors_see_every_group(
    app: Flask, unit_of_work: UnitOfWork, nord: str, role: Role
) -> None:
    browser = signed_in(app, make_person(unit_of_work, "Dora", "dora@example.com", roles=[role], groups=[]))
    assert browser.get(nord).status_code == 200
    assert browser.get("/groups").text.count("member") >= 2


def test_a_group_is_made_and_a_name_twice_is_refused(staff_client: Browser) -> None:
    made = staff_client.submit("/groups", {"name": "Süd"})
    assert made.status_code == 303
    assert "Nobody is in this group." in staff_client.get(made.headers["Location"]).text
    again = staff_client.submit("/groups", {"name": "SÜD"})
    assert again.status_code == 422
    assert "There is a group of this name already." in again.text
    assert 'value="SÜD"' in again.text


def test_a_person_is_added_and_reaches_the_records_of_the_group_with_the_next_request(
    app: Flask, staff_client: Browser, unit_of_work: UnitOfWork, ben: Person
) -> None:
    browser = signed_in(app, ben)
    ours = address_of(unit_of_work, "Custodians")
    data = {"person": id_text(ben.account_id)}
    assert browser.get(ours).status_code == 403
    assert staff_client.submit(f"{ours}/members/add", data).status_code == 303
    assert browser.get(ours).status_code == 200
    assert staff_client.submit(f"{ours}/members/add", data).status_code == 409
    assert staff_client.submit(f"{ours}/members/remove", data).status_code == 303
    assert browser.get(ours).status_code == 403


@pytest.mark.parametrize("person", ["", "nobody", "A" * 22])
def test_an_unknown_person_is_not_added(staff_client: Browser, nord: str, person: str) -> None:
    assert staff_client.submit(f"{nord}/members/add", {"person": person}).status_code == 404


def test_every_member_hears_of_a_new_one_on_the_start_page_for_a_week(
    app: Flask, staff: Person, unit_of_work: UnitOfWork, clock: MovableClock, ben: Person, nord: str
) -> None:
    clock.move(days=8)
    browser = signed_in(app, ben)
    assert "Your groups have changed" not in browser.get("/").text
    eve = make_person(unit_of_work, "Eve <i>", "eve@example.com", roles=[Role.CUSTODIAN], groups=[])
    signed_in(app, staff).submit(f"{nord}/members/add", {"person": id_text(eve.account_id)})
    page = browser.get("/").text
    assert "Your groups have changed" in page
    assert "Eve &lt;i&gt;" in page
    assert "Anna Example" in page, "and who did it"
    clock.move(days=7, seconds=1)
    assert "Your groups have changed" not in signed_in(app, ben).get("/").text


def test_nobody_hears_of_groups_that_are_not_theirs(app: Flask, unit_of_work: UnitOfWork, ben: Person) -> None:
    make_person(unit_of_work, "Eve", "eve@example.com", roles=[Role.CUSTODIAN], groups=["Custodians"])
    page = signed_in(app, ben).get("/").text
    assert "Eve" not in page
