"""The key of a link travels in bodies of posts only: in no address, no header, no cookie and no storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.steps import follow, heading, press_continue, press_reveal, reveal, send, wrong

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Page, Request

    from tests.browser.watched import Watched

pytestmark = pytest.mark.browser

_STORED = "[...Object.entries(localStorage), ...Object.entries(sessionStorage)].map(String)"
MAY_CARRY = {"/s/status", "/s/reveal", "/s/decline", "/s/receipt"}


def assert_only_posted(requests: Sequence[Request], key: str, allowed: set[str]) -> None:
    """Make sure that no request carries `key` but in the body of a post to one of the `allowed` paths."""
    carrying = set()
    for request in requests:
        assert key not in request.url
        assert [name for name, text in request.all_headers().items() if key in text] == []
        if key in (request.post_data or ""):
            assert request.method == "POST"
            carrying.add("/" + request.url.split("/", 3)[3])
    assert carrying <= allowed
    assert carrying


def test_the_key_is_in_the_body_of_posts_and_nowhere_else(sender: Page, recipient: Page, watched: Watched) -> None:
    sent = send(sender, "a secret")
    other = send(sender, "another secret")
    sender.goto(sent.record_address)
    recipient.goto(sent.link)
    assert "#" not in recipient.evaluate("location.href")
    press_continue(recipient)
    recipient.reload()
    press_continue(recipient)
    # Another link, pasted over the address of this page, is loaded without a new visit of the old one.
    recipient.goto(other.link)
    recipient.goto(sent.link)
    press_continue(recipient)
    press_reveal(recipient, wrong(sent.code))
    expect(recipient.get_by_text("This code is not right.")).to_be_visible()
    reveal(recipient, sent.code)
    recipient.get_by_role("button", name="I stored it").click()
    expect(heading(recipient)).to_have_text("Thank you")

    assert recipient.evaluate(_STORED) == []
    assert recipient.context.storage_state() == {"cookies": [], "origins": []}
    recipient.wait_for_load_state("networkidle")
    assert_only_posted(watched.requests, sent.key, MAY_CARRY)


def test_the_senders_browser_keeps_no_key_either(sender: Page, watched: Watched) -> None:
    sent = send(sender, "a secret")
    follow(sender, sent.link)
    expect(sender.get_by_text("This is a preview.")).to_be_visible()
    assert sender.evaluate(_STORED) == []
    assert_only_posted(watched.requests, sent.key, MAY_CARRY)


def test_without_javascript_the_key_is_in_bodies_only_too(sender: Page, watched: Watched) -> None:
    sent = send(sender, "a secret")
    page = watched.window(javascript=False)
    page.goto(sent.link)
    page.get_by_label("Paste the whole link here").fill(sent.link)
    page.get_by_role("button", name="Continue").click()
    reveal(page, sent.code)
    page.get_by_role("button", name="I stored it").click()
    expect(heading(page)).to_have_text("Thank you")
    assert page.context.storage_state() == {"cookies": [], "origins": []}
    assert_only_posted(watched.requests, sent.key, MAY_CARRY)
