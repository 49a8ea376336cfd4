"""The whole set of headers on every kind of answer: errors, fragments, files, redirects, and what is too fast."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from sharelink.actors import Actor
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import HTMX, Browser
from tests.factories import Person, send_secret
from tests.fakes import MovableClock

MakeApp = Callable[[Settings], Flask]
BASE = "https://share.example.com"
ALWAYS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types htmx"
    ),
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(),"
        " payment=(), usb=(), browsing-topics=(), interest-cohort=(), clipboard-write=(self)"
    ),
    "Referrer-Policy": "strict-origin",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
OF_FILES = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
"""On a style sheet, a script or an icon the others mean nothing, and would be a third of a first visit."""
NO_STORE, FOR_EVER = "no-store", "public, max-age=31536000, immutable"
HTML, PLAIN = "text/html; charset=utf-8", "text/plain; charset=utf-8"
FORM_COOKIE = "__Host-sharelink_form"

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@dataclass(frozen=True)
class Kind:
    """One kind of answer: its status, what it holds, and which further headers it has."""

    status: int
    content_type: str | None = HTML
    cache: str = NO_STORE
    also: frozenset[str] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: frozenset[str] = frozenset()
    always: Mapping[str, str] = field(default_factory=lambda: ALWAYS)


def check(name: str, answer: TestResponse, kind: Kind) -> None:
    """Compare the whole set: nothing is missing, and nothing stands there that nobody has thought of."""
    answer.close()
    assert answer.status_code == kind.status, name
    found = {key: value for key, value in answer.headers if key != "Set-Cookie"}
    found.pop("Content-Length", None)
    assert re.fullmatch(r"[0-9a-f]{16}", found.pop("X-Request-ID")), name
    expected = dict(kind.always) | {"Cache-Control": kind.cache} | dict(kind.headers)
    if kind.content_type is not None:
        expected["Content-Type"] = kind.content_type
    assert {key: found.get(key) for key in expected} == expected, name
    assert found.keys() == expected.keys() | kind.also, name
    cookies: SimpleCookie = SimpleCookie()
    for value in answer.headers.getlist("Set-Cookie"):
        cookies.load(value)
    assert set(cookies) == kind.cookies, name
    for cookie in cookies.values():
        assert cookie["secure"], name
        assert cookie["httponly"], name
        assert cookie["path"] == "/", name
        assert not cookie["domain"], name
        assert cookie["samesite"] == "Lax", name


@pytest.fixture
def app(make_app: MakeApp, settings: Settings) -> Flask:
    """Return an application that people reach by https and that allows three of everything in an hour."""
    few = {"rate_limit_create": "1 per hour", "rate_limit_submit": "1 per hour"}
    return make_app(settings.model_copy(update={"base_url": BASE} | few))


class HttpsBrowser(Browser):
    """A browser that comes by https, as through a proxy."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Make one request to the address that people use."""
        return super().open(*args, **{"base_url": BASE} | kwargs)


@pytest.fixture
def client(app: Flask) -> Browser:
    """Return a browser that is not signed in."""
    return HttpsBrowser.of(app)


def test_what_strangers_are_answered(client: Browser) -> None:
    varied, with_form = frozenset({"Vary"}), frozenset({FORM_COOKIE})
    fragment = {"Vary": "HX-Request"}
    link, other = {"link": "x#y"}, {"Host": "evil.example"}
    css = "/static/css/base.css"
    (versioned,) = re.findall(rf'"({css}\?v=[^"]+)"', client.get("/s/x").text)
    packed = {"Vary": "Accept-Encoding"}
    file_parts = frozenset({"ETag", "Last-Modified", "Date", "Vary"})
    unpacked = file_parts - {"Vary"} | {"Accept-Ranges", "Content-Disposition"}
    bare = Kind(404, also=varied)
    answers: list[tuple[str, TestResponse, Kind]] = [
        ("page of a link", client.get("/s/x"), Kind(200, headers=packed)),
        ("page of a link, only its head", client.head("/s/x"), Kind(200, headers=packed)),
        ("what a page takes", client.options("/s/x"), Kind(200, also=frozenset({"Allow"}))),
        ("page with a form", client.get("/sign-in"), Kind(200, also=varied, cookies=with_form)),
        ("health", client.get("/healthz"), Kind(200, "application/json")),
        ("to the sign-in", client.get("/records"), Kind(303, headers={"Location": "/sign-in?next=/records"})),
        (
            "to the sign-in, for htmx",
            client.get("/records", headers=HTMX),
            Kind(401, headers={"HX-Redirect": "/sign-in?next=/records"}),
        ),
        ("no page", client.get("/nowhere"), bare),
        ("no page, for htmx", client.get("/nowhere", headers=HTMX), Kind(404, headers=fragment)),
        ("no link", client.post("/s/reveal", data=link), bare),
        ("no link, for htmx", client.post("/s/reveal", data=link, headers=HTMX), Kind(404, headers=fragment)),
        ("no form", client.post("/s/reveal", json={}), Kind(400, also=varied)),
        ("no token", client.post("/sign-in", data={"email": "x"}), Kind(400, also=varied)),
        ("another site", client.post("/s/reveal", data=link, headers={"Sec-Fetch-Site": "cross-site"}),
         Kind(403, also=varied)),
        ("another method", client.get("/send/generate"), Kind(405, also=varied | {"Allow"})),
        ("another method for a link", client.get("/s/reveal/x"), bare),
        ("too much", client.post("/s/reveal", data={"link": "x" * 999_999}), Kind(413, also=varied)),
        ("another host", client.get("/sign-in", headers=other), Kind(421, also=varied)),
        ("another host, for htmx", client.get("/", headers=HTMX | other), Kind(421, headers=fragment)),
        ("the first answer", client.post("/r/submit", data=link), bare),
        ("too fast", client.post("/r/submit", data=link), Kind(429, also=varied, headers={"Retry-After": "3600"})),
        (
            "too fast, for htmx",
            client.post("/r/submit", data=link, headers=HTMX),
            Kind(429, headers=fragment | {"Retry-After": "3600"}),
        ),
        ("a file", client.get(css), Kind(200, "text/css; charset=utf-8", also=file_parts, always=OF_FILES)),
        (
            "a file of a version",
            client.get(versioned),
            Kind(200, "text/css; charset=utf-8", FOR_EVER, file_parts, always=OF_FILES),
        ),
        ("no file", client.get("/static/nothing"), bare),
    ]  # fmt: skip
    for name, answer, kind in answers:
        check(name, answer, kind)
    with client.get(versioned) as whole:
        tag = whole.headers["ETag"]
    unchanged = client.get(versioned, headers={"If-None-Match": tag})
    check("a file that is known", unchanged, Kind(304, None, FOR_EVER, unpacked - {"Last-Modified"}, always=OF_FILES))
    part = client.get(css, headers={"Range": "bytes=0-9"})
    check(
        "a part of a file",
        part,
        Kind(206, "text/css; charset=utf-8", also=unpacked | {"Content-Range"}, always=OF_FILES),
    )


