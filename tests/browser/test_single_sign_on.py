"""Signing in by a provider, in a real browser: there, back, in, a fresh proof in a second window, and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import GENEROUS
from tests.browser.running_service import ORGANISATION, new_account, running_service
from tests.browser.steps import add_app, heading
from tests.browser.test_accessibility import assert_sound
from tests.browser.watched import DESKTOP_DARK, watching
from tests.openid_provider import CLIENT_ID, CLIENT_SECRET, running_provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.browser.watched import Watched
    from tests.openid_provider import RunningProvider

pytestmark = pytest.mark.browser


@pytest.fixture
def by_provider(browser: Browser, tmp_path: Path) -> Iterator[tuple[Watched, RunningProvider, str]]:
    """Yield windows on a service where only the provider signs people in, the provider, and the set-up link."""
    with running_provider() as provider:
        settings = {
            "SSO_ISSUER": provider.issuer,
            "SSO_CLIENT_ID": CLIENT_ID,
            "SSO_CLIENT_SECRET": CLIENT_SECRET,
            "SSO_ROLES_CLAIM": "groups",
            "SSO_ROLE_MAP": "staff=staff;eu=custodian@Custodians",
            "SSO_JOIN": "just_in_time",
            "SSO_REQUIRED_AMR": "mfa",
            "LOCAL_PASSWORDS": "off",
        }
        environment = GENEROUS | {f"SHARELINK_{name}": text for name, text in settings.items()}
        with (
            running_service(tmp_path, **environment) as running,
            watching(browser, running.address, provider.issuer) as watched,
        ):
            yield watched, provider, running.set_up_link


def sign_in_there(page: Page) -> None:
    expect(heading(page)).to_have_text("Provider")
    page.get_by_label("User").fill("anna")
    page.get_by_role("button", name="Sign in there").click()


def test_somebody_comes_in_by_the_provider_proves_again_and_leaves(
    by_provider: tuple[Watched, RunningProvider, str],
) -> None:
    watched, provider, _set_up_link = by_provider
    provider.tell(claims={"groups": ["staff", "eu"], "amr": ["mfa"]})
    page = watched.window()
    page.goto("/account/security")
    expect(heading(page)).to_have_text("Sign in")
    assert_sound(page)
    page.get_by_role("link", name=f"Sign in with {ORGANISATION}").click()
    sign_in_there(page)
    expect(heading(page)).to_have_text("Security of your account")
    assert page.url == f"{watched.address}/account/security"
    assert_sound(page)

    page.get_by_role("button", name="Make new ones").click()
    expect(heading(page)).to_have_text("Is it you?")
    assert_sound(page)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name=f"Prove it with {ORGANISATION}").click()
    second = opened.value
    sign_in_there(second)
    expect(heading(second)).to_have_text("It is you")
    assert second.url == f"{watched.address}/sign-in/sso/proven"
    assert_sound(second)
    second.close()
    page.get_by_role("button", name="Go on").click()
    expect(heading(page)).to_have_text("Your recovery codes")

    page.goto("/account")
    assert_sound(page)
    page.get_by_role("button", name="Sign out").click()
    expect(heading(page)).to_have_text("Sign in")
    provider.tell(claims={"groups": []})
    page.get_by_role("link", name=f"Sign in with {ORGANISATION}").click()
    sign_in_there(page)
    expect(heading(page)).to_have_text("Your organisation did not ask for enough")
    assert page.url == f"{watched.address}/sign-in/sso/failed?why=methods_missing"
    assert_sound(page)


def test_the_first_account_is_for_break_glass_and_its_use_is_seen(
    by_provider: tuple[Watched, RunningProvider, str],
) -> None:
    watched, provider, set_up_link = by_provider
    provider.tell(down=True)
    glass = watched.window(DESKTOP_DARK)
    first = new_account("Robin Glass")
    glass.goto(set_up_link)
    glass.get_by_label("Your name").fill(first.name)
    glass.get_by_label("E-mail").fill(first.email)
    glass.get_by_label("Password", exact=True).fill(first.password)
    glass.get_by_role("button", name="Make the account").click()
    add_app(glass, first)
    expect(glass.get_by_role("heading", name="A break-glass account was used")).to_be_visible()
    assert_sound(glass)
    glass.get_by_role("button", name="Sign out").click()
    glass.get_by_text("Break-glass accounts").click()
    assert_sound(glass)
    glass.get_by_label("E-mail").fill(first.email)
    glass.get_by_label("Password", exact=True).fill(first.password)
    glass.get_by_role("button", name="Sign in", exact=True).click()
    expect(heading(glass)).to_have_text("One more step")
