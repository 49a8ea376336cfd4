"""The recipient's part, in a browser that knows nothing of the sender's: one neutral page, one reveal, no trace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.steps import (
    NEUTRAL,
    REVEALED,
    clipboard,
    decline,
    follow,
    heading,
    press_continue,
    press_reveal,
    reveal,
    send,
    wrong,
)
from tests.browser.watched import ALL_LOOKS, PHONE_LIGHT, Look, Watched

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.running_service import RunningService

pytestmark = pytest.mark.browser

SECRET = (
    "\n \tfirst line\n<script>alert(1)</script> &amp; </textarea>\n"
    "שלום عالم \u202e 😀 e\u0301\ttabs\u00a0\n last one \t\n"
)
FIRST_VISIT_BYTES_MAX = 60_000


def posts_of(page: Page, watched: Watched) -> list[str]:
    return [
        request.url.removeprefix(watched.address)
        for request in watched.requests
        if request.method == "POST" and request.frame.page == page
    ]


@pytest.mark.parametrize("look", ALL_LOOKS, ids=str)
def test_the_recipient_gets_the_exact_text_once_and_stores_it(sender: Page, watched: Watched, look: Look) -> None:
    sent = send(sender, SECRET)
    page = watched.window(look)

    page.goto(sent.link)
    expect(heading(page)).to_have_text(NEUTRAL)
    expect(page).to_have_title("One-time link · Example Reseller")
    expect(page.get_by_text("support@reseller.example").first).to_be_visible()

    press_continue(page)
    expect(heading(page)).to_have_text("Robin Sender sends you a confidential text")
    expect(page.get_by_text("Not opened by anybody else")).to_be_visible()
    expect(page.get_by_text(re.compile(r"\d{4}, \d\d:\d\d UTC"))).to_be_visible()
    expect(page.get_by_text("your time")).to_be_visible()

    press_reveal(page, wrong(sent.code))
    expect(page.get_by_text("This code is not right. Nothing was used up. 4 tries are left.")).to_be_visible()
    expect(page.get_by_label("Access code").first).to_be_focused()

    reveal(page, sent.code)
    text = page.get_by_label("The text", exact=True)
    expect(text).to_be_hidden()
    expect(page.get_by_text("It begins or ends with white space")).to_be_visible()
    expect(page.get_by_text("our copy is erased")).to_be_visible()

    page.get_by_role("button", name="Copy the text").click()
    expect(page.get_by_role("status")).to_have_text("Copied exactly")
    assert clipboard(page) == SECRET

    page.get_by_text("Show it on the screen").click()
    expect(text).to_be_visible()
    expect(text).to_have_value(SECRET)
    page.get_by_text("Hide it").click()
    expect(text).to_be_hidden()

    page.get_by_role("button", name="I stored it").click()
    expect(heading(page)).to_have_text("Thank you")
    expect(text).to_have_count(0)
    assert page.context.cookies() == []

    again = page.context.new_page()
    follow(again, sent.link)
    expect(heading(again)).to_have_text("This text has been shown")


def test_opening_a_link_and_waiting_sends_nothing_by_itself(sender: Page, recipient: Page, watched: Watched) -> None:
    sent = send(sender, "waits for its recipient")
    recipient.clock.install()
    with recipient.expect_event("load"):
        recipient.goto(sent.link)
    recipient.clock.run_for("30:00")
    recipient.mouse.move(200, 200)
    recipient.wait_for_load_state("networkidle")
    assert posts_of(recipient, watched) == []
    sender.goto(sent.record_address)
    expect(sender.get_by_role("heading", name="One-time link created")).to_be_visible()
    expect(sender.get_by_role("heading", name="Link opened")).to_have_count(0)


def test_a_reload_before_the_reveal_still_works_and_after_it_the_key_is_gone(sender: Page, recipient: Page) -> None:
    sent = send(sender, "only once")
    follow(recipient, sent.link)
    recipient.reload()
    assert recipient.evaluate("history.state") == {"link": sent.link}
    press_continue(recipient)
    reveal(recipient, sent.code)

    assert recipient.evaluate("history.state") == {"shown": True}
    assert "#" not in recipient.evaluate("location.href")
    assert sent.key not in recipient.content()
    recipient.goto("/static/favicon.svg")
    recipient.go_back()
    expect(heading(recipient)).to_have_text("You have opened this text already")
    expect(recipient.get_by_role("button", name="Continue")).to_be_hidden()
    assert "only once" not in recipient.content()
    assert recipient.evaluate("history.state") == {"shown": True}


def test_a_link_that_lost_its_key_says_what_to_do_and_works_once_pasted_whole(sender: Page, recipient: Page) -> None:
    sent = send(sender, "after all")
    recipient.goto(sent.link.partition("#")[0])
    expect(recipient.get_by_text("A part of the link is missing.")).to_be_visible()
    expect(recipient.get_by_role("button", name="Continue")).to_be_hidden()
    recipient.evaluate("key => { location.hash = key }", sent.key)
    press_continue(recipient)
    reveal(recipient, sent.code)


def test_copying_works_on_plain_http_where_browsers_have_no_clipboard_interface(sender: Page, watched: Watched) -> None:
    sent = send(sender, SECRET)
    page = watched.window()
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    follow(page, sent.link)
    reveal(page, sent.code)
    page.get_by_role("button", name="Copy the text").click()
    expect(page.get_by_role("status")).to_have_text("Copied exactly")
    beside = page.context.new_page()
    beside.goto("/static/favicon.svg")
    beside.bring_to_front()
    assert clipboard(beside) == SECRET


def test_a_decline_burns_the_text_unread_and_tells_the_sender(sender: Page, watched: Watched) -> None:
    sent = send(sender, "never to be read", label="Password of the web shop")
    page = watched.window(PHONE_LIGHT)
    follow(page, sent.link)
    decline(page, sent.code, "I left the company.\nAsk Ms Weber.")
    follow(page, sent.link)
    expect(heading(page)).to_have_text("This text was declined")

    sender.goto("/")
    declined = sender.get_by_role("region", name="Declined")
    expect(declined.get_by_text("Ask Ms Weber.").first).to_be_visible()
    sender.goto(sent.record_address)
    expect(sender.get_by_role("heading", name="Declined by the recipient")).to_be_visible()


def test_the_senders_own_browser_sees_a_preview_and_uses_nothing_up(sender: Page, recipient: Page) -> None:
    sent = send(sender, "for somebody else")
    follow(sender, sent.link)
    expect(sender.get_by_text("You created this. This is a preview.")).to_be_visible()
    expect(sender.get_by_role("button", name="Reveal")).to_have_count(0)
    follow(recipient, sent.link)
    expect(recipient.get_by_text("Not opened by anybody else")).to_be_visible()
    reveal(recipient, sent.code)


def test_of_two_tabs_that_press_reveal_at_once_one_gets_the_text(sender: Page, watched: Watched) -> None:
    sent = send(sender, "for one of them")
    tabs = [watched.window(), watched.window(PHONE_LIGHT)]
    for tab in tabs:
        follow(tab, sent.link)
    for tab in tabs:
        press_reveal(tab, sent.code)
    for tab in tabs:
        expect(heading(tab)).to_have_text(re.compile(f"{REVEALED}|This text has been shown"))
    assert sorted(heading(tab).inner_text() for tab in tabs) == [REVEALED, "This text has been shown"]


def test_pressing_reveal_twice_asks_once(sender: Page, recipient: Page, watched: Watched) -> None:
    sent = send(sender, "pressed by a nervous finger", no_code_because="told by phone")
    follow(recipient, sent.link)
    recipient.get_by_role("button", name="Reveal").dblclick()
    expect(heading(recipient)).to_have_text(REVEALED)
    assert posts_of(recipient, watched).count("/s/reveal") == 1


def test_too_many_wrong_codes_pause_kindly_and_keep_what_was_typed(sender: Page, recipient: Page) -> None:
    sent = send(sender, "guess me")
    follow(recipient, sent.link)
    for left in ("4 tries are left", "3 tries are left", "2 tries are left", "One try is left"):
        press_reveal(recipient, wrong(sent.code))
        expect(recipient.get_by_text(left)).to_be_visible()
    press_reveal(recipient, wrong(sent.code))
    notice = recipient.locator("#notice")
    expect(notice).to_contain_text("Too many wrong codes")
    expect(notice).to_contain_text("Try again in 15 minutes.")
    expect(recipient.get_by_label("Access code").first).to_have_value(wrong(sent.code))


def test_an_altered_link_is_told_in_the_one_way_for_all_that_is_not_there(sender: Page, recipient: Page) -> None:
    sent = send(sender, "safe")
    follow(recipient, sent.link[:-6] + "AAAAAA")
    expect(heading(recipient)).to_have_text("This link is not available")
    expect(heading(recipient)).to_be_focused()


def test_the_first_visit_needs_few_bytes(watched: Watched, service: RunningService) -> None:
    page = watched.window(PHONE_LIGHT)
    sizes: list[float] = []
    connection = page.context.new_cdp_session(page)
    connection.send("Network.enable")
    connection.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(f"{service.address}/s/{'A' * 60}#{'B' * 43}")
    page.wait_for_load_state("networkidle")
    assert len(sizes) > 5
    assert sum(sizes) <= FIRST_VISIT_BYTES_MAX
