"""Private PostgreSQL and Redis servers for the tests, and where Chromium is.

Each server is the real program, started in a directory of its own under the temporary
directory, reachable only from this machine, run by an unprivileged user even when the
tests are run by root, and ended with the block that asked for it.
"""

from __future__ import annotations

import os
import platform
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import redis
from psycopg import sql
from sqlalchemy import URL, make_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

UNPACKED_NGINX = Path(sys.prefix) / "nginx" / "usr" / "sbin" / "nginx"
"""Where `make system-packages` unpacks it: to install it would start a web server on this machine's port 80."""
START_SECONDS = 60.0
STOP_SECONDS = 10.0
REDIS_DATABASES = 64

POSTGRESQL_FOLDERS = (
    "usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "usr/pgsql-*/bin",  # Fedora, Red Hat
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
)
FAKETIME_PLACES = (
    "usr/lib/*/faketime/libfaketimeMT.so.1",  # Debian, Ubuntu
    "usr/lib*/faketime/libfaketimeMT.so.1",  # Fedora, Red Hat
)
# Each new window of the whole browser costs five times the work of one of its shell, which has no window frame.
CHROMIUM_NAMES = (
    "chromium-headless-shell",
    *("chromium", "chromium-browser", "google-chrome-stable", "google-chrome"),
)
CHROMIUM_APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


class ServiceMissing(Exception):
    """A program that the tests need is missing or did not start; the text is one line."""


def chromium_path() -> Path:
    """Return the installed Chromium or Chrome; raise ServiceMissing where there is none."""
    for name in CHROMIUM_NAMES:
        if found := shutil.which(name):
            return Path(found)
    for application in CHROMIUM_APPLICATIONS:
        if Path(application).exists():
            return Path(application)
    raise ServiceMissing("Chromium is not installed: run `make system-packages`.")


def chromium_launch_options() -> dict[str, Any]:
    """Return the launch options under which Chromium asks nobody but the page under test."""
    quiet = ["--disable-quic", "--disable-sync", "--disable-domain-reliability", "--no-pings"]
    return {"executable_path": str(chromium_path()), "args": quiet}


def postgresql_program(name: str) -> Path:
    """Return a PostgreSQL server program, the newest version installed."""
    for pattern in POSTGRESQL_FOLDERS:
        found = [folder / name for folder in Path("/").glob(pattern) if (folder / name).exists()]
        if found:
            return max(found, key=lambda path: [int(part) for part in re.findall(r"\d+", str(path))])
    if on_path := shutil.which(name):
        return Path(on_path)
    raise ServiceMissing("PostgreSQL is not installed: run `make system-packages`.")


def redis_program() -> Path:
    """Return the Redis server (or Valkey, its heir); raise ServiceMissing where there is none."""
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return Path(found)
    raise ServiceMissing("Redis is not installed: run `make system-packages`.")


def openssl_program() -> Path:
    """Return OpenSSL's program; raise ServiceMissing where there is none."""
    if found := shutil.which("openssl"):
        return Path(found)
    raise ServiceMissing("OpenSSL is not installed: run `make system-packages`.")


def nginx_program() -> Path:
    """Return nginx; raise ServiceMissing where there is none."""
    if found := shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"):
        return Path(found)
    if UNPACKED_NGINX.exists():
        return UNPACKED_NGINX
    raise ServiceMissing("nginx is not installed: run `make system-packages`.")


def faketime_library() -> Path | None:
    """Return libfaketime, which moves the clock of a program; None where there is none to be had (not Linux)."""
    if platform.system() != "Linux":
        return None
    for pattern in FAKETIME_PLACES:
        for found in Path("/").glob(pattern):
            return found
    raise ServiceMissing("libfaketime is not installed: run `make system-packages`.")


