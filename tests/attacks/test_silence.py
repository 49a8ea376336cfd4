"""No secret, code, link, key, password or cookie in anything that the service writes, errors included (promise 8)."""

import base64
import html
import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from pyotp import TOTP
from sqlalchemy import text

from sharelink.acts.sending import Sent
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.unit_of_work import UnitOfWork
from tests.attacks import faults
from tests.attacks.callers import Answer, Caller
from tests.attacks.canaries import (
    Watch,
    code_spellings,
    files_below,
    found_in,
    key_spellings,
    log_of_the_database,
    pieces,
    rows_of,
    spellings,
)
from tests.attacks.installations import Installation
from tests.attacks.servers import Server, shown_secret, wait_until
from tests.browsers import app_key, hidden_field
from tests.factories import Person, open_record, send_secret

BASE = "http://localhost"
FORM = "application/x-www-form-urlencoded"
GONE_SECONDS = 5.0
OWN_PAGES = {200, 410, 422, 423}
"""The page of the form or share again, with the link or the typed text in it for the next try."""


@dataclass
class Story:
    """What happened to one installation, what must be found nowhere, and every answer that was given."""

    installation: Installation
    server: Server
    canaries: dict[str, set[bytes]] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)

    def note(self, answer: Answer) -> Answer:
        self.answers.append(answer)
        return answer

    def tell(self) -> None:
        number = id_text(new_id())
        secret = f"Kanarie-{number[:9]}\"<ü€😀>&\\/ '{number[9:]}"
        password = f"Canary password {number[:12]} ü&<"
        self.canaries = {"secret": spellings(secret) | spellings(number[:9]) | spellings(number[9:])}
        self.canaries["password"] = spellings(password) | spellings(number[:12])
        with ExitStack() as stack:
            staff, visitor = (stack.enter_context(self.server.caller()) for _ in range(2))
            self._sign_in(staff, f"{number[:6].lower()}@example.com".replace("_", "x"), password)
            link, code = self._send(staff, secret)
            self._visit(visitor, link, code)
            self._make_errors(staff, visitor, link, code, secret, password)
            shown = self.note(visitor.post("/s/reveal", {"link": link, "code": code}))
            assert html.unescape(shown_secret(shown.text) or "") == secret
            self.answers.remove(shown)
            receipt = {"receipt": hidden_field(shown.text, "receipt")}
            assert self.note(visitor.post("/s/stored", receipt)).status == 200
            assert self.note(visitor.post("/s/reveal", {"link": link, "code": code})).status == 410
            assert self.note(staff.submit("/sign-out", {}, form_page="/account")).status == 303

    def _sign_in(self, staff: Caller, email: str, password: str) -> None:
        key = self.installation.set_up_key()
        self.canaries["set-up key"] = key_spellings(key)
        account = {"name": "Anna Example", "email": email}
        for attempt in ("short", password):
            fields = account | {"key": key, "password": attempt}
            made = self.note(staff.submit("/set-up", fields, form_page="/set-up"))
        assert made.status == 303
        codes = self._enrol(staff)
        assert self.note(staff.submit("/sign-out", {}, form_page="/account")).status == 303
        for attempt in (f"{password}x", password):
            fields = {"email": email, "password": attempt}
            answer = self.note(staff.submit("/sign-in", fields, form_page="/sign-in"))
        assert answer.status == 303
        self.canaries["half session"] = key_spellings(staff.cookies["sharelink_session"])
        for attempt in ("2222-2222-2222", codes[0]):
            form = {"recovery_code": attempt}
            answer = self.note(staff.submit("/sign-in/second-step", form, form_page="/sign-in/second-step"))
        assert answer.status == 303
        self.canaries["device"] = key_spellings(staff.cookies["sharelink_device"])
        self.canaries["session"] = key_spellings(staff.cookies["sharelink_session"])

    def _enrol(self, staff: Caller) -> list[str]:
        """Add an authenticator app and return the recovery codes; the pages that show them are not noted."""
        assert self.note(staff.submit("/account/factors/app/new", {}, form_page="/account/enrol")).status == 303
        key = app_key(staff.get("/account/factors/app").text)
        self.canaries["app key"] = spellings(key) | spellings(base64.b32decode(key))
        confirmed = staff.submit("/account/factors/app", {"code": TOTP(key).now()}, form_page="/account/factors/app")
        assert confirmed.status == 200
        codes = re.findall(r"[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}", confirmed.text)
        assert len(codes) == 10
        for number, code in enumerate(codes):
            self.canaries[f"recovery code {number}"] = code_spellings(code)
        return codes

    def _send(self, staff: Caller, secret: str) -> tuple[str, str]:
        page = staff.get("/send").text
        group = page.partition('name="new_group"')[2].partition('value="')[2].partition('"')[0]
        fields = {
            "csrf_token": hidden_field(page, "csrf_token"),
            "form_id": hidden_field(page, "form_id"),
            "record": "new",
            "new_customer": "Example GmbH",
            "new_kind": "credential",
            "new_group": group,
            "secret": secret,
            "lifetime": "86400",
            "code_on": "y",
        }
        for change in ({"secret": secret + "\0"}, {"secret": secret * 4000}, {"lifetime": "x"}):
            assert self.note(staff.post("/send", fields | change)).status == 422
        sent = staff.post("/send", fields)
        assert sent.status == 201
        link = re.search(r"http://localhost:\d+/s/[A-Za-z0-9_.-]+#[A-Za-z0-9_-]{43}", sent.text)
        assert link is not None
        code = hidden_field(sent.text.replace('id="access-code"', 'name="access-code"'), "access-code")
        token, key = link[0].rpartition("/")[2].split("#")
        # The id inside the token names the share in the audit; what makes the token is its signature.
        self.canaries |= {"token": spellings(token) | spellings(token.rpartition(".")[2])}
        self.canaries |= {"link key": key_spellings(key), "code": code_spellings(code)}
        assert self.note(staff.post("/send", fields)).status == 409
        return link[0], code

    def _visit(self, visitor: Caller, link: str, code: str) -> None:
        self.note(visitor.get(f"/s/{link.rpartition('/')[2].partition('#')[0]}"))
        assert visitor.post("/s/status", {"link": link}).status == 200
        wrong = "2222-2222" if code != "2222-2222" else "3333-3333"
        assert self.note(visitor.post("/s/reveal", {"link": link, "code": wrong})).status == 422

    def _make_errors(self, staff: Caller, visitor: Caller, link: str, code: str, secret: str, password: str) -> None:
        token, key = link.rpartition("/")[2].split("#")
        form, posted = {"link": link, "code": code, "secret": secret, "password": password}, {"link": link}
        body = urlencode(form).encode()
        for path in (f"/s/{token}/{key}", f"/s/{token}?key={key}", f"/{key}", f"/sign-in?next=/s/{token}%23{key}"):
            self.note(visitor.get(path, {"Referer": link, "Cookie": f"a={key}", "X-Link": link, "Authorization": key}))
        for path in ("/nowhere", "/s/status/more", "/static/x"):
            assert self.note(visitor.post(path, form)).status in {400, 404, 405}
        for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", "x"):
            assert self.note(visitor.post("/s/reveal", form, {"Content-Type": kind})).status == 400
        for raw in (body + b"&x=%FF", body + b"&x=\xff", body + b"&x=%4", body + b"&x=1" * 99, body * 2000):
            self._raw(b"POST /s/reveal HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", raw, raw)
        self._raw(b"POST /s/reveal HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 9%d\r\n\r\n", body, body)
        self._raw(b"GARBAGE %s %d\r\n\r\n", body, body)
        assert self.note(visitor.post("/s/reveal", form, {"Origin": f"https://{key}"})).status == 403
        send = {name: value for name, value in form.items() if name != "link"} | {"record": "x"}
        for table in ("share", "share_client", "audit_leaf", "audit_disclosure", "audit_head"):
            with faults.renamed(table)(self.installation):
                for path in ("/s/status", "/s/reveal", "/s/decline"):
                    self.note(visitor.post(path, form))
                self.note(staff.submit("/send", send, form_page="/account"))
        for table in ("account", "staff_session", "sign_in_attempt"):
            sign_in = {"email": "a@example.com", "password": password, "csrf_token": visitor.token("/sign-in")}
            with faults.renamed(table)(self.installation):
                assert self.note(visitor.post("/sign-in", sign_in)).status in {422, 503}
                self.note(staff.get("/"))
                self.note(staff.post("/send", send))
        # What stands in the field for the e-mail may be a password in the wrong place.
        with faults.column_renamed(self.installation, "account", "password_hash"):
            mistyped = {"email": self._mistyped(), "password": password, "csrf_token": visitor.token("/sign-in")}
            assert self.note(visitor.post("/sign-in", mistyped)).status == 503
        with impossible_time(self.installation):
            assert self.note(visitor.post("/s/reveal", form)).status == 500
            assert self.note(visitor.post("/s/status", posted)).status == 500

    def _mistyped(self) -> str:
        typed = id_text(new_id()).lower().replace("_", "x").replace("-", "y")
        self.canaries[f"mistyped {typed}"] = spellings(typed)
        return f"{typed}@example.com"

    def _raw(self, head: bytes, body: bytes, sent: bytes) -> None:
        """Send what no well-behaved client sends, and read the answer."""
        with self.server.socket() as connection:
            connection.sendall(head % (FORM.encode(), len(body)) + sent)
            connection.shutdown(1)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        self.answers.append(Answer(400, [], answer))


