"""An auditor finds, verifies and exports: each step as people do it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.steps import heading, send, sign_in
from tests.browser.test_accessibility import assert_sound

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.running_service import RunningService

pytestmark = pytest.mark.browser


def test_an_auditor_finds_verifies_and_exports(service: RunningService, sender: Page, recipient: Page) -> None:
    send(sender, "not of interest here", customer="Auditable Works AG", label="Root password")
    auditor = recipient
    auditor.goto("/sign-in")
    sign_in(auditor, service.create_account("Audrey Auditor", "auditor"))
    auditor.get_by_role("link", name="Audit", exact=True).click()
    expect(heading(auditor)).to_have_text("Audit")
    assert_sound(auditor)

    auditor.get_by_label("Kind").select_option("share.created")
    auditor.get_by_role("button", name="Find").click()
    events = auditor.get_by_role("region", name="Events")
    expect(events.get_by_role("heading", level=3).first).to_have_text("One-time link created")
    expect(events.get_by_role("heading", level=3, name="Service started")).to_have_count(0)

    auditor.get_by_role("button", name="Verify the whole log").click()
    expect(auditor.get_by_text("Everything fits")).to_be_visible()

    with auditor.expect_download() as download:
        events.get_by_role("button", name="JSON Lines").click()
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert {json.loads(json.loads(line)["leaf"])["type"] for line in lines} == {"share.created"}

    auditor.goto("/audit/log?record=C-NONE")
    expect(auditor.locator("#record-error")).to_have_text("There is no record with this reference.")
    assert_sound(auditor)