def test_what_holders_and_staff_are_answered(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    varied, fragment = frozenset({"Vary"}), {"Vary": "HX-Request"}
    sent = send_secret(unit_of_work, staff)
    link = {"link": sent.link.url(BASE)}
    right = link | {"code": sent.code or ""}
    check("status", client.post("/s/status", data=link), Kind(200, also=varied))
    check("wrong code", client.post("/s/reveal", data=link | {"code": "x"}), Kind(422, also=varied))
    check("revealed", client.post("/s/reveal", data=right, headers=HTMX), Kind(200, headers=fragment))
    check("ended", client.post("/s/reveal", data=right), Kind(410, also=varied))
    half = frozenset({"__Host-sharelink_session", FORM_COOKIE})
    # The token of the forms before is taken away with the session that it belonged to.
    second = {"Location": "/sign-in/second-step"}
    check("a password", client.give_password(staff), Kind(303, also=varied, headers=second, cookies=half))
    signed_in = client.give_code(staff.code(clock.now))
    whole = half | {"__Host-sharelink_device"}
    check("signed in", signed_in, Kind(303, also=varied, headers={"Location": "/"}, cookies=whole))
    check("a page of staff", client.get("/records"), Kind(200, also=varied, cookies=frozenset({FORM_COOKIE})))
    check("a page that is not there", client.get("/records/x"), Kind(404, also=varied, cookies=frozenset()))
    check("signed out", client.submit("/sign-out", {}), Kind(
        303, also=varied, headers={"Location": "/sign-in"}, cookies=frozenset({"__Host-sharelink_session", FORM_COOKIE})
    ))  # fmt: skip
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text("ALTER TABLE share RENAME TO away"))
    broken = client.post("/s/status", data=link)
    check("the database is gone", broken, Kind(503, also=varied, headers={"Retry-After": "30"}))


def test_an_error_that_nobody_has_thought_of_carries_them_too(
    client: Browser, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise RuntimeError("canary")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    (endpoint,) = [
        rule.endpoint for rule in app.url_map.iter_rules() if rule.rule == "/sign-in" and "GET" in (rule.methods or ())
    ]
    monkeypatch.setitem(app.view_functions, endpoint, fail)
    answer = client.get("/sign-in")
    check("unexpected", answer, Kind(500, also=frozenset({"Vary"})))
    assert "canary" not in answer.text


OBSERVATORY = {
    # What MDN's HTTP Observatory 1.4 gives and takes, for what these headers are (its score charts); 100 to begin with.
    "CSP without anything unsafe, default-src 'none'": 10,
    "cookies Secure, HttpOnly, SameSite": 5,
    "no CORS": 0,
    "Referrer-Policy is private": 5,
    "HSTS of half a year or more": 0,
    "scripts from the own origin only": 0,
    "nosniff": 0,
    "frames refused by the CSP": 5,
    "CORP same-origin": 10,
}


def test_the_observatory_has_nothing_to_take_away(client: Browser) -> None:
    """The scanner itself was run against a server behind TLS: 135 for /sign-in, 130 for the page of a link (ADR 41)."""
    answer = client.get("/sign-in")
    assert answer.status_code == 200
    headers = answer.headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    own_only = {"'none'", "'self'"}
    met = {
        "CSP without anything unsafe, default-src 'none'": policy["default-src"] == "'none'"
        and all(value in own_only for name, value in policy.items() if name.endswith("-src")),
        "cookies Secure, HttpOnly, SameSite": all(
            all(mark in value for mark in ("Secure", "HttpOnly", "SameSite=Lax", "__Host-"))
            for value in headers.getlist("Set-Cookie")
        ),
        "no CORS": not [name for name in headers.keys() if name.startswith("Access-Control")],  # noqa: SIM118
        "Referrer-Policy is private": headers["Referrer-Policy"] in {"no-referrer", "same-origin", "strict-origin"},
        "HSTS of half a year or more": int(headers["Strict-Transport-Security"].split(";")[0][8:]) >= 15_768_000,
        "scripts from the own origin only": '<script src="/static/' in answer.text and "<script>" not in answer.text,
        "nosniff": headers["X-Content-Type-Options"] == "nosniff",
        "frames refused by the CSP": policy["frame-ancestors"] == "'none'",
        "CORP same-origin": headers["Cross-Origin-Resource-Policy"] == "same-origin",
    }
    assert met == dict.fromkeys(OBSERVATORY, True)
    assert 100 + sum(OBSERVATORY.values()) >= 120
