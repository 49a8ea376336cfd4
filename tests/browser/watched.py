"""Browser windows that are watched: what must never happen on any page fails the test, whatever it was about."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, Response

PATIENCE_MS = 15_000

# Chromium says this of every answer of 400 to 499, also of those that a test provokes.
_PROVOKED = "Failed to load resource: the server responded with a status of 4"

_TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


@dataclass(frozen=True)
class Look:
    """A size of the screen and what the person prefers."""

    device: Literal["desktop", "phone"]
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{self.device}-{self.scheme}"

    @property
    def size(self) -> dict[str, int]:
        """Return the room for the page in CSS pixels."""
        return {"width": 390, "height": 844} if self.device == "phone" else {"width": 1280, "height": 900}

    @property
    def options(self) -> dict[str, Any]:
        """Return the options of a browser that looks so, in a time zone that is not the server's."""
        by_hand = {"has_touch": True, "is_mobile": True} if self.device == "phone" else {}
        return {"viewport": self.size, "color_scheme": self.scheme, "timezone_id": "Asia/Tokyo", **by_hand}


DESKTOP_LIGHT, DESKTOP_DARK = Look("desktop", "light"), Look("desktop", "dark")
PHONE_LIGHT, PHONE_DARK = Look("phone", "light"), Look("phone", "dark")
ALL_LOOKS = (DESKTOP_LIGHT, DESKTOP_DARK, PHONE_LIGHT, PHONE_DARK)


@dataclass
class Watched:
    """Opens windows and notes every request and every trouble in them.

    `elsewhere` is the one other origin that pages may lead to; none, but for sign-ins by a provider.
    """

    browser: Browser
    address: str
    elsewhere: str = ""
    troubles: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def window(self, look: Look = DESKTOP_LIGHT, *, javascript: bool = True, **options: Any) -> Page:
        """Open a window of a browser that knows nothing of the others: no cookie, no history."""
        # Colours that are still changing would be measured half-way.
        still = {"reduced_motion": "reduce", "locale": "en-GB"}
        context = self.browser.new_context(
            base_url=self.address, java_script_enabled=javascript, **still, **look.options, **options
        )
        self.contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        if javascript:
            context.add_init_script(_TELL_VIOLATIONS)
        context.on("console", self._note_console)
        context.on("dialog", self._note_dialog)
        context.on("request", self._note_request)
        context.on("response", self._note_response)
        context.on("weberror", lambda error: self.troubles.append(f"error on the page: {error.error}"))
        return context.new_page()

    def posts(self) -> list[str]:
        """Return the paths that were posted to, by any window."""
        return [request.url.removeprefix(self.address) for request in self.requests if request.method == "POST"]

    def close(self) -> None:
        """Close every window."""
        for context in self.contexts:
            context.close()

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_PROVOKED):
            self.troubles.append(f"console: {message.text}")

    def _note_dialog(self, dialog: Dialog) -> None:
        self.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _note_request(self, request: Request) -> None:
        self.requests.append(request)
        is_elsewhere = bool(self.elsewhere) and request.url.startswith(f"{self.elsewhere}/")
        if not is_elsewhere and not request.url.startswith(f"{self.address}/"):
            self.troubles.append(f"request to another origin: {request.url}")

    def _note_response(self, response: Response) -> None:
        is_asset = response.url.startswith(f"{self.address}/static/")
        if response.status >= 500 or (is_asset and response.status >= 400):
            self.troubles.append(f"{response.status} of {response.request.method} {response.url}")


@contextmanager
def watching(browser: Browser, address: str, elsewhere: str = "") -> Iterator[Watched]:
    """Watch windows of the service at `address`, and find no trouble in any of them at the end."""
    watched = Watched(browser, address, elsewhere)
    try:
        yield watched
    finally:
        watched.close()
    assert watched.troubles == [], watched.troubles
