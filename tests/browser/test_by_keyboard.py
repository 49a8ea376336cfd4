"""The whole way of a secret without a mouse: everything is reached by Tab, seen when reached, and pressed by a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.steps import clipboard, heading, what_was_sent
from tests.browser.watched import PHONE_DARK, Watched

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.browser.running_service import Account

pytestmark = pytest.mark.browser

LONGEST_WAY = 60

_FOCUS_IS_SEEN = """() => {
  // A choice among several is marked as a whole, with its text.
  const isMarked = (part) => getComputedStyle(part).outlineStyle !== "none";
  const marked = [document.activeElement, document.activeElement.closest(".choices label")].find(
    (part) => part && isMarked(part));
  const box = marked?.getBoundingClientRect();
  return Boolean(box) && box.width > 1 && box.height > 1 && box.bottom > 0 && box.top < innerHeight;
}"""


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until `wanted` has the focus; whatever has it on the way must be seen to have it."""
    expect(wanted).to_be_visible()
    for _ in range(LONGEST_WAY):
        page.keyboard.press("Tab")
        has_focus = wanted.evaluate("element => element === document.activeElement")
        where = page.evaluate("document.activeElement.outerHTML.slice(0, 120)")
        assert page.evaluate(_FOCUS_IS_SEEN), f"the focus is not seen on {where}"
        if has_focus:
            return
    raise AssertionError(f"Tab does not lead to {wanted}")


def press(page: Page, name: str, key: str = "Enter") -> None:
    tab_to(page, page.get_by_role("button", name=name, exact=True))
    page.keyboard.press(key)


def test_a_secret_is_sent_and_read_by_keyboard_only(watched: Watched, account: Account) -> None:
    staff = watched.window()
    staff.goto("/send")
    tab_to(staff, staff.get_by_label("E-mail"))
    staff.keyboard.type(account.email)
    tab_to(staff, staff.get_by_label("Password", exact=True))
    staff.keyboard.type(account.password)
    staff.keyboard.press("Enter")
    expect(heading(staff)).to_have_text("One more step")
    tab_to(staff, staff.get_by_label("Code of your authenticator app"))
    staff.keyboard.type(account.app.next_code())
    staff.keyboard.press("Enter")
    expect(heading(staff)).to_have_text("Send a secret")

    record = staff.get_by_label("Record", exact=True)
    tab_to(staff, record)
    staff.keyboard.press("End")
    expect(record).to_have_value("new")
    tab_to(staff, staff.get_by_label("Customer"))
    staff.keyboard.type("Bäckerei Ölmüller")
    press(staff, "Generate")
    expect(staff.get_by_text("bits of entropy")).to_be_visible()
    secret = staff.get_by_label("Secret", exact=True).input_value()
    press(staff, "Create the one-time link", "Space")
    expect(heading(staff)).to_have_text("Your link is ready")
    expect(heading(staff)).to_be_focused()
    press(staff, "Copy link")
    expect(staff.get_by_role("status")).to_have_text("Copied")
    sent = what_was_sent(staff)
    assert clipboard(staff) == sent.link

    page = watched.window(PHONE_DARK)
    page.goto(sent.link)
    press(page, "Continue")
    expect(heading(page)).to_be_focused()
    tab_to(page, page.get_by_label("Access code").first)
    page.keyboard.type(sent.code.lower().replace("-", " "))
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text("Here is your text")
    expect(heading(page)).to_be_focused()
    press(page, "Copy the text", "Space")
    expect(page.get_by_role("status")).to_have_text("Copied exactly")
    assert clipboard(page) == secret
    expect(page.get_by_role("button", name="Copied exactly")).to_be_focused()
    tab_to(page, page.locator("summary"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("The text", exact=True)).to_have_value(secret)
    press(page, "I stored it")
    expect(heading(page)).to_have_text("Thank you")
    expect(heading(page)).to_be_focused()


def test_the_first_tab_on_a_page_leads_past_the_navigation(sender: Page) -> None:
    sender.goto("/records")
    sender.keyboard.press("Tab")
    skip = sender.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    sender.keyboard.press("Enter")
    sender.keyboard.press("Tab")
    expect(sender.get_by_role("link", name="Open a record")).to_be_focused()
