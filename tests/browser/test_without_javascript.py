"""Everything works without JavaScript, with nothing on the page that would need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.steps import NEUTRAL, create_link, decline, heading, press_reveal, reveal, sign_in, what_was_sent
from tests.browser.steps import wrong as wrong_code
from tests.browser.watched import PHONE_DARK, Watched

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.running_service import Account
    from tests.browser.steps import Sent

pytestmark = pytest.mark.browser


@pytest.fixture
def plain_sender(watched: Watched, sender: Page) -> Page:
    """Return a window without JavaScript in which the first account is signed in."""
    page = watched.window(javascript=False, storage_state=sender.context.storage_state())
    page.goto("/send")
    expect(heading(page)).to_have_text("Send a secret")
    return page


def send_plainly(page: Page, secret: str) -> Sent:
    page.get_by_label("Record", exact=True).select_option("new")
    page.get_by_label("Customer").fill("Old Mill Museum")
    page.get_by_label("Secret", exact=True).fill(secret)
    create_link(page)
    return what_was_sent(page)


def paste(page: Page, link: str) -> None:
    page.goto(link)
    expect(heading(page)).to_have_text(NEUTRAL)
    page.get_by_label("Paste the whole link here").fill(link)
    page.get_by_role("button", name="Continue").click()
    expect(heading(page)).not_to_have_text(NEUTRAL)


def test_a_person_can_sign_in(watched: Watched, account: Account) -> None:
    page = watched.window(javascript=False)
    page.goto("/send")
    sign_in(page, account)
    expect(heading(page)).to_have_text("Send a secret")


def test_a_person_can_send_and_a_recipient_can_store(plain_sender: Page, watched: Watched) -> None:
    secret = "\n two\tlines \n"
    sent = send_plainly(plain_sender, secret)
    for button in ("Copy link", "Copy code", "Share…"):
        expect(plain_sender.get_by_role("button", name=button)).to_have_count(0)

    page = watched.window(PHONE_DARK, javascript=False)
    paste(page, sent.link)
    press_reveal(page, wrong_code(sent.code))
    expect(page.get_by_text("This code is not right.")).to_be_visible()
    reveal(page, sent.code)
    text = page.get_by_label("The text", exact=True)
    expect(text).to_be_hidden()
    expect(page.get_by_role("button", name="Copy the text")).to_have_count(0)
    page.get_by_text("Show it on the screen").click()
    expect(text).to_be_visible()
    expect(text).to_have_value(secret)
    page.get_by_role("button", name="I stored it").click()
    expect(heading(page)).to_have_text("Thank you")

    plain_sender.get_by_role("link", name="Go to the record").click()
    expect(plain_sender.get_by_role("heading", name="Recipient stored it")).to_be_visible()


def test_a_recipient_can_decline(plain_sender: Page, watched: Watched) -> None:
    sent = send_plainly(plain_sender, "unwanted")
    page = watched.window(javascript=False)
    paste(page, sent.link)
    decline(page, sent.code, "Not mine")


def test_the_generator_fills_the_form(plain_sender: Page) -> None:
    plain_sender.get_by_label("Record", exact=True).select_option("new")
    plain_sender.get_by_label("Customer").fill("Old Mill Museum")
    plain_sender.get_by_role("button", name="Generate").click()
    expect(plain_sender.get_by_text("bits of entropy")).to_be_visible()
    generated = plain_sender.get_by_label("Generated", exact=True).input_value()
    expect(plain_sender.get_by_label("Secret", exact=True)).to_have_value(generated)
    expect(plain_sender.get_by_label("Customer")).to_have_value("Old Mill Museum")
    create_link(plain_sender)


def test_a_form_that_is_sent_again_by_a_reload_makes_nothing_new(plain_sender: Page) -> None:
    sent = send_plainly(plain_sender, "sent once")
    plain_sender.reload()
    expect(heading(plain_sender)).to_have_text("This link was already created")
    plain_sender.goto(sent.record_address)
    expect(plain_sender.get_by_role("heading", name="One-time link created")).to_have_count(1)


def test_records_can_be_searched(plain_sender: Page) -> None:
    plain_sender.goto("/records")
    plain_sender.get_by_role("searchbox").fill("nobody has this name")
    plain_sender.get_by_role("button", name="Search").click()
    expect(plain_sender.get_by_role("heading", name="No record fits")).to_be_visible()
