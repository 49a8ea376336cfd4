"""Sending in the browser: the generator beside the form, and the one page that shows link and code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
import segno
from playwright.sync_api import expect

from tests.browser.steps import clipboard, create_link, follow, heading, reveal, send, the_create_button, what_was_sent
from tests.browser.watched import Watched

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import FirstAccount

pytestmark = pytest.mark.browser

_NOTE_WHAT_IS_SHARED = "navigator.share = (what) => { window.shared = what; return Promise.resolve(); }"


def name_a_new_record(page: Page) -> None:
    page.goto("/send")
    page.get_by_label("Record", exact=True).select_option("new")
    page.get_by_label("Customer").fill("Nordlicht Energie AG")


def test_link_and_code_stand_apart_and_the_message_holds_the_link_only(sender: Page) -> None:
    sent = send(sender, "secret", label="Root password")
    assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}", sent.code)
    link_part = sender.get_by_role("region", name="1. Send the link")
    code_part = sender.get_by_role("region", name="2. Tell the code, another way")
    expect(code_part.get_by_text("Not in the same message as the link.")).to_be_visible()

    link_part.get_by_role("button", name="Copy link").click()
    expect(sender.get_by_role("status")).to_have_text("Copied")
    assert clipboard(sender) == sent.link
    link_part.get_by_role("button", name="Copy message").click()
    expect(link_part.get_by_role("button", name="Copied")).to_have_count(2)
    assert sent.link in clipboard(sender)
    assert sent.code not in clipboard(sender)
    code_part.get_by_role("button", name="Copy code").click()
    expect(code_part.get_by_role("button", name="Copied")).to_be_visible()
    assert clipboard(sender) == sent.code

    address = link_part.get_by_role("link", name="Open in mail").get_attribute("href") or ""
    assert address.startswith("mailto:?subject=One-time%20link%20from%20Example%20Reseller&body=")
    assert sent.link in unquote(address)
    assert sent.code not in unquote(address)

    facts = sender.get_by_role("region", name="What was created")
    expect(facts.get_by_text("Root password")).to_be_visible()
    expect(facts.get_by_text(re.compile(r"\d{4}, \d\d:\d\d UTC"))).to_be_visible()
    expect(facts.get_by_text("your time")).to_be_visible()


def test_the_qr_code_is_the_link(sender: Page) -> None:
    sent = send(sender, "secret")
    sender.get_by_text("The message and a QR code").click()
    # The first path is the white ground, so that the code can be read on a dark page, too.
    drawing = sender.locator(".qr svg path").last
    expect(drawing).to_be_visible()
    expected = segno.make(sent.link, error="m", micro=False).svg_inline(scale=4, border=4, omitsize=True)
    assert f'd="{drawing.get_attribute("d")}"' in expected


def test_the_systems_share_dialog_gets_the_message_without_the_code(
    watched: Watched, first_account: FirstAccount
) -> None:
    page = watched.window(storage_state=first_account.cookies)
    page.add_init_script(_NOTE_WHAT_IS_SHARED)
    sent = send(page, "secret")
    page.get_by_role("button", name="Share…").click()
    shared = page.evaluate("window.shared")
    assert list(shared) == ["text"]
    assert sent.link in shared["text"]
    assert sent.code not in shared["text"]


def test_a_second_press_and_a_reload_make_nothing_new(sender: Page, watched: Watched) -> None:
    name_a_new_record(sender)
    posts_before = len(watched.posts())
    sender.get_by_label("Secret", exact=True).fill("sent once")
    the_create_button(sender).dblclick()
    expect(heading(sender)).to_have_text("Your link is ready")
    sent = what_was_sent(sender)
    sender.reload()
    expect(heading(sender)).to_have_text("Send a secret")
    expect(sender.get_by_label("Secret", exact=True)).to_have_value("")
    assert watched.posts()[posts_before:] == ["/send"]
    sender.goto(sent.record_address)
    expect(sender.get_by_role("heading", name="One-time link created")).to_have_count(1)


def test_a_generated_password_can_be_copied_before_there_is_a_link(sender: Page, recipient: Page) -> None:
    name_a_new_record(sender)
    sender.get_by_label("Length").fill("32")
    sender.get_by_label("Symbols").uncheck()
    sender.get_by_role("button", name="Generate", exact=True).click()
    expect(sender.get_by_text("bits of entropy")).to_be_visible()
    expect(sender.get_by_role("button", name="Generate", exact=True)).to_be_focused()
    generated = sender.get_by_label("Generated", exact=True).input_value()
    assert re.fullmatch("[A-Za-z0-9]{32}", generated)
    expect(sender.get_by_label("Secret", exact=True)).to_have_value(generated)

    sender.get_by_role("button", name="Copy: the generated text").click()
    expect(sender.get_by_role("status")).to_have_text("Copied")
    assert clipboard(sender) == generated

    create_link(sender)
    sent = what_was_sent(sender)
    follow(recipient, sent.link)
    reveal(recipient, sent.code)
    expect(recipient.get_by_label("The text", exact=True)).to_have_value(generated)


def test_the_generator_neither_overwrites_nor_sends_what_was_typed(sender: Page, watched: Watched) -> None:
    name_a_new_record(sender)
    secret = sender.get_by_label("Secret", exact=True)
    secret.fill("typed by hand")
    sender.get_by_text("Pass phrase").click()
    sender.get_by_role("button", name="Generate", exact=True).click()
    phrase = sender.get_by_label("Generated", exact=True)
    expect(phrase).to_have_value(re.compile(r"^(\w+-){5}\w+$"))
    expect(secret).to_have_value("typed by hand")
    asked = next(request for request in watched.requests if request.url.endswith("/send/generate"))
    assert "typed" not in (asked.post_data or "")

    sender.get_by_role("button", name="Replace the secret with it").click()
    expect(secret).to_have_value(phrase.input_value())
    expect(secret).to_be_focused()


def test_a_refused_form_says_where_to_look_and_keeps_what_was_typed(sender: Page) -> None:
    name_a_new_record(sender)
    sender.get_by_label("Customer").fill("")
    sender.get_by_label("Secret", exact=True).fill(" stays as it is ")
    sender.get_by_label("Can be read for").select_option("other")
    sender.get_by_label("Seconds").fill("soon")
    the_create_button(sender).click()
    summary = sender.locator("[data-focus]")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Enter the customer's name.")
    summary.get_by_role("link", name="Seconds").click()
    expect(sender.get_by_label("Seconds")).to_be_focused()
    expect(sender.get_by_label("Seconds")).to_have_accessible_description(re.compile("Enter a whole number"))
    expect(sender.get_by_label("Secret", exact=True)).to_have_value(" stays as it is ")


def test_a_form_whose_token_is_gone_is_refused_readably_and_keeps_what_was_typed(sender: Page) -> None:
    name_a_new_record(sender)
    sender.get_by_label("Secret", exact=True).fill("typed with care")
    sender.context.clear_cookies(name="sharelink_form")
    with sender.expect_response("**/send") as answer:
        the_create_button(sender).click()
    assert answer.value.status == 400
    expect(sender.locator("#notice")).to_contain_text("The form is not valid any more")
    expect(sender.get_by_label("Secret", exact=True)).to_have_value("typed with care")
