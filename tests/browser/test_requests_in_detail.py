"""What a request's pages promise beyond the straight way: own fields, mistakes, ends, and staff without JavaScript."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.request_steps import (
    ANSWERED,
    ASKED,
    PURPOSE,
    TAKE_INTO_CUSTODY,
    answer,
    ask,
    create_links,
    follow_as_custodian,
    follow_as_customer,
    open_record,
    press_continue_as_customer,
    press_reveal_once,
    press_send_once,
    retrieve,
    what_was_asked,
)
from tests.browser.steps import clipboard, heading, sign_in
from tests.browser.test_accessibility import assert_sound
from tests.browser.test_by_keyboard import press, tab_to
from tests.browser.test_the_link_key import assert_only_posted
from tests.browser.watched import PHONE_DARK, PHONE_LIGHT, Watched

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.browser.running_service import Account, RunningService

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_WITHOUT_THE_BROWSERS_OWN_CHECKS = "for (const form of document.forms) form.noValidate = true"
_TEXT_OF_MANY_KINDS = (
    "\n \tfirst line\n<script>alert(1)</script> &amp; </textarea>\nשלום 😀 e\u0301\u00a0\n last one \t\n"
)


def the_record_tells(page: Page, event: str) -> Locator:
    return page.get_by_role("region", name="Timeline").get_by_role("listitem").filter(has_text=event)


def test_the_link_for_the_customer_comes_after_the_tick_and_its_message_holds_no_other(sender: Page) -> None:
    open_record(sender)
    sender.get_by_role("link", name="Request a secret").click()
    sender.get_by_label("What you need it for").fill(PURPOSE)
    sender.get_by_label("Label").fill("Root password")
    create_links(sender)
    expect(sender.get_by_role("button", name="Copy message")).to_be_hidden()
    expect(sender.get_by_label("Link for the customer", exact=True)).to_be_hidden()
    sender.get_by_role("button", name="Copy for the ticket").click()
    expect(sender.get_by_role("status")).to_have_text("Copied: paste it into the ticket")
    for_the_ticket = clipboard(sender)

    asked = what_was_asked(sender)
    assert for_the_ticket == asked.retrieval_link
    sender.get_by_role("button", name="Copy message").click()
    expect(sender.get_by_role("status")).to_have_text("Copied: send it to the customer")
    message = clipboard(sender)
    assert asked.submit_link in message.splitlines()
    assert asked.keys[0] not in message
    assert "/retrieve/" not in message

    sender.goto(asked.record_address)
    created = the_record_tells(sender, "Secret requested").inner_text()
    assert created.count("“Root password”") == 1
    sender.go_back()
    expect(heading(sender)).not_to_have_text(ASKED)


def test_fields_of_ones_own_come_back_exactly(sender: Page, recipient: Page) -> None:
    open_record(sender, of_aws=False)
    sender.get_by_role("link", name="Request a secret").click()
    sender.get_by_text("Fields of my own").click()
    sender.get_by_label("What you need it for").fill(PURPOSE)
    sender.get_by_label("Name of field 1").fill("Recovery text")
    sender.get_by_label("Kind of field 1").select_option("Longer text")
    sender.get_by_label("Name of field 2").fill("PIN")
    sender.get_by_label("Name of field 3").fill("User name")
    sender.get_by_label("Kind of field 3").select_option("One line")
    create_links(sender)
    asked = what_was_asked(sender)

    follow_as_customer(recipient, asked.submit_link)
    recipient.get_by_label("Recovery text").fill(_TEXT_OF_MANY_KINDS)
    recipient.get_by_label("User name").fill("oelmueller")
    press_send_once(recipient)
    expect(recipient.get_by_label("Recovery text")).to_have_value(_TEXT_OF_MANY_KINDS)
    recipient.get_by_label("The white space belongs to it").check()
    press_send_once(recipient)
    expect(heading(recipient)).to_have_text(ANSWERED)

    retrieve(sender, asked.retrieval_link)
    for label, text in (("Recovery text", _TEXT_OF_MANY_KINDS), ("User name", "oelmueller")):
        sender.get_by_role("button", name=f"Copy: {label}").click()
        assert clipboard(sender) == text
    expect(sender.get_by_role("heading", name="PIN")).to_have_count(0)
    expect(sender.get_by_role("textbox", name="Recovery text")).to_have_count(0)
    sender.get_by_text("Show it on the screen").click()
    expect(sender.get_by_role("textbox", name="Recovery text")).to_have_value(_TEXT_OF_MANY_KINDS)


def test_a_mistake_is_told_where_the_focus_goes_and_nothing_typed_is_lost(sender: Page, watched: Watched) -> None:
    asked = ask(sender)
    page = watched.window(PHONE_LIGHT)
    follow_as_customer(page, asked.submit_link)
    page.get_by_label("AWS account id").fill("")
    page.get_by_label("Root password", exact=True).fill("typed with care")
    page.get_by_label("Second factor (MFA) today").select_option("None is registered")
    page.get_by_label("Note").fill("the second line\nis empty:\n")
    page.evaluate(_WITHOUT_THE_BROWSERS_OWN_CHECKS)
    press(page, "Send once")
    summary = page.locator("[data-focus]")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("AWS account id: Fill this in.")
    wrong = page.get_by_label("AWS account id")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_have_accessible_description("12 digits We filled this in. Please check it. Fill this in.")
    assert_sound(page)
    tab_to(page, summary.get_by_role("link", name="AWS account id"))
    page.keyboard.press("Enter")
    expect(wrong).to_be_focused()
    page.keyboard.type("111122223333")
    for label, value in (
        ("Root password", "typed with care"),
        ("Second factor (MFA) today", "None is registered"),
        ("Note", "the second line\nis empty:\n"),
    ):
        expect(page.get_by_label(label, exact=label == "Root password")).to_have_value(value)
    page.get_by_role("button", name="Send once").dblclick()
    expect(heading(page)).to_have_text(ANSWERED)
    assert watched.posts().count("/r/submit") == 2
    assert page.evaluate("document.title") == "Thank you. It arrived. · Example Reseller"
    page.reload()
    press_continue_as_customer(page)
    expect(heading(page)).to_have_text("This was answered")


def test_of_two_customers_who_send_at_once_one_is_told_that_it_was_answered(sender: Page, watched: Watched) -> None:
    asked = ask(sender, of_aws=False)
    pages = [watched.window(PHONE_LIGHT), watched.window()]
    for page in pages:
        follow_as_customer(page, asked.submit_link)
        page.get_by_label("Confidential text", exact=True).fill("mine")
    for page in pages:
        press_send_once(page)
    for page in pages:
        expect(page.get_by_label("Confidential text", exact=True)).to_have_count(0)
    assert sorted(heading(page).inner_text() for page in pages) == [ANSWERED, "This was answered"]


def test_staff_need_no_javascript_from_the_question_to_the_outcome(
    watched: Watched, account: Account, recipient: Page
) -> None:
    staff = watched.window(javascript=False)
    staff.goto("/records/new")
    sign_in(staff, account)
    asked = ask(staff, of_aws=False)
    follow_as_customer(recipient, asked.submit_link)
    answer(recipient, "exactly\nso")

    staff.goto(asked.retrieval_link)
    staff.get_by_label("Paste the whole link here").fill(asked.retrieval_link)
    staff.get_by_role("button", name="Continue").click()
    press_reveal_once(staff)
    expect(staff.get_by_role("button", name="Copy: Confidential text")).to_have_count(0)
    staff.get_by_text("Show it on the screen").click()
    expect(staff.get_by_role("textbox", name="Confidential text")).to_have_value("exactly\nso")
    staff.get_by_label("Sign-in worked").check()
    staff.get_by_role("button", name="Note it on the record").click()
    expect(staff.get_by_text("Say where it is kept now")).to_be_visible()
    staff.get_by_label("Where it is kept now").fill("Vault, entry 18")
    staff.get_by_role("button", name="Note it on the record").click()
    expect(staff.get_by_text("Vault, entry 18")).to_be_visible()


def let_proofs_grow_old(service: RunningService, account: Account) -> None:
    """Do what five minutes do: nobody who is signed in to the account has proven lately who they are."""
    database = service.directory / "instance" / "sharelink.db"
    with closing(sqlite3.connect(database, timeout=10)) as connection, connection:
        connection.execute(
            "UPDATE staff_session SET proven_at = proven_at - 301000000"
            " WHERE account_id = (SELECT id FROM account WHERE email = ?)",
            (account.email,),
        )


def test_a_custodian_who_signed_in_long_ago_proves_it_again_and_the_link_is_still_there(
    sender: Page, recipient: Page, watched: Watched, service: RunningService
) -> None:
    asked = ask(sender, of_aws=False)
    follow_as_customer(recipient, asked.submit_link)
    answer(recipient, "worth a second look")
    clara = service.create_account("Clara Custodian")
    custodian = watched.window()
    custodian.goto("/")
    sign_in(custodian, clara)
    let_proofs_grow_old(service, clara)

    follow_as_custodian(custodian, asked.retrieval_link)
    press_reveal_once(custodian)
    expect(heading(custodian)).to_have_text("Is it you?")
    custodian.get_by_label("Your password").fill("surely not this one")
    custodian.get_by_label("Code of your authenticator app").fill("000000")
    custodian.get_by_role("button", name="Prove it and go on").click()
    expect(custodian.get_by_text("That did not prove it.")).to_be_visible()
    custodian.get_by_label("Your password").fill(clara.password)
    custodian.get_by_label("Code of your authenticator app").fill(clara.app.next_code())
    custodian.get_by_role("button", name="Prove it and go on").click()
    custodian.get_by_role("button", name="Copy: Confidential text").click()
    assert clipboard(custodian) == "worth a second look"
    assert custodian.evaluate("history.state") == {"shown": True}
    assert_only_posted(watched.requests, asked.keys[0], {"/retrieve/status", "/retrieve/reveal"})
    sender.goto(asked.record_address)
    expect(the_record_tells(sender, "Answer retrieved")).to_contain_text("Clara Custodian")
    expect(the_record_tells(sender, "Answer retrieved")).to_contain_text("Ticket T-4711")


def test_a_lost_link_is_asked_anew_in_one_click_and_a_cancelled_one_tells_its_holders(
    sender: Page, recipient: Page
) -> None:
    lost = ask(sender, of_aws=False, label="Password of the mailbox")
    sender.goto(lost.request_address)
    sender.get_by_role("button", name="Make two new links").click()
    expect(sender.get_by_text("The links before these are dead now.")).to_be_visible()
    assert_sound(sender)
    again = what_was_asked(sender)
    follow_as_customer(recipient, lost.submit_link)
    expect(heading(recipient)).to_have_text("There is a newer link for this")
    assert_sound(recipient)

    sender.goto(again.request_address)
    expect(sender.get_by_role("link", name="an earlier request")).to_have_attribute("href", lost.request_address)
    sender.get_by_role("button", name="I reminded them").click()
    expect(sender.get_by_text("The customer was reminded")).to_be_visible()
    sender.get_by_label("Reason").fill("They delete the mailbox instead.")
    sender.get_by_role("button", name="Cancel the request").click()
    expect(sender.get_by_role("heading", name="Cancelled")).to_be_visible()
    assert_sound(sender)
    follow_as_customer(recipient, again.submit_link)
    expect(heading(recipient)).to_have_text("This is no longer needed")
    assert_sound(recipient)
    follow_as_custodian(sender, again.retrieval_link)
    expect(heading(sender)).to_have_text("This request was cancelled")
    assert_sound(sender)


def test_the_further_pages_are_sound(sender: Page, recipient: Page, watched: Watched) -> None:
    open_record(sender)
    sender.get_by_role("link", name="Request a secret").click()
    sender.get_by_text("Fields of my own").click()
    sender.get_by_text("Three more fields").click()
    sender.evaluate(_WITHOUT_THE_BROWSERS_OWN_CHECKS)
    sender.get_by_role("button", name="Create the two links").click()
    expect(sender.locator("[data-focus]")).to_be_focused()
    assert_sound(sender)
    asked = ask(sender, of_aws=False, label="Password of the web shop")
    sender.goto("/")
    expect(sender.get_by_role("region", name="Not answered yet")).to_be_visible()
    assert_sound(sender)
    follow_as_customer(sender, asked.submit_link)
    expect(sender.get_by_text("This is a preview.")).to_be_visible()
    expect(sender.get_by_role("button", name="Send once")).to_have_count(0)
    assert_sound(sender)
    follow_as_custodian(sender, asked.retrieval_link)
    expect(heading(sender)).to_have_text("Not answered yet")
    assert_sound(sender)
    for link, page in ((asked.submit_link, recipient), (asked.retrieval_link, watched.window(PHONE_DARK))):
        page.goto(link.partition("#")[0])
        expect(page.get_by_text("A part of the link is missing.")).to_be_visible()
        assert_sound(page)
    follow_as_customer(recipient, asked.submit_link)
    answer(recipient, "an answer")
    sender.goto(asked.request_address)
    assert_sound(sender)
    follow_as_custodian(sender, asked.retrieval_link)
    sender.evaluate(_WITHOUT_THE_BROWSERS_OWN_CHECKS)
    sender.get_by_role("button", name="Reveal once").click()
    expect(sender.get_by_text("Nothing was shown or used up.")).to_be_visible()
    assert_sound(sender)
    sender.get_by_label("What is it needed for?").select_option(TAKE_INTO_CUSTODY)
    sender.get_by_role("button", name="Reveal once").click()
    expect(sender.locator("[data-revealed]")).to_be_visible()
    sender.get_by_text("Wrong: ask again").click()
    assert_sound(sender)
    sender.get_by_role("button", name="Note it on the record").click()
    expect(sender.get_by_text("Tell the customer what was wrong.")).to_be_visible()
    expect(sender.get_by_label("Message to the customer")).to_be_focused()
    assert_sound(sender)
