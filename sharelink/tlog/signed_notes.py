"""Signed notes and verifier keys after C2SP signed-note: a text, and lines by which keys vouch for exactly that text.

Only Ed25519 (type 0x01) signs and verifies here; cosignatures, which sign another message, are in `cosignatures.py`.
"""

import base64
import binascii
import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sharelink.tlog.errors import NoteMalformed, SignatureRejected

KEY_ID_BYTES = 4
ED25519 = 0x01
_SIGNATURE_PREFIX = "\u2014 "
MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100


def exact_base64(text: str) -> bytes:
    """Decode padded standard base64, refusing every spelling but the one that encodes back to `text`.

    Raises:
        NoteMalformed: `text` is not such a spelling.
    """
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise NoteMalformed("something that should be base64 is not") from error
    if base64.b64encode(raw).decode("ascii") != text:
        raise NoteMalformed("base64 in another spelling than the standard one")
    return raw


def base64_text(raw: bytes) -> str:
    """Return padded standard base64."""
    return base64.b64encode(raw).decode("ascii")


def key_id(name: str, algorithm: int, public: bytes) -> bytes:
    """Return the four bytes by which a signature line names its key."""
    return hashlib.sha256(name.encode("utf-8") + b"\n" + bytes([algorithm]) + public).digest()[:KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name, in the form `name+id+base64`; what is printed in contracts and policies."""

    name: str
    algorithm: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a verifier key.

        Raises:
            NoteMalformed: the text has another form, or its id is not that of its key.
        """
        # The base64 part may hold a plus sign itself: only the first two separate.
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise NoteMalformed("a verifier key has three parts, separated by plus signs")
        name, identifier, encoded = parts
        raw = exact_base64(encoded)
        if not is_key_name(name) or len(raw) < 2:
            raise NoteMalformed("the name of a verifier key is not allowed, or its key is missing")
        key = cls(name, raw[0], raw[1:])
        if key.id.hex() != identifier:
            raise NoteMalformed("the id of a verifier key is not that of its key")
        return key

    @property
    def id(self) -> bytes:
        """The four bytes that signature lines carry."""
        return key_id(self.name, self.algorithm, self.public)

    def text(self) -> str:
        """Return the key as `parse` reads it."""
        return f"{self.name}+{self.id.hex()}+{base64_text(bytes([self.algorithm]) + self.public)}"


def is_key_name(name: str) -> bool:
    """Tell whether `name` may name a key: not empty, no space, no control character, no plus sign."""
    return bool(name) and not any(
        character == "+" or character.isspace() or unicodedata.category(character) == "Cc" for character in name
    )


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One line under a note: who, by which key, and the bytes that key put there."""

    name: str
    key_id: bytes
    signature: bytes

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read one line.

        Raises:
            NoteMalformed: the line has another form.
        """
        if not line.startswith(_SIGNATURE_PREFIX):
            raise NoteMalformed("a signature line does not begin with a long dash and a space")
        name, separator, encoded = line.removeprefix(_SIGNATURE_PREFIX).partition(" ")
        raw = exact_base64(encoded)
        if not separator or not is_key_name(name) or len(raw) <= KEY_ID_BYTES:
            raise NoteMalformed("a signature line lacks its name, key or signature")
        return cls(name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])

    def text(self) -> str:
        """Return the line without its end."""
        return f"{_SIGNATURE_PREFIX}{self.name} {base64_text(self.key_id + self.signature)}"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text (which ends in a line feed: exactly what is signed) and its signature lines."""

    text: str
    signatures: tuple[SignatureLine, ...]

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read a note.

        Raises:
            NoteMalformed: not UTF-8, control characters, no blank line before the signatures, or no signature.
        """
        if len(raw) > MAX_NOTE_BYTES:
            raise NoteMalformed("the note is too long")
        try:
            whole = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise NoteMalformed("the note is not UTF-8") from error
        if any(character < " " and character != "\n" for character in whole) or "\x7f" in whole:
            raise NoteMalformed("the note holds a control character")
        if not whole.endswith("\n"):
            raise NoteMalformed("the note does not end with its last line")
        # The last blank line separates: the text may hold blank lines of its own.
        text, separator, block = whole.rpartition("\n\n")
        lines = block.splitlines()
        if not separator or not lines or len(lines) > MAX_SIGNATURES:
            raise NoteMalformed("the note has no signatures, or too many")
        return cls(text + "\n", tuple(SignatureLine.parse(line) for line in lines))

    def to_bytes(self) -> bytes:
        """Return the note as it is stored, sent and parsed."""
        lines = "".join(line.text() + "\n" for line in self.signatures)
        return f"{self.text}\n{lines}".encode()

    def with_signatures(self, lines: Iterable[SignatureLine]) -> "SignedNote":
        """Return the note with further lines; one that is there already is not repeated."""
        known = set(self.signatures)
        return SignedNote(self.text, self.signatures + tuple(line for line in lines if line not in known))


