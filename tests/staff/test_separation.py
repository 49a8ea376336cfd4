"""Separation of duties on the pages: one administrator proposes, the group sees it, another administrator decides."""

import re

import pytest
from flask import Flask

from sharelink.accounts.queries import groups_for_choice, person
from sharelink.accounts.states import Role
from sharelink.crypto.identifiers import id_text
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser
from tests.factories import Person, make_person
from tests.fakes import MovableClock


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Switch separation of duties on."""
    return settings.model_copy(update={"separation_of_duties": True})


@pytest.fixture
def ada(app: Flask, unit_of_work: UnitOfWork) -> Browser:
    """Return the browser of the first administrator."""
    return signed_in(app, make_person(unit_of_work, "Ada", "ada@example.com", [Role.ADMINISTRATOR], []))


@pytest.fixture
def bob(app: Flask, unit_of_work: UnitOfWork) -> Browser:
    """Return the browser of the second administrator."""
    return signed_in(app, make_person(unit_of_work, "Bob", "bob@example.com", [Role.ADMINISTRATOR], []))


@pytest.fixture
def clara(unit_of_work: UnitOfWork) -> Person:
    """Return a custodian of "Nord"."""
    return make_person(unit_of_work, "Clara", "clara@example.com", [Role.CUSTODIAN], ["Nord"])


@pytest.fixture
def dan(unit_of_work: UnitOfWork) -> Person:
    """Return a custodian of no group."""
    return make_person(unit_of_work, "Dan", "dan@example.com", [Role.CUSTODIAN], [])


@pytest.fixture
def nord(unit_of_work: UnitOfWork, clara: Person) -> str:
    """Return the address of the page of the group of `clara`."""
    with unit_of_work.read() as work:
        return f"/groups/{groups_for_choice(work.session, None)[0].id_text}"


def signed_in(app: Flask, who: Person) -> Browser:
    browser = Browser.of(app)
    browser.sign_in(who)
    return browser


def decision(page: str) -> tuple[str, dict[str, str]]:
    """Return address and fields of the form that approves."""
    found = re.search(
        r'action="(/people/changes/[^"]+/approve)".*?name="digest" value="([0-9a-f]{64})"', page, re.DOTALL
    )
    assert found is not None
    return found[1], {"digest": found[2]}


def groups_of(unit_of_work: UnitOfWork, who: Person) -> tuple[str, ...]:
    with unit_of_work.read() as work:
        return person(work.session, who.account_id).group_names


def test_a_new_member_waits_is_seen_by_the_group_and_comes_in_by_a_second_administrator(
    app: Flask, unit_of_work: UnitOfWork, ada: Browser, bob: Browser, clara: Person, dan: Person, nord: str
) -> None:
    ada.submit(f"{nord}/members/add", {"person": id_text(dan.account_id)})
    assert groups_of(unit_of_work, dan) == ()
    custodian = signed_in(app, clara)
    assert "Proposed, for a second administrator" in custodian.get("/").text
    seen = custodian.get(nord).text
    assert "Waits for a second administrator" in seen
    assert "/people/changes/" not in seen, "whoever is no administrator decides nothing"
    own = ada.get("/people").text
    assert "Take back" in own
    assert "/approve" not in own
    address, fields = decision(bob.get("/people").text)
    assert ada.submit(address, fields).status_code == 403
    assert groups_of(unit_of_work, dan) == ()
    assert bob.submit(address, fields).status_code == 303
    assert groups_of(unit_of_work, dan) == ("Nord",)
    assert bob.submit(address, fields).status_code == 409


@pytest.mark.parametrize("digest", ["", "00" * 32, "no digest", "é"])
def test_a_form_without_the_digest_of_the_page_approves_nothing(
    unit_of_work: UnitOfWork, ada: Browser, bob: Browser, dan: Person, nord: str, digest: str
) -> None:
    ada.submit(f"{nord}/members/add", {"person": id_text(dan.account_id)})
    address, _fields = decision(bob.get("/people").text)
    assert bob.submit(address, {"digest": digest}).status_code == 409
    assert groups_of(unit_of_work, dan) == ()


def test_an_approval_needs_a_fresh_proof(
    unit_of_work: UnitOfWork, clock: MovableClock, ada: Browser, bob: Browser, dan: Person, nord: str
) -> None:
    ada.submit(f"{nord}/members/add", {"person": id_text(dan.account_id)})
    clock.move(minutes=6)
    address, fields = decision(bob.get("/people").text)
    assert bob.submit(address, fields).status_code == 401
    assert groups_of(unit_of_work, dan) == ()


def test_a_refused_or_taken_back_proposal_is_gone_from_the_pages(
    ada: Browser, bob: Browser, dan: Person, nord: str
) -> None:
    for browser in (ada, bob):
        ada.submit(f"{nord}/members/add", {"person": id_text(dan.account_id)})
        address, _fields = decision(bob.get("/people").text)
        assert browser.submit(address.replace("/approve", "/refuse"), {}).status_code == 303
        assert "Waits for a second administrator" not in bob.get("/people").text


def test_a_second_proposal_about_the_same_person_is_told_to_wait(ada: Browser, dan: Person, nord: str) -> None:
    ada.submit(f"{nord}/members/add", {"person": id_text(dan.account_id)})
    answer = ada.submit(f"/people/{id_text(dan.account_id)}/reset-factors", {})
    assert answer.status_code == 409
    assert "Another change of this person waits" in answer.text


def test_a_lonely_administrator_is_told_what_is_missing(ada: Browser) -> None:
    assert "There is no second administrator." in ada.get("/people").text


def test_the_form_of_an_invitation_offers_no_group_and_says_why(ada: Browser, nord: str) -> None:
    page = ada.get("/people/invite").text
    assert "Separation of duties is on" in page
    assert 'name="groups"' not in page


def test_the_set_up_page_promises_no_custody(client: Browser) -> None:
    assert "no custodian" in client.get("/set-up").text
