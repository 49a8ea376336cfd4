"""verify.html as somebody saved it: opened from disk, in a browser without a network, and given files."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from sharelink.bundles.verifier_page import verifier_page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

RIGHT, WRONG = "Everything here is right", "This is not right"


@contextmanager
def page_from_disk(browser: Browser, folder: Path) -> Iterator[Page]:
    """Yield the page from a file, with the network off; it asks for nothing and complains of nothing."""
    (folder / "verify.html").write_bytes(verifier_page())
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.set_offline(True)
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: request.url.startswith(("file:", "blob:")) or troubles.append(request.url))
    page.goto((folder / "verify.html").as_uri())
    yield page
    context.close()
    assert troubles == []


def check(page: Page, content: bytes, name: str = "bundle.zip") -> str:
    """Give the page one file; return what it says at the end."""
    page.reload()
    page.locator("#files").set_input_files({"name": name, "mimeType": "application/zip", "buffer": content})
    expect(page.locator("#state-title")).to_have_text(re.compile(f"{RIGHT}|{WRONG}"))
    return page.locator("#state").inner_text()
