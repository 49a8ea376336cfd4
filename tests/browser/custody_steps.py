"""What people do on a record from first contact to the end of custody, in their words; each step ends with its effect.

They follow the one button that the record offers as its next step wherever there is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.steps import heading
from tests.browser.test_accessibility import assert_sound
from tests.browser.watched import DESKTOP_LIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import Locator, Page

CALL = "I called the number in the contract, and Ms Weber answered."
CONTACT_NAME = "Hanna Weber"
STATEMENT = "Your custody statement"


@dataclass(frozen=True)
class Case:
    """A record with the people around it, each in a window of their own."""

    address: str
    sender: Page
    custodian: Page
    second: Page
    customer: Page
    contact_email: str

    @property
    def path(self) -> str:
        """Return the record's address on any host."""
        return "/records/" + self.address.rpartition("/records/")[2].partition("#")[0]


def sound(page: Page) -> None:
    """Look at the page in both sizes, light and dark, and leave it as it was: phones fold what is on a record."""
    assert_sound(page)
    page.set_viewport_size(DESKTOP_LIGHT.size)
    page.emulate_media(color_scheme=DESKTOP_LIGHT.scheme)


def open_aws_record(page: Page, customer: str, distribution_list: str = "") -> str:
    """Open a record for the root user of an AWS account; return its address."""
    page.goto("/records/new")
    page.get_by_label("Customer").fill(customer)
    page.get_by_label("Subject").fill("Organisation of the group")
    page.get_by_label("AWS account id").fill("111122223333")
    page.get_by_label("Root e-mail").fill("aws-root@harbour.example")
    page.get_by_label("Distribution list").fill(distribution_list)
    page.get_by_role("button", name="Open the record").click()
    expect(heading(page)).to_have_text(customer)
    return page.url


def part(page: Page, name: str) -> Locator:
    """Return the part of the record's page that is about what comes next, or about another thing, by its id."""
    return page.locator(f"#{name}")


def expect_next(case: Case, page: Page, title: str) -> None:
    """Open the record and find what is said to come next."""
    page.goto(case.path)
    expect(part(page, "next").get_by_role("heading", level=2)).to_have_text(title)


def take_next(case: Case, page: Page, title: str, button: str) -> None:
    """Open the record, find what comes next, and press its button."""
    expect_next(case, page, title)
    part(page, "next").get_by_role("link", name=button, exact=True).click()


def other_step(case: Case, page: Page, button: str) -> None:
    """Open the record and choose one of the other steps."""
    page.goto(case.path)
    part(page, "next").get_by_text("Other steps").click()
    part(page, "next").get_by_role("link", name=button, exact=True).click()


def expect_state(case: Case, page: Page, label: str) -> None:
    """Open the record and find its state at the top."""
    page.goto(case.path)
    expect(page.locator(".page-head .eyebrow")).to_contain_text(label)


def submit(page: Page, button: str, path: str) -> None:
    """Press the button of a form and get back to the record."""
    page.get_by_role("button", name=button, exact=True).click()
    expect(page).to_have_url(re.compile(f"{re.escape(path)}(#.*)?$"))


def confirm(case: Case, page: Page, what: str, how: str = "") -> None:
    """Confirm what somebody else proposed."""
    page.goto(case.path)
    if how:
        page.get_by_label("How did you check it?").fill(how)
    the_confirm_button(page, what).click()
    expect(the_confirm_button(page, what)).to_have_count(0)


def the_confirm_button(page: Page, what: str) -> Locator:
    """Return the button that confirms a proposal; only screen readers are told which."""
    return page.get_by_role("button", name=re.compile(f"^Confirm ?: {what}$"))


def expect_own_proposal_waits(page: Page, what: str) -> None:
    """Find that nobody confirms what they proposed themselves."""
    expect(page.get_by_text("You proposed it. Ask a colleague to open this page.")).to_be_visible()
    expect(the_confirm_button(page, what)).to_have_count(0)


