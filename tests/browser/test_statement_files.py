"""Files that check themselves, from the button to the verdict: the statement's, and the recipient's receipt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.steps import follow, heading, reveal, send
from tests.browser.verify_steps import RIGHT, check, page_from_disk

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


def downloaded(page: Page, button: str) -> bytes:
    """Press a button that answers with a file; return it. The page stays where it was."""
    before = page.url
    with page.expect_download() as found:
        page.get_by_role("button", name=button).click()
    assert page.url == before
    return Path(found.value.path()).read_bytes()


def test_the_files_of_a_statement_and_of_a_receipt_check_themselves(
    sender: Page, recipient: Page, browser: Browser, tmp_path: Path
) -> None:
    sent = send(sender, "a secret of a test", label="Root password")
    follow(recipient, sent.link)
    reveal(recipient, sent.code)
    by_the_text = downloaded(recipient, "Download a receipt")
    recipient.get_by_role("button", name="I stored it").click()
    expect(heading(recipient)).to_have_text("Thank you")
    after_storing = downloaded(recipient, "Download a receipt")

    sender.goto("/records")
    sender.locator("main a[href^='/records/'] strong").first.click()
    sender.wait_for_url("**/records/*")
    sender.goto(f"{sender.url.partition('?')[0].partition('#')[0]}/statement")
    statement = downloaded(sender, "Download the files")
    # The page stayed, so it can be asked again once a slip of the finger is over.
    expect(sender.locator("form.is-sent")).to_have_count(0)
    again = downloaded(sender, "Download the files")

    with page_from_disk(browser, tmp_path) as page:
        for content, told in (
            (by_the_text, "revealed.json"),
            (after_storing, "revealed.json"),
            (statement, "statement.html is the page that was issued"),
            (again, "is still there, unchanged, inside of this one"),
        ):
            assert RIGHT in check(page, content)
            assert told in page.get_by_role("list", name="What was checked").inner_text()
