"""Signing in and out, as browsers live it: what ends in one tab has ended in all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.steps import heading, sign_in
from tests.browser.watched import Watched

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.running_service import Account, RunningService

pytestmark = pytest.mark.browser

NEW_PASSWORD = "four quiet words and a lamp"


@pytest.fixture
def signed_in(watched: Watched, account: Account) -> Page:
    """Return a window with a session of its own, which a test may end."""
    page = watched.window()
    page.goto("/sign-in")
    sign_in(page, account)
    return page


def test_signing_out_ends_the_session_in_every_tab(signed_in: Page, account: Account) -> None:
    other = signed_in.context.new_page()
    other.goto("/records")
    signed_in.get_by_role("button", name="Sign out").click()
    expect(heading(signed_in)).to_have_text("Sign in")
    # A search is sent by a script, and its answer belongs into a part of the page only.
    other.get_by_role("searchbox").fill("harbour")
    expect(heading(other)).to_have_text("Sign in")
    sign_in(other, account)
    expect(heading(other)).to_have_text("Records")


def test_the_cookie_of_a_session_that_ended_opens_nothing(signed_in: Page, watched: Watched) -> None:
    stolen = watched.window(storage_state=signed_in.context.storage_state())
    stolen.goto("/account")
    expect(heading(stolen)).to_have_text("Your account")
    signed_in.get_by_role("button", name="Sign out").click()
    expect(heading(signed_in)).to_have_text("Sign in")
    stolen.reload()
    expect(heading(stolen)).to_have_text("Sign in")


@pytest.mark.usefixtures("first_account")  # the set-up link is dead once anybody administers
def test_another_password_ends_the_sessions_of_all_other_browsers(watched: Watched, service: RunningService) -> None:
    account = service.create_account("Clara Custodian")
    here, there = watched.window(), watched.window()
    for page in (here, there):
        page.goto("/account")
        sign_in(page, account)
    here.get_by_role("textbox", name="Present password").fill(account.password)
    here.get_by_role("textbox", name="New password").fill(NEW_PASSWORD)
    here.get_by_role("button", name="Change password").click()
    expect(here.get_by_text("Your password is changed.")).to_be_visible()

    there.get_by_role("link", name="Records").click()
    expect(heading(there)).to_have_text("Sign in")
    sign_in(there, replace(account, password=NEW_PASSWORD))
    expect(heading(there)).to_have_text("Records")
    here.reload()
    expect(heading(here)).to_have_text("Your account")


def test_a_plain_form_whose_token_is_gone_is_refused_on_a_readable_page(signed_in: Page) -> None:
    signed_in.goto("/account")
    signed_in.context.clear_cookies(name="sharelink_form")
    signed_in.get_by_role("textbox", name="Present password").fill("does not matter")
    signed_in.get_by_role("textbox", name="New password").fill(NEW_PASSWORD)
    with signed_in.expect_response("**/account") as answer:
        signed_in.get_by_role("button", name="Change password").click()
    assert answer.value.status == 400
    expect(heading(signed_in)).to_have_text("The form is not valid any more")
    signed_in.get_by_role("link", name="Go to the start page").click()
    expect(heading(signed_in)).to_have_text("My work")


def test_a_wrong_password_says_so_and_the_eye_shows_what_is_typed(recipient: Page, account: Account) -> None:
    recipient.goto("/records")
    recipient.get_by_label("E-mail").fill(account.email)
    password = recipient.get_by_label("Password", exact=True)
    password.fill("surely not this one")
    recipient.get_by_role("button", name="Show what is typed: Password").click()
    expect(password).to_have_attribute("type", "text")
    recipient.get_by_role("button", name="Sign in", exact=True).click()
    expect(recipient.get_by_text("You could not be signed in.")).to_be_visible()
    expect(password).to_have_attribute("type", "password")
    expect(password).to_have_value("")