def impossible_time(installation: Installation) -> AbstractContextManager[None]:
    """Put a time into the rows of shares that no year has: an error that nobody has thought of."""
    return faults.changed(installation, "share", "expires_at", 2**62)


def test_the_hunt_finds_a_canary_in_every_spelling() -> None:
    canary, around = 'Kana"rie-4711ü', "x" * 5
    wanted = {"canary": spellings(canary)}
    for start in range(4):
        whole = (around[:start] + canary + around).encode()
        for hidden in (whole, base64.b64encode(whole), base64.urlsafe_b64encode(whole), whole.hex().encode()):
            assert found_in({"log": b"before " + hidden + b" after"}, wanted) == ["canary in log"]
    for hidden in (json.dumps({"a": canary}), quote(canary), repr(canary), repr(canary.encode()), html.escape(canary)):
        assert found_in({"log": hidden.encode()}, wanted) == ["canary in log"]
    key = "q1W2e3R4t5Z6u7I8o9P0a1S2d3F4g5H6j7K8l9Y0x1A"
    for hidden in (base64.urlsafe_b64decode(key + "="), base64.urlsafe_b64decode(key + "=").hex().encode()):
        assert found_in({"file": hidden}, {"key": key_spellings(key)}) == ["key in file"]


@pytest.mark.parametrize("log_format", ["text", "json"])
# What is written at info is written at debug, too.
@pytest.mark.parametrize("log_level", ["debug", pytest.param("info", marks=pytest.mark.soak)])
def test_no_canary_is_in_anything_that_the_service_writes_whatever_goes_wrong(
    new_installation: Installation, tmp_path: Path, log_format: str, log_level: str
) -> None:
    installation = new_installation
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    (server,) = installation.start(log_format=log_format, log_level=log_level, temporary_directory=temporary)
    story = Story(installation, server)
    journal = installation.files / "sharelink.db-journal"
    with Watch(temporary) as watch:
        story.tell()
    assert server.stop() == 0
    said = server.said()
    assert "/sign-out" in said, "there is no access log to look at"
    assert ("OverflowError" in said) or ("ValueError" in said), "there is no traceback to look at"
    everywhere = {"output": said.encode()} | files_below(installation.files, temporary) | watch.seen
    everywhere |= rows_of(installation) | log_of_the_database(installation)
    assert found_in(everywhere, story.canaries) == []
    assert not journal.exists() or journal.stat().st_size == 0
    assert list(temporary.iterdir()) == []


