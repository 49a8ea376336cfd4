"""Webhooks and deliveries in a browser: added, tried, watched and removed, on pages that everybody can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.steps import heading
from tests.browser.test_accessibility import assert_sound

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def test_a_webhook_from_the_first_to_the_last_page(sender: Page) -> None:
    sender.goto("/people")
    sender.get_by_role("link", name="Deliveries").click()
    expect(heading(sender)).to_have_text("Deliveries")
    assert_sound(sender)
    sender.get_by_role("link", name="Webhooks").click()
    sender.get_by_label("Name").fill("Tickets")
    sender.get_by_label("Address").fill("https://10.0.0.1/" + "a-long-path/" * 20)
    sender.get_by_role("button", name="Add it").click()
    expect(sender.get_by_text("This is an address of a private network")).to_be_visible()
    assert_sound(sender)
    # A name that no server answers for: the test must leave this machine alone.
    sender.get_by_label("Address").fill("https://receiver.invalid/" + "a-long-path/" * 20)
    sender.get_by_role("button", name="Add it").click()
    expect(heading(sender)).to_have_text("The webhook is added")
    assert sender.get_by_label("Secret of the webhook").input_value().startswith("whsec_")
    assert_sound(sender)
    sender.get_by_role("link", name="Go on to the webhook").click()
    sender.get_by_role("button", name="Send a test").click()
    expect(sender.get_by_text("Queued. It is sent within seconds")).to_be_visible()
    expect(sender.locator("#log + ul")).to_contain_text("Test")
    assert_sound(sender)
    sender.get_by_role("button", name="Remove it").click()
    expect(sender.get_by_text("Removed. It hears of nothing any more.")).to_be_visible()
