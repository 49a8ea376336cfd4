"""What a test needs to act as a browser without a screen: read forms out of pages, and post them as they are."""

import html
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from pyotp import TOTP
from werkzeug.test import TestResponse

from tests.factories import Person

HTMX = {"HX-Request": "true"}
_FIELD = re.compile(r"<input\b[^>]*>")


def hidden_field(page: str, name: str) -> str:
    """Return the value of the input called `name` on a page; it must be there."""
    for tag in _FIELD.findall(page):
        if re.search(rf'\bname="{re.escape(name)}"', tag):
            value = re.search(r'\bvalue="([^"]*)"', tag)
            return html.unescape(value.group(1)) if value else ""
    raise AssertionError(f"there is no field called {name}")


def app_key(page: str) -> str:
    """Return the key for an authenticator app that a page shows."""
    found = re.search(r'<input id="app-key"[^>]*value="([^"]*)"', page)
    assert found is not None, "the page shows no key"
    return found[1].replace(" ", "")


def headers_of(answer: TestResponse) -> str:
    """Return the headers that tell anything: all but the number of the request, which is random every time."""
    headers = dict(answer.headers.to_wsgi_list())
    assert re.fullmatch(r"[0-9a-f]{16}", headers.pop("X-Request-ID"))
    assert len(headers) == len(answer.headers) - 1
    return str(sorted(headers.items()))


class Browser(FlaskClient):
    """A browser of one person: Flask's test client, which keeps cookies, and what people do with it."""

    @classmethod
    def of(cls, app: Flask) -> "Browser":
        """Return a new browser, not signed in."""
        return cls(app, app.response_class)

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Make one request, in an application context of its own as under a real server.

        A test that holds a context open would else make all requests share one `flask.g`, and one form token with it.
        """
        with self.application.app_context():
            return super().open(*args, **kwargs)

    def session_key(self) -> str | None:
        """Return the value of the session cookie."""
        cookie = self.get_cookie("sharelink_session")
        return cookie.value if cookie else None

    def token(self, form_page: str) -> str:
        """Return the anti-forgery token of the forms on `form_page`."""
        return hidden_field(self.get(form_page).text, "csrf_token")

    def sign_in(self, person: Person) -> None:
        """Sign in through the page with the person's passkey: the one way that works any number of times at a moment.

        A code of an authenticator app works once, and a test's clock stands still.
        """
        token = self.token("/sign-in")
        options = self.post("/sign-in/passkey/challenge", data={"csrf_token": token}).json
        assert options is not None
        data = {"csrf_token": token, "passkey": person.passkey.get(options)}
        assert self.post("/sign-in/passkey", data=data).status_code == 303, "the sign-in did not work"

    def give_password(self, person: Person) -> TestResponse:
        """Take the first step of the sign-in with a password."""
        return self.submit("/sign-in", {"email": person.email, "password": person.password}, form_page="/sign-in")

    def give_code(self, code: str) -> TestResponse:
        """Take the second step with a code."""
        return self.submit("/sign-in/second-step", {"code": code}, form_page="/sign-in/second-step")

    def enrol_app(self, now: datetime, form_page: str = "/account/enrol") -> str:
        """Add an authenticator app as the first second factor; return the page that shows the recovery codes."""
        page = self.get(form_page).text
        fields = {"csrf_token": hidden_field(page, "csrf_token"), "next": hidden_field(page, "next")}
        shown = self.post("/account/factors/app/new", data=fields, follow_redirects=True).text
        code = TOTP(app_key(shown)).at(now)
        answer = self.post("/account/factors/app", data=fields | {"code": code})
        assert answer.status_code == 200, "the app was not added"
        return answer.text

    def ask_passkey(self, person: Person, form_page: str = "/account") -> str:
        """Return the answer of the person's passkey to a challenge for whatever this browser has to prove next."""
        options = self.submit("/sign-in/passkey/challenge", {}, form_page=form_page).json
        assert options is not None
        return person.passkey.get(options)

    def submit(
        self, path: str, data: Mapping[str, str], *, form_page: str = "/account", htmx: bool = False
    ) -> TestResponse:
        """Post a form with the anti-forgery token of `form_page`."""
        fields = {"csrf_token": self.token(form_page), **data}
        return self.post(path, data=fields, headers=HTMX if htmx else {})
