"""What a test needs to act as a browser without a screen: read forms out of pages, and post them as they are."""

import html
import re
from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
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
        """Sign in through the page, as people do."""
        data = {"csrf_token": self.token("/sign-in"), "email": person.email, "password": person.password}
        assert self.post("/sign-in", data=data).status_code == 303, "the sign-in did not work"

    def submit(
        self, path: str, data: Mapping[str, str], *, form_page: str = "/account", htmx: bool = False
    ) -> TestResponse:
        """Post a form with the anti-forgery token of `form_page`."""
        fields = {"csrf_token": self.token(form_page), **data}
        return self.post(path, data=fields, headers=HTMX if htmx else {})
