"""Servers by the hundred: a process that has read the whole program forks one for each that a test asks for.

To start the program takes a second of a processor, nearly all of it to import, and the tests start it 200 times. What
a server does from its first line on is the same; that the program starts by itself is proven by the tests of commands.
"""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from sharelink.cli import main

_MOST_BYTES = 256 * 1024
_LOOK_SECONDS = 0.01


@dataclass
class Fledgling:
    """A server that was forked, as `subprocess.Popen` shows a program that was started."""

    pid: int
    returncode: int | None = None
    _told: int = field(default=-1, repr=False)

    def poll(self) -> int | None:
        """Return how it ended, as `Popen` counts; None while it runs."""
        if self.returncode is None:
            with suppress(BlockingIOError):
                told = _line(self._told)
                # Its keeper was killed: whoever did that has killed the server, too.
                self.returncode = int(told) if told else -signal.SIGKILL
                os.close(self._told)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended.

        Raises:
            subprocess.TimeoutExpired: it runs after `timeout` seconds.
        """
        until = time.monotonic() + (float("inf") if timeout is None else timeout)
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("a server", timeout or 0)
            time.sleep(_LOOK_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a crash does."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """Forks servers for one process of pytest."""

    def __init__(self, root: Path) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(root), "LANG": "C.UTF-8"}
        with theirs:
            self._program = subprocess.Popen(
                [sys.executable, "-m", "tests.attacks.nursery", str(theirs.fileno())],
                cwd=root,
                env=environ,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def start(self, command: Sequence[str], folder: Path, environ: Mapping[str, str], output: int) -> Fledgling:
        """Return a new server: `sharelink` with the arguments `command`, which writes to the file `output`."""
        told, tell = os.pipe()
        wanted = json.dumps([list(command), str(folder), dict(environ)]).encode()
        try:
            socket.send_fds(self._ours, [wanted], [output, tell])
        finally:
            os.close(tell)
        pid = int(_line(told))
        os.set_blocking(told, False)
        return Fledgling(pid, _told=told)

    def close(self) -> None:
        """End it; servers that run go on, as programs would."""
        self._ours.close()
        self._program.wait()


def _line(told: int) -> bytes:
    """Return what comes next, up to the end of its line: the number of the process, and then how it ended."""
    line = b""
    while (sign := os.read(told, 1)) not in {b"", b"\n"}:
        line += sign
    return line


@dataclass(frozen=True)
class _Wish:
    command: list[str]
    folder: str
    environ: dict[str, str]


def _tend(asked: socket.socket) -> _Wish | None:
    """Fork a server for each wish; return the wish in the process that is to be it, and None when all have come."""
    # Each server has a keeper that tells how it ended; of keepers nobody wants to know.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        wanted, given, _flags, _address = socket.recv_fds(asked, _MOST_BYTES, 2)
        if not wanted:
            return None
        if os.fork() == 0:
            asked.close()
            output, tell = given
            if _is_keeper(tell):
                os._exit(0)
            for standard in (1, 2):
                os.dup2(output, standard)
            os.close(output)
            return _Wish(*json.loads(wanted))
        for one in given:
            os.close(one)


def _is_keeper(tell: int) -> bool:
    """Fork once more; return False at once in the server, and True in its keeper when the server has ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(tell)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return False
    os.write(tell, b"%d\n" % pid)
    _pid, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):
        os.write(tell, b"%d\n" % os.waitstatus_to_exitcode(status))
    return True


def _main(asked: socket.socket) -> None:
    for needed in ("serving", "server"):
        import_module(f"sharelink.cli.{needed}")
    for needed in ("persistence.postgresql", "web.shared_counters"):
        import_module(f"sharelink.{needed}")
    gc.freeze()
    wish = _tend(asked)
    if wish is not None:
        os.chdir(wish.folder)
        os.environ.clear()
        os.environ.update(wish.environ)
        sys.argv = ["sharelink", *wish.command]
        main(prog_name="sharelink")


if __name__ == "__main__":
    _main(socket.socket(fileno=int(sys.argv[1])))
