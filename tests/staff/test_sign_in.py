"""Sign in and out in a browser: cookies, one answer for all failures, no way to other sites, real ends."""

from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from sharelink.accounts.models import StaffSession
from sharelink.actors import Actor
from sharelink.settings import HttpsMode, Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.authentication import local_path
from tests.asked_database import BEGIN_TO_WRITE, statements
from tests.browsers import HTMX, Browser, hidden_field
from tests.factories import Person, make_person
from tests.fakes import MovableClock


def try_to_sign_in(browser: Browser, email: str, password: str, **more: str) -> TestResponse:
    return browser.submit("/sign-in", {"email": email, "password": password} | more, form_page="/sign-in")


def cookie_lines(answer: TestResponse, name: str) -> list[str]:
    return [line for line in answer.headers.getlist("Set-Cookie") if line.startswith(f"{name}=")]


def test_signing_in_leads_to_the_page_that_was_asked_for(client: Browser, staff: Person, clock: MovableClock) -> None:
    asked = client.get("/records?q=example")
    assert (asked.status_code, asked.headers["Location"]) == (303, "/sign-in?next=/records%3Fq%3Dexample")
    assert 'value="/records?q=example"' in client.get(asked.headers["Location"]).text
    answer = try_to_sign_in(client, staff.email, staff.password, next="/records?q=example")
    second_step = "/sign-in/second-step?next=/records%3Fq%3Dexample"
    assert (answer.status_code, answer.headers["Location"]) == (303, second_step)
    fields = {"code": staff.code(clock.now), "next": hidden_field(client.get(second_step).text, "next")}
    answer = client.submit("/sign-in/second-step", fields, form_page=second_step)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/records?q=example")
    assert client.get("/records?q=example").status_code == 200


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(client: Browser, staff: Person) -> None:
    (line,) = cookie_lines(try_to_sign_in(client, staff.email, staff.password), "sharelink_session")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; "))
    assert "Domain" not in line
    assert "Expires" not in line


def test_under_https_the_cookie_is_bound_to_this_host(
    make_app: Callable[[Settings], Flask], settings: Settings, clock: MovableClock
) -> None:
    app = make_app(settings.model_copy(update={"base_url": "https://share.example.com", "https_mode": HttpsMode.ON}))
    browser = Browser.of(app)
    with app.app_context():
        person = make_person(app.extensions["sharelink"].unit_of_work, "Anna Example", "anna@example.com")
    address = "https://share.example.com"

    def post(path: str, fields: dict[str, str]) -> TestResponse:
        token = hidden_field(browser.get(path, base_url=address).text, "csrf_token")
        data = fields | {"csrf_token": token}
        return browser.post(path, data=data, base_url=address, headers={"Origin": address})

    half = post("/sign-in", {"email": person.email, "password": person.password})
    full = post("/sign-in/second-step", {"code": person.code(clock.now)})
    lines = [*cookie_lines(half, "__Host-sharelink_session"), *cookie_lines(full, "__Host-sharelink_session")]
    lines += cookie_lines(full, "__Host-sharelink_device")
    assert len(lines) == 3
    for line in lines:
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(line.split("; "))
    assert browser.get("/account", base_url=address).status_code == 200


def test_unknown_wrong_disabled_and_paused_get_one_answer(
    client: Browser, staff: Person, unit_of_work: UnitOfWork
) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com")
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.disable_account(ben.email)

    def answer_to(email: str, password: str) -> tuple[int, str, bool]:
        browser = Browser.of(client.application)
        answer = try_to_sign_in(browser, email, password)
        neutral = answer.text.replace(email, "").replace(browser.token("/sign-in"), "")
        return answer.status_code, neutral.split("<form")[1].split("csrf_token")[0], browser.session_key() is None

    wrong = "wrong wrong wrong wrong"
    answers = [
        answer_to("nobody@example.com", wrong),
        answer_to(staff.email, wrong),
        answer_to(ben.email, ben.password),
    ]
    for _ in range(9):
        try_to_sign_in(client, staff.email, wrong)
    answers.append(answer_to(staff.email, staff.password))
    assert answers[0][0] == 422
    assert all(answer == answers[0] for answer in answers)


def test_a_failed_try_keeps_the_address_and_forgets_the_password(client: Browser, staff: Person) -> None:
    answer = try_to_sign_in(client, staff.email, "wrong wrong wrong wrong")
    assert answer.status_code == 422
    assert staff.email in answer.text
    assert "wrong wrong" not in answer.text
    assert "You could not be signed in." in answer.text


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\r\n/evil.example",
        "/%0a\n",
        "javascript:alert(1)",
        "evil.example",
        " /records",
        "/sign-out",
        "/sign-in?next=/sign-in",
        "/set-up",
        "/" + "x" * 3000,
        "",
    ],
)
def test_nobody_is_sent_to_another_site_after_signing_in(
    client: Browser, staff: Person, clock: MovableClock, elsewhere: str
) -> None:
    assert local_path(elsewhere) is None
    answer = try_to_sign_in(client, staff.email, staff.password, next=elsewhere)
    assert answer.headers["Location"] == "/sign-in/second-step"
    form = {"code": staff.code(clock.now), "next": elsewhere}
    answer = client.submit("/sign-in/second-step", form, form_page="/sign-in/second-step")
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("here", ["/", "/records", "/records?q=a%2Fb&page=2", "/records/AbC-_9", "/a//b", "/%5cevil"])
def test_a_page_of_this_site_is_where_one_may_go_on(here: str) -> None:
    assert local_path(here) == here


