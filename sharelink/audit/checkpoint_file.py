"""Signed checkpoints in a file outside of the database: whoever puts an older database in its place is found out.

The file is only appended to. Notes stand one after the other, each followed by an empty line.
"""

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from sharelink.audit.signing import LogKeys
from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.errors import ProofRejected
from sharelink.tlog.signed_notes import SignedNote

_TAIL_BYTES = 65_536
"""Enough for hundreds of notes: the newest whole one is among the last."""


def append_checkpoint(path: Path, note: SignedNote) -> None:
    """Append a note and make it durable.

    Raises:
        OSError: the file cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        # One write: a reader, or another process that appends, sees it whole or not at all.
        os.write(descriptor, note.to_bytes() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def newest_in_file(path: Path, log_keys: LogKeys) -> Checkpoint | None:
    """Return the largest checkpoint of this log in the file that a key of the log has signed; None if there is none.

    What a power loss cut off, and what somebody else wrote there, is passed over.

    Raises:
        OSError: the file is there and cannot be read.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            tail = file.read()
    except FileNotFoundError:
        return None
    return max(_checkpoints(tail, log_keys), key=lambda checkpoint: checkpoint.size, default=None)


def _checkpoints(tail: bytes, log_keys: LogKeys) -> Iterator[Checkpoint]:
    parts = tail.split(b"\n\n")
    for text, signatures in pairwise(parts):
        try:
            # A note has an empty line in its middle, too: of every two neighbours, one pair is a note.
            yield log_keys.check(SignedNote.parse(text.lstrip(b"\n") + b"\n\n" + signatures + b"\n"))
        except ProofRejected:
            continue
