"""Monitor tokens in a browser: made, shown once, revoked, on pages that everybody can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.steps import heading
from tests.browser.test_accessibility import assert_sound

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def test_a_monitor_token_from_the_first_to_the_last_page(sender: Page) -> None:
    sender.goto("/people")
    sender.get_by_role("link", name="Monitors").click()
    expect(heading(sender)).to_have_text("Monitors")
    sender.get_by_label("For whom or what").fill("Customer’s monitor")
    sender.get_by_label("Works for").select_option("30")
    sender.get_by_role("button", name="Make the token").click()
    expect(heading(sender)).to_have_text("The token is made")
    token = sender.get_by_label("Monitor token").input_value()
    assert_sound(sender)
    answer = sender.request.get("/audit/checkpoint", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200
    sender.get_by_role("link", name="Go on to the monitors").click()
    expect(sender.get_by_text("Last used")).to_be_visible()
    assert_sound(sender)
    sender.get_by_role("button", name="Revoke the token of Customer’s monitor").click()
    expect(sender.get_by_text("Revoked. It reads nothing any more.")).to_be_visible()
    assert sender.request.get("/audit/checkpoint", headers={"Authorization": f"Bearer {token}"}).status == 401
