"""A customer on a phone and a custodian at a desk, each doing only what the pages say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.request_steps import (
    ANSWERED,
    PURPOSE,
    answer,
    ask,
    follow_as_custodian,
    follow_as_customer,
    press_continue_as_custodian,
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
from tests.browser.watched import DESKTOP_DARK, DESKTOP_LIGHT, PHONE_DARK, PHONE_LIGHT, Look, Watched

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.browser.running_service import Account

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECRET = "  Überraschung ✓ & <b>"
FIRST_VISIT_MAX_BYTES = 60_000
_OF_A_BROKEN_NETWORK = ("ERR_CONNECTION_RESET", "htmx:error: Failed to fetch")
CUSTOMERS_POSTS = {"/r/status", "/r/submit", "/r/receipt", "/r/report"}
CUSTODIANS_POSTS = {"/retrieve/status", "/retrieve/reveal"}


@pytest.mark.parametrize(("desk", "phone"), [(DESKTOP_LIGHT, PHONE_DARK), (DESKTOP_DARK, PHONE_LIGHT)], ids=str)
def test_from_the_question_to_the_vault_with_two_browsers(
    sender: Page, watched: Watched, account: Account, desk: Look, phone: Look
) -> None:
    asked = ask(sender, label="Root password")
    customer = watched.window(phone)
    the_customer_answers_once(customer, asked.submit_link)
    for address in ("/", asked.record_address, asked.request_address):
        sender.goto(address)
        expect(sender.get_by_text("Submitted, not retrieved yet").first).to_be_visible()

    custodian = watched.window(desk)
    follow_as_custodian(custodian, asked.retrieval_link)
    sign_in_in_another_tab(custodian, account)
    custodian.get_by_role("button", name="I am signed in: go on").click()
    expect(custodian.get_by_text("Harbour Logistics GmbH").first).to_be_visible()
    press_reveal_once(custodian)
    expect(custodian.locator("[data-revealed]")).to_be_visible()
    expect(custodian.get_by_text("begins or ends with white space")).to_be_visible()
    for label, text in (("AWS account id", "111122223333"), ("Root password", SECRET)):
        custodian.get_by_role("button", name=f"Copy: {label}").click()
        assert clipboard(custodian) == text
    custodian.get_by_text("Sign-in worked", exact=True).click()
    custodian.get_by_label("Where it is kept now").fill("Vault, entry 17")
    custodian.get_by_role("button", name="Note it on the record").click()
    expect(custodian.get_by_text("Retrieved, sign-in worked").first).to_be_visible()
    expect(custodian.get_by_text("Vault, entry 17").first).to_be_visible()

    custodian.goto(asked.retrieval_link)
    press_continue_as_custodian(custodian)
    expect(heading(custodian)).to_have_text("This answer has been shown")
    customer.goto(asked.submit_link)
    press_continue_as_customer(customer)
    expect(customer.get_by_text("The custodians have opened it, once.")).to_be_visible()


def the_customer_answers_once(page: Page, link: str) -> None:
    follow_as_customer(page, link)
    expect(page.get_by_text(PURPOSE)).to_be_visible()
    expect(page.get_by_label("AWS account id")).to_have_value("111122223333")
    page.get_by_label("Root password", exact=True).fill(SECRET)
    page.get_by_label("Second factor (MFA) today").select_option("I do not know")
    press_send_once(page)
    expect(page.get_by_text("Nothing was sent yet.")).to_be_visible()
    expect(page.get_by_label("Root password", exact=True)).to_have_value(SECRET)
    page.get_by_label("The white space belongs to it").check()
    press_send_once(page)
    expect(heading(page)).to_have_text(ANSWERED)
    assert SECRET not in page.content()
    receipt = download(page, "Download the receipt")
    assert "Root password" in receipt
    assert SECRET.strip() not in receipt
    assert '"sharelink_receipt": 1' in download(page, "JSON")
    page.reload()
    press_continue_as_customer(page)
    expect(heading(page)).to_have_text("This was answered")
    expect(page.get_by_role("button", name="This was not me")).to_be_visible()


def download(page: Page, button: str) -> str:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    return Path(waiting.value.path()).read_text("utf-8")


def sign_in_in_another_tab(page: Page, account: Account) -> None:
    with page.context.expect_page() as waiting:
        page.get_by_role("link", name="Continue to sign-in").click()
    tab = waiting.value
    sign_in(tab, account)
    tab.close()


def test_a_wrong_answer_is_asked_for_again_with_a_message(sender: Page, recipient: Page, watched: Watched) -> None:
    asked = ask(sender, of_aws=False)
    follow_as_customer(recipient, asked.submit_link)
    answer(recipient, "not the right one")
    retrieve(sender, asked.retrieval_link)
    sender.get_by_text("Wrong: ask again").click()
    sender.get_by_label("Message to the customer").fill("The sign-in failed. Please look again.")
    sender.get_by_role("button", name="Note it on the record").click()
    again = what_was_asked(sender)
    customer = watched.window(PHONE_LIGHT)
    follow_as_customer(customer, again.submit_link)
    expect(customer.get_by_text("The sign-in failed. Please look again.")).to_be_visible()
    answer(customer, "the right one")
    retrieve(sender, again.retrieval_link)
    sender.get_by_role("button", name="Copy: Confidential text").click()
    assert clipboard(sender) == "the right one"


@pytest.mark.parametrize("look", [PHONE_LIGHT, PHONE_DARK], ids=str)
def test_a_customer_without_javascript_answers_and_gets_the_receipt(sender: Page, watched: Watched, look: Look) -> None:
    asked = ask(sender, of_aws=False)
    page = watched.window(look, javascript=False)
    page.goto(asked.submit_link)
    page.get_by_label("Paste the whole link here").fill(asked.submit_link)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Confidential text", exact=True).fill("two\nlines ")
    press_send_once(page)
    page.get_by_label("The white space belongs to it").check()
    press_send_once(page)
    expect(heading(page)).to_have_text(ANSWERED)
    assert "Confidential text" in download(page, "Download the receipt")
    assert page.context.storage_state() == {"cookies": [], "origins": []}
    retrieve(sender, asked.retrieval_link)
    sender.get_by_role("button", name="Copy: Confidential text").click()
    assert clipboard(sender) == "two\nlines "


def test_customer_and_custodian_need_no_mouse(sender: Page, recipient: Page) -> None:
    asked = ask(sender, of_aws=False)
    recipient.goto(asked.submit_link)
    press(recipient, "Continue")
    expect(recipient.get_by_label("Confidential text", exact=True)).to_be_visible()
    tab_to(recipient, recipient.get_by_label("Confidential text", exact=True))
    recipient.keyboard.type("typed by hand")
    press(recipient, "Send once")
    expect(heading(recipient)).to_have_text(ANSWERED)
    expect(heading(recipient)).to_be_focused()

    sender.goto(asked.retrieval_link)
    press(sender, "Continue")
    tab_to(sender, sender.get_by_label("What is it needed for?"))
    sender.keyboard.press("ArrowDown")
    press(sender, "Reveal once")
    expect(sender.locator("[data-revealed]")).to_be_visible()
    press(sender, "Copy: Confidential text")
    assert clipboard(sender) == "typed by hand"


def forget_the_broken_network(watched: Watched) -> None:
    """Take what Chromium itself says of a connection that a test broke out of the troubles."""
    watched.troubles[:] = [
        trouble for trouble in watched.troubles if not any(said in trouble for said in _OF_A_BROKEN_NETWORK)
    ]


def test_typing_survives_a_network_that_breaks_and_is_sent_once(
    sender: Page, recipient: Page, watched: Watched
) -> None:
    asked = ask(sender, of_aws=False)
    follow_as_customer(recipient, asked.submit_link)
    recipient.get_by_label("Confidential text", exact=True).fill("written with care")

    def break_off(route: Route) -> None:
        route.abort("connectionreset")

    recipient.route("**/r/submit", break_off)
    press_send_once(recipient)
    expect(recipient.locator("#notice")).not_to_be_empty()
    forget_the_broken_network(watched)
    expect(recipient.get_by_label("Confidential text", exact=True)).to_have_value("written with care")
    recipient.unroute("**/r/submit", break_off)
    recipient.get_by_role("button", name="Send once").dblclick()
    expect(heading(recipient)).to_have_text(ANSWERED)
    retrieve(sender, asked.retrieval_link)
    sender.get_by_role("button", name="Copy: Confidential text").click()
    assert clipboard(sender) == "written with care"


def test_an_answer_whose_confirmation_is_lost_is_found_by_pressing_again(
    sender: Page, recipient: Page, watched: Watched
) -> None:
    asked = ask(sender, of_aws=False)
    follow_as_customer(recipient, asked.submit_link)
    recipient.get_by_label("Confidential text", exact=True).fill("arrived")

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort("connectionreset")

    recipient.route("**/r/submit", lose_the_answer)
    press_send_once(recipient)
    expect(recipient.locator("#notice")).not_to_be_empty()
    forget_the_broken_network(watched)
    recipient.unroute("**/r/submit", lose_the_answer)
    press_send_once(recipient)
    expect(heading(recipient)).to_have_text("This was answered")


def test_the_keys_of_both_links_are_in_bodies_of_posts_and_nowhere_else(
    sender: Page, recipient: Page, watched: Watched
) -> None:
    asked = ask(sender, of_aws=False)
    follow_as_customer(recipient, asked.submit_link)
    assert "#" not in recipient.evaluate("location.href")
    answer(recipient, "a secret")
    assert recipient.context.storage_state() == {"cookies": [], "origins": []}
    retrieve(sender, asked.retrieval_link)
    assert sender.evaluate("history.state") == {"shown": True}
    stored = "[...Object.entries(localStorage), ...Object.entries(sessionStorage)].map(String)"
    assert sender.evaluate(stored) == recipient.evaluate(stored) == []
    retrieval_key, submit_key, fingerprint = asked.keys
    assert_only_posted(watched.requests, retrieval_key, CUSTODIANS_POSTS)
    for part in (submit_key, fingerprint):
        assert_only_posted(watched.requests, part, CUSTOMERS_POSTS)


def test_every_page_of_a_request_is_sound(sender: Page, recipient: Page, watched: Watched) -> None:
    sender.goto("/request")
    assert_sound(sender)
    asked = ask(sender)
    assert_sound(sender)
    recipient.goto(asked.submit_link)
    assert_sound(recipient)
    press_continue_as_customer(recipient)
    assert_sound(recipient)
    press_send_once(recipient)
    recipient.get_by_label("Root password", exact=True).fill(SECRET)
    press_send_once(recipient)
    expect(recipient.get_by_label("The white space belongs to it")).to_be_visible()
    assert_sound(recipient)
    recipient.get_by_label("The white space belongs to it").check()
    press_send_once(recipient)
    expect(heading(recipient)).to_have_text(ANSWERED)
    assert_sound(recipient)
    stranger = watched.window()
    stranger.goto(asked.retrieval_link)
    assert_sound(stranger)
    press_continue_as_custodian(stranger)
    assert_sound(stranger)
    follow_as_custodian(sender, asked.retrieval_link)
    assert_sound(sender)
    press_reveal_once(sender)
    expect(sender.locator("[data-revealed]")).to_be_visible()
    assert_sound(sender)
    sender.goto(asked.request_address)
    assert_sound(sender)
    recipient.reload()
    press_continue_as_customer(recipient)
    assert_sound(recipient)
    recipient.get_by_role("button", name="This was not me").click()
    expect(recipient.get_by_text("reported").first).to_be_visible()
    assert_sound(recipient)


def test_the_customers_first_visit_is_small(sender: Page, watched: Watched) -> None:
    asked = ask(sender)
    page = watched.window(PHONE_LIGHT)
    sizes: list[float] = []
    connection = page.context.new_cdp_session(page)
    connection.send("Network.enable")
    connection.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    follow_as_customer(page, asked.submit_link)
    page.wait_for_load_state("networkidle")
    assert 0 < sum(sizes) <= FIRST_VISIT_MAX_BYTES, sum(sizes)