class Verifier(Protocol):
    """Checks the signatures of one key."""

    @property
    def key(self) -> VerifierKey:
        """The key whose lines this one checks."""

    def check(self, text: str, signature: bytes) -> None:
        """Check one signature over the note's text.

        Raises:
            SignatureRejected: it is not this key's signature over that text.
        """


@dataclass(frozen=True, slots=True)
class Ed25519Verifier:
    """Checks note signatures by Ed25519 (type 0x01)."""

    key: VerifierKey
    _public: Ed25519PublicKey = field(repr=False)

    @classmethod
    def of(cls, key: VerifierKey) -> Self:
        """Return the verifier of a key.

        Raises:
            NoteMalformed: the key is of another algorithm, or no key at all.
        """
        if key.algorithm != ED25519:
            raise NoteMalformed("the log's key is not an Ed25519 key")
        return cls(key, ed25519_public(key))

    def check(self, text: str, signature: bytes) -> None:
        """Check one signature, as the protocol promises."""
        try:
            self._public.verify(signature, text.encode("utf-8"))
        except InvalidSignature as error:
            raise SignatureRejected(f"the signature by {self.key.name} is wrong") from error


@dataclass(frozen=True, slots=True, repr=False)
class Ed25519Signer:
    """Signs notes by Ed25519. Has no repr: it holds the key."""

    key: VerifierKey
    _private: Ed25519PrivateKey

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> Self:
        """Return the signer with this name and seed (32 bytes).

        Raises:
            NoteMalformed: the name may not name a key.
        """
        if not is_key_name(name):
            raise NoteMalformed("this may not name a key: no spaces, no plus sign")
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return cls(VerifierKey(name, ED25519, private.public_key().public_bytes_raw()), private)

    def sign(self, text: str) -> SignatureLine:
        """Return the signature line over `text`, which ends in a line feed."""
        return SignatureLine(self.key.name, self.key.id, self._private.sign(text.encode("utf-8")))


def ed25519_public(key: VerifierKey) -> Ed25519PublicKey:
    """Return the public key of a verifier key.

    Raises:
        NoteMalformed: its bytes are no such key.
    """
    try:
        return Ed25519PublicKey.from_public_bytes(key.public)
    except ValueError as error:
        raise NoteMalformed("a verifier key does not hold 32 bytes") from error


def check_signatures(note: SignedNote, verifiers: Sequence[Verifier]) -> tuple[VerifierKey, ...]:
    """Return the known keys that signed the note; lines of unknown keys say nothing, for or against.

    Raises:
        SignatureRejected: a line by a known key is wrong: then nothing else about the note counts.
    """
    known: Mapping[tuple[str, bytes], Verifier] = {(found.key.name, found.key.id): found for found in verifiers}
    signed: list[VerifierKey] = []
    for line in note.signatures:
        verifier = known.get((line.name, line.key_id))
        if verifier is None:
            continue
        verifier.check(note.text, line.signature)
        if verifier.key not in signed:
            signed.append(verifier.key)
    return tuple(signed)


Sign = Callable[[str], Sequence[SignatureLine]]
"""Signs a text, by one key or by several while keys change."""
