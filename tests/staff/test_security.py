"""The security page: one's factors, one's sessions, and notices about what somebody else might have done."""

import re

from flask import Flask
from pyotp import TOTP

from sharelink.accounts.sign_in import MAX_FAILURES
from sharelink.actors import Actor
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.devices import device_text
from tests.browsers import Browser, app_key
from tests.factories import Person, make_person
from tests.fakes import MovableClock

PAGE = "/account/security"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
NOTICES = "New on your account"


def on(app: Flask, person: Person, agent: str, ip: str) -> Browser:
    browser = Browser.of(app)
    browser.environ_base |= {"HTTP_USER_AGENT": agent, "REMOTE_ADDR": ip}
    browser.sign_in(person)
    return browser


def end_address(page: str) -> str:
    found = re.search(r'action="(/account/sessions/[A-Za-z0-9_-]{22}/end)"', page)
    assert found is not None
    return found[1]


def test_sessions_are_listed_with_device_network_and_proof(app: Flask, staff: Person, staff_client: Browser) -> None:
    on(app, staff, FIREFOX, "198.51.100.77")
    page = staff_client.get(PAGE).text
    for text in ("Firefox on Windows", "198.51.100.77", "With a passkey", "This browser"):
        assert text in page
    assert page.count('/end"') == 1, "one's own session is ended by signing out"


def test_one_session_can_be_ended_from_another(app: Flask, staff: Person, staff_client: Browser) -> None:
    other = on(app, staff, FIREFOX, "198.51.100.77")
    address = end_address(staff_client.get(PAGE).text)
    assert staff_client.submit(address, {}).headers["Location"] == f"{PAGE}?done=ended"
    assert other.get("/account").status_code == 303
    assert staff_client.get(PAGE).status_code == 200
    assert staff_client.submit(address, {}).status_code == 303, "ending it again is no error"


def test_all_others_can_be_ended_at_once(app: Flask, staff: Person, staff_client: Browser) -> None:
    others = [on(app, staff, FIREFOX, f"198.51.100.{number}") for number in (1, 2)]
    staff_client.submit("/account/sessions/end-others", {})
    assert [browser.get("/account").status_code for browser in others] == [303, 303]
    assert staff_client.get("/account").status_code == 200


def test_a_session_that_waits_for_its_second_step_is_listed_and_can_be_ended(
    app: Flask, staff: Person, staff_client: Browser
) -> None:
    thief = Browser.of(app)
    thief.give_password(staff)
    page = staff_client.get(PAGE).text
    assert "On the way in" in page
    assert "Password accepted" in page
    staff_client.submit(end_address(page), {})
    assert thief.get("/sign-in/second-step").headers["Location"] == "/sign-in"


def test_nobody_ends_or_sees_a_session_of_somebody_else(
    app: Flask, staff: Person, staff_client: Browser, unit_of_work: UnitOfWork
) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com")
    first, second = on(app, ben, FIREFOX, "198.51.100.1"), on(app, ben, FIREFOX, "198.51.100.2")
    address = end_address(first.get(PAGE).text)
    assert "198.51.100.2" not in staff_client.get(PAGE).text
    staff_client.submit(address, {})
    assert second.get("/account").status_code == 200
    assert first.get("/account").status_code == 200


def test_the_page_names_no_session_by_what_opens_it(staff_client: Browser) -> None:
    page = staff_client.get(PAGE).text
    assert (staff_client.session_key() or "") not in page


def test_a_new_device_is_a_notice_until_its_owner_has_seen_it(
    app: Flask, staff: Person, staff_client: Browser, clock: MovableClock
) -> None:
    staff_client.submit(f"{PAGE}/seen", {})
    assert NOTICES not in staff_client.get("/").text
    clock.move(minutes=1)
    on(app, staff, FIREFOX, "198.51.100.77")
    for path in ("/", PAGE):
        page = staff_client.get(path).text
        assert NOTICES in page
        assert "Signed in on a new device" in page
        assert "Firefox on Windows" in page
    staff_client.submit(f"{PAGE}/seen", {})
    assert NOTICES not in staff_client.get("/").text
    assert "Signed in on a new device" in staff_client.get(PAGE).text, "it stays on the timeline"


