"""The life of an account, as people live it: invited, joined with a passkey, a retrieval with step-up, shut out.

With a virtual authenticator of Chromium's own, so that everything but the finger on the sensor is real.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.request_steps import answer, ask, follow_as_custodian, follow_as_customer, press_reveal_once
from tests.browser.running_service import COMMAND, new_account
from tests.browser.steps import heading
from tests.browser.test_accessibility import assert_sound
from tests.browser.test_joining import add_passkey, fill_in, give_authenticator, named_service, service_of
from tests.browser.watched import PHONE_DARK, PHONE_LIGHT

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.running_service import Account, RunningService
    from tests.browser.watched import Watched

pytestmark = pytest.mark.browser

__all__ = ["named_service", "service_of"]

SECRET = "correct horse, told once"


def invited(administrator: Page, email: str) -> str:
    administrator.goto("/people/invite")
    administrator.get_by_label("E-mail").fill(email)
    for role in ("Staff", "Custodian"):
        administrator.get_by_label(role, exact=True).check()
    administrator.get_by_label("Custodians").check()
    administrator.get_by_role("button", name="Make the link").click()
    return administrator.get_by_label("Invitation link").input_value()


def join(page: Page, kim: Account) -> None:
    page.get_by_label("Your name").fill(kim.name)
    page.get_by_label("E-mail").fill(kim.email)
    page.get_by_role("button", name="Join with a passkey").click()


def set_up(watched: Watched, set_up_link: str) -> Page:
    administrator = watched.window()
    give_authenticator(administrator)
    administrator.goto(set_up_link)
    fill_in(administrator, new_account("Robin Administrator"))
    administrator.get_by_role("button", name="Make the account").click()
    add_passkey(administrator)
    return administrator


def type_another_address(page: Page, kim: Account) -> None:
    """What is wrong is told before the device makes a passkey; Enter means the passkey."""
    assert_sound(page)
    page.get_by_label("Your name").fill(kim.name)
    page.get_by_label("E-mail").fill("somebody.else@reseller.example")
    page.get_by_label("E-mail").press("Enter")
    expect(page.get_by_text("The invitation was sent to another address.").first).to_be_visible()
    assert_sound(page)


def look_at_an_account_without_a_password(page: Page) -> None:
    page.goto("/account")
    expect(page.get_by_role("heading", name="Set a password")).to_be_visible()
    assert_sound(page)
    page.goto("/account/security")
    expect(page.get_by_role("link", name="set a password")).to_be_visible()
    assert_sound(page)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(heading(page)).to_have_text("My work")


def disable(administrator: Page, kim: Account) -> None:
    administrator.goto("/people")
    administrator.get_by_role("link", name=kim.name).click()
    assert_sound(administrator)
    administrator.get_by_role("button", name="Disable the account").click()
    expect(heading(administrator)).to_have_text("Is it you?")
    administrator.get_by_role("button", name="Use your passkey").click()
    expect(administrator.get_by_role("button", name="Enable again")).to_be_visible()


def forget_proofs(service: RunningService) -> None:
    """Let five minutes pass for every proof, in the database of the running service."""
    program = (
        "import sqlite3; c = sqlite3.connect('instance/sharelink.db', timeout=20); "
        "c.execute('UPDATE staff_session SET proven_at = proven_at - 301000000'); c.commit()"
    )
    python = COMMAND.with_name("python")
    subprocess.run([python, "-c", program], cwd=service.directory, env=service.environment, check=True)


def test_from_an_invitation_by_a_passkey_and_a_retrieval_with_step_up_to_the_end_of_the_account(
    named_service: tuple[Watched, str], service_of: RunningService
) -> None:
    watched, set_up_link = named_service
    newcomer, customer = watched.window(PHONE_LIGHT), watched.window(PHONE_DARK)
    administrator, kim = set_up(watched, set_up_link), new_account("Kim Newcomer")
    give_authenticator(newcomer)
    link = invited(administrator, kim.email)
    newcomer.goto(link)
    type_another_address(newcomer, kim)
    join(newcomer, kim)
    expect(heading(newcomer)).to_have_text("Your recovery codes")
    assert_sound(newcomer)
    newcomer.get_by_role("link", name="I have kept them, go on").click()
    expect(heading(newcomer)).to_have_text("My work")
    look_at_an_account_without_a_password(newcomer)

    requested = ask(newcomer, of_aws=False)
    follow_as_customer(customer, requested.submit_link)
    answer(customer, SECRET)
    follow_as_custodian(newcomer, requested.retrieval_link)
    forget_proofs(service_of)
    press_reveal_once(newcomer)
    expect(heading(newcomer)).to_have_text("Is it you?")
    assert_sound(newcomer)
    expect(newcomer.get_by_label("Your password")).to_have_count(0)
    newcomer.get_by_role("button", name="Use your passkey").click()
    expect(newcomer.locator("[data-revealed]")).to_be_visible()

    # In mid-session: with the next request, whatever it is, and for good.
    newcomer.goto("/records")
    disable(administrator, kim)
    newcomer.get_by_role("searchbox").fill("harbour")
    expect(heading(newcomer)).to_have_text("Sign in")
    newcomer.get_by_role("button", name="Sign in with a passkey").click()
    expect(newcomer.get_by_text("You could not be signed in with this passkey.")).to_be_visible()
    follow_as_custodian(newcomer, requested.retrieval_link)
    expect(heading(newcomer)).to_have_text("Sign in first")

    late = watched.window()
    give_authenticator(late)
    late.goto(link)
    join(late, kim)
    expect(heading(late)).to_have_text("This invitation does not work")
    link_secret = link.partition("#")[2]
    for request in watched.requests:
        assert link_secret not in request.url
        assert link_secret not in str(request.headers)


def test_a_password_is_still_a_way_to_join_beside_the_passkey_and_without_a_script(
    named_service: tuple[Watched, str], service_of: RunningService
) -> None:
    watched, set_up_link = named_service
    administrator = set_up(watched, set_up_link)
    for javascript, press in ((True, "Enter"), (False, "the button")):
        kim, page = new_account("Kim Newcomer"), watched.window(javascript=javascript)
        if javascript:
            give_authenticator(page)
        page.goto(link := invited(administrator, kim.email))
        if not javascript:
            page.get_by_label("Paste the whole invitation link here").fill(link)
            expect(page.get_by_role("button", name="Join with a passkey")).to_have_count(0)
        fill_in(page, kim)
        if press == "Enter":
            page.get_by_label("Password", exact=True).press("Enter")
        else:
            page.get_by_role("button", name="Join with a password").click()
        expect(heading(page)).to_have_text("Protect your account")
