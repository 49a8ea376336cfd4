"""Administrators see who can sign in, and change it; nobody else does."""

import re

import pytest
from flask import Flask

from sharelink.accounts.queries import person
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.crypto.identifiers import id_text
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded_types
from tests.browsers import Browser
from tests.factories import Person, make_person
from tests.fakes import MovableClock


@pytest.fixture
def ben(unit_of_work: UnitOfWork) -> Person:
    """Return a custodian of the group "Nord"."""
    return make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[Role.CUSTODIAN], groups=["Nord"])


def page_of(who: Person) -> str:
    return f"/people/{id_text(who.account_id)}"


def test_an_administrator_sees_everybody(staff_client: Browser, unit_of_work: UnitOfWork) -> None:
    make_person(unit_of_work, "<b>Ben</b>", "ben@example.com", roles=[Role.AUDITOR], groups=["Nord"])
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.disable_account("ben@example.com")
    page = staff_client.get("/people")
    assert page.status_code == 200
    for text in ("Anna Example", "&lt;b&gt;Ben&lt;/b&gt;", "Auditor", "Nord", "Disabled", "Has not signed in yet"):
        assert text in page.text


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMINISTRATOR}))
def test_nobody_else_sees_the_list_or_a_way_to_it(app: Flask, unit_of_work: UnitOfWork, role: Role) -> None:
    ben: Person = make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[role])
    browser = Browser.of(app)
    browser.sign_in(ben)
    assert browser.get("/people").status_code == 403
    assert 'href="/people"' not in browser.get("/account").text


def test_the_page_of_a_person_shows_roles_groups_and_what_was_done(staff_client: Browser, ben: Person) -> None:
    page = staff_client.get(page_of(ben))
    assert page.status_code == 200
    for text in ("Ben Example", "ben@example.com", "Nord", "Account created", "Member added to the group"):
        assert text in page.text
    ticked = [tag for tag in re.findall(r"<input[^>]*>", page.text) if 'name="roles"' in tag and "checked" in tag]
    assert len(ticked) == 1
    assert 'value="custodian"' in ticked[0]


@pytest.mark.parametrize("text", ["nobody", "A" * 22])
def test_an_unknown_person_is_not_found(staff_client: Browser, text: str) -> None:
    assert staff_client.get(f"/people/{text}").status_code == 404


def test_roles_become_what_is_ticked_and_count_with_the_next_request(
    app: Flask, staff_client: Browser, unit_of_work: UnitOfWork, ben: Person
) -> None:
    browser = Browser.of(app)
    browser.sign_in(ben)
    assert browser.get("/people").status_code == 403
    data = {"csrf_token": staff_client.token("/account"), "roles": ["administrator", "auditor"]}
    answer = staff_client.post(f"{page_of(ben)}/roles", data=data)
    assert (answer.status_code, answer.headers["Location"]) == (303, page_of(ben))
    assert browser.get("/people").status_code == 200
    with unit_of_work.read() as work:
        assert person(work.session, ben.account_id).roles == {Role.ADMINISTRATOR, Role.AUDITOR}


@pytest.mark.parametrize(
    ("roles", "message"), [({}, "Choose at least one role."), ({"roles": "king"}, "Choose from the roles")]
)
def test_roles_that_cannot_be_are_told_beside_the_boxes(
    staff_client: Browser, ben: Person, roles: dict[str, str], message: str
) -> None:
    answer = staff_client.submit(f"{page_of(ben)}/roles", roles)
    assert answer.status_code == 422
    assert message in answer.text


def test_the_last_administrator_cannot_remove_themself(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    for act, data in (("roles", {"roles": "staff"}), ("disable", {})):
        answer = staff_client.submit(f"{page_of(staff)}/{act}", data)
        assert answer.status_code == 409
        assert "This is the last administrator" in answer.text
    with unit_of_work.read() as work:
        kept = person(work.session, staff.account_id)
    assert Role.ADMINISTRATOR in kept.roles
    assert not kept.is_disabled


def test_a_disabled_person_is_out_with_the_next_request_and_can_come_back(
    app: Flask, staff_client: Browser, ben: Person
) -> None:
    browser = Browser.of(app)
    browser.sign_in(ben)
    assert browser.get("/records").status_code == 200
    assert staff_client.submit(f"{page_of(ben)}/disable", {}).status_code == 303
    assert browser.get("/records").status_code == 303
    assert "Enable again" in staff_client.get(page_of(ben)).text
    assert staff_client.submit(f"{page_of(ben)}/disable", {}).status_code == 409
    assert staff_client.submit(f"{page_of(ben)}/enable", {}).status_code == 303
    assert browser.get("/records").status_code == 303, "the old session stays dead"
    browser.sign_in(ben)
    assert browser.get("/records").status_code == 200


def test_signing_somebody_out_everywhere_takes_effect_at_once(app: Flask, staff_client: Browser, ben: Person) -> None:
    browser = Browser.of(app)
    browser.sign_in(ben)
    assert staff_client.submit(f"{page_of(ben)}/end-sessions", {}).status_code == 303
    assert browser.get("/records").status_code == 303


def test_a_reset_of_factors_signs_the_person_out_and_leaves_a_password_only_halfway_in(
    app: Flask, staff_client: Browser, unit_of_work: UnitOfWork, ben: Person
) -> None:
    browser = Browser.of(app)
    browser.sign_in(ben)
    assert staff_client.submit(f"{page_of(ben)}/reset-factors", {}).status_code == 303
    assert browser.get("/records").status_code == 303
    with unit_of_work.read() as work:
        assert not work.factors.has_any(ben.account_id)
    stranger = Browser.of(app)
    answer = stranger.give_password(ben)
    assert answer.headers["Location"].split("?")[0] == "/account/enrol"
    assert stranger.get("/records").status_code == 303


def test_ones_own_factors_are_not_reset_here(staff_client: Browser, staff: Person) -> None:
    assert "Reset second factors" not in staff_client.get(page_of(staff)).text
    assert staff_client.submit(f"{page_of(staff)}/reset-factors", {}).status_code == 409


@pytest.mark.parametrize("act", ["roles", "disable", "end-sessions", "reset-factors"])
def test_without_a_fresh_proof_nothing_is_done(
    staff_client: Browser, unit_of_work: UnitOfWork, clock: MovableClock, ben: Person, act: str
) -> None:
    before = recorded_types(unit_of_work, id_text(ben.account_id))
    clock.move(minutes=6)
    answer = staff_client.submit(f"{page_of(ben)}/{act}", {"roles": "administrator"})
    assert answer.status_code == 401
    assert recorded_types(unit_of_work, id_text(ben.account_id)) == before
