"""The set-up page: from the link to the start page of the first account, and nothing afterwards."""

import pytest
from flask import Flask

from sharelink.actors import Actor
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.browsers import Browser, hidden_field
from tests.fakes import MovableClock

FORM = {"name": "Anna Example", "email": "anna@example.com", "password": "tapioca violin marsh eleven"}


@pytest.fixture
def key(app: Flask) -> str:
    """Return the key of a good set-up link."""
    unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
    with app.app_context(), unit_of_work.write(Actor.system()) as work:
        made = work.accounts.new_set_up_link()
    assert made is not None
    return made


def test_the_link_leads_past_the_second_factor_to_the_start_page_of_the_new_account(
    client: Browser, key: str, clock: MovableClock
) -> None:
    answer = client.submit("/set-up", FORM | {"key": key}, form_page="/set-up")
    enrolment = "/account/enrol?next=/%3Fwelcome%3D1"
    assert (answer.status_code, answer.headers["Location"]) == (303, enrolment)
    assert client.get("/people").headers["Location"] == "/account/enrol?next=/people"
    codes = client.enrol_app(clock.now, enrolment)
    assert 'href="/?welcome=1"' in codes
    start = client.get("/?welcome=1")
    assert start.status_code == 200
    assert "administrator" in start.text
    assert client.get("/people").status_code == 200


def test_the_page_says_what_the_account_will_be_and_asks_nobody_for_the_key(client: Browser, key: str) -> None:
    page = client.get("/set-up")
    assert page.status_code == 200
    assert "administrator" in page.text
    assert "Custodians" in page.text
    assert key not in page.text


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", " ", "Enter a name."),
        ("email", "anna", "Enter one whole e-mail address"),
        ("password", "too short", "Use at least 15 characters."),
        ("password", "passwordpassword1", "This is easy to guess."),
    ],
)
def test_a_refused_field_has_its_message_and_the_rest_stays(
    client: Browser, key: str, field: str, value: str, message: str
) -> None:
    answer = client.submit("/set-up", FORM | {"key": key, field: value}, form_page="/set-up")
    assert answer.status_code == 422
    assert message in answer.text
    assert hidden_field(answer.text, "key") == key
    assert FORM["password"] not in answer.text
    assert client.session_key() is None
    again = client.submit("/set-up", FORM | {"key": key}, form_page="/set-up")
    assert again.status_code == 303, "the link still works"


def test_a_used_link_answers_404_and_makes_nothing(app: Flask, client: Browser, key: str) -> None:
    client.submit("/set-up", FORM | {"key": key}, form_page="/set-up")
    stranger = Browser.of(app)
    answer = stranger.submit("/set-up", FORM | {"key": key, "email": "eve@example.com"}, form_page="/set-up")
    assert answer.status_code == 404
    assert stranger.session_key() is None


def test_a_cut_off_link_is_told_on_the_form(client: Browser, key: str) -> None:
    answer = client.submit("/set-up", FORM | {"key": key[:-1]}, form_page="/set-up")
    assert answer.status_code == 422
    assert "A part of the set-up link is missing." in answer.text


def test_a_post_without_the_form_token_makes_nothing(client: Browser, key: str) -> None:
    assert client.post("/set-up", data=FORM | {"key": key}).status_code == 400
    assert client.submit("/set-up", FORM | {"key": key}, form_page="/set-up").status_code == 303
