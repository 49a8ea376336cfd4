"""The services that are measured, each in processes of its own, and the clients that use them as people do."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Protocol

import psycopg
from sqlalchemy import create_engine, make_url

from sharelink.crypto.identifiers import id_text, new_id
from sharelink.persistence.database import prepare_engine
from sharelink.persistence.schema import upgrade
from tests.attacks.callers import Answer, Caller
from tests.attacks.installations import Installation, installed
from tests.attacks.servers import Server, free_port
from tests.factories import Person, make_person, open_record
from tests.services import connected, fresh_database, private_postgresql, private_redis

ROOT = Path(__file__).resolve().parent.parent
SNAPPASS_PROGRAMS = ROOT / ".venv-snappass" / "bin"
START_SECONDS = 60.0
HTMX = {"HX-Request": "true"}
_SHARELINK_LINK = re.compile(r"http://localhost:\d+(/s/[^#\"<\s]+)#([A-Za-z0-9_-]+)")
_SNAPPASS_LINK = re.compile(r'https?://[^/"\s]+(/[^"<\s]+)')

Timings = dict[str, float]
"""Seconds from asking to the whole answer, by name of the step."""


class Client(Protocol):
    """Somebody who uses a service over one kept connection."""

    def cycle(self, secret: str) -> Timings:
        """Create a share of `secret`, open it, reveal it; the revealed text must be the secret."""


@dataclass(frozen=True)
class Subject:
    """A service under measurement. `roots` are all its processes and its datastore's, without their descendants."""

    name: str
    roots: tuple[int, ...]
    new_client: Callable[[], Client]


class _Timed:
    """Steps that are timed."""

    def __init__(self) -> None:
        self.timings: Timings = {}

    def step(self, name: str, ask: Callable[[], Answer], status: int = 200) -> Answer:
        began = time.perf_counter()
        answer = ask()
        self.timings[name] = time.perf_counter() - began
        assert answer.status == status, f"{name} was answered {answer.status}"
        return answer


class SharelinkClient:
    """Staff who send and recipients who reveal, with htmx as browsers have it.

    The access code is switched off: stretching what a person types costs 60 ms on purpose, and the peers have none.
    """

    def __init__(self, port: int, cookies: dict[str, str], form_token: str, record: bytes) -> None:
        self._timed, self._sender, self._recipient = _Timed(), Caller(port), Caller(port)
        self._sender.cookies = dict(cookies)
        self._fields = {
            "csrf_token": form_token,
            "record": id_text(record),
            "record_search": "",
            "record_searched": "",
            "lifetime": "86400",
            "code_waiver_reason": "read at once",
            "label": "",
            "instruction": "",
        }

    def cycle(self, secret: str) -> Timings:
        """Send, fetch the page, ask what it is, reveal."""
        timed, caller = self._timed, self._recipient
        fields = self._fields | {"form_id": id_text(new_id()), "secret": secret}
        sent = timed.step("create", lambda: self._sender.post("/send", fields, HTMX), 201)
        found = _SHARELINK_LINK.search(unescape(sent.text))
        assert found is not None, "no link was shown"
        link = {"link": found[0]}
        timed.step("page", lambda: caller.get(found[1]))
        timed.step("status", lambda: caller.post("/s/status", link, HTMX))
        self.reveal(found[0], secret)
        return timed.timings

    def reveal(self, link: str, secret: str) -> Timings:
        """Reveal a share whose link is at hand."""
        timed, caller = self._timed, self._recipient
        shown = timed.step("reveal", lambda: caller.post("/s/reveal", {"link": link, "code": ""}, HTMX))
        assert secret in unescape(shown.text), "something else was revealed"
        return timed.timings


class SnapPassClient:
    """The same three steps in SnapPass."""

    def __init__(self, port: int) -> None:
        self._timed, self._caller = _Timed(), Caller(port)

    def cycle(self, secret: str) -> Timings:
        """Set a password, look at its page, reveal it."""
        timed, caller = self._timed, self._caller
        made = timed.step("create", lambda: caller.post("/", {"password": secret, "ttl": "Day"}))
        found = _SNAPPASS_LINK.search(made.text.partition('id="password-link"')[2])
        assert found is not None, "no link was shown"
        timed.step("page", lambda: caller.get(found[1]))
        shown = timed.step("reveal", lambda: caller.post(found[1], {}))
        assert secret in unescape(shown.text), "something else was revealed"
        return timed.timings


class HelloClient:
    """Asks for the smallest page."""

    def __init__(self, port: int) -> None:
        self._timed, self._caller = _Timed(), Caller(port)

    def cycle(self, _secret: str) -> Timings:
        """Ask once."""
        self._timed.step("page", lambda: self._caller.get("/"))
        return self._timed.timings


