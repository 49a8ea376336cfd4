"""What people do on the pages, in their words. A step ends when the page shows that it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.browser.running_service import Account

NEUTRAL = "A confidential text is waiting for you"
REVEALED = "Here is your text"


@dataclass(frozen=True)
class Sent:
    """What the answer page gave to the sender."""

    link: str
    code: str
    record_address: str

    @property
    def key(self) -> str:
        """Return the part of the link that browsers keep to themselves."""
        return self.link.partition("#")[2]


def heading(page: Page) -> Locator:
    """Return the heading of the page."""
    return page.get_by_role("heading", level=1)


def set_up(page: Page, link: str, account: Account) -> None:
    """Make the first account by the set-up link."""
    page.goto(link)
    page.get_by_label("Your name").fill(account.name)
    page.get_by_label("E-mail").fill(account.email)
    page.get_by_label("Password", exact=True).fill(account.password)
    page.get_by_role("button", name="Make the account").click()
    add_app(page, account)
    expect(heading(page)).to_have_text("My work")


def add_app(page: Page, account: Account) -> list[str]:
    """Add an authenticator app as the first second factor; return the recovery codes."""
    expect(heading(page)).to_have_text("Protect your account")
    page.get_by_role("button", name="Use an authenticator app").click()
    account.app.key = page.get_by_label("The same key").input_value().replace(" ", "")
    page.get_by_label("Code", exact=True).fill(account.app.next_code())
    page.get_by_role("button", name="Confirm").click()
    expect(heading(page)).to_have_text("Your recovery codes")
    codes = page.get_by_label("Recovery codes").input_value().split()
    page.get_by_role("link", name="I have kept them, go on").click()
    return codes


def sign_in(page: Page, account: Account) -> None:
    """Sign in on the page that asks for it; whoever does it for the first time adds an authenticator app."""
    page.get_by_label("E-mail").fill(account.email)
    page.get_by_label("Password", exact=True).fill(account.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(heading(page)).not_to_have_text("Sign in")
    if account.app.key:
        page.get_by_label("Code of your authenticator app").fill(account.app.next_code())
        page.get_by_role("button", name="Sign in", exact=True).click()
    else:
        add_app(page, account)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def send(
    page: Page, secret: str, *, customer: str = "Harbour Logistics GmbH", label: str = "", no_code_because: str = ""
) -> Sent:
    """Send `secret` on a new record, named in the same form."""
    page.goto("/send")
    page.get_by_label("Record", exact=True).select_option("new")
    page.get_by_label("Customer").fill(customer)
    page.get_by_label("Secret", exact=True).fill(secret)
    page.get_by_label("Label").fill(label)
    if no_code_because:
        page.get_by_label("Ask for an access code").uncheck()
        page.get_by_label("Reason").fill(no_code_because)
    create_link(page)
    return what_was_sent(page)


def create_link(page: Page) -> None:
    """Press the button at the end of the form."""
    the_create_button(page).click()
    expect(heading(page)).to_have_text("Your link is ready")


def the_create_button(page: Page) -> Locator:
    """Return the visible button of the form; the first is there for the Enter key only."""
    return page.get_by_role("button", name="Create the one-time link")


def what_was_sent(page: Page) -> Sent:
    """Read link, code and record from the answer page."""
    code = page.get_by_label("Access code", exact=True)
    return Sent(
        link=page.get_by_label("One-time link", exact=True).input_value(),
        code=code.input_value() if code.count() else "",
        record_address=page.get_by_role("link", name="Go to the record").get_attribute("href") or "",
    )


def follow(page: Page, link: str) -> None:
    """Open a link and press Continue."""
    page.goto(link)
    press_continue(page)


def press_continue(page: Page) -> None:
    """Press Continue on the neutral page."""
    expect(heading(page)).to_have_text(NEUTRAL)
    page.get_by_role("button", name="Continue").click()
    expect(heading(page)).not_to_have_text(NEUTRAL)


def press_reveal(page: Page, code: str) -> None:
    """Type the code, if there is one, and press Reveal."""
    if code:
        page.get_by_label("Access code").first.fill(code)
    page.get_by_role("button", name="Reveal").click()


def reveal(page: Page, code: str) -> None:
    """Type the code and get the text."""
    press_reveal(page, code)
    expect(heading(page)).to_have_text(REVEALED)


def decline(page: Page, code: str, note: str) -> None:
    """Decline instead, with a note."""
    page.get_by_text("Not expecting this?").click()
    page.locator("#decline-code").fill(code)
    page.get_by_label("Note to the sender").fill(note)
    page.get_by_role("button", name="Decline and destroy").click()
    expect(heading(page)).to_have_text("You declined the text")


def wrong(code: str) -> str:
    """Return another code that could be one."""
    return code[:-1] + ("2" if code[-1] != "2" else "3")


def clipboard(page: Page) -> str:
    """Return what is in the clipboard."""
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text
