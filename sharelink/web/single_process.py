"""Refuses a second process while requests are counted in memory: each process would grant the whole limit again.

The process that serves holds an exclusive lock on a file. A forked child does not inherit such a lock, so a server
that forks after loading the application is found out at the child's first request.
"""

import fcntl
import os
import time
from pathlib import Path

from flask import Flask

from sharelink.errors import UnsafeStart
from sharelink.settings import Settings

PATIENCE_SECONDS = 6.0
"""A process that is just stopping finishes its requests first; its successor waits that long."""

_PROBLEM = (
    "another process serves this installation already, and SHARELINK_RATE_LIMIT_STORE=memory:// counts requests "
    "in one process only; stop the other one, or count in Redis"
)
_FORKED = (
    "this server forked the application after loading it, and SHARELINK_RATE_LIMIT_STORE=memory:// counts requests "
    "in one process only; serve from one process, or count in Redis"
)

# One open file per path and process. Closing any second descriptor of the file would give the lock up (POSIX).
_held: dict[Path, tuple[int, int]] = {}


def lock_path(settings: Settings) -> Path:
    """Return the file that the serving process locks: beside the embedded database, else beside the keys."""
    if settings.database_file is not None:
        return Path(f"{settings.database_file}.serving")
    return settings.keyring_directory / "serving.lock"


def hold_single_process_lock(app: Flask, settings: Settings, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Take the lock for the life of this process, and let `app` refuse requests in any process without it.

    Raises:
        UnsafeStart: another process holds the lock, or the file cannot be made.
    """
    path = lock_path(settings)
    _take(path, patience_seconds)

    @app.before_request
    def refuse_in_forked_child() -> None:
        if _held[path][0] != os.getpid():
            raise UnsafeStart([_FORKED])


def _take(path: Path, patience_seconds: float) -> None:
    if path in _held and _held[path][0] == os.getpid():
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnsafeStart([f"{path} cannot be written ({os.strerror(error.errno or 0)})"]) from error
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise UnsafeStart([_PROBLEM]) from None
            time.sleep(0.1)
        else:
            _held[path] = (os.getpid(), descriptor)
            return