def test_no_canary_is_in_a_header_or_an_error_page(new_installation: Installation) -> None:
    (server,) = new_installation.start()
    story = Story(new_installation, server)
    story.tell()
    assert server.stop() == 0
    statuses = {answer.status for answer in story.answers}
    assert {303, 400, 403, 404, 409, 410, 422, 500, 503} <= statuses
    headers, pages = {}, {}
    for number, answer in enumerate(story.answers):
        # The one place for a session's key is the cookie that hands it over.
        kept = [pair for pair in answer.headers if pair[0].lower() != "set-cookie"]
        headers[f"headers of answer {number} ({answer.status})"] = repr(kept).encode()
        (headers if answer.status not in OWN_PAGES else pages)[f"page {number} ({answer.status})"] = answer.body
    assert found_in(headers, story.canaries) == []
    never = {
        name: story.canaries[name] for name in ("password", "session", "half session", "device", "app key", "code")
    }
    assert found_in(pages, never) == []


@pytest.fixture(scope="module")
def quiet_server(installation: Installation) -> Iterator[Server]:
    (server,) = installation.start()
    yield server
    server.stop()


def ciphertext_of(installation: Installation, sent: Sent) -> bytes:
    with faults.outside(installation) as connection:
        found = connection.execute(
            text("SELECT outer_ciphertext FROM share WHERE id = :share"), {"share": sent.share_id}
        ).scalar_one()
    return bytes(found)


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True, scope="module")
@pytest.mark.parametrize("size", [20, 60_000], ids=["short", "long"])
@pytest.mark.parametrize("end", ["revealed", "declined", "expired"])
def test_the_ciphertext_leaves_every_file_within_five_seconds_of_the_end(
    installation: Installation,
    unit_of_work: UnitOfWork,
    staff: Person,
    quiet_server: Server,
    size: int,
    end: str,
) -> None:
    record = open_record(unit_of_work, staff)
    neighbours = [send_secret(unit_of_work, staff, "n" * size, custody_id=record, code=False) for _ in range(3)]
    lifetime = timedelta(seconds=3) if end == "expired" else timedelta(days=1)
    sent = send_secret(unit_of_work, staff, "s" * size, custody_id=record, code=False, lifetime=lifetime)
    neighbours.append(send_secret(unit_of_work, staff, "n" * size, custody_id=record, code=False))
    parts = pieces(ciphertext_of(installation, sent))

    def left() -> list[str]:
        return found_in(files_below(installation.files), {"ciphertext": set(parts)})

    assert left(), "the ciphertext was never there to begin with"
    with quiet_server.caller() as caller:
        fields = {"link": sent.link.url(BASE), "note": "not mine"}
        if end == "expired":
            wait_until(lambda: unit_of_work.clock() >= sent.expires_at, 10, "time stands still")
        else:
            assert caller.post({"revealed": "/s/reveal", "declined": "/s/decline"}[end], fields).status == 200
        wait_until(lambda: not left(), GONE_SECONDS, "ciphertext was left in a file")
        # Its neighbours did not suffer.
        for other in neighbours:
            assert shown_secret(caller.post("/s/reveal", {"link": other.link.url(BASE)}).text) == "n" * size
