"""A service on a database that was filled before it started, and a window for somebody who is signed in there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.attacks.installations import GENEROUS, Installation, copied_sqlite, installed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.attacks.servers import Server
    from tests.browser.watched import Watched
    from tests.factories import Person


@contextmanager
def prepared(migrated_file: Path, folder: Path) -> Iterator[Installation]:
    """Yield an installation on an empty SQLite file; its servers end with the block."""
    with installed(copied_sqlite(migrated_file, folder), folder) as installation:
        yield installation


def serve(installation: Installation) -> Server:
    """Start the server, without background work, for somebody in a hurry."""
    limits = {"rate_limit_submit": GENEROUS, "rate_limit_submit_per_link": GENEROUS}
    return installation.start(command=("serve", "--no-worker"), **limits)[0]


def address_of(server: Server) -> str:
    """Return where browsers find the server."""
    return f"http://localhost:{server.port}"


def signed_in_window(watched: Watched, server: Server, person: Person) -> Page:
    """Open a window in which the person is signed in."""
    with server.caller() as caller:
        caller.sign_in(person)
        cookies = [
            {"name": name, "value": value, "url": address_of(server), "httpOnly": True}
            for name, value in caller.cookies.items()
        ]
    page = watched.window()
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    return page
