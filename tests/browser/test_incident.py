"""An incident, as people live through it: the recipient says “This was not me”, two people lift the hold."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.browser.steps import follow, heading, reveal, send, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.running_service import RunningService
    from tests.browser.watched import Watched

HELD = "This record is on hold"


def test_a_report_puts_the_record_on_hold_until_two_people_lift_it(
    service: RunningService, watched: Watched, sender: Page, recipient: Page
) -> None:
    sent = send(sender, "read by somebody else", label="Console password")
    thief = watched.window()
    follow(thief, sent.link)
    reveal(thief, sent.code)

    follow(recipient, sent.link)
    expect(heading(recipient)).to_have_text("This text has been shown")
    recipient.get_by_role("button", name="This was not me").click()
    expect(heading(recipient)).to_have_text("Thank you. It is reported.")
    follow(recipient, sent.link)
    expect(recipient.get_by_text("This has been reported.")).to_be_visible()
    expect(recipient.get_by_role("button", name="This was not me")).to_have_count(0)

    colleague = watched.window()
    colleague.goto(sent.record_address)
    sign_in(colleague, service.create_account("Kim Colleague"))
    expect(colleague.get_by_role("heading", name=HELD)).to_be_visible()
    colleague.get_by_role("button", name="The hold may go").click()
    expect(colleague.get_by_text("You have said that it may go")).to_be_visible()

    sender.goto("/")
    held = sender.get_by_role("region", name="On hold")
    held.locator(f"a[href='{urlsplit(sent.record_address).path}']").click()
    expect(sender.get_by_text("Kim Colleague said that it may go")).to_be_visible()
    sender.get_by_role("button", name="The hold may go").click()
    expect(sender.get_by_role("heading", name=HELD)).to_have_count(0)
    expect(sender.get_by_role("heading", name="Hold lifted")).to_be_visible()


def test_a_link_that_was_withdrawn_says_so_and_a_new_one_takes_its_settings_over(sender: Page, recipient: Page) -> None:
    sent = send(sender, "for the wrong person", label="Billing user")
    sender.goto(sent.record_address)
    sender.get_by_role("link", name="Billing user").click()
    sender.get_by_label("Reason").fill("Sent to the wrong person")
    sender.get_by_role("button", name="Withdraw and erase").click()
    expect(sender.get_by_role("heading", name="Withdrawn unread")).to_be_visible()
    follow(recipient, sent.link)
    expect(heading(recipient)).to_have_text("The sender took this text back")

    sender.get_by_role("link", name="Send again").click()
    expect(heading(sender)).to_have_text("Send it again")
    expect(sender.get_by_label("Label")).to_have_value("Billing user")
    sender.get_by_label("Secret", exact=True).fill("for the right person")
    sender.get_by_role("button", name="Create the one-time link").click()
    expect(heading(sender)).to_have_text("Your link is ready")
