"""One's own account: who one is, and another password that ends everything else."""

from flask import Flask

from tests.browsers import Browser
from tests.factories import Person

NEW_PASSWORD = "tapioca violin marsh eleven"


def test_the_page_says_who_one_is_here(staff_client: Browser) -> None:
    page = staff_client.get("/account").text
    for text in ("Anna Example", "anna@example.com", "Staff, Custodian, Administrator", "Custodians"):
        assert text in page


def test_another_password_signs_out_every_other_browser_and_not_this_one(
    app: Flask, staff: Person, staff_client: Browser
) -> None:
    other = Browser.of(app)
    other.sign_in(staff)
    before = staff_client.session_key()
    answer = staff_client.submit("/account", {"current": staff.password, "new": NEW_PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account?done=changed")
    assert "Your password is changed." in staff_client.get("/account?done=changed").text
    assert staff_client.session_key() != before
    assert other.get("/account").status_code == 303
    other.set_cookie("sharelink_session", before or "")
    assert other.get("/account").status_code == 303


def test_a_wrong_present_password_is_told_beside_its_field(staff: Person, staff_client: Browser) -> None:
    answer = staff_client.submit("/account", {"current": "wrong wrong wrong", "new": NEW_PASSWORD})
    assert answer.status_code == 422
    assert "This is not your present password." in answer.text
    assert NEW_PASSWORD not in answer.text


def test_a_weak_new_password_is_told_beside_its_field(staff: Person, staff_client: Browser) -> None:
    answer = staff_client.submit("/account", {"current": staff.password, "new": "anna@example.com!"})
    assert answer.status_code == 422
    assert "This is easy to guess." in answer.text


def test_guessing_the_present_password_is_limited_too(staff: Person, staff_client: Browser) -> None:
    for _ in range(10):
        staff_client.submit("/account", {"current": "wrong wrong wrong", "new": NEW_PASSWORD})
    answer = staff_client.submit("/account", {"current": staff.password, "new": NEW_PASSWORD})
    assert answer.status_code == 422
