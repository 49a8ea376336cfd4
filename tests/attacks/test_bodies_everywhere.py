"""Every form that strangers can post to, and a sample of staff's, against bodies that are broken in every way."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import select

from sharelink.acts.requesting import Asked
from sharelink.acts.sending import Sent
from sharelink.app import create_app
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.persistence.database import Base
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.callers import Caller
from tests.attacks.installations import Installation
from tests.attacks.servers import Server
from tests.attacks.test_server import said_to, status_of
from tests.browsers import hidden_field
from tests.factories import Person, ask_secret, open_record, send_secret
from tests.staff.route_guards import OPEN

BASE = "http://localhost"
FORM = "application/x-www-form-urlencoded"
MEBIBYTE = 1024 * 1024
UNTOUCHED = (
    *("worker_heartbeat", "noise_tally", "staff_session"),
    *("audit_head", "audit_leaf", "audit_disclosure", "audit_checkpoint"),
)
"""What the service writes by itself meanwhile; the events are looked at by their kinds."""
MEANWHILE = {"system.started", "auth.succeeded", "auth.new_device", "ratelimit.tripped", "strangers.refused"}

pytestmark = pytest.mark.parametrize("installation", ["sqlite"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def server(installation: Installation) -> Iterator[Server]:
    much = {"rate_limit_submit": "100000 per minute", "rate_limit_submit_per_link": "100000 per minute"}
    (server,) = installation.start(**much)
    yield server
    server.kill()


def public_forms(sent: Sent, asked: Asked, csrf_token: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield every open form with fields that would do, where there are any."""
    for method, path in OPEN:
        if method != "POST":
            continue
        link = asked.submit_link.url(BASE) if path.startswith("/r/") else sent.link.url(BASE)
        if path.startswith("/retrieve/"):
            link = asked.retrieval_link.url(BASE)
        yield path, {"link": link, "field-0": "an answer", "note": "no", "csrf_token": csrf_token, "key": "k" * 43}


