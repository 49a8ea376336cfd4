"""Keeps one private server running for a whole test run, shared by all its processes.

`python -m tests.service_keeper NAME DIRECTORY OWNER` starts the server and writes its
address to DIRECTORY/NAME.url, or why there is none to DIRECTORY/NAME.error. It ends the
server when told to terminate, and also when the process OWNER is gone: a test run that
was killed leaves nothing behind.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.services import START_SECONDS, ServiceMissing, private_postgresql, private_redis

if TYPE_CHECKING:
    from types import FrameType

SERVERS = {"postgresql": private_postgresql, "redis": private_redis}
_keepers: list[subprocess.Popen[bytes]] = []


def server_url(name: str, directory: Path, owner: int) -> str:
    """Return the address of the run's server, started by whichever process asks first.

    Raises ServiceMissing when it cannot be had.
    """
    url, error = directory / f"{name}.url", directory / f"{name}.error"
    with (directory / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not url.exists() and not error.exists():
            module = [sys.executable, "-m", "tests.service_keeper"]
            root = Path(__file__).resolve().parent.parent
            # A session of its own: Ctrl-C reaches pytest, which then ends the keeper in order.
            keeper = subprocess.Popen(
                [*module, name, str(directory), str(owner)],
                cwd=root,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            _keepers.append(keeper)
            deadline = time.monotonic() + START_SECONDS
            while not url.exists() and not error.exists():
                if keeper.poll() is not None or time.monotonic() > deadline:
                    raise ServiceMissing(f"The keeper of {name} ended without an answer.")
                time.sleep(0.05)
    if error.exists():
        raise ServiceMissing(error.read_text())
    return url.read_text()


def stop_servers(directory: Path) -> None:
    """End every server that was started for this directory and wait until it is gone."""
    for running in directory.glob("*.pid"):
        with suppress(ProcessLookupError):
            os.kill(int(running.read_text()), signal.SIGTERM)
        deadline = time.monotonic() + START_SECONDS
        while running.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    for keeper in _keepers:
        keeper.wait(START_SECONDS)
    _keepers.clear()


def keep(name: str, directory: Path, owner: int) -> None:
    """Run the server until SIGTERM or until the process `owner` has ended."""
    signal.signal(signal.SIGTERM, _leave)
    running = directory / f"{name}.pid"
    _write(running, str(os.getpid()))
    try:
        with SERVERS[name]() as url:
            _write(directory / f"{name}.url", url)
            while _is_alive(owner):
                time.sleep(0.5)
        # Nobody is left to remove it.
        shutil.rmtree(directory, ignore_errors=True)
    except ServiceMissing as missing:
        _write(directory / f"{name}.error", str(missing))
    finally:
        running.unlink(missing_ok=True)


def _leave(_signal_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _is_alive(process_number: int) -> bool:
    try:
        os.kill(process_number, 0)
    except ProcessLookupError:
        return False
    return True


def _write(path: Path, text: str) -> None:
    """Write in one step, so that a reader never meets half an address."""
    if path.parent.exists():
        unfinished = path.with_suffix(path.suffix + ".new")
        unfinished.write_text(text)
        unfinished.replace(path)


if __name__ == "__main__":
    keep(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