def test_the_same_device_again_is_no_notice(staff: Person, staff_client: Browser, clock: MovableClock) -> None:
    staff_client.submit(f"{PAGE}/seen", {})
    clock.move(minutes=1)
    staff_client.submit("/sign-out", {})
    staff_client.sign_in(staff)
    assert NOTICES not in staff_client.get("/").text


def test_a_changed_factor_is_a_notice(staff: Person, staff_client: Browser, clock: MovableClock) -> None:
    staff_client.submit(f"{PAGE}/seen", {})
    clock.move(minutes=1)
    assert staff_client.submit("/account/factors/app/remove", {}).status_code == 303
    page = staff_client.get("/").text
    assert NOTICES in page
    assert "Second factor removed" in page
    assert "Authenticator app" in page


def test_a_failed_streak_is_a_notice_and_one_mistake_is_none(
    staff: Person, staff_client: Browser, unit_of_work: UnitOfWork, clock: MovableClock
) -> None:
    staff_client.submit(f"{PAGE}/seen", {})

    def fail(times: int) -> None:
        for _ in range(times):
            with unit_of_work.write(Actor.public("203.0.113.99", None)) as work:
                work.accounts.sign_ins.begin(staff.email)
        clock.move(minutes=2)
        with unit_of_work.write(Actor.system()) as work:
            work.accounts.sign_ins.report_failures()

    fail(1)
    assert NOTICES not in staff_client.get("/").text
    fail(MAX_FAILURES)
    page = staff_client.get("/").text
    assert NOTICES in page
    assert "Wrong password · 10 tries" in page
    assert "203.0.113.99" in page


def test_the_last_factor_stays(staff_client: Browser) -> None:
    page = staff_client.get(PAGE).text
    removal = re.search(r'action="(/account/factors/passkey/[^"]+/remove)"', page)
    assert removal is not None
    assert staff_client.submit("/account/factors/app/remove", {}).status_code == 303
    assert "/remove" not in staff_client.get(PAGE).text
    answer = staff_client.submit(removal[1], {})
    assert (answer.status_code, "This is your only second factor" in answer.text) == (409, True)
    assert "Soft passkey" in staff_client.get(PAGE).text


def test_nobody_removes_a_factor_of_somebody_else(app: Flask, staff_client: Browser, unit_of_work: UnitOfWork) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com")
    of_ben = Browser.of(app)
    of_ben.sign_in(ben)
    removal = re.search(r'action="(/account/factors/passkey/[^"]+/remove)"', of_ben.get(PAGE).text)
    assert removal is not None
    assert staff_client.submit(removal[1], {}).status_code == 404
    assert "Soft passkey" in of_ben.get(PAGE).text


def test_another_app_replaces_the_one_before(staff: Person, staff_client: Browser, clock: MovableClock) -> None:
    page = staff_client.submit("/account/factors/app/new", {})
    key = app_key(staff_client.get(page.headers["Location"]).text)
    assert staff_client.submit("/account/factors/app", {"code": staff.code(clock.now)}).status_code == 422
    answer = staff_client.submit("/account/factors/app", {"code": TOTP(key).at(clock.now)})
    assert answer.headers["Location"] == f"{PAGE}?done=added"
    assert "in place of an earlier one" in staff_client.get(PAGE).text
    clock.move(minutes=5)
    proof = {"proof_password": staff.password}
    path = "/account/factors/recovery-codes"
    assert staff_client.submit(path, proof | {"proof_code": staff.code(clock.now)}).status_code == 401
    assert staff_client.submit(path, proof | {"proof_code": TOTP(key).at(clock.now)}).status_code == 200


def test_new_recovery_codes_kill_the_old_ones_and_are_counted(staff_client: Browser) -> None:
    first = staff_client.submit("/account/factors/recovery-codes", {}).text
    second = staff_client.submit("/account/factors/recovery-codes", {}).text
    shape = r"[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}"
    assert not set(re.findall(shape, first)) & set(re.findall(shape, second))
    assert "<strong>10</strong> of your codes still work" in staff_client.get(PAGE).text


def test_devices_are_told_in_few_words_whatever_they_say_of_themselves() -> None:
    assert device_text(FIREFOX) == "Firefox on Windows"
    assert device_text("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/605.1") == "Safari on iPhone"
    assert device_text(None) == device_text("\0\n") == "Unknown device"
    assert len(device_text("x" * 5000)) == 60
