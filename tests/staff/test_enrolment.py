"""The first second factor: nothing else is reachable before it, and a password alone adds only the first."""

import re
from dataclasses import replace

import pytest
from flask import Flask

from sharelink.crypto.identifiers import id_text
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded_types
from tests.browsers import Browser, app_key
from tests.factories import Person, make_person_without_factors
from tests.fakes import MovableClock
from tests.soft_passkeys import SoftPasskey

ENROL = "/account/enrol"


@pytest.fixture
def newcomer(unit_of_work: UnitOfWork) -> Person:
    """Return somebody who has a password and nothing else."""
    return make_person_without_factors(unit_of_work, "Nora Newcomer", "nora@example.com")


def codes_on(page: str) -> list[str]:
    return re.findall(r"[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}", page)


def make_passkey(browser: Browser, passkey: SoftPasskey, form_page: str = ENROL) -> str:
    options = browser.submit("/account/factors/passkey/challenge", {}, form_page=form_page).json
    assert options is not None
    return passkey.create(options)


def test_an_app_is_added_and_its_owner_is_in_with_ten_recovery_codes(
    client: Browser, newcomer: Person, clock: MovableClock, unit_of_work: UnitOfWork
) -> None:
    assert client.give_password(newcomer).headers["Location"] == ENROL
    half = client.session_key()
    page = client.enrol_app(clock.now)
    assert len(set(codes_on(page))) == 10
    assert client.session_key() != half
    assert client.get("/account/security").status_code == 200
    types = recorded_types(unit_of_work, id_text(newcomer.account_id))
    assert types[-4:] == ["factor.added", "factor.recovery_codes_made", "auth.succeeded", "auth.new_device"]


def test_a_passkey_is_added_and_signs_in_alone_from_then_on(app: Flask, client: Browser, newcomer: Person) -> None:
    client.give_password(newcomer)
    answer = make_passkey(client, newcomer.passkey)
    added = client.submit("/account/factors/passkey", {"passkey": answer, "name": "Blue key"}, form_page=ENROL)
    assert added.status_code == 200
    assert len(codes_on(added.text)) == 10
    assert "Blue key" in client.get("/account/security").text
    other = Browser.of(app)
    other.sign_in(newcomer)
    assert other.get("/account").status_code == 200


def test_recovery_codes_are_shown_once(client: Browser, newcomer: Person, clock: MovableClock) -> None:
    client.give_password(newcomer)
    codes = codes_on(client.enrol_app(clock.now))
    for path in ("/account/security", "/account", "/account/factors/passkey", "/account/factors/app"):
        page = client.get(path, follow_redirects=True).text
        assert not [code for code in codes if code in page], path


def test_before_the_first_factor_nothing_else_opens(client: Browser, newcomer: Person) -> None:
    client.give_password(newcomer)
    for path in ("/", "/records", "/send", "/people", "/account", "/account/security"):
        assert client.get(path).headers["Location"].split("?")[0] == ENROL, path
    assert client.submit("/send", {"secret": "x"}, form_page=ENROL).headers["Location"] == ENROL
    assert client.submit("/account/factors/recovery-codes", {}, form_page=ENROL).headers["Location"] == ENROL


def test_a_wrong_code_adds_nothing_and_the_same_key_waits(client: Browser, newcomer: Person) -> None:
    client.give_password(newcomer)
    client.submit("/account/factors/app/new", {}, form_page=ENROL)
    key = app_key(client.get("/account/factors/app").text)
    answer = client.submit("/account/factors/app", {"code": "000000"}, form_page="/account/factors/app")
    assert answer.status_code == 422
    assert "This is not the code that the app shows now." in answer.text
    assert app_key(answer.text) == key
    assert client.get("/account").status_code == 303


def test_a_key_that_waits_too_long_is_gone(client: Browser, newcomer: Person, clock: MovableClock) -> None:
    client.give_password(newcomer)
    client.submit("/account/factors/app/new", {}, form_page=ENROL)
    assert client.get("/account/factors/app").status_code == 200
    clock.move(minutes=15)
    assert client.get("/account/factors/app").headers["Location"] == ENROL


def test_two_who_know_the_password_add_one_factor(
    app: Flask, client: Browser, newcomer: Person, clock: MovableClock, unit_of_work: UnitOfWork
) -> None:
    thief = Browser.of(app)
    thief.give_password(newcomer)
    token = thief.token(ENROL)
    thief.post("/account/factors/app/new", data={"csrf_token": token})
    client.give_password(newcomer)
    client.enrol_app(clock.now)
    for path, fields in (
        ("/account/factors/app/new", {}),
        ("/account/factors/app", {"code": "123456"}),
        ("/account/factors/passkey/challenge", {}),
    ):
        answer = thief.post(path, data={"csrf_token": token} | fields)
        assert answer.status_code == 409, path
    assert thief.get("/account/factors/app").status_code == 409
    assert recorded_types(unit_of_work, id_text(newcomer.account_id)).count("factor.added") == 1


def test_where_the_service_has_no_name_there_are_apps_and_no_passkeys(
    client: Browser, newcomer: Person, clock: MovableClock
) -> None:
    app = client.application
    wiring = app.extensions["sharelink"]
    numbered = wiring.settings.model_copy(update={"base_url": "http://127.0.0.1"})
    app.extensions["sharelink"] = replace(wiring, settings=numbered)
    client.give_password(newcomer)
    assert "Add a passkey" not in client.get(ENROL).text
    assert client.submit("/account/factors/passkey/challenge", {}, form_page=ENROL).status_code == 404
    assert codes_on(client.enrol_app(clock.now))


def test_the_page_with_the_key_holds_no_foreign_address_and_draws_the_picture_itself(
    client: Browser, newcomer: Person
) -> None:
    client.give_password(newcomer)
    client.submit("/account/factors/app/new", {}, form_page=ENROL)
    page = client.get("/account/factors/app").text
    assert "<svg" in page
    assert "data:" not in page.replace("data-", "")
    assert "otpauth:" not in page
