"""What staff, a customer and a custodian do about a request, in their words. A step ends when the page shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.steps import heading

if TYPE_CHECKING:
    from playwright.sync_api import Page

ASKED = "Your request is ready"
ANSWERED = "Thank you. It arrived."
ASKED_FOR = "You are asked for a confidential text"
FOR_CUSTODIANS = re.compile("This link is for custodians of")
PURPOSE = "To take the root user of your account into our care, as agreed in contract C-2026-014."
TAKE_INTO_CUSTODY = "Take into custody: retrieve, store, check"


@dataclass(frozen=True)
class Requested:
    """What the answer page gave to whoever asked."""

    retrieval_link: str
    submit_link: str
    record_address: str
    request_address: str

    @property
    def keys(self) -> tuple[str, str, str]:
        """Return what browsers keep to themselves: the retrieval key, and both halves of the customer's."""
        customers = self.submit_link.partition("#")[2]
        half = len(customers) // 2
        return self.retrieval_link.partition("#")[2], customers[:half], customers[half:]


def open_record(page: Page, customer: str = "Harbour Logistics GmbH", *, of_aws: bool = True) -> str:
    """Open a record, for the root user of an AWS account or for anything else; return its address."""
    page.goto("/records/new")
    if not of_aws:
        page.get_by_text("Other credential").click()
    page.get_by_label("Customer").fill(customer)
    if of_aws:
        page.get_by_label("AWS account id").fill("111122223333")
        page.get_by_label("Root e-mail").fill("aws-root@harbour.example")
    page.get_by_role("button", name="Open the record").click()
    expect(heading(page)).to_have_text(customer)
    return page.url


def ask(page: Page, *, of_aws: bool = True, label: str = "", purpose: str = PURPOSE) -> Requested:
    """Request a secret on a new record: the root user's, or one confidential text."""
    open_record(page, of_aws=of_aws)
    page.get_by_role("link", name="Request a secret").click()
    page.get_by_label("What you need it for").fill(purpose)
    page.get_by_label("Label").fill(label)
    create_links(page)
    return what_was_asked(page)


def create_links(page: Page) -> None:
    """Press the button at the end of the form."""
    page.get_by_role("button", name="Create the two links").click()
    expect(heading(page)).to_have_text(ASKED)


def what_was_asked(page: Page) -> Requested:
    """Tick that the first link is in the ticket, and read both."""
    retrieval_link = page.get_by_label("Retrieval link, for the ticket").input_value()
    page.get_by_label("It is in the ticket").check()
    return Requested(
        retrieval_link=retrieval_link,
        submit_link=page.get_by_label("Link for the customer", exact=True).input_value(),
        record_address=page.get_by_role("link", name="Go to the record").get_attribute("href") or "",
        request_address=page.get_by_role("link", name="the request’s page").get_attribute("href") or "",
    )


def follow_as_customer(page: Page, link: str) -> None:
    """Open the customer's link and press Continue."""
    page.goto(link)
    press_continue_as_customer(page)


def press_continue_as_customer(page: Page) -> None:
    """Press Continue on the page that is the same for every link."""
    expect(heading(page)).to_have_text(ASKED_FOR)
    page.get_by_role("button", name="Continue").click()
    expect(heading(page)).not_to_have_text(ASKED_FOR)


def press_send_once(page: Page) -> None:
    """Press the button of the customer's form."""
    page.get_by_role("button", name="Send once").click()


def answer(page: Page, text: str, field: str = "Confidential text") -> None:
    """Type the answer and send it."""
    page.get_by_label(field, exact=True).fill(text)
    press_send_once(page)
    expect(heading(page)).to_have_text(ANSWERED)


def follow_as_custodian(page: Page, link: str) -> None:
    """Open the retrieval link and press Continue."""
    page.goto(link)
    press_continue_as_custodian(page)


def press_continue_as_custodian(page: Page) -> None:
    """Press Continue on the page that is the same for every retrieval link."""
    expect(heading(page)).to_have_text(FOR_CUSTODIANS)
    page.get_by_role("button", name="Continue").click()
    expect(heading(page)).not_to_have_text(FOR_CUSTODIANS)


def press_reveal_once(page: Page, *, ticket: str = "T-4711", purpose: str = TAKE_INTO_CUSTODY) -> None:
    """Say what the answer is needed for, and press the button that shows it."""
    page.get_by_label("What is it needed for?").select_option(purpose)
    page.get_by_label("Ticket").fill(ticket)
    page.get_by_role("button", name="Reveal once").click()


def retrieve(page: Page, link: str) -> None:
    """Go the way of a custodian who has just signed in to the answer."""
    follow_as_custodian(page, link)
    press_reveal_once(page)
    expect(page.locator("[data-revealed]")).to_be_visible()
