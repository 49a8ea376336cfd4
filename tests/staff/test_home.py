"""The start page."""

from datetime import timedelta

import pytest
from flask import Flask

from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.acts.receiving import decline, reveal
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import HTMX, Browser
from tests.factories import Person, make_person, open_record, send_secret


def test_signed_out_people_are_asked_to_sign_in(client: Browser):
    answer = client.get("/")
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert client.head("/").status_code == 303


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_can_only_be_looked_at(staff_client: Browser, method: str):
    answer = staff_client.open("/", method=method, data={"csrf_token": staff_client.token("/account")})
    assert answer.status_code == 405


def test_it_shows_what_waits_for_me(staff_client: Browser, unit_of_work: UnitOfWork, staff: Person, visitor: Actor):
    record_id = open_record(unit_of_work, staff, "Acme <GmbH>")
    send_secret(unit_of_work, staff, custody_id=record_id, label="Waiting")
    send_secret(unit_of_work, staff, custody_id=record_id, label="Hurry", lifetime=timedelta(hours=2))
    revealed = send_secret(unit_of_work, staff, custody_id=record_id, label="Seen", code=False)
    reveal(unit_of_work, visitor, revealed.link, "")
    declined = send_secret(unit_of_work, staff, custody_id=record_id, label="Refused", code=False)
    decline(unit_of_work, visitor, declined.link, "", "<b>No</b> thanks")
    page = staff_client.get("/").text
    for shown in ("Waiting", "Hurry", "Seen", "Refused", "Acme &lt;GmbH&gt;", "&lt;b&gt;No&lt;/b&gt; thanks"):
        assert shown in page


def test_it_shows_nothing_of_others(app: Flask, unit_of_work: UnitOfWork, staff: Person):
    send_secret(unit_of_work, staff, label="Somebody else's", code=False)
    other = Browser.of(app)
    other.sign_in(make_person(unit_of_work, "Ben", "ben@example.com"))
    page = other.get("/").text
    assert "Somebody else" not in page
    assert "Nothing waits for you" in page


@pytest.mark.parametrize("role", list(Role))
def test_every_role_has_a_start_page(app: Flask, unit_of_work: UnitOfWork, role: Role):
    browser = Browser.of(app)
    browser.sign_in(make_person(unit_of_work, "Ben", "ben@example.com", [role], ["Custodians"]))
    assert browser.get("/").status_code == 200


def test_htmx_gets_the_part_that_changes(staff_client: Browser):
    part = staff_client.get("/", headers=HTMX)
    assert part.status_code == 200
    assert "<!doctype" not in part.text.lower()


def test_after_the_set_up_it_says_what_the_first_account_is(staff_client: Browser):
    assert "set-up link is dead" in staff_client.get("/?welcome=1").text
    assert "set-up link is dead" not in staff_client.get("/").text
