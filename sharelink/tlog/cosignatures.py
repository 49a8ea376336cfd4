"""Cosignatures after C2SP tlog-cosignature: a witness says since when it has seen this, the largest consistent tree.

Two kinds are verified: Ed25519 (type 0x04) over the whole text with a time in front, and ML-DSA-44 (type 0x06) over
time, origin, size and root. Ours, as a witness for the tests and customers' tools, are of the first kind.
"""

import struct
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.errors import NoteMalformed, SignatureRejected
from sharelink.tlog.signed_notes import SignatureLine, VerifierKey, ed25519_public

COSIGNATURE_ED25519 = 0x04
COSIGNATURE_MLDSA44 = 0x06
_TIME_BYTES = 8
_MAX_TIME_SECONDS = 2**63 - 1


def cosigned_time_seconds(signature: bytes) -> int:
    """Return the time that a cosignature carries, in seconds since 1970.

    Raises:
        NoteMalformed: it is too short to carry one, or the time is out of range.
    """
    if len(signature) <= _TIME_BYTES:
        raise NoteMalformed("a cosignature is too short")
    (seconds,) = struct.unpack(">Q", signature[:_TIME_BYTES])
    if seconds > _MAX_TIME_SECONDS:
        raise NoteMalformed("the time of a cosignature is out of range")
    return int(seconds)


@dataclass(frozen=True, slots=True)
class Cosigner:
    """Checks the cosignatures of one witness."""

    key: VerifierKey
    _public: Ed25519PublicKey | MLDSA44PublicKey = field(repr=False)

    @classmethod
    def of(cls, key: VerifierKey) -> Self:
        """Return the checker for a witness' key.

        Raises:
            NoteMalformed: the key is of no kind that cosigns.
        """
        if key.algorithm == COSIGNATURE_ED25519:
            return cls(key, ed25519_public(key))
        if key.algorithm == COSIGNATURE_MLDSA44:
            try:
                return cls(key, MLDSA44PublicKey.from_public_bytes(key.public))
            except ValueError as error:
                raise NoteMalformed("a verifier key does not hold an ML-DSA-44 key") from error
        raise NoteMalformed("this key does not belong to a witness")

    def check(self, text: str, signature: bytes) -> None:
        """Check a cosignature (time and signature) over a checkpoint's text.

        Raises:
            NoteMalformed: the text is no checkpoint, or the cosignature has another form.
            SignatureRejected: it is not this witness'.
        """
        seconds = cosigned_time_seconds(signature)
        try:
            if isinstance(self._public, Ed25519PublicKey):
                self._public.verify(signature[_TIME_BYTES:], _ed25519_message(text, seconds))
            else:
                self._public.verify(signature[_TIME_BYTES:], _mldsa44_message(self.key.name, text, seconds))
        except InvalidSignature as error:
            raise SignatureRejected(f"the cosignature by {self.key.name} is wrong") from error


@dataclass(frozen=True, slots=True, repr=False)
class Ed25519Cosigner:
    """Cosigns as a witness. One key per name: the message does not cover the name. Has no repr: it holds the key."""

    key: VerifierKey
    _private: Ed25519PrivateKey

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> Self:
        """Return the witness with this name and seed (32 bytes)."""
        private = Ed25519PrivateKey.from_private_bytes(seed)
        public = private.public_key().public_bytes_raw()
        return cls(VerifierKey(name, COSIGNATURE_ED25519, public), private)

    def cosign(self, text: str, seconds: int) -> SignatureLine:
        """Return the line by which this witness vouches for a checkpoint's text, as of `seconds` since 1970."""
        signature = self._private.sign(_ed25519_message(text, seconds))
        return SignatureLine(self.key.name, self.key.id, struct.pack(">Q", seconds) + signature)


def _ed25519_message(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _mldsa44_message(name: str, text: str, seconds: int) -> bytes:
    checkpoint = Checkpoint.parse(text)
    cosigner, origin = name.encode("utf-8"), checkpoint.origin.encode("utf-8")
    if max(len(cosigner), len(origin)) > 255:
        raise NoteMalformed("a name is too long for an ML-DSA cosignature")
    return b"".join(
        [
            b"subtree/v1\n\0",
            bytes([len(cosigner)]),
            cosigner,
            struct.pack(">Q", seconds),
            bytes([len(origin)]),
            origin,
            struct.pack(">QQ", 0, checkpoint.size),
            checkpoint.root,
        ]
    )
