"""Custody from first contact to both endings: sender, custodian, a second person and the customer at four windows.

Everything is mailed meanwhile, to a mail server that keeps it.
"""

from __future__ import annotations

import itertools
import re
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import GENEROUS, FirstAccount
from tests.browser.custody_steps import (
    CALL,
    CONTACT_NAME,
    Case,
    activate,
    add_confirmed_contact,
    approve,
    ask_for_one_approval,
    begin,
    check_in,
    check_out,
    confirm,
    declare_use,
    expect_next,
    expect_own_proposal_waits,
    expect_state,
    make_statement_link,
    open_aws_record,
    open_statement,
    other_step,
    part,
    review,
    say_it_is_right,
    sound,
    submit,
    take_next,
    verify,
    write_items_down,
    write_terms,
)
from tests.browser.request_steps import (
    PURPOSE,
    answer,
    create_links,
    follow_as_custodian,
    follow_as_customer,
    what_was_asked,
)
from tests.browser.running_service import new_account, running_service
from tests.browser.steps import create_link, follow, reveal, set_up, sign_in, what_was_sent
from tests.browser.watched import PHONE_LIGHT, watching
from tests.mail_server import running_mail_server, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    from playwright.sync_api import Browser, Page

    from tests.browser.running_service import RunningService
    from tests.browser.steps import Sent
    from tests.browser.watched import Watched
    from tests.mail_server import RunningMailServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECRET = "Root of Harbour 47 ✓"
POST_SECONDS = 20.0
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMailServer]:
    """Yield a mail server with TLS and a sign-in."""
    with running_mail_server(tmp_path_factory.mktemp("mail") / "server") as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, mail_server: RunningMailServer) -> Iterator[RunningService]:
    """Yield a service of this module alone, which mails."""
    mail = {f"SHARELINK_{name.upper()}": str(value) for name, value in mail_server.settings.items()}
    with running_service(tmp_path_factory.mktemp("service"), **GENEROUS, **mail) as running:
        yield running


@pytest.fixture(scope="module")
def first_account(service: RunningService, browser: Browser) -> FirstAccount:
    """Return the account of the sender, made by this module's set-up link."""
    account = new_account("Robin Sender")
    with watching(browser, service.address) as watched:
        page = watched.window()
        set_up(page, service.set_up_link, account)
        return FirstAccount(account, page.context.storage_state(), time.monotonic())


@pytest.fixture
def case(service: RunningService, watched: Watched, sender: Page) -> Case:
    """Return a record that was just opened, and the four people around it."""
    number = next(_numbers)
    custodian, second = watched.window(), watched.window()
    for page, name, roles in (
        (custodian, f"Kim Custodian {number}", ("custodian",)),
        (second, f"Alex Second {number}", ("staff", "approver")),
    ):
        page.goto("/sign-in")
        sign_in(page, service.create_account(name, *roles))
    address = open_aws_record(sender, f"Harbour Logistics {number}", list_of(number))
    return Case(
        address, sender, custodian, second, watched.window(PHONE_LIGHT), f"hanna.weber.{number}@harbour.example"
    )


def list_of(number: int) -> str:
    return f"aws-root-{number}@tickets.example.net"


def test_scenario_a_the_customer_keeps_the_password_and_the_account_is_closed(
    case: Case, mail_server: RunningMailServer
) -> None:
    sound(case.sender)
    add_confirmed_contact(case)
    write_terms(case)
    ask_for_one_approval(case)
    begin(case, "The customer keeps the password and submits it")

    retrieval_link = the_customer_submits(case)
    use_address = the_custodian_retrieves_inside_an_approved_use(case, retrieval_link)
    verify(case)
    write_items_down(case)
    activate(case)
    review(case.second, use_address)
    sound(case.sender)

    link = make_statement_link(case)
    sheet = open_statement(case.customer, link)
    expect(sheet).to_contain_text("In custody")
    expect(sheet).to_contain_text("CASE-4711")
    sound(case.customer)
    say_it_is_right(case.customer)

    live = send_on(case, "of no use any more", "Billing user")
    the_account_is_closed(case)
    follow(case.customer, live.link)
    expect(case.customer.get_by_role("button", name="Reveal")).to_have_count(0)

    sheet = open_statement(case.customer, link)
    expect(sheet).to_contain_text("Closed")
    expect(sheet).to_contain_text("AWS case 170000000001")
    letters_of_one_ticket(case, mail_server, secrets=(SECRET, "of no use any more", live.key, live.code, link))


