"""Proofs as files: `.tlog-proof` (C2SP tlog-proof) for one leaf, and for consistency the body of add-checkpoint.

The second has no file format of its own in the specifications; what a witness accepts (C2SP tlog-witness) is as good
when it is saved, and public tools read it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from sharelink.tlog.checkpoints import hash_from_text, number
from sharelink.tlog.errors import NoteMalformed
from sharelink.tlog.signed_notes import SignedNote, base64_text, exact_base64

_HEADER = "c2sp.org/tlog-proof@v1"
_OLD = "old "
_INDEX = "index "
_EXTRA = "extra "
_MAX_HASHES = 63


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That one leaf stands at `index` of the tree that the checkpoint commits to. `extra` is not authenticated."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: SignedNote
    extra: bytes | None = None

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a `.tlog-proof` file.

        Raises:
            NoteMalformed: it has another form.
        """
        lines, note = _split(raw)
        if not lines or lines.pop(0) != _HEADER:
            raise NoteMalformed("the file does not begin as a proof of this version")
        extra = exact_base64(lines.pop(0).removeprefix(_EXTRA)) if lines and lines[0].startswith(_EXTRA) else None
        if not lines or not lines[0].startswith(_INDEX):
            raise NoteMalformed("the proof does not say which event it is of")
        index = number(lines.pop(0).removeprefix(_INDEX))
        return cls(index, _hashes(lines), note, extra)

    def to_bytes(self) -> bytes:
        """Return the file."""
        extra = [] if self.extra is None else [_EXTRA + base64_text(self.extra)]
        return _joined([_HEADER, *extra, f"{_INDEX}{self.index}"], self.path, self.checkpoint)


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the log of `old` leaves is the beginning of the one that the checkpoint commits to."""

    old: int
    path: tuple[bytes, ...]
    checkpoint: SignedNote

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the body of an add-checkpoint request, or the file that holds one.

        Raises:
            NoteMalformed: it has another form.
        """
        lines, note = _split(raw)
        if not lines or not lines[0].startswith(_OLD):
            raise NoteMalformed("the proof does not say from which size it leads")
        old = number(lines.pop(0).removeprefix(_OLD))
        return cls(old, _hashes(lines), note)

    def to_bytes(self) -> bytes:
        """Return the body."""
        return _joined([f"{_OLD}{self.old}"], self.path, self.checkpoint)


def _split(raw: bytes) -> tuple[list[str], SignedNote]:
    head, separator, note = raw.partition(b"\n\n")
    if not separator:
        raise NoteMalformed("the checkpoint is missing")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise NoteMalformed("the proof is not plain text") from error
    return lines, SignedNote.parse(note)


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > _MAX_HASHES:
        raise NoteMalformed("the proof has too many hashes")
    return tuple(hash_from_text(line) for line in lines)


def _joined(head: Sequence[str], path: Sequence[bytes], checkpoint: SignedNote) -> bytes:
    lines = [*head, *(base64_text(hashed) for hashed in path), "", ""]
    return "\n".join(lines).encode("ascii") + checkpoint.to_bytes()
