"""Mail scanners that run a whole browser: they load a link with all scripts and wait, and some press every button."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from sharelink.access.models import RootUse
from sharelink.shares.models import Share
from tests.attacks.open_links import SECRET, LiveLinks, live_links, steps_taken
from tests.browser.prepared_service import address_of, prepared, serve
from tests.browser.watched import watching

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from sharelink.unit_of_work import UnitOfWork
    from tests.attacks.installations import Installation
    from tests.attacks.servers import Server
    from tests.browser.watched import Watched

pytestmark = pytest.mark.browser

LOOKS_AROUND_MS = 1_500
SETTLES_MS = 300
GIVES_UP = 6
_PRESS_NEXT = """pressed => {
  for (const button of document.querySelectorAll("main button, main summary")) {
    if (button.checkVisibility() && !pressed.includes(button.innerText)) {
      const label = button.innerText;
      if (button.form) button.form.noValidate = true;
      button.click();
      return label;
    }
  }
  return "";
}"""


@pytest.fixture(scope="module")
def installation(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with prepared(migrated_file, tmp_path_factory.mktemp("prepared")) as made:
        yield made


@pytest.fixture(scope="module")
def server(installation: Installation) -> Server:
    return serve(installation)


@pytest.fixture(scope="module")
def unit_of_work(installation: Installation) -> UnitOfWork:
    return installation.unit_of_work


@pytest.fixture(scope="module")
def links(installation: Installation, server: Server) -> LiveLinks:
    return live_links(installation.unit_of_work, installation.person("Anna"), address_of(server))


@pytest.fixture
def watched(browser: Browser, server: Server) -> Iterator[Watched]:
    with watching(browser, address_of(server)) as windows:
        yield windows


def states(unit_of_work: UnitOfWork) -> list[str]:
    """Return in which states all shares and all uses are."""
    with unit_of_work.read() as work:
        shares = work.session.scalars(select(Share.state).order_by(Share.id)).all()
        uses = work.session.scalars(select(RootUse.state).order_by(RootUse.id)).all()
        return [str(state) for state in (*shares, *uses)]


def press_everything(page: Page) -> None:
    """Press one button after the other, each once, also those that come up meanwhile; fill in nothing."""
    pressed: set[str] = set()
    nothing_new = 0
    while nothing_new < GIVES_UP:
        page.wait_for_load_state("networkidle")
        # In one step, for the page may change between two. What must be filled in first, a scanner does not care.
        label = page.evaluate(_PRESS_NEXT, sorted(pressed))
        nothing_new = 0 if label else nothing_new + 1
        pressed.add(label)
        page.wait_for_timeout(SETTLES_MS)


def test_a_browser_that_runs_every_script_and_waits_sends_only_gets_and_is_not_recorded(
    watched: Watched, unit_of_work: UnitOfWork, links: LiveLinks
) -> None:
    before, stood = steps_taken(unit_of_work), states(unit_of_work)
    for url in links.urls.values():
        page = watched.window()
        page.goto(url)
        page.mouse.move(100, 100)
        page.mouse.wheel(0, 2_000)
        page.keyboard.press("Tab")
        page.wait_for_timeout(LOOKS_AROUND_MS)
        page.reload()
        page.wait_for_load_state("networkidle")
    assert {request.method for request in watched.requests} == {"GET"}
    assert steps_taken(unit_of_work) == before
    assert states(unit_of_work) == stood


def test_one_that_presses_every_button_meets_the_access_code(
    watched: Watched, unit_of_work: UnitOfWork, links: LiveLinks
) -> None:
    stood = states(unit_of_work)
    for folder in ("/s/", "/r/", "/retrieve/", "/approve/"):
        page = watched.window()
        page.goto(links.urls[folder])
        press_everything(page)
        assert SECRET not in page.content()
    # It did press: the share was opened, and the forms were sent and refused.
    assert "/s/reveal" in watched.posts()
    assert "/s/decline" in watched.posts()
    assert "/r/submit" in watched.posts()
    assert "/approve/decide" in watched.posts()
    assert states(unit_of_work) == stood
    assert "share.code_failed" not in steps_taken(unit_of_work)
    person = watched.window()
    person.goto(links.urls["/s/"])
    person.get_by_role("button", name="Continue").click()
    person.get_by_label("Access code").first.fill(links.code)
    person.get_by_role("button", name="Reveal").click()
    expect(person.locator("#secret-text")).to_have_value(SECRET)
