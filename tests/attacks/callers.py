"""Clients of a real server: each keeps one connection open, and can hold back the last byte of a request.

A server that waits for whole requests begins on none of them until its last byte is there. Sending those bytes one
right after the other makes requests arrive closer together than threads of one process could.
"""

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

from tests.browsers import hidden_field
from tests.factories import Person

IDLE_SECONDS = 4.0
"""A connection that was silent for longer is opened anew: the server may be about to end it."""

Post = tuple[str, Mapping[str, str]]


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        """Return the page."""
        return self.body.decode()

    def header(self, name: str) -> str:
        """Return the header called `name`, or nothing."""
        return next((value for found, value in self.headers if found.lower() == name.lower()), "")


class Caller:
    """One client with one connection and its own cookies.

    `address` is what it claims in X-Forwarded-For, for servers that trust a proxy.
    """

    def __init__(self, port: int, address: str | None = None, timeout: float = 60.0) -> None:
        self.cookies: dict[str, str] = {}
        self._always = {} if address is None else {"X-Forwarded-For": address}
        self._origin = f"http://localhost:{port}"
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._used_at = 0.0
        self._last_byte = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        self._send("GET", path, b"", headers or {})
        return self.answer()

    def post(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        self.begin(path, fields, headers)
        self.finish()
        return self.answer()

    def begin(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> None:
        """Send a form but for its last byte."""
        body = urlencode(fields).encode("ascii")
        own = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
        self._send("POST", path, body[:-1], own | dict(headers or {}))
        self._last_byte = body[-1:]

    def finish(self) -> None:
        """Send the last byte."""
        self._connection.send(self._last_byte)

    def fileno(self) -> int:
        """Return the descriptor of the connection, which `select` finds readable when the answer begins."""
        return int(self._connection.sock.fileno())

    def answer(self) -> Answer:
        """Wait for the answer."""
        response = self._connection.getresponse()
        body = response.read()
        self._used_at = time.monotonic()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                cookie, _, rest = value.partition("=")
                self.cookies[cookie] = rest.partition(";")[0]
        return Answer(response.status, response.getheaders(), body)

    def sign_in(self, person: Person) -> Answer:
        """Sign in with the person's passkey, which works as often as it is asked."""
        fields = {"csrf_token": self.token("/sign-in")}
        options = json.loads(self.post("/sign-in/passkey/challenge", fields).text)
        answer = self.post("/sign-in/passkey", fields | {"passkey": person.passkey.get(options, origin=self._origin)})
        assert answer.status == 303, "the sign-in did not work"
        return answer

    def submit(self, path: str, fields: Mapping[str, str], *, form_page: str) -> Answer:
        """Post a form with the anti-forgery token of `form_page`."""
        return self.post(path, {"csrf_token": self.token(form_page)} | dict(fields))

    def token(self, form_page: str) -> str:
        """Return the anti-forgery token of the forms on `form_page`."""
        return hidden_field(self.get(form_page).text, "csrf_token")

    def _send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            self._connection.close()
        self._connection.putrequest(method, path)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        for name, value in (self._always | ({"Cookie": cookies} if cookies else {}) | dict(headers)).items():
            self._connection.putheader(name, value)
        self._connection.endheaders(body or None)


def race(callers: Sequence[Caller], posts: Sequence[Post]) -> list[Answer]:
    """Let every caller post its form at the same moment; return the answers in their order."""
    for caller, (path, fields) in zip(callers, posts, strict=True):
        caller.begin(path, fields)
    for caller in callers:
        caller.finish()
    return [caller.answer() for caller in callers]
