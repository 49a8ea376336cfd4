"""PostgreSQL servers that a test may kill, start again, and let a stand-by take over from: real ones, with fsync on.

Nodes reach them by TCP and a password, as in a fleet; replication and the test itself by their Unix sockets.
"""

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psycopg
from sqlalchemy import URL

from tests.attacks.servers import wait_until
from tests.services import connected, free_port, postgresql_program, private_directory, run_once

USER = "sharelink"
START_SECONDS, STOP_SECONDS = 60.0, 20.0
_SETTINGS = ("fsync=on", "synchronous_commit=on", "max_connections=60", "shared_buffers=16MB", "wal_keep_size=64MB")


class Cluster:
    """One PostgreSQL server; `password` is the one of its only user."""

    def __init__(self, directory: Path, account: dict[str, Any], password: str) -> None:
        self.directory = directory
        self.password = password
        self.port = free_port()
        self._account = account
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def own_url(self) -> URL:
        """Return the address by which the test reaches the server, whatever becomes of its port."""
        query = {"host": str(self.directory), "port": str(self.port)}
        return URL.create("postgresql+psycopg", username=USER, database="postgres", query=query)

    def address(self, *others: Self) -> str:
        """Return the address for nodes, as an operator writes it: this server, and others that may take its place."""
        hosts = ",".join(f"127.0.0.1:{cluster.port}" for cluster in (self, *others))
        return f"postgresql://{USER}:{self.password}@{hosts}/postgres"

    def start(self, *, wait: bool = True) -> None:
        """Start the server, after a crash with its recovery, and return when it answers."""
        command: list[str | Path] = [postgresql_program("postgres"), "-D", self.directory / "cluster"]
        command += ["-k", self.directory, "-p", str(self.port), "-c", "listen_addresses=127.0.0.1"]
        for setting in _SETTINGS:
            command += ["-c", setting]
        with (self.directory / "server.log").open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **self._account
            )
        if wait:
            wait_until(self.answers, START_SECONDS, lambda: f"PostgreSQL did not start: {self.said()[-2000:]}")

    def kill(self) -> None:
        """End the postmaster and every backend as the machine's end does: none of them hears of it."""
        assert self._process is not None
        processes = [self._process.pid, *_children(self._process.pid)]
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()
        wait_until(lambda: not any(map(_is_alive, processes[1:])), 20, "a backend outlived its server")

    def stop(self) -> None:
        """End the server in order, without waiting for its clients; if it does not end, kill it."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def promote(self) -> None:
        """Make a stand-by the server that takes writes."""
        # Its configuration is a copy of the primary's: it would wait for itself to confirm its commits.
        self.execute("ALTER SYSTEM RESET synchronous_standby_names")
        self.execute("SELECT pg_reload_conf()")
        command = [postgresql_program("pg_ctl"), "promote", "-D", self.directory / "cluster", "-w", "-t", "60"]
        run_once(command, self._account, "the stand-by was not promoted")

    def demand_copies(self, of: str = "*") -> None:
        """Acknowledge a commit only when a stand-by has written it to its disk; of none if nothing is named."""
        self.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{of}'")
        self.execute("SELECT pg_reload_conf()")
        wait_until(lambda: self.execute("SHOW synchronous_standby_names") == [(of,)], 20, "it was not taken up")

    def execute(self, statement: str) -> list[Any]:
        """Run one statement that stands at once; return its rows."""
        with connected(self.own_url) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]  # a statement of the test's own
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def crowded_out(self) -> Iterator[None]:
        """Take every connection that the server has to give, and those that the nodes had."""
        nodes = "FROM pg_stat_activity WHERE client_addr IS NOT NULL"
        with ExitStack() as stack:
            first = stack.enter_context(connected(self.own_url))
            while True:
                first.execute(f"SELECT pg_terminate_backend(pid) {nodes}")
                with suppress(psycopg.OperationalError):
                    while True:
                        stack.enter_context(connected(self.own_url))
                if first.execute(f"SELECT count(*) {nodes}").fetchone() == (0,):
                    break
            yield

    def said(self) -> str:
        """Return what the server has logged."""
        return (self.directory / "server.log").read_text(errors="replace")

    def answers(self) -> bool:
        """Tell whether the server takes connections."""
        assert self._process is not None
        assert self._process.poll() is None, f"PostgreSQL ended: {self.said()[-2000:]}"
        with suppress(psycopg.OperationalError), connected(self.own_url):
            return True
        return False

    def has_copy(self) -> bool:
        """Tell whether one stand-by follows, and is waited for."""
        return self.execute("SELECT sync_state FROM pg_stat_replication") == [("sync",)]


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Yield a new server with an empty database."""
    with private_directory("cluster", "postgres") as (directory, account):
        password = secrets.token_urlsafe(16)
        file = directory / "password"
        file.write_text(password)
        file.chmod(0o644)  # inside a folder that only the server's user may enter
        command: list[str | Path] = [postgresql_program("initdb"), "-D", directory / "cluster", "-U", USER]
        command += ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={file}", "--encoding=UTF8"]
        run_once([*command, "--no-locale", "--no-sync"], account, "PostgreSQL made no cluster")
        with ended(Cluster(directory, account, password)) as cluster:
            cluster.start()
            yield cluster


@contextmanager
def running_standby(primary: Cluster) -> Iterator[Cluster]:
    """Yield a streaming replica of `primary`, which from now on waits for it at every commit."""
    with private_directory("standby", "postgres") as (directory, account):
        command: list[str | Path] = [postgresql_program("pg_basebackup"), "-D", directory / "cluster"]
        source = f"host={primary.directory} port={primary.port} user={USER}"
        command += ["-d", source, "--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync"]
        run_once(command, account, "no copy of the primary was made")
        with ended(Cluster(directory, account, primary.password)) as standby:
            standby.start()
            primary.demand_copies()
            wait_until(primary.has_copy, 30, "no stand-by is synchronous")
            yield standby


@contextmanager
def ended(cluster: Cluster) -> Iterator[Cluster]:
    """Yield the server and end it with the block."""
    with ExitStack() as stack:
        stack.callback(cluster.stop)
        yield cluster


def _children(process: int) -> Sequence[int]:
    command = ["ps", "-A", "-o", "pid=,ppid="]
    listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    pairs = [tuple(map(int, line.split())) for line in listed]
    return [child for child, parent in pairs if parent == process]


def _is_alive(process: int) -> bool:
    # A child whose parent died may stay a zombie where the first process does not reap.
    command = ["ps", "-o", "stat=", "-p", str(process)]
    state = subprocess.run(command, capture_output=True, check=False, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")
