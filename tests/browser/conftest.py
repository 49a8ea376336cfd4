"""One Chromium and one running service for each process of a test run; a fresh, watched window for each test."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.running_service import Account, RunningService, new_account, running_service
from tests.browser.steps import set_up, sign_in
from tests.browser.watched import PATIENCE_MS, Watched, watching
from tests.services import chromium_launch_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, StorageState

LIMITED = ("STATUS", "REVEAL", "SUBMIT", "SUBMIT_PER_LINK", "SIGN_IN", "CREATE")
GENEROUS = {f"SHARELINK_RATE_LIMIT_{name}": "100000 per minute" for name in LIMITED}
FRESH_SECONDS = 150
"""How old a proof of who one is may be when a test begins: it is good for five minutes; no test takes half of that."""
QUIET = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class FirstAccount:
    """The account that was made by the set-up link, the cookies of its browser, and when it last signed in."""

    account: Account
    cookies: StorageState
    signed_in_at: float


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Return how pytest-playwright starts the installed Chromium: it asks nobody but the page under test."""
    options = chromium_launch_options()
    # Root, which builds often run as, cannot have Chromium's sandbox.
    return {**options, "args": [*options["args"], *QUIET, "--no-sandbox"]}


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Yield a running service that all tests of this process share; limits are wide, as all come from one address."""
    with running_service(tmp_path_factory.mktemp("service"), **GENEROUS) as running:
        yield running


@pytest.fixture(scope="session")
def first_account(service: RunningService, browser: Browser) -> FirstAccount:
    """Return the account that was made by the set-up link."""
    account = new_account("Robin Sender")
    with watching(browser, service.address) as watched:
        page = watched.window()
        set_up(page, service.set_up_link, account)
        return FirstAccount(account, page.context.storage_state(), time.monotonic())


@pytest.fixture
def account(first_account: FirstAccount) -> Account:
    """Return the account of `sender`. Tests do not change its password."""
    return first_account.account


@pytest.fixture
def watched(browser: Browser, service: RunningService) -> Iterator[Watched]:
    """Yield what opens windows; afterwards there must have been no trouble in any of them."""
    with watching(browser, service.address) as windows:
        yield windows


@pytest.fixture
def sender(watched: Watched, first_account: FirstAccount) -> Page:
    """Return a window in which the first account is signed in, lately enough for a retrieval."""
    if time.monotonic() > first_account.signed_in_at + FRESH_SECONDS:
        page = watched.window()
        page.goto("/sign-in")
        sign_in(page, first_account.account)
        first_account.cookies = page.context.storage_state()
        first_account.signed_in_at = time.monotonic()
    return watched.window(storage_state=first_account.cookies)


@pytest.fixture
def recipient(watched: Watched) -> Page:
    """Return a window of somebody without an account."""
    return watched.window()