def add_confirmed_contact(case: Case) -> None:
    """Add a contact of the customer, and let a second person confirm it."""
    take_next(case, case.sender, "Add a contact of the customer", "Add a contact")
    sound(case.sender)
    case.sender.get_by_label("Name").fill(CONTACT_NAME)
    case.sender.get_by_label("E-mail").fill(case.contact_email)
    case.sender.get_by_label("What the person is in charge of").fill("Head of IT")
    submit(case.sender, "Add the contact", case.path)
    expect_own_proposal_waits(case.sender, "Confirm a contact")
    expect_next(case, case.second, "Have the contact confirmed")
    sound(case.second)
    confirm(case, case.second, "Confirm a contact", CALL)
    expect(part(case.second, "contacts").get_by_text("Confirmed", exact=True)).to_be_visible()


def write_terms(case: Case) -> None:
    """Write down who owns the credential together, and for what."""
    case.sender.goto(case.path)
    part(case.sender, "parties").get_by_role("link", name="Parties and terms").click()
    sound(case.sender)
    case.sender.get_by_label("Purpose").fill("Only to administer the billing of the organisation.")
    case.sender.get_by_label("Owned together since").fill("2026-01-01")
    submit(case.sender, "Save the terms", case.path)


def begin(case: Case, scenario: str) -> None:
    """Begin the handover."""
    take_next(case, case.sender, "Begin the handover", "Begin the handover")
    case.sender.get_by_role("button", name="Begin the handover").click()
    expect(case.sender.locator("textarea:invalid")).to_be_visible()
    case.sender.get_by_text(scenario, exact=True).click()
    case.sender.get_by_label("How was it agreed?").fill(CALL)
    sound(case.sender)
    submit(case.sender, "Begin the handover", case.path)
    expect_state(case, case.sender, "Awaiting the secret")


def ask_for_one_approval(case: Case) -> None:
    """Change the policy so that somebody else approves every use."""
    case.sender.goto(case.path)
    part(case.sender, "policy").get_by_role("link", name="Change the policy").click()
    sound(case.sender)
    case.sender.get_by_label("Approvals before a use").select_option(label="One person")
    case.sender.get_by_label("What a ticket looks like").fill("CASE-#")
    submit(case.sender, "Propose the change", case.path)
    confirm(case, case.second, "Change the policy")
    expect(part(case.second, "policy")).to_contain_text("CASE-#")


def add_item(case: Case, page: Page, kind: str, **texts: str) -> None:
    """Write an item down, with whatever else its form asks for."""
    page.goto(case.path)
    part(page, "items").get_by_role("link", name="Add an item").click()
    page.get_by_text(kind, exact=True).click()
    labels: Mapping[str, str] = {
        "holder": "Who has it",
        "place": "Where it is",
        "serial": "End of its serial number",
        "state": "State",
    }
    for name, text in texts.items():
        page.get_by_label(labels[name]).fill(text)
    submit(page, "Add the item", case.path)
    expect(part(page, "items").get_by_text(kind).first).to_be_visible()


def check_item(case: Case, page: Page, label: str, found: str, *, none_seen: bool = False) -> None:
    """Look at an item and say what was found."""
    page.goto(case.path)
    part(page, "items").get_by_role("link", name=re.compile(f"^Check ?: {label}$")).click()
    page.get_by_label("What you found").fill(found)
    if none_seen:
        page.get_by_label("There are none").check()
    sound(page)
    submit(page, "I have checked it", case.path)


def write_items_down(case: Case) -> None:
    """Write down everything that belongs to a root user, and look at the mailbox and for access keys."""
    page = case.custodian
    page.goto(case.path)
    if part(page, "items").get_by_role("link", name=re.compile("^Check ?: Root password$")).count() == 0:
        add_item(case, page, "Root password", holder="Custodians", place="Vault, entry 17")
    add_item(case, page, "MFA device", holder="Security desk", place="Safe in room 2.14", serial="4f21")
    add_item(case, page, "Root mailbox", holder="Harbour Logistics", place="aws-root@harbour.example")
    check_item(case, page, "Root mailbox", "A list with three readers now.")
    add_item(case, page, "Root access keys", holder="Nobody", place="Security credentials of the root user")
    check_item(case, page, "Root access keys", "Looked at on the console.", none_seen=True)
    expect(part(page, "items")).to_contain_text("None seen")