@contextmanager
def private_postgresql(*, durable: bool = False) -> Iterator[str]:
    """Run a PostgreSQL server and yield the SQLAlchemy URL of its `postgres` database.

    Unless it must be `durable`, it waits for no disk.

    It listens on a Unix socket inside a directory that only its user and root may enter,
    which is why it needs no password.
    """
    initdb, postgres = postgresql_program("initdb"), postgresql_program("postgres")
    with private_directory("postgresql", "postgres") as (directory, account):
        cluster = directory / "cluster"
        make: list[str | Path] = [
            initdb,
            "-D",
            cluster,
            "-U",
            "sharelink",
            "--auth=trust",
            "--encoding=UTF8",
        ]
        run_once([*make, "--no-locale", "--no-sync"], account, "PostgreSQL made no cluster")
        command: list[str | Path] = [
            postgres,
            "-D",
            cluster,
            "-k",
            directory,
            "-c",
            "listen_addresses=",
        ]
        command += ["-c", "max_connections=200"]
        if not durable:
            # fsync off: it protects from a failing machine, which no test can stage; a crash of
            # the application or of the server itself loses nothing without it.
            command += ["-c", "fsync=off", "-c", "full_page_writes=off"]
        url = URL.create(
            "postgresql+psycopg",
            username="sharelink",
            database="postgres",
            query={"host": str(directory)},
        )

        def answers() -> None:
            with connected(url):
                pass

        with _server("PostgreSQL", command, account, directory, stop=signal.SIGINT, answers=answers):
            yield url.render_as_string(hide_password=False)


@contextmanager
def private_redis() -> Iterator[str]:
    """Run a Redis server on a free loopback port and yield the URL of its database 0.

    It keeps nothing on disk and has REDIS_DATABASES databases.
    """
    program = redis_program()
    with private_directory("redis", "redis") as (directory, account):
        port = free_port()
        command: list[str | Path] = [
            program,
            "--bind",
            "127.0.0.1",
            "--port",
            str(port),
            "--dir",
            directory,
        ]
        command += ["--save", "", "--appendonly", "no", "--databases", str(REDIS_DATABASES)]

        def answers() -> None:
            with redis.Redis(port=port, socket_connect_timeout=1) as client:
                client.ping()

        with _server("Redis", command, account, directory, stop=signal.SIGTERM, answers=answers):
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def fresh_database(server_url: str, *, template: str = "template0") -> Iterator[str]:
    """Make a database on the server, yield its SQLAlchemy URL and drop it with its connections.

    `template` names a database of the same server to copy; nobody may be connected to it.
    """
    server, name = make_url(server_url), f"test_{uuid.uuid4().hex}"
    with connected(server) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with connected(server) as connection:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(statement.format(sql.Identifier(name)))


def connected(url: URL) -> psycopg.Connection[Any]:
    """Return a connection of which every statement stands at once."""
    parts: dict[str, Any] = url.translate_connect_args(username="user", database="dbname")
    parts |= url.query
    return psycopg.connect(**parts, autocommit=True, connect_timeout=5)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _unprivileged(preferred: str) -> pwd.struct_passwd | None:
    """Return whom root runs the server as; None when this is no root and nothing must change."""
    if os.geteuid() != 0:
        return None
    for name in (preferred, "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServiceMissing(f"There is no user {preferred!r} or 'nobody' to run a test server as.")


@contextmanager
def private_directory(name: str, user: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield a directory only the server's user may enter, and how to start a program as it."""
    with tempfile.TemporaryDirectory(prefix=f"sharelink-{name}-") as made:
        directory = Path(made).resolve()
        account: dict[str, Any] = {"cwd": directory, "env": {"PATH": os.environ["PATH"]}}
        if person := _unprivileged(user):
            os.chown(directory, person.pw_uid, person.pw_gid)
            account |= {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}
        yield directory, account


def run_once(command: Sequence[str | Path], account: dict[str, Any], failure: str) -> None:
    """Run a program of the server's to its end; raise ServiceMissing with `failure` if it does not succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **account)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ServiceMissing(f"{failure}: {reason}")


@contextmanager
def _server(
    name: str,
    command: Sequence[str | Path],
    account: dict[str, Any],
    directory: Path,
    *,
    stop: signal.Signals,
    answers: Callable[[], None],
) -> Iterator[None]:
    """Start a server, wait until `answers` returns without an error, and end it at last."""
    log = directory / "server.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **account
        ) as process,
    ):
        try:
            _wait_for(process, answers, log, name)
            yield
        finally:
            process.send_signal(stop)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(process: subprocess.Popen[bytes], answers: Callable[[], None], log: Path, name: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return answers()
        except (psycopg.OperationalError, redis.ConnectionError):
            if process.poll() is not None or time.monotonic() > deadline:
                last = (log.read_text(errors="replace").strip().splitlines() or ["no output"])[-1]
                raise ServiceMissing(f"{name} did not start: {last}") from None
        time.sleep(0.05)
