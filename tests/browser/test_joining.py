"""A colleague is invited, joins with a password, adds a passkey, and is shut out again: each step as people do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import GENEROUS
from tests.browser.running_service import new_account, running_service
from tests.browser.steps import heading
from tests.browser.test_accessibility import assert_sound
from tests.browser.watched import PHONE_LIGHT, watching

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.browser.running_service import Account, RunningService
    from tests.browser.watched import Watched

pytestmark = pytest.mark.browser


@pytest.fixture
def service_of(tmp_path: Path) -> Iterator[RunningService]:
    """Yield a service of this test alone."""
    with running_service(tmp_path, **GENEROUS) as running:
        yield running


@pytest.fixture
def named_service(browser: Browser, service_of: RunningService) -> Iterator[tuple[Watched, str]]:
    """Yield windows on a service of this test alone, and its set-up link."""
    with watching(browser, service_of.address) as watched:
        yield watched, service_of.set_up_link


def give_authenticator(page: Page) -> None:
    """Give the browser an authenticator of its own, such as a laptop with a fingerprint reader."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def fill_in(page: Page, account: Account) -> None:
    page.get_by_label("Your name").fill(account.name)
    page.get_by_label("E-mail").fill(account.email)
    page.get_by_label("Password", exact=True).fill(account.password)


def add_passkey(page: Page) -> None:
    expect(heading(page)).to_have_text("Protect your account")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_role("button", name="Add the passkey").click()
    expect(heading(page)).to_have_text("Your recovery codes")
    page.get_by_role("link", name="I have kept them, go on").click()
    expect(heading(page)).to_have_text("My work")


def test_from_an_invitation_to_a_passkey_and_to_the_end_of_the_account(
    named_service: tuple[Watched, str],
) -> None:
    watched, set_up_link = named_service
    administrator, newcomer = watched.window(), watched.window(PHONE_LIGHT)
    robin, kim = new_account("Robin Administrator"), new_account("Kim Newcomer")
    for page in (administrator, newcomer):
        give_authenticator(page)

    administrator.goto(set_up_link)
    fill_in(administrator, robin)
    administrator.get_by_role("button", name="Make the account").click()
    add_passkey(administrator)

    administrator.get_by_role("link", name="People").click()
    administrator.get_by_role("link", name="Invite somebody").click()
    assert_sound(administrator)
    administrator.get_by_label("E-mail").fill(kim.email)
    administrator.get_by_label("Custodian", exact=True).check()
    administrator.get_by_label("Custodians").check()
    administrator.get_by_role("button", name="Make the link").click()
    expect(heading(administrator)).to_have_text("The invitation is ready")
    assert_sound(administrator)
    link = administrator.get_by_label("Invitation link").input_value()
    link_secret = link.partition("#")[2]

    newcomer.goto(link)
    expect(newcomer).to_have_url(f"{watched.address}/join")
    assert_sound(newcomer)
    newcomer.reload()
    fill_in(newcomer, kim)
    newcomer.get_by_role("button", name="Join with a password").click()
    expect(heading(newcomer)).to_have_text("Protect your account")
    newcomer.goto("/records")
    expect(heading(newcomer)).to_have_text("Protect your account")
    newcomer.goto("/account/enrol")
    add_passkey(newcomer)
    expect(newcomer.get_by_text("Your groups have changed")).to_be_visible()
    newcomer.get_by_role("link", name="Groups").click()
    newcomer.get_by_role("link", name="Custodians").click()
    expect(newcomer.get_by_text(robin.name).first).to_be_visible()
    assert_sound(newcomer)

    for request in watched.requests:
        assert link_secret not in request.url
        assert link_secret not in str(request.headers)

    administrator.goto("/people")
    assert_sound(administrator)
    administrator.get_by_role("link", name=kim.name).click()
    assert_sound(administrator)
    administrator.get_by_role("button", name="Disable the account").click()
    expect(administrator.get_by_role("button", name="Enable again")).to_be_visible()
    newcomer.goto("/groups")
    expect(heading(newcomer)).to_have_text("Sign in")

    late = watched.window()
    late.goto(link)
    fill_in(late, kim)
    late.get_by_role("button", name="Join with a password").click()
    expect(heading(late)).to_have_text("This invitation does not work")