def verify(case: Case) -> None:
    """Say, as a custodian, that one has just signed in with the secret."""
    take_next(case, case.custodian, "Sign in once and verify", "Verify the sign-in")
    case.custodian.get_by_label("Signed in at (UTC)").fill(f"{datetime.now(UTC):%Y-%m-%dT%H:%M}")
    case.custodian.get_by_label("End of the MFA device").fill("4f21")
    sound(case.custodian)
    submit(case.custodian, "It works", case.path)
    expect_state(case, case.custodian, "Verified")


def activate(case: Case) -> None:
    """Take the credential into custody: the custodian, a second person, and the customer's word."""
    take_next(case, case.custodian, "Take it into custody", "Take into custody")
    sound(case.custodian)
    case.custodian.get_by_label("Who acknowledged it for the customer").fill(CONTACT_NAME)
    case.custodian.get_by_label("How did they?").fill(CALL)
    submit(case.custodian, "Propose it to a second person", case.path)
    expect_own_proposal_waits(case.custodian, "Take into custody")
    expect_next(case, case.second, "A second person confirms")
    sound(case.second)
    confirm(case, case.second, "Take into custody")
    expect_state(case, case.second, "In custody")


def declare_use(page: Page, case: Case, *, purpose: str, reason: str) -> str:
    """Declare a use of the credential; return the address of its page."""
    page.goto(f"{case.path}/uses/new")
    page.get_by_label("What is it needed for?").select_option(label=purpose)
    page.get_by_label("Ticket").fill("CASE-4711")
    page.get_by_label("What are you going to do?").fill(reason)
    page.get_by_role("button", name="Declare it").click()
    expect(page.get_by_text("Still needed: one approval.")).to_be_visible()
    return page.url


def approve(page: Page, use_address: str) -> None:
    """Approve a use that somebody else has declared, from the list of what waits."""
    page.goto("/")
    waiting = page.get_by_role("region", name="Access to approve")
    waiting.locator(f"a[href$='{use_address.rpartition('/')[2]}']").click()
    sound(page)
    page.get_by_label("Note").fill("As agreed in CASE-4711.")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_text("It has all approvals.")).to_be_visible()


def check_out(page: Page, use_address: str) -> None:
    """Begin an approved use."""
    page.goto(use_address)
    page.get_by_role("button", name="Check out and begin").click()
    expect(page.get_by_role("heading", name="Check in")).to_be_visible()


def check_in(page: Page, use_address: str, note: str) -> None:
    """End a use and say what came of it."""
    page.goto(use_address)
    sound(page)
    page.get_by_label("Done as declared").check()
    page.get_by_label("What was done").fill(note)
    page.get_by_role("button", name="Check in", exact=True).click()
    expect(page.get_by_text("Done as declared. Checked in")).to_be_visible()


def review(page: Page, use_address: str) -> None:
    """Review somebody else's use."""
    page.goto(use_address)
    page.get_by_label("As declared", exact=True).check()
    page.get_by_role("button", name="Reviewed").click()
    expect(page.get_by_text("As declared, says")).to_be_visible()
    sound(page)


def make_statement_link(case: Case) -> str:
    """Make a link to the statement for the customer's contact; return it."""
    page = case.sender
    page.goto(case.path)
    part(page, "statement").get_by_role("link", name="Links").click()
    sound(page)
    expect(page.get_by_label("For", exact=True)).to_contain_text(CONTACT_NAME)
    page.get_by_role("button", name="Make the link").click()
    expect(heading(page)).to_have_text("The link is ready")
    sound(page)
    return page.get_by_label("Link to the statement").input_value()


def open_statement(page: Page, link: str) -> Locator:
    """Open the customer's link and press Continue; return the sheet."""
    page.goto(link)
    expect(heading(page)).to_have_text(STATEMENT)
    assert "#" not in page.url
    page.get_by_role("button", name="Continue").click()
    expect(heading(page)).to_have_text("Custody statement")
    return page.locator("article.sheet")


def say_it_is_right(page: Page) -> None:
    """Confirm the statement, as the customer."""
    page.get_by_role("button", name="This is right").click()
    expect(heading(page)).to_have_text("Thank you. It is noted.")
