"""The second step in a browser: nothing is open before it, and nothing weaker takes its place."""

from flask import Flask

from sharelink.actors import Actor
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser, hidden_field
from tests.factories import Person, make_person
from tests.fakes import MovableClock

NOT_TAKEN = "This did not work."


def recovery_codes(unit_of_work: UnitOfWork, person: Person) -> tuple[str, ...]:
    with unit_of_work.write(person.actor) as work:
        return work.factors.make_recovery_codes(work.accounts.administration.account(person.account_id))


def test_password_and_code_sign_in_under_a_new_id(client: Browser, staff: Person, clock: MovableClock) -> None:
    assert client.give_password(staff).headers["Location"] == "/sign-in/second-step"
    half = client.session_key()
    assert client.get("/account").headers["Location"] == "/sign-in/second-step?next=/account"
    assert client.give_code(staff.code(clock.now)).headers["Location"] == "/"
    full = client.session_key()
    assert client.get("/account").status_code == 200
    assert half != full
    client.set_cookie("sharelink_session", half or "")
    assert client.get("/account").headers["Location"] == "/sign-in?next=/account"


def test_password_and_recovery_code_sign_in_once(
    app: Flask, client: Browser, staff: Person, unit_of_work: UnitOfWork
) -> None:
    codes = recovery_codes(unit_of_work, staff)
    for browser, status in ((client, 303), (Browser.of(app), 422)):
        browser.give_password(staff)
        answer = browser.submit("/sign-in/second-step", {"recovery_code": codes[0]}, form_page="/sign-in/second-step")
        assert answer.status_code == status
    page = client.get("/account/security").text
    assert "<strong>9</strong> of your codes still work" in page
    assert "Recovery code used" in page


def test_password_and_passkey_sign_in(client: Browser, staff: Person) -> None:
    client.give_password(staff)
    answer = client.ask_passkey(staff, "/sign-in/second-step")
    taken = client.submit("/sign-in/second-step", {"passkey": answer}, form_page="/sign-in/second-step")
    assert (taken.status_code, client.get("/account").status_code) == (303, 200)


def test_a_passkey_asked_for_without_a_password_is_no_second_step(app: Flask, client: Browser, staff: Person) -> None:
    answer = Browser.of(app).ask_passkey(staff, "/sign-in")
    client.give_password(staff)
    taken = client.submit("/sign-in/second-step", {"passkey": answer}, form_page="/sign-in/second-step")
    assert (taken.status_code, client.get("/account").status_code) == (422, 303)


def test_wrong_used_foreign_and_paused_codes_get_one_answer(
    app: Flask, client: Browser, staff: Person, unit_of_work: UnitOfWork, clock: MovableClock
) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com")
    used = Browser.of(app)
    used.give_password(staff)
    assert used.give_code(staff.code(clock.now)).status_code == 303
    client.give_password(staff)

    def answer_to(code: str) -> tuple[int, str]:
        answer = client.give_code(code)
        return answer.status_code, answer.text.replace(hidden_field(answer.text, "csrf_token"), "")

    answers = [answer_to(code) for code in (ben.code(clock.now), staff.code(clock.now), "2345", "AAAA-AAAA-AAAA")]
    answers += [answer_to(ben.code(clock.now)) for _ in range(10)]
    answers.append(answer_to(staff.code(clock.now, 1)))
    assert answers[0][0] == 422
    assert NOT_TAKEN in answers[0][1]
    assert set(answers) == {answers[0]}


def test_whoever_is_disabled_between_the_steps_stays_out(
    client: Browser, staff: Person, unit_of_work: UnitOfWork, clock: MovableClock
) -> None:
    make_person(unit_of_work, "Ben Example", "ben@example.com")
    client.give_password(staff)
    token = client.token("/sign-in/second-step")
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.disable_account(staff.email)
    answer = client.post("/sign-in/second-step", data={"csrf_token": token, "code": staff.code(clock.now)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert client.get("/account").status_code == 303


def test_the_second_step_is_nothing_without_the_first(client: Browser, staff: Person, clock: MovableClock) -> None:
    assert client.get("/sign-in/second-step").headers["Location"] == "/sign-in"
    answer = client.submit("/sign-in/second-step", {"code": staff.code(clock.now)}, form_page="/sign-in")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")


def test_somebody_who_has_a_factor_cannot_add_another_with_the_password_alone(client: Browser, staff: Person) -> None:
    client.give_password(staff)
    form_page = "/sign-in/second-step"
    for path in ("/account/factors/app/new", "/account/factors/app", "/account/factors/passkey"):
        answer = client.submit(path, {"code": "123456"}, form_page=form_page)
        assert (answer.status_code, answer.headers["Location"]) == (303, form_page), path
    assert client.submit("/account/factors/passkey/challenge", {}, form_page=form_page).status_code == 303


def test_one_can_start_over_and_sign_out_half_way(client: Browser, staff: Person) -> None:
    client.give_password(staff)
    kept = client.session_key()
    assert client.get("/sign-in").status_code == 200
    answer = client.submit("/sign-out", {}, form_page="/sign-in/second-step")
    assert answer.headers["Location"] == "/sign-in"
    client.set_cookie("sharelink_session", kept or "")
    assert client.get("/sign-in/second-step").headers["Location"] == "/sign-in"


def test_a_half_session_shows_no_navigation_and_no_name_of_anything(client: Browser, staff: Person) -> None:
    client.give_password(staff)
    page = client.get("/sign-in/second-step").text
    assert "site-nav" not in page
    assert staff.name not in page


def test_a_passkey_that_was_removed_or_is_foreign_gets_the_answer_of_any_other_failure(
    client: Browser, staff: Person
) -> None:
    for answer in ("", "{}", "not json"):
        refused = client.submit("/sign-in/passkey", {"passkey": answer}, form_page="/sign-in")
        assert refused.status_code == 422
        assert "You could not be signed in with this passkey." in refused.text
    assert client.session_key() is None
