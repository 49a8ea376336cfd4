"""From the first command to the last line of the record, as somebody new to Sharelink lives it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.running_service import new_account, running_service
from tests.browser.steps import (
    add_app,
    clipboard,
    create_link,
    decline,
    follow,
    heading,
    press_reveal,
    reveal,
    sign_in,
    what_was_sent,
    wrong,
)
from tests.browser.watched import DESKTOP_LIGHT, PHONE_DARK, PHONE_LIGHT, Look, watching

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.browser.running_service import Account
    from tests.browser.steps import Sent

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PASTED = "  user: root\n\tpassword: Überraschung ✓\n"
WHAT_HAPPENED = [
    "Declined by the recipient",
    "Access code entered",
    "Link opened",
    "Recipient stored it",
    "Shown on the recipient's page",
    "Secret revealed",
    "Access code entered",
    "Wrong access code",
    "Access code entered",
    "Link opened",
    "One-time link created",
    "One-time link created",
    "Details changed",
    "Record opened",
]


@pytest.mark.parametrize("look", [DESKTOP_LIGHT, PHONE_DARK], ids=str)
def test_somebody_new_sends_real_secrets_and_sees_what_became_of_them(
    tmp_path: Path, browser: Browser, look: Look
) -> None:
    with running_service(tmp_path) as service, watching(browser, service.address) as watched:
        staff, phone = watched.window(look), watched.window(PHONE_LIGHT)
        account = new_account("Robin Sender")
        make_the_first_account(staff, service.set_up_link, account)
        the_set_up_link_is_dead(phone, service.set_up_link)
        the_account_page_tells_the_roles(staff, account)
        open_a_record_for_an_aws_account(staff)
        edit_its_details(staff)
        find_it_by_searching(staff)
        generated = send_a_generated_password(staff)
        pasted = send_a_pasted_text(staff)
        the_start_page_says(staff, "Not revealed yet", "Root password", "Not opened yet")
        the_sender_sees_a_preview_only(staff, generated)
        the_recipient_reads_and_stores(phone, generated)
        the_recipient_declines(phone, pasted)
        the_start_page_says(staff, "Revealed", "Root password", "Revealed, recipient stored it")
        the_start_page_says(staff, "Declined", "Recovery codes", "Please ask Ms Weber")
        the_record_tells_it_all(staff)
        archive_and_restore(staff)
        sign_out_and_in(staff, account)


def make_the_first_account(page: Page, link: str, account: Account) -> None:
    page.goto(link)
    assert "#" not in page.evaluate("location.href")
    page.get_by_label("Your name").fill(account.name)
    page.get_by_label("E-mail").fill(account.email)
    for refused in ("too short", "passwordpassword"):
        page.get_by_label("Password", exact=True).fill(refused)
        page.get_by_role("button", name="Make the account").click()
        expect(page.locator("[data-focus]")).to_be_focused()
        expect(page.get_by_label("Password", exact=True)).to_have_value("")
    page.get_by_label("Password", exact=True).fill(account.password)
    page.get_by_role("button", name="Make the account").click()
    add_app(page, account)
    expect(page.get_by_text("Welcome, Robin Sender.")).to_be_visible()
    expect(page.get_by_text("You are administrator, staff and custodian of the group “Custodians”")).to_be_visible()


def the_set_up_link_is_dead(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("Your name").fill("Mallory")
    page.get_by_label("E-mail").fill("mallory@reseller.example")
    page.get_by_label("Password", exact=True).fill("a perfectly fine password")
    page.get_by_role("button", name="Make the account").click()
    expect(heading(page)).to_have_text("This set-up link does not work")


def the_account_page_tells_the_roles(page: Page, account: Account) -> None:
    page.get_by_role("link", name="Account").click()
    facts = page.get_by_role("region", name="Who you are here")
    for text in (account.email, "Staff, Custodian, Administrator", "Custodians"):
        expect(facts.get_by_text(text, exact=True)).to_be_visible()


def open_a_record_for_an_aws_account(page: Page) -> None:
    page.get_by_role("link", name="Records").click()
    page.get_by_role("link", name="Open a record").click()
    expect(page.get_by_label("AWS management account root")).to_be_checked()
    page.get_by_text("Other credential").click()
    expect(page.get_by_label("AWS account id")).to_be_hidden()
    page.get_by_text("AWS management account root").click()
    page.get_by_label("Customer").fill("Harbour Logistics GmbH")
    page.get_by_label("Subject").fill("Production")
    page.get_by_label("AWS account id").fill("1111 2222 3333")
    page.get_by_label("Root e-mail").fill("aws-root@harbour.example")
    page.get_by_label("Contract reference").fill("C-2026-014")
    page.get_by_role("button", name="Open the record").click()
    expect(heading(page)).to_have_text("Harbour Logistics GmbH")
    for text in ("111122223333", "aws-root@harbour.example", "C-2026-014"):
        expect(page.get_by_role("region", name="Details").get_by_text(text)).to_be_visible()


def edit_its_details(page: Page) -> None:
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Subject").fill("The whole group")
    page.get_by_role("button", name="Save the changes").click()
    expect(page.get_by_text("Subject: Production → The whole group")).to_be_visible()


def find_it_by_searching(page: Page) -> None:
    page.get_by_role("link", name="Records").click()
    page.get_by_role("searchbox").fill("nobody")
    expect(page.get_by_role("heading", name="No record fits")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("0 records for “nobody”")
    page.get_by_role("searchbox").fill("111122223333")
    expect(page).to_have_url(re.compile(r"[?&]q=111122223333"))
    page.get_by_role("link", name="Harbour Logistics GmbH").click()
    expect(heading(page)).to_have_text("Harbour Logistics GmbH")


def send_a_generated_password(page: Page) -> Sent:
    page.get_by_role("link", name="Send a secret").click()
    expect(page.get_by_label("Record", exact=True).locator("option:checked")).to_contain_text("Harbour Logistics GmbH")
    page.get_by_role("button", name="Generate").click()
    page.get_by_role("button", name="Copy: the generated text").click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert len(clipboard(page)) == 24
    expect(page.get_by_label("Can be read for").locator("option:checked")).to_have_text("7 days")
    expect(page.get_by_label("Ask for an access code")).to_be_checked()
    page.get_by_label("Label").fill("Root password")
    page.get_by_label("Note for the recipient").fill("Store it in your vault.")
    create_link(page)
    return what_was_sent(page)


def send_a_pasted_text(page: Page) -> Sent:
    page.get_by_role("link", name="Go to the record").click()
    page.get_by_role("link", name="Send a secret").click()
    page.get_by_label("Secret", exact=True).fill(PASTED)
    page.get_by_label("Can be read for").select_option("1 hour")
    page.get_by_label("Label").fill("Recovery codes")
    create_link(page)
    return what_was_sent(page)


def the_start_page_says(page: Page, part: str, label: str, text: str) -> None:
    page.get_by_role("link", name="My work").click()
    line = page.get_by_role("region", name=part).get_by_role("listitem").filter(has_text=label)
    expect(line).to_contain_text(text)


def the_sender_sees_a_preview_only(page: Page, sent: Sent) -> None:
    follow(page, sent.link)
    expect(page.get_by_text("You created this. This is a preview.")).to_be_visible()
    expect(page.get_by_role("button", name="Reveal")).to_have_count(0)
    page.goto("/")


def the_recipient_reads_and_stores(page: Page, sent: Sent) -> None:
    follow(page, sent.link)
    expect(page.get_by_text("Store it in your vault.")).to_be_visible()
    press_reveal(page, wrong(sent.code))
    expect(page.get_by_text("This code is not right.")).to_be_visible()
    reveal(page, sent.code)
    page.get_by_role("button", name="Copy the text").click()
    expect(page.get_by_role("status")).to_have_text("Copied exactly")
    assert len(clipboard(page)) == 24
    page.get_by_role("button", name="I stored it").click()
    expect(heading(page)).to_have_text("Thank you")


def the_recipient_declines(page: Page, sent: Sent) -> None:
    follow(page, sent.link)
    decline(page, sent.code, "Please ask Ms Weber.")


def the_record_tells_it_all(page: Page) -> None:
    page.get_by_role("link", name="Harbour Logistics GmbH").first.click()
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.get_by_role("heading", level=3)).to_have_text(WHAT_HAPPENED)
    revealed = timeline.get_by_role("listitem").filter(has_text="Secret revealed")
    for text in ("“Root password”", "UTC", "Whoever held the link", "127.0.0.1"):
        expect(revealed).to_contain_text(text)
    expect(timeline.get_by_role("listitem").filter(has_text="Wrong access code")).to_contain_text("9 tries left")
    created = timeline.get_by_role("listitem").filter(has_text="“Recovery codes” · can be read for 1 hour")
    expect(created).to_contain_text("Robin Sender")


def archive_and_restore(page: Page) -> None:
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_role("heading", name="Record archived")).to_be_visible()
    expect(page.get_by_role("link", name="Send a secret")).to_have_count(0)
    page.get_by_role("link", name="Records").click()
    expect(page.get_by_role("heading", name="No records yet")).to_be_visible()
    page.get_by_label("Archived too").check()
    page.get_by_role("link", name="Harbour Logistics GmbH").click()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("heading", name="Record restored")).to_be_visible()


def sign_out_and_in(page: Page, account: Account) -> None:
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, account)
    expect(heading(page)).to_have_text("My work")