def staff_forms(record: str, csrf_token: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield some of staff's forms with fields that would do."""
    token = {"csrf_token": csrf_token}
    send = {"form_id": id_text(new_id()), "record": record, "secret": "x", "lifetime": "86400", "label": "a"}
    yield "/send", token | send | {"code_waiver_reason": "told by the test"}
    yield "/records/new", token | {"kind": "credential", "customer": "Broken body GmbH", "group": "x"}
    yield f"/records/{record}/stops/suspend", token | {"reason": "a broken body"}
    yield f"/records/{record}/contacts/new", token | {"name": "A", "email": "a@example.com"}
    yield f"/records/{record}/sign-ins/import", token


def broken(path: str, fields: dict[str, str], cookies: str) -> Iterator[tuple[str, bytes]]:
    """Yield whole requests, each broken in one way."""
    whole = urlencode(fields).encode()
    some = next(iter(fields))

    def request(body: bytes, length: object = None, kind: str = FORM, extra: str = "") -> bytes:
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Cookie: {cookies}", "Connection: close"]
        lines += [f"Content-Type: {kind}"] if kind else []
        lines += [f"Content-Length: {len(body) if length is None else length}"] if length != "" else []
        return "\r\n".join([*lines, extra]).encode() + (b"\r\n" if extra else b"") + b"\r\n" + body

    chunked = "Transfer-Encoding: chunked"
    chunk = b"%x\r\n%s\r\n" % (len(whole), whole)
    yield "cut off", request(whole, len(whole) + 1)
    yield "cut off early", request(whole[:3], len(whole))
    yield "no length", request(whole, "")
    yield "two lengths", request(whole, extra=f"Content-Length: {len(whole) + 5}")
    yield "negative", request(whole, -1)
    yield "in words", request(whole, "many")
    yield "length and chunks", request(chunk + b"0\r\n\r\n", extra=chunked)
    yield "chunks without an end", request(chunk, "", extra=chunked)
    yield "chunks without end", request(chunk + (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 30, "", extra=chunked)
    yield "a wrong chunk", request(b"fffffffff\r\n" + whole, "", extra=chunked)
    for name, spoiled in (("not UTF-8", b"%FF"), ("raw bytes", b"\xff\xfe"), ("half a character", b"%C3"),
                          ("overlong", b"%C0%AF"), ("surrogate", b"%ED%A0%80"), ("half an escape", b"%4"),
                          ("no escape", b"%zz"), ("percent", b"%")):  # fmt: skip
        yield name, request(whole + b"&z=a" + spoiled)
        yield f"{name} in a name", request(whole + b"&a" + spoiled + b"=z")
    yield "ten megabytes", request(whole + b"&z=" + b"x" * 10 * MEBIBYTE)
    yield "half a megabyte", request(whole + b"&z=" + b"x" * (MEBIBYTE // 2))
    yield "a field twice", request(whole + b"&" + urlencode({some: "another"}).encode())
    yield "the same twice", request(whole + b"&" + urlencode({some: fields[some]}).encode())
    yield "too many fields", request(whole + b"&x=1" * 99)
    for kind in ("application/json", "text/plain", "multipart/form-data", "application/xml", "x", ""):
        yield f"of the kind {kind}", request(whole, kind=kind)
    with_file = b'--b\r\nContent-Disposition: form-data; name="z"; filename="z"\r\n\r\nx\r\n--b'
    yield "a file without an end", request(with_file, kind="multipart/form-data; boundary=b")


def contents(unit_of_work: UnitOfWork) -> dict[str, list[Any]]:
    with unit_of_work.read() as work:
        return {
            name: work.session.execute(select(table)).all()
            for name, table in Base.metadata.tables.items()
            if name not in UNTOUCHED
        }


def kinds_of_events(unit_of_work: UnitOfWork) -> list[str]:
    leaf = Base.metadata.tables["audit_leaf"]
    with unit_of_work.read() as work:
        kinds = work.session.execute(select(leaf.c.event_type).order_by(leaf.c.leaf_index)).scalars()
        return [kind for kind in kinds if kind not in MEANWHILE]


def assert_refused(
    server: Server, unit_of_work: UnitOfWork, forms: list[tuple[str, dict[str, str]]], cookies: str
) -> None:
    before, events, memory = contents(unit_of_work), kinds_of_events(unit_of_work), server.memory_bytes()
    for path, fields in forms:
        for name, request in broken(path, fields, cookies):
            status = status_of(said_to(server, request))
            assert status is None or 400 <= status < 500, (path, name, status)
    assert kinds_of_events(unit_of_work) == events
    assert contents(unit_of_work) == before
    assert server.memory_bytes() - memory < 32 * MEBIBYTE
    assert "Traceback" not in server.said()


def cookies_of(caller: Caller) -> str:
    return "; ".join(f"{name}={value}" for name, value in caller.cookies.items())


def test_no_open_form_takes_a_broken_body(server: Server, unit_of_work: UnitOfWork, staff: Person) -> None:
    sent, asked = send_secret(unit_of_work, staff, "kept", code=False), ask_secret(unit_of_work, staff)
    with server.caller() as caller:
        token = caller.token("/sign-in")
        assert_refused(server, unit_of_work, list(public_forms(sent, asked, token)), cookies_of(caller))
        # The same fields, whole, are taken: nothing else was wrong with them.
        assert caller.post("/r/submit", {"link": asked.submit_link.url(BASE), "field-0": "an answer"}).status == 200
        assert "kept" in caller.post("/s/reveal", {"link": sent.link.url(BASE)}).text


def test_no_form_of_staff_takes_a_broken_body(server: Server, unit_of_work: UnitOfWork, staff: Person) -> None:
    record = id_text(open_record(unit_of_work, staff))
    with server.caller() as caller:
        caller.sign_in(staff)
        token = hidden_field(caller.get("/account").text, "csrf_token")
        assert_refused(server, unit_of_work, list(staff_forms(record, token)), cookies_of(caller))
        assert caller.post(*next(staff_forms(record, token))).status == 201


def test_no_number_in_an_address_is_too_large(server: Server, installation: Installation, staff: Person) -> None:
    app: Flask = create_app(installation.settings, serving=False)
    with server.caller() as caller:
        caller.sign_in(staff)
        for rule in app.url_map.iter_rules():
            if "GET" not in (rule.methods or ()) or rule.endpoint == "static" or "sso" in rule.rule:
                continue
            for number in (
                "9223372036854775808",
                "-9223372036854775809",
                "9" * 400,
                "1e309",
                "NaN",
                "0x7f",
                "٣",
                "%00",
            ):
                encoded = urlencode({"": number})[1:] if number != "%00" else number
                address = re.sub(r"<[a-z_]+>", encoded, rule.rule)
                query = "&".join(f"{name}={encoded}" for name in ("page", "record", "q", "kind", "reissue", "share"))
                status = caller.get(f"{address}?{query}").status
                assert status < 500 or (rule.rule == "/readyz" and status == 503), (address[:80], number[:20])
    assert "Traceback" not in server.said()
