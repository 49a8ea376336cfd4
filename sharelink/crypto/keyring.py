"""The server's long-lived keys, as a process holds them: by purpose and version.

The last version of a purpose is the current one, which seals and signs; the others still open and verify, so that keys
can be rotated while several processes serve.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sharelink.crypto.errors import MasterKeyMissing
from sharelink.crypto.key_purposes import KeyName, KeyPurpose
from sharelink.crypto.key_source import KEY_BYTES, KeySource

__all__ = ["KEY_BYTES", "KeyPurpose", "Keyring", "check_value", "create_missing_keys"]

CHECK_VALUE_BYTES = 16


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """All keys of one installation, by purpose and version, the current one last. Has no repr: it would show them."""

    keys: Mapping[KeyPurpose, Mapping[int, bytes]]

    @classmethod
    def load(cls, source: KeySource | Path) -> "Keyring":
        """Read every key of a source, or of a plain directory; the highest version of each purpose is the current one.

        Raises:
            UnsafeStart: see `KeySource.load`.
        """
        return cls((source if isinstance(source, KeySource) else KeySource(source)).load())

    def _current(self, purpose: KeyPurpose) -> bytes:
        return self.keys[purpose][self.current_version(purpose)]

    def current_version(self, purpose: KeyPurpose) -> int:
        """Return the version that seals and signs for this purpose."""
        return list(self.keys[purpose])[-1]

    @property
    def audit_key(self) -> bytes:
        """The key of pseudonyms and session references in the audit."""
        return self._current(KeyPurpose.AUDIT)

    @property
    def client_key(self) -> bytes:
        """The key under which clients' addresses are counted."""
        return self._current(KeyPurpose.CLIENT)

    @property
    def client_keys(self) -> list[bytes]:
        """The same, and those before it: what was hashed under one of them may still be compared."""
        return list(self.keys[KeyPurpose.CLIENT].values())

    @property
    def form_keys(self) -> list[bytes]:
        """The keys of the anti-forgery token in staff forms: the last signs, all verify."""
        return list(self.keys[KeyPurpose.FORM].values())

    @property
    def form_key(self) -> bytes:
        """The key of the anti-forgery token in new staff forms."""
        return self._current(KeyPurpose.FORM)

    @property
    def factor_keys(self) -> Mapping[int, bytes]:
        """The keys that second factors are kept with, by version; the last one is the current."""
        return self.keys[KeyPurpose.FACTOR]

    @property
    def webhook_keys(self) -> Mapping[int, bytes]:
        """The keys that secrets of webhooks are kept with, by version; the last one is the current."""
        return self.keys[KeyPurpose.WEBHOOK]

    @property
    def log_keys(self) -> Mapping[int, bytes]:
        """The seeds of the keys that sign the audit log's checkpoints, by version; all of them sign."""
        return self.keys[KeyPurpose.LOG]

    @property
    def token_keys(self) -> list[bytes]:
        """The keys of link tokens: the last signs, all verify."""
        return list(self.keys[KeyPurpose.TOKEN].values())

    @property
    def current_master_version(self) -> int:
        """The version of the master key that new shares are sealed with."""
        return self.current_version(KeyPurpose.MASTER)

    def master(self, version: int) -> bytes:
        """Return the master key of that version.

        Raises:
            MasterKeyMissing: the keyring does not hold it; nothing may be consumed then.
        """
        try:
            return self.keys[KeyPurpose.MASTER][version]
        except KeyError as error:
            raise MasterKeyMissing("a master key version is missing from the keyring") from error

    def includes(self, other: "Keyring") -> bool:
        """Tell whether every key of `other` is here, too."""
        return all(
            hmac.compare_digest(self.keys[purpose].get(version, b""), key)
            for purpose, versions in other.keys.items()
            for version, key in versions.items()
        )


def check_value(name: KeyName, key: bytes) -> bytes:
    """Return 16 bytes by which two holders of a key see that it is the same one, and which tell nothing else of it."""
    info = f"sharelink/v1/key check\0{name.purpose}\0{name.version}".encode("ascii")
    return HKDF(SHA256(), CHECK_VALUE_BYTES, salt=None, info=info).derive(key)


def create_missing_keys(directory: Path) -> list[str]:
    """Make `directory` and version 1 of every purpose that has no key yet; return the names of the files made."""
    return KeySource(directory).create_missing()