def the_customer_submits(case: Case) -> str:
    """Ask for the secret, and let the customer answer on a phone; return the custodians' link."""
    take_next(case, case.sender, "Ask the customer for the secret", "Request the secret")
    case.sender.get_by_label("What you need it for").fill(PURPOSE)
    create_links(case.sender)
    asked = what_was_asked(case.sender)
    expect_next(case, case.sender, "Wait for the customer")
    follow_as_customer(case.customer, asked.submit_link)
    answer(case.customer, SECRET, "Root password")
    expect_state(case, case.sender, "Secret received")
    return asked.retrieval_link


def the_custodian_retrieves_inside_an_approved_use(case: Case, retrieval_link: str) -> str:
    """Declare a use, have it approved by another person, retrieve inside it, and end it; return its address."""
    page = case.custodian
    expect_next(case, page, "Retrieve it and store it")
    follow_as_custodian(page, retrieval_link)
    expect(page.get_by_role("heading", name="First, a use that is approved and open")).to_be_visible()
    sound(page)
    use_address = declare_use(
        page, case, purpose="Take into custody: retrieve, store, check", reason="Store the root password, sign in once."
    )
    sound(page)
    expect(page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    approve(case.second, use_address)
    check_out(page, use_address)
    follow_as_custodian(page, retrieval_link)
    expect(page.get_by_text("ticket CASE-4711")).to_be_visible()
    page.get_by_role("button", name="Reveal once").click()
    expect(page.locator("[data-revealed]")).to_be_visible()
    page.get_by_text("Sign-in worked", exact=True).click()
    page.get_by_label("Where it is kept now").fill("Vault, entry 17")
    page.get_by_role("button", name="Note it on the record").click()
    expect(page.get_by_text("Retrieved, sign-in worked").first).to_be_visible()
    check_in(page, use_address, "It is in the vault, and it works.")
    return use_address


def the_account_is_closed(case: Case) -> None:
    """End custody by the closure of the account."""
    other_step(case, case.sender, "Close the account")
    sound(case.sender)
    case.sender.get_by_label("Reason").fill("The customer gives the account up.")
    submit(case.sender, "Propose it to a second person", case.path)
    expect_own_proposal_waits(case.sender, "Begin the closing")
    confirm(case, case.second, "Begin the closing")
    expect_state(case, case.second, "Being closed")
    take_next(case, case.custodian, "Close the account", "Note the closure")
    case.custodian.get_by_label("What shows the closure").fill("AWS case 170000000001")
    sound(case.custodian)
    submit(case.custodian, "Close the record", case.path)
    expect_ended(case, "Closed")


def test_scenario_b_the_password_is_changed_and_sent_and_handed_back(
    case: Case, mail_server: RunningMailServer
) -> None:
    add_confirmed_contact(case)
    write_terms(case)
    begin(case, "The password is changed, and the new one is sent")

    take_next(case, case.sender, "Set a new secret and send it", "Send the new secret")
    case.sender.get_by_role("button", name="Generate", exact=True).click()
    expect(case.sender.get_by_text("bits of entropy")).to_be_visible()
    secret = case.sender.get_by_label("Secret", exact=True).input_value()
    create_link(case.sender)
    sent = what_was_sent(case.sender)
    expect_state(case, case.sender, "Secret received")
    follow(case.customer, sent.link)
    reveal(case.customer, sent.code)
    verify(case)
    write_items_down(case)
    activate(case)

    the_customer_gets_everything_back(case)
    letters_of_one_ticket(case, mail_server, secrets=(secret, sent.key, sent.code))


def the_customer_gets_everything_back(case: Case) -> None:
    """End custody by handing the credential back."""
    other_step(case, case.sender, "Release: hand it back")
    sound(case.sender)
    case.sender.get_by_label("Who approved it for the customer").fill(CONTACT_NAME)
    case.sender.get_by_label("How did they?").fill(CALL)
    submit(case.sender, "Propose it to a second person", case.path)
    confirm(case, case.second, "Begin the release")
    expect_state(case, case.second, "Being released")
    last = send_on(case, "the last one", "Root password, back to you")
    follow(case.customer, last.link)
    reveal(case.customer, last.code)

    take_next(case, case.custodian, "Hand everything back", "Complete the release")
    page = case.custodian
    page.get_by_label("Who confirmed it for the customer").fill(CONTACT_NAME)
    page.get_by_label("How did they?").fill(CALL)
    page.get_by_role("button", name="Complete the release").click()
    expect(page.get_by_text("Not done yet.")).to_be_visible()
    expect(page.get_by_label("How did they?")).to_have_value(CALL)
    sound(page)
    for box in page.get_by_role("checkbox").all():
        box.check()
    submit(page, "Complete the release", case.path)
    expect_ended(case, "Released")


def send_on(case: Case, secret: str, label: str) -> Sent:
    """Send a secret on the record."""
    case.sender.goto(case.path)
    case.sender.get_by_role("link", name="Send a secret").click()
    case.sender.get_by_label("Secret", exact=True).fill(secret)
    case.sender.get_by_label("Label").fill(label)
    create_link(case.sender)
    return what_was_sent(case.sender)


def expect_ended(case: Case, label: str) -> None:
    """Find a record on which nothing new can happen, for anybody."""
    for page in (case.sender, case.custodian, case.second):
        expect_next(case, page, "Custody has ended")
        expect(page.locator(".page-head .eyebrow")).to_contain_text(label)
        for name in ("Send a secret", "Request a secret", "Declare a use", "Add an item", "Change the policy"):
            expect(page.get_by_role("link", name=name)).to_have_count(0)
        expect(part(page, "next").get_by_text("Other steps")).to_have_count(0)
        expect(part(page, "shares").get_by_text("Waiting", exact=False)).to_have_count(0)
    sound(case.sender)


def letters_of_one_ticket(case: Case, mail_server: RunningMailServer, *, secrets: tuple[str, ...]) -> None:
    """Find the letters about the record in its list's mailbox: one ticket, and nothing that opens anything."""
    number = case.contact_email.split(".")[2].partition("@")[0]
    letters = arrived(mail_server, list_of(int(number)), "Custody closed", "Custody released")
    references = {re.findall(r"^\[(CR-[0-9A-Z]+)\] ", letter["Subject"])[0] for letter in letters}
    threads = {(letter["References"], letter["In-Reply-To"]) for letter in letters}
    assert len(references) == len(threads) == 1
    assert all(letter["Auto-Submitted"] == "auto-generated" for letter in letters)
    assert len({letter["Message-ID"] for letter in letters}) == len(letters)
    text = "\n".join(text_of(letter) + text_of(letter, "html") + str(letter["Subject"]) for letter in letters)
    for secret in secrets:
        assert secret not in text
    assert case.path in text


def arrived(mail_server: RunningMailServer, address: str, *last: str) -> list[EmailMessage]:
    """Wait for one of the last letters to an address, and return all of them."""
    deadline = time.monotonic() + POST_SECONDS
    while True:
        letters = mail_server.letters_to(address)
        if any(end in letter["Subject"] for letter in letters for end in last):
            return letters
        assert time.monotonic() < deadline, [letter["Subject"] for letter in letters]
        time.sleep(0.3)
