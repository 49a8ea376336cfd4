"""A declared use in a browser: its pages, a retrieval inside it, break-glass, and the customer's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.request_steps import (
    answer,
    ask,
    follow_as_custodian,
    follow_as_customer,
)
from tests.browser.steps import heading, sign_in
from tests.browser.test_accessibility import assert_sound

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.running_service import RunningService
    from tests.browser.watched import Watched

pytestmark = pytest.mark.browser

SECRET = "Uses of Chromium 47"


def declare(page: Page, *, lasts: str = "1 hour") -> None:
    page.get_by_label("What is it needed for?").select_option(label="Take into custody: retrieve, store, check")
    page.get_by_label("Ticket").fill("T-4711")
    page.get_by_label("How long").select_option(label=lasts)


def test_declared_begun_used_ended_and_reviewed_by_a_colleague(
    service: RunningService, watched: Watched, sender: Page, recipient: Page
) -> None:
    asked = ask(sender)
    follow_as_customer(recipient, asked.submit_link)
    answer(recipient, SECRET, "Root password")

    sender.goto(asked.record_address)
    sender.get_by_role("link", name="Declare a use").click()
    declare(sender)
    assert_sound(sender)
    sender.get_by_role("button", name="Declare it").click()
    expect(sender.locator("[aria-invalid='true']").or_(sender.locator("textarea:invalid")).first).to_be_visible()
    sender.get_by_label("What are you going to do?").fill("Take the password into custody.")
    sender.get_by_role("button", name="Declare it").click()
    expect(sender.get_by_text("It can begin now")).to_be_visible()
    assert_sound(sender)
    sender.get_by_role("button", name="Check out and begin").click()
    expect(sender.get_by_role("heading", name="Check in")).to_be_visible()
    use_address = sender.url

    follow_as_custodian(sender, asked.retrieval_link)
    expect(sender.get_by_label("What is it needed for?")).to_have_count(0)
    assert_sound(sender)
    sender.get_by_role("button", name="Reveal once").click()
    expect(sender.locator("[data-revealed]")).to_be_visible()
    expect(sender.get_by_role("link", name="check it in")).to_have_attribute(
        "href", f"{use_path(use_address)}#check-in"
    )

    sender.goto("/")
    expect(sender.get_by_role("heading", name="My uses")).to_be_visible()
    sender.goto(use_address)
    sender.get_by_label("Done as declared").check()
    sender.get_by_role("button", name="Check in").click()
    expect(sender.get_by_text("Done as declared. Checked in")).to_be_visible()

    colleague = watched.window()
    colleague.goto(use_address)
    sign_in(colleague, service.create_account("Rita Reviewer"))
    colleague.get_by_label("As declared", exact=True).check()
    colleague.get_by_role("button", name="Reviewed").click()
    expect(colleague.get_by_text("As declared, says")).to_be_visible()
    assert_sound(colleague)


def use_path(address: str) -> str:
    return "/uses/" + address.rpartition("/uses/")[2].partition("#")[0]


def test_break_glass_and_the_customers_page(sender: Page, recipient: Page) -> None:
    asked = ask(sender)
    sender.goto(asked.record_address)
    sender.get_by_role("link", name="Break the glass").click()
    declare(sender)
    sender.get_by_label("Why can it not wait?").fill("The account is locked.")
    assert_sound(sender)
    sender.get_by_role("button", name="Begin without approval").click()
    expect(sender.get_by_text("Begun without approval.")).to_be_visible()
    assert_sound(sender)
    sender.goto(f"{asked.record_address}/uses")
    expect(sender.get_by_text("Break-glass")).to_be_visible()

    recipient.goto(f"/approve/AAAA.BBBB.CCCC#{'A' * 43}")
    expect(heading(recipient)).to_have_text("Your approval is asked for")
    assert "#" not in recipient.url
    assert_sound(recipient)
    recipient.get_by_role("button", name="Continue").click()
    expect(heading(recipient)).to_have_text("This link is not available")
