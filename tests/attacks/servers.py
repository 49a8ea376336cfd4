"""The shipped server, `sharelink serve`, in processes of its own on free ports of this machine."""

import html
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sharelink.settings import Settings
from tests.attacks.callers import Caller
from tests.attacks.nursery import Fledgling, Nursery

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).with_name("sharelink")
START_SECONDS = 60.0
STOP_SECONDS = 30.0
_GIVEN = (
    *("database_url", "instance_directory", "keyring_directory", "organisation_name", "support_contact"),
    # One name for all nodes, although each has an address of its own here.
    "audit_origin",
    *("rate_limit_open", "rate_limit_status", "rate_limit_reveal", "rate_limit_sign_in", "rate_limit_create"),
)


_nurseries: list[Nursery] = []


@contextmanager
def nursery() -> Iterator[None]:
    """Fork servers from one process while the block runs; else each starts the program."""
    made = Nursery(ROOT)
    _nurseries.append(made)
    try:
        yield
    finally:
        _nurseries.remove(made)
        made.close()


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def environment(settings: Settings, changes: Mapping[str, object]) -> dict[str, str]:
    """Return the environment of a server with `settings`, other than in `changes`."""
    # One log, whichever process signs it and on whatever port that listens.
    origin = {"audit_origin": settings.log_origin}
    values = {name: getattr(settings, name) for name in _GIVEN} | origin | dict(changes)
    # The tree under test, wherever the program itself was installed from.
    plain = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
    return plain | {f"SHARELINK_{name.upper()}": str(value) for name, value in values.items()}


class Server:
    """One process of the service; `output` holds everything that it writes."""

    def __init__(
        self,
        settings: Settings,
        output: Path,
        *,
        command: Sequence[str] = ("serve",),
        variables: Mapping[str, str] | None = None,
        **changes: object,
    ) -> None:
        self.port = free_port()
        self.output = output
        folder = output.parent
        folder.mkdir(parents=True, exist_ok=True)
        named = {"port": self.port, "base_url": f"http://localhost:{self.port}"}
        environ = environment(settings, named | changes) | dict(variables or {})
        with output.open("ab") as written:
            self.process: subprocess.Popen[bytes] | Fledgling
            # What changes the program from outside, such as a library that is loaded before it, takes a real start.
            if _nurseries and not variables:
                self.process = _nurseries[-1].start(command, folder, environ, written.fileno())
            else:
                self.process = subprocess.Popen(
                    [PROGRAM, *command],
                    cwd=folder,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=written,
                    stderr=subprocess.STDOUT,
                )

    def wait_until_up(self) -> "Server":
        """Return when the server answers."""
        wait_until(self._answers, START_SECONDS, lambda: f"the server did not start: {self.said()[-2000:]}")
        return self

    def said(self) -> str:
        """Return what the process has written so far."""
        return self.output.read_text(errors="replace")

    def caller(self, address: str | None = None) -> Caller:
        """Return a new client."""
        return Caller(self.port, address)

    def socket(self, timeout: float = 20.0) -> socket.socket:
        """Return a bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def memory_bytes(self) -> int:
        """Return the resident memory of the process."""
        command = ["ps", "-o", "rss=", "-p", str(self.process.pid)]
        return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout) * 1024

    def stop(self) -> int:
        """Ask the process to end, as an operator does, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End the process as a crash does."""
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the server ended: {self.said()[-2000:]}"
        with suppress(OSError, http.client.HTTPException), Caller(self.port, timeout=20) as caller:
            return caller.get("/healthz").status == 200
        return False


def wait_until(holds: Callable[[], Any], seconds: float, why_not: Callable[[], str] | str) -> None:
    """Return as soon as `holds()` is true; fail when it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(why_not if isinstance(why_not, str) else why_not())
        time.sleep(0.02)


def shown_secret(page: str) -> str | None:
    """Return the text between the tags in which a page shows a secret, as a browser would not yet have decoded it."""
    found = re.search(r'<textarea id="secret-text"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    return None if found is None else found.group(1)


def shown_answers(page: str) -> list[str]:
    """Return the texts in which a page shows the answer to a request, field by field; none if it shows no answer."""
    found = re.findall(r'<textarea id="answer-\d+"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    return [html.unescape(text) for text in found]
