"""In whose name the log speaks: its origin, the keys that sign for it, and those that have signed before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sharelink.crypto.durable_files import create_durably, replace_durably
from sharelink.errors import UnsafeStart
from sharelink.tlog.checkpoints import Checkpoint, signed_checkpoint, verified_checkpoint
from sharelink.tlog.errors import NoteMalformed
from sharelink.tlog.signed_notes import Ed25519Signer, Ed25519Verifier, SignedNote, VerifierKey

ORIGIN_FILE = "log.origin"


@dataclass(frozen=True, slots=True, repr=False)
class LogKeys:
    """Signs and checks checkpoints. Every key in the keyring signs: while keys change, old readers know one of them.

    Has no repr: it holds the keys.
    """

    origin: str
    signers: tuple[Ed25519Signer, ...]
    verifiers: tuple[Ed25519Verifier, ...]

    @classmethod
    def of(cls, origin: str, seeds: Mapping[int, bytes], retired: Iterable[VerifierKey] = ()) -> Self:
        """Return the keys of a log.

        Args:
            origin: the log's name, such as "share.example.com/audit".
            seeds: 32 bytes for each version of the key, oldest first.
            retired: keys that sign no more, whose old signatures still count.

        Raises:
            NoteMalformed: the origin may not name a key.
        """
        signers = tuple(Ed25519Signer.from_seed(origin, seed) for seed in seeds.values())
        keys = [*(signer.key for signer in signers), *retired]
        return cls(origin, signers, tuple(Ed25519Verifier.of(key) for key in keys))

    @property
    def public_keys(self) -> tuple[VerifierKey, ...]:
        """The keys that sign now, as policies and contracts name them."""
        return tuple(signer.key for signer in self.signers)

    def sign(self, size: int, root: bytes) -> SignedNote:
        """Return the signed checkpoint of a tree."""
        return signed_checkpoint(self.signers, size, root)

    def check(self, note: SignedNote) -> Checkpoint:
        """Return the checkpoint in `note`, if it is of this log and a key of it has signed.

        Raises:
            ProofRejected: in one of its kinds, if not.
        """
        return verified_checkpoint(note, self.origin, self.verifiers)


def retired_log_keys(directory: Path) -> list[VerifierKey]:
    """Return the public halves of keys that sign no more, from the files `log.<version>.vkey` of the keyring.

    Raises:
        UnsafeStart: such a file holds no verifier key.
    """
    keys = []
    for path in sorted(directory.glob("log.*.vkey")):
        try:
            keys.append(VerifierKey.parse(path.read_text("utf-8").strip()))
        except (NoteMalformed, OSError, UnicodeDecodeError) as error:
            raise UnsafeStart([f"{path.name} does not hold a verifier key"]) from error
    return keys


def kept_origin(directory: Path) -> str | None:
    """Return the name that the log got at its first start, from `log.origin` in the keyring; None if there is none.

    Raises:
        UnsafeStart: the file cannot be read.
    """
    try:
        return (directory / ORIGIN_FILE).read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UnsafeStart([f"{ORIGIN_FILE} in the keyring cannot be read"]) from error


def keep_origin(directory: Path, origin: str) -> None:
    """Write down the name of the log beside its keys, so that it does not follow another base URL later.

    Raises:
        OSError: the file could not be written.
    """
    path, content = directory / ORIGIN_FILE, f"{origin}\n".encode()
    if kept_origin(directory) != origin and not create_durably(path, content):
        replace_durably(path, content)