@dataclass
class SharelinkUnderTest:
    """An installation with a signed-in sender and a record, and the server that is measured."""

    installation: Installation
    person: Person
    record: bytes
    datastore: tuple[int, ...]

    def serve(self, name: str, *options: str) -> "ServedSharelink":
        """Start `sharelink serve` and sign the sender in over HTTP."""
        (server,) = self.installation.start(command=("serve", *options))
        with server.caller() as caller:
            caller.sign_in(self.person)
            token, cookies = caller.token("/send"), dict(caller.cookies)
        subject = Subject(
            name,
            (server.process.pid, *self.datastore),
            lambda: SharelinkClient(server.port, cookies, token, self.record),
        )
        return ServedSharelink(subject, server)


@dataclass
class ServedSharelink:
    """Sharelink while it serves."""

    subject: Subject
    server: Server

    def client(self) -> SharelinkClient:
        """Return a new client, as one of ours."""
        client = self.subject.new_client()
        assert isinstance(client, SharelinkClient)
        return client


@contextmanager
def sharelink_on_sqlite(folder: Path) -> Iterator[SharelinkUnderTest]:
    """Yield an installation on a new SQLite file."""
    files = folder / "files"
    files.mkdir(parents=True)
    with _installation(f"sqlite:///{files}/sharelink.db", folder, ()) as made:
        yield made


@contextmanager
def sharelink_on_postgresql(folder: Path, server_url: str) -> Iterator[SharelinkUnderTest]:
    """Yield an installation on a new database of the server."""
    folder.mkdir(parents=True)
    with fresh_database(server_url) as url, _installation(url, folder, (_postmaster(server_url),)) as made:
        yield made


@contextmanager
def _installation(url: str, folder: Path, datastore: tuple[int, ...]) -> Iterator[SharelinkUnderTest]:
    engine = create_engine(url)
    prepare_engine(engine)
    upgrade(engine)
    engine.dispose()
    with installed(url, folder) as installation:
        person = make_person(installation.unit_of_work, "Anna Example", "anna@example.com")
        record = open_record(installation.unit_of_work, person)
        yield SharelinkUnderTest(installation, person, record, datastore)


@contextmanager
def durable_postgresql() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server that waits for the disk, as in production."""
    with private_postgresql(durable=True) as url:
        yield url


@contextmanager
def snappass() -> Iterator[Subject]:
    """Yield SnapPass under gunicorn, one worker with threads, with a Redis of its own that keeps nothing on disk."""
    with private_redis() as url:
        port = free_port()
        command: list[str | Path] = [
            SNAPPASS_PROGRAMS / "gunicorn",
            "--bind",
            f"127.0.0.1:{port}",
            "--workers",
            "1",
            "--threads",
            "16",
        ]
        command += ["--keep-alive", "10", "--no-control-socket", "snappass.main:app"]
        environment = {"PATH": os.environ["PATH"], "REDIS_URL": url, "NO_SSL": "True", "HOME": "/nonexistent"}
        with _process(command, port, environment) as number:
            yield Subject("SnapPass", (number, _redis_process(url)), lambda: SnapPassClient(port))


@contextmanager
def hello() -> Iterator[Subject]:
    """Yield the floor."""
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    with _process([sys.executable, "-m", "bench.hello", str(port)], port, environment) as number:
        yield Subject("bare hello", (number,), lambda: HelloClient(port))


@contextmanager
def _process(command: list[str | Path], port: int, environment: dict[str, str]) -> Iterator[int]:
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(port)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with suppress(OSError), Caller(port, timeout=5) as caller:
            caller.get("/")
            return
        assert time.monotonic() < deadline, "a server did not start"
        time.sleep(0.02)


def _postmaster(server_url: str) -> int:
    """Return the process that all others of this PostgreSQL server descend from."""
    with connected(make_url(server_url)) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    return int((Path(row[0]) / "postmaster.pid").read_text().split()[0])


def _redis_process(url: str) -> int:
    import redis  # noqa: PLC0415 - only here

    with redis.Redis.from_url(url) as client:
        return int(client.info("server")["process_id"])


def vacuumed(url: str) -> None:
    """Bring PostgreSQL's statistics up to date, as its own housekeeping would have done before there are many rows."""
    parts = make_url(url)
    with psycopg.connect(
        host=str(parts.query["host"]), user=parts.username, dbname=parts.database, autocommit=True
    ) as connection:
        connection.execute("VACUUM ANALYZE share")
