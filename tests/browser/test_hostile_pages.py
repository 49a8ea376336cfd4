"""A real browser on pages in which every text is hostile: no script runs, nothing is loaded, and no rule is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attacks.hostile import Hostile, addresses_with, fill, numbered, poison_all
from tests.attacks.pages import ReadPage
from tests.attacks.payloads import ALL_AT_ONCE, ELEMENT, MARK
from tests.browser.prepared_service import address_of, prepared, serve, signed_in_window
from tests.browser.watched import watching

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.attacks.installations import Installation
    from tests.attacks.servers import Server
    from tests.browser.watched import Watched

pytestmark = pytest.mark.browser

_ALIVE = f"[window.{MARK} ?? null, document.querySelectorAll('{ELEMENT}, base, iframe, style').length]"
_IS_REFUSED = """text => {
  const tries = {
    html: () => { document.body.innerHTML = text; },
    outer: () => { document.querySelector("main").outerHTML = text; },
    insert: () => { document.body.insertAdjacentHTML("beforeend", text); },
    parse: () => { document.createRange().createContextualFragment(text); },
    source: () => { document.createElement("script").src = "//x.example/"; },
    script: () => { document.createElement("script").text = "alert(1)"; },
    timer: () => { setTimeout("alert(1)"); },
    evaluate: () => { eval("alert(1)"); },
    function: () => { new Function("alert(1)")(); },
    policy: () => { trustedTypes.createPolicy("mine", {createHTML: html => html}); },
    again: () => { trustedTypes.createPolicy("htmx", {createHTML: html => html}); },
  };
  // Later, when the debugger that brought this text in, to which no policy applies, is out of the way.
  return new Promise(resolve => setTimeout(() => {
    const refused = [];
    for (const [name, attempt] of Object.entries(tries)) {
      try { attempt(); } catch (error) { refused.push(name); }
    }
    resolve([refused.sort(), Object.keys(tries).sort()]);
  }, 50));
}"""


@pytest.fixture(scope="module")
def installation(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with prepared(migrated_file, tmp_path_factory.mktemp("hostile")) as made:
        yield made


@pytest.fixture(scope="module")
def hostile(installation: Installation) -> Hostile:
    return fill(installation.unit_of_work, "http://localhost", ALL_AT_ONCE)


@pytest.fixture(scope="module")
def server(installation: Installation, hostile: Hostile) -> Server:
    poison_all(installation.app, numbered(ALL_AT_ONCE))
    return serve(installation)


@pytest.fixture
def watched(browser: Browser, server: Server) -> Iterator[Watched]:
    with watching(browser, address_of(server)) as windows:
        yield windows


def assert_dead(page: Page) -> None:
    assert page.evaluate(_ALIVE) == [None, 0], page.url


def test_no_hostile_text_comes_alive_on_any_page_of_staff(watched: Watched, server: Server, hostile: Hostile) -> None:
    page = signed_in_window(watched, server, hostile.walker)
    # A missing asset is trouble on every page but this.
    typed = [address for address in addresses_with(ALL_AT_ONCE) if not address.startswith("/static/")]
    waiting, seen = ["/", "/people", "/groups", "/webhooks", "/deliveries", *typed], set()
    showing = 0
    while waiting:
        address = waiting.pop(0)
        page.goto(address_of(server) + address, wait_until="domcontentloaded")
        assert_dead(page)
        content = page.content()
        showing += ELEMENT in content
        for link in sorted(ReadPage(content).links):
            kind = Hostile.kind_of(link)
            if kind not in seen and not link.startswith("/account/factors"):
                seen.add(kind)
                waiting.append(link)
    page.wait_for_load_state("networkidle")
    assert showing > 30


def test_no_hostile_text_comes_alive_on_any_page_of_a_link(watched: Watched, server: Server, hostile: Hostile) -> None:
    page = watched.window()
    for path, fields in hostile.public_posts:
        if path == "/r/receipt":
            continue
        # Sent as the page's own form, from a page of the service.
        page.goto(f"{address_of(server)}/s/status")
        with page.expect_navigation(wait_until="domcontentloaded"):
            page.evaluate(
                """([path, fields]) => {
                  const form = document.createElement("form");
                  form.method = "post"; form.action = path; form.setAttribute("hx-disable", "");
                  for (const [name, value] of Object.entries(fields)) {
                    const area = document.createElement("textarea");
                    area.name = name; area.value = value; form.append(area);
                  }
                  document.body.append(form);
                  HTMLFormElement.prototype.submit.call(form);
                }""",
                [path, dict(fields)],
            )
        assert_dead(page)
    page.wait_for_load_state("networkidle")


def test_no_script_of_the_page_can_turn_a_text_into_code(browser: Browser, server: Server) -> None:
    # Not watched: every refusal is a line on the console, and here they are what is wanted.
    context = browser.new_context(base_url=address_of(server))
    page = context.new_page()
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    for address in ("/s/nobody.knows.this", "/sign-in"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        refused, tried = page.evaluate(_IS_REFUSED, f"<img src=x onerror='window.{MARK}=1'>")
        assert refused == tried
        assert_dead(page)
    assert said == []
    context.close()
