"""Every page that there is can be used by everybody: axe-core finds nothing, and nothing is wider than the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import expect

from tests.browser.steps import decline, follow, heading, press_reveal, reveal, send, the_create_button, wrong
from tests.browser.watched import ALL_LOOKS, Watched

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

# All rules by light. By night the same page has other colours, which is what two of the rules judge.
RULES: dict[str, dict[str, Any]] = {
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]},
}
LONG_CUSTOMER = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft mbH"


def assert_sound(page: Page) -> None:
    """Look at the page as it stands, in both sizes, light and dark."""
    page.evaluate(AXE_SCRIPT)
    for look in ALL_LOOKS:
        page.set_viewport_size(look.size)
        page.emulate_media(color_scheme=look.scheme)
        found = AxeResults(page.evaluate("options => axe.run(options)", RULES[look.scheme]))
        assert found.violations_count == 0, f"{page.url}, {look}\n{found.generate_report()}"
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= look.size["width"], f"{page.url} is {width} px wide, {look}"


def test_the_pages_before_the_sign_in(recipient: Page) -> None:
    recipient.goto("/set-up")
    expect(recipient.get_by_text("A part of the link is missing.")).to_be_visible()
    assert_sound(recipient)
    recipient.goto("/sign-in")
    recipient.get_by_label("E-mail").fill("nobody@reseller.example")
    recipient.get_by_label("Password", exact=True).fill("surely not this one")
    recipient.get_by_role("button", name="Sign in", exact=True).click()
    expect(recipient.get_by_text("You could not be signed in.")).to_be_visible()
    assert_sound(recipient)
    recipient.goto("/nothing-is-here")
    expect(heading(recipient)).to_have_text("This page does not exist")
    assert_sound(recipient)


def test_the_pages_of_records(sender: Page) -> None:
    sender.goto("/records/new")
    assert_sound(sender)
    sender.get_by_label("Customer").fill(LONG_CUSTOMER)
    sender.get_by_label("AWS account id").fill("12")
    sender.get_by_role("button", name="Open the record").click()
    expect(sender.locator("[data-focus]")).to_be_focused()
    assert_sound(sender)
    sender.get_by_label("AWS account id").fill("444455556666")
    sender.get_by_role("button", name="Open the record").click()
    expect(heading(sender)).to_have_text(LONG_CUSTOMER)
    assert_sound(sender)
    sender.get_by_role("link", name="Edit").click()
    expect(heading(sender)).to_contain_text("Edit CR-")
    assert_sound(sender)
    for address in ("/records", "/records?q=nobody+has+this+name"):
        sender.goto(address)
        assert_sound(sender)


@pytest.mark.parametrize("address", ["/account", "/people", "/?welcome=1"])
def test_the_other_pages_of_staff(sender: Page, address: str) -> None:
    sender.goto(address)
    assert_sound(sender)


def test_the_pages_of_a_send(sender: Page) -> None:
    sender.goto("/send")
    sender.get_by_label("Record", exact=True).select_option("new")
    sender.get_by_label("Can be read for").select_option("other")
    sender.get_by_label("Ask for an access code").uncheck()
    sender.get_by_role("button", name="Generate", exact=True).click()
    expect(sender.get_by_text("bits of entropy")).to_be_visible()
    assert_sound(sender)
    the_create_button(sender).click()
    expect(sender.locator("[data-focus]")).to_be_focused()
    assert_sound(sender)
    send(sender, "without a code", no_code_because="told by phone")
    assert_sound(sender)
    send(sender, "with a code", label="Root password")
    sender.get_by_text("The message and a QR code").click()
    assert_sound(sender)


def test_the_pages_of_a_recipient_who_stores(sender: Page, recipient: Page) -> None:
    sent = send(sender, " a text with white space around ")
    recipient.goto(sent.link.partition("#")[0])
    expect(recipient.get_by_text("A part of the link is missing.")).to_be_visible()
    assert_sound(recipient)
    recipient.goto(sent.link)
    expect(recipient.get_by_role("button", name="Continue")).to_be_visible()
    assert_sound(recipient)
    follow(recipient, sent.link)
    press_reveal(recipient, wrong(sent.code))
    expect(recipient.get_by_text("This code is not right.")).to_be_visible()
    recipient.get_by_text("Not expecting this?").click()
    assert_sound(recipient)
    reveal(recipient, sent.code)
    recipient.get_by_text("Show it on the screen").click()
    assert_sound(recipient)
    recipient.get_by_role("button", name="I stored it").click()
    expect(heading(recipient)).to_have_text("Thank you")
    assert_sound(recipient)
    recipient.reload()
    expect(heading(recipient)).to_have_text("You have opened this text already")
    assert_sound(recipient)


def test_the_pages_that_tell_how_it_ended(sender: Page, recipient: Page, watched: Watched) -> None:
    read = send(sender, "read")
    follow(recipient, read.link)
    reveal(recipient, read.code)
    refused = send(sender, "refused", customer=LONG_CUSTOMER, label="Password of the web shop")
    follow(recipient, refused.link)
    decline(recipient, refused.code, "I left the company. Please ask Ms Weber.")
    assert_sound(recipient)
    other = watched.window()
    for link, told in ((read.link, "This text has been shown"), (refused.link, "This text was declined")):
        follow(other, link)
        expect(heading(other)).to_have_text(told)
        assert_sound(other)
    follow(other, refused.link[:-6] + "AAAAAA")
    expect(heading(other)).to_have_text("This link is not available")
    assert_sound(other)
    waiting = send(sender, "waiting")
    follow(sender, waiting.link)
    expect(sender.get_by_text("This is a preview.")).to_be_visible()
    assert_sound(sender)
    for address in ("/", refused.record_address, read.record_address):
        sender.goto(address)
        assert_sound(sender)
