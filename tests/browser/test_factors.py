"""Second factors in a real browser: passkeys with a virtual authenticator, codes, recovery, step-up, the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.running_service import new_account
from tests.browser.steps import add_app, heading, sign_in
from tests.browser.test_accessibility import assert_sound
from tests.browser.test_joining import fill_in, give_authenticator, named_service, service_of
from tests.browser.watched import PHONE_DARK, PHONE_LIGHT

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.running_service import Account
    from tests.browser.watched import Watched

pytestmark = pytest.mark.browser

__all__ = ["named_service", "service_of"]


def set_up_with_app(page: Page, set_up_link: str, robin: Account) -> list[str]:
    page.goto(set_up_link)
    fill_in(page, robin)
    page.get_by_role("button", name="Make the account").click()
    expect(heading(page)).to_have_text("Protect your account")
    assert_sound(page)
    codes = add_app(page, robin)
    expect(heading(page)).to_have_text("My work")
    assert_sound(page)
    return codes


def test_a_recovery_code_a_step_up_and_the_end_of_a_session(named_service: tuple[Watched, str]) -> None:
    watched, set_up_link = named_service
    page, phone = watched.window(), watched.window(PHONE_LIGHT)
    robin = new_account("Robin Administrator")
    codes = set_up_with_app(page, set_up_link, robin)

    phone.goto("/account/security")
    assert_sound(phone)
    phone.get_by_label("E-mail").fill(robin.email)
    phone.get_by_label("Password", exact=True).fill(robin.password)
    phone.get_by_role("button", name="Sign in", exact=True).click()
    expect(heading(phone)).to_have_text("One more step")
    assert_sound(phone)
    phone.get_by_text("Lost your phone or key?").click()
    phone.get_by_label("Recovery code").fill(codes[0])
    phone.get_by_role("button", name="Use this recovery code").click()
    expect(heading(phone)).to_have_text("Security of your account")
    expect(phone.get_by_text("9 of your codes still work")).to_be_visible()
    assert_sound(phone)
    phone.get_by_role("button", name="Make new ones").click()
    expect(heading(phone)).to_have_text("Is it you?")
    assert_sound(phone)
    phone.get_by_label("Your password").fill(robin.password)
    phone.get_by_label("Code of your authenticator app").fill(robin.app.next_code())
    phone.get_by_role("button", name="Prove it and go on").click()
    expect(heading(phone)).to_have_text("Your recovery codes")
    assert_sound(phone)

    page.goto("/account/security")
    expect(page.get_by_text("Recovery code used").first).to_be_visible()
    page.get_by_role("button", name="End the session on").click()
    phone.goto("/account/security")
    expect(heading(phone)).to_have_text("Sign in")


def test_a_passkey_is_added_and_signs_in_alone_and_as_a_second_step(named_service: tuple[Watched, str]) -> None:
    watched, set_up_link = named_service
    page, robin = watched.window(PHONE_DARK), new_account("Robin Administrator")
    set_up_with_app(page, set_up_link, robin)
    page.goto("/account/security")
    give_authenticator(page)
    page.get_by_role("link", name="Add a passkey").click()
    assert_sound(page)
    page.get_by_label("What you call it").fill("Work laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_text("The second factor is added.")).to_be_visible()
    expect(page.get_by_text("Work laptop").first).to_be_visible()
    assert_sound(page)

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(heading(page)).to_have_text("My work")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("E-mail").fill(robin.email)
    page.get_by_label("Password", exact=True).fill(robin.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    assert_sound(page)
    page.get_by_role("button", name="Use your passkey").click()
    expect(heading(page)).to_have_text("My work")
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, robin)