def test_every_sign_in_has_a_new_session_and_a_planted_one_is_worth_nothing(client: Browser, staff: Person) -> None:
    planted = "A" * 43
    client.set_cookie("sharelink_session", planted, path="/", httponly=True, samesite="Lax")
    assert client.get("/account").status_code == 303
    client.sign_in(staff)
    first = client.session_key()
    client.submit("/sign-out", {}, form_page="/account")
    client.sign_in(staff)
    assert len({planted, first, client.session_key()}) == 3


def test_signing_out_ends_the_session_on_the_server(staff_client: Browser) -> None:
    kept = staff_client.session_key()
    answer = staff_client.submit("/sign-out", {})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert staff_client.session_key() is None
    staff_client.set_cookie("sharelink_session", kept or "")
    assert staff_client.get("/account").status_code == 303


def test_a_link_to_sign_out_does_nothing(staff_client: Browser) -> None:
    assert staff_client.get("/sign-out").status_code == 405
    assert staff_client.post("/sign-out").status_code == 400, "without the form's token"
    assert staff_client.get("/account").status_code == 200


def test_somebody_who_is_signed_in_is_sent_on_from_the_sign_in_page(staff_client: Browser) -> None:
    assert staff_client.get("/sign-in?next=/records").headers["Location"] == "/records"
    assert staff_client.get("/sign-in?next=//evil.example").headers["Location"] == "/"


def test_a_post_without_a_session_leads_to_the_sign_in_page_and_changes_nothing(client: Browser, staff: Person) -> None:
    token = client.token("/sign-in")
    answer = client.post("/account", data={"csrf_token": token, "current": staff.password, "new": "x"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")


def test_htmx_is_told_to_load_the_sign_in_page_as_a_whole(client: Browser) -> None:
    answer = client.get("/records?q=a", headers=HTMX)
    assert (answer.status_code, answer.text) == (401, "")
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/records%3Fq%3Da"


def test_a_session_is_over_after_half_an_hour_without_use(staff_client: Browser, clock: MovableClock) -> None:
    clock.move(minutes=29)
    assert staff_client.get("/account").status_code == 200
    clock.move(minutes=29)
    assert staff_client.get("/account").status_code == 200
    clock.move(minutes=30)
    assert staff_client.get("/account").status_code == 303


def test_a_disabled_person_is_out_with_the_next_request(
    staff_client: Browser, staff: Person, unit_of_work: UnitOfWork
) -> None:
    make_person(unit_of_work, "Ben Example", "ben@example.com")
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.disable_account(staff.email)
    assert staff_client.get("/account").status_code == 303


def test_reading_pages_writes_at_most_once_a_minute(
    staff_client: Browser, unit_of_work: UnitOfWork, clock: MovableClock
) -> None:
    def writes_of_a_page() -> list[str]:
        with statements(unit_of_work.engine) as asked:
            assert staff_client.get("/account").status_code == 200
        return [
            word
            for word in asked
            if word == BEGIN_TO_WRITE or word.split()[0] in {"INSERT", "UPDATE", "DELETE", "WITH"}
        ]

    def seen_at() -> datetime:
        with unit_of_work.read() as work:
            return work.session.scalars(select(StaffSession.last_seen_at)).one()

    clock.move(seconds=59)
    assert writes_of_a_page() == []
    clock.move(seconds=1)
    begun, written = writes_of_a_page()
    assert begun == BEGIN_TO_WRITE
    assert written.startswith("UPDATE staff_session SET last_seen_at")
    assert seen_at() == clock.now
    assert writes_of_a_page() == []


def test_asking_who_is_signed_in_costs_one_query_and_none_without_the_cookie(
    client: Browser, staff_client: Browser, unit_of_work: UnitOfWork
) -> None:
    def queries_of(browser: Browser) -> list[str]:
        with statements(unit_of_work.engine) as asked:
            browser.get("/sign-in")
        return [statement for statement in asked if statement.lstrip().upper().startswith("SELECT")]

    assert queries_of(client) == []
    assert len(queries_of(staff_client)) == 1


def test_too_many_tries_from_one_client_are_answered_with_429(
    make_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    browser = Browser.of(make_app(settings.model_copy(update={"rate_limit_sign_in": "2 per minute"})))
    statuses = [try_to_sign_in(browser, "nobody@example.com", "wrong wrong wrong").status_code for _ in range(3)]
    assert statuses == [422, 422, 429]
