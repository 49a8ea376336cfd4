"""Checkpoints after C2SP tlog-checkpoint: origin, size and root of the tree, signed by the log as a note."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from sharelink.tlog.errors import NoteMalformed, SignatureRejected
from sharelink.tlog.merkle import EMPTY_ROOT, HASH_BYTES
from sharelink.tlog.signed_notes import Ed25519Signer, SignedNote, Verifier, base64_text, check_signatures, exact_base64

MAX_SIZE = 2**63 - 1


def number(text: str) -> int:
    """Read a decimal number as the formats write it: no sign, no leading zero, no other digit.

    Raises:
        NoteMalformed: another spelling, or more than 2^63 - 1.
    """
    is_plain = text.isascii() and text.isdigit() and (text == "0" or not text.startswith("0"))
    if not is_plain or len(text) > 19 or int(text) > MAX_SIZE:
        raise NoteMalformed("a number is not written as plain decimal digits")
    return int(text)


def hash_from_text(text: str) -> bytes:
    """Read a hash in base64.

    Raises:
        NoteMalformed: not base64, or not 32 bytes.
    """
    raw = exact_base64(text)
    if len(raw) != HASH_BYTES:
        raise NoteMalformed("a hash does not have 32 bytes")
    return raw


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: under this name, this many leaves, with this root. Other logs' extra lines are kept."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a note.

        Raises:
            NoteMalformed: it is no checkpoint, or an empty log with the root of another.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise NoteMalformed("a checkpoint has at least three lines, none of them empty")
        origin, size_text, root_text, *extensions = lines
        size, root = number(size_text), hash_from_text(root_text)
        if size == 0 and root != EMPTY_ROOT:
            raise NoteMalformed("the root of an empty log is not this")
        return cls(origin, size, root, tuple(extensions))

    def text(self) -> str:
        """Return the text that is signed."""
        return "\n".join([self.origin, str(self.size), base64_text(self.root), *self.extensions]) + "\n"


def signed_checkpoint(signers: Sequence[Ed25519Signer], size: int, root: bytes) -> SignedNote:
    """Return the checkpoint of the tree, signed by every key of the log; while keys change there are several."""
    text = Checkpoint(signers[0].key.name, size, root).text()
    return SignedNote(text, tuple(signer.sign(text) for signer in signers))


def verified_checkpoint(note: SignedNote, origin: str, log_keys: Sequence[Verifier]) -> Checkpoint:
    """Return the checkpoint in `note`, once a key of the log has vouched for it.

    Raises:
        NoteMalformed: no checkpoint.
        SignatureRejected: of another log, or signed wrongly or not at all.
    """
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != origin:
        raise SignatureRejected("the checkpoint is of another log")
    if not check_signatures(note, log_keys):
        raise SignatureRejected("no known key of the log has signed the checkpoint")
    return checkpoint
