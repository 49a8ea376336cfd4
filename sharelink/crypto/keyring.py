"""The server's long-lived keys: one small file each, in a directory that is never in the database or a backup of it.

A file is called `<purpose>.<version>.key` and holds 32 random bytes as base64url. The highest version of a purpose is
the current one; older ones still open and verify, so that keys can be rotated.
"""

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sharelink.crypto.durable_files import create_durably
from sharelink.crypto.errors import LinkKeyRejected, MasterKeyMissing
from sharelink.crypto.link_keys import link_key_from_text, link_key_text
from sharelink.errors import UnsafeStart

KEY_BYTES = 32
_FILE_NAME = re.compile(r"(?P<purpose>[a-z]+)\.(?P<version>[1-9][0-9]{0,4})\.key")


class KeyPurpose(StrEnum):
    """Separate keys per use (NIST SP 800-57); nothing is derived from another's key."""

    MASTER = "master"
    TOKEN = "token"  # noqa: S105 - a purpose's name, not a token
    AUDIT = "audit"
    CLIENT = "client"
    FORM = "form"
    FACTOR = "factor"
    WEBHOOK = "webhook"
    LOG = "log"


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """All keys of one installation, by purpose and version, oldest first. Has no repr: it would show them."""

    keys: Mapping[KeyPurpose, Mapping[int, bytes]]

    @classmethod
    def load(cls, directory: Path) -> "Keyring":
        """Read every key file of `directory`.

        Raises:
            UnsafeStart: a purpose has no key, a file is malformed or short, two keys are equal, or a file name is not
                one of ours. All problems are told at once, never a value.
        """
        if not directory.is_dir():
            raise UnsafeStart(
                [f"the keyring directory {directory} does not exist; make it with: sharelink keys create"]
            )
        problems: list[str] = []
        found: dict[KeyPurpose, dict[int, bytes]] = {purpose: {} for purpose in KeyPurpose}
        for path in sorted(directory.glob("*.key")):
            _read_key(path, found, problems)
        for purpose, versions in found.items():
            if not versions and not any(problem.startswith(f"{purpose}.") for problem in problems):
                problems.append(f"{purpose}.1.key is missing; make it with: sharelink keys create")
        _find_equal_keys(found, problems)
        if problems:
            raise UnsafeStart(problems)
        return cls({purpose: dict(sorted(versions.items())) for purpose, versions in found.items()})

    def _current(self, purpose: KeyPurpose) -> bytes:
        versions = self.keys[purpose]
        return versions[max(versions)]

    @property
    def audit_key(self) -> bytes:
        """The key of pseudonyms and session references in the audit."""
        return self._current(KeyPurpose.AUDIT)

    @property
    def client_key(self) -> bytes:
        """The key under which clients' addresses are counted."""
        return self._current(KeyPurpose.CLIENT)

    @property
    def form_key(self) -> bytes:
        """The key of the anti-forgery token in staff forms."""
        return self._current(KeyPurpose.FORM)

    @property
    def factor_keys(self) -> Mapping[int, bytes]:
        """The keys that second factors are kept with, by version; the highest one is the current."""
        return self.keys[KeyPurpose.FACTOR]

    @property
    def webhook_keys(self) -> Mapping[int, bytes]:
        """The keys that secrets of webhooks are kept with, by version; the highest one is the current."""
        return self.keys[KeyPurpose.WEBHOOK]

    @property
    def log_keys(self) -> Mapping[int, bytes]:
        """The seeds of the keys that sign the audit log's checkpoints, by version; all of them sign."""
        return self.keys[KeyPurpose.LOG]

    @property
    def token_keys(self) -> list[bytes]:
        """The keys of link tokens, oldest first: the last signs, all verify."""
        return list(self.keys[KeyPurpose.TOKEN].values())

    @property
    def current_master_version(self) -> int:
        """The version of the master key that new shares are sealed with."""
        return max(self.keys[KeyPurpose.MASTER])

    def master(self, version: int) -> bytes:
        """Return the master key of that version.

        Raises:
            MasterKeyMissing: the keyring does not hold it; nothing may be consumed then.
        """
        try:
            return self.keys[KeyPurpose.MASTER][version]
        except KeyError as error:
            raise MasterKeyMissing("a master key version is missing from the keyring") from error


def create_missing_keys(directory: Path) -> list[str]:
    """Make the directory and version 1 of every purpose that has no key yet; return the names of the files made.

    Two processes may do this at once: the first to link a file wins, and nobody overwrites a key.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = []
    for purpose in KeyPurpose:
        if any(directory.glob(f"{purpose}.*.key")):
            continue
        path = directory / f"{purpose}.1.key"
        if create_durably(path, (link_key_text(secrets.token_bytes(KEY_BYTES)) + "\n").encode("ascii")):
            made.append(path.name)
    return made


def _read_key(path: Path, found: dict[KeyPurpose, dict[int, bytes]], problems: list[str]) -> None:
    match = _FILE_NAME.fullmatch(path.name)
    if match is None or match["purpose"] not in set(KeyPurpose):
        problems.append(f"{path.name} is not the name of a key")
        return
    try:
        key = link_key_from_text(path.read_text("ascii").strip())
    except (LinkKeyRejected, UnicodeDecodeError):
        problems.append(f"{path.name} does not hold 32 bytes in base64url")
        return
    except OSError as error:
        problems.append(f"{path.name} cannot be read ({os.strerror(error.errno or 0)})")
        return
    if len(set(key)) < KEY_BYTES // 4:
        problems.append(f"{path.name} holds a placeholder, not a random key")
        return
    found[KeyPurpose(match["purpose"])][int(match["version"])] = key


def _find_equal_keys(found: Mapping[KeyPurpose, Mapping[int, bytes]], problems: list[str]) -> None:
    seen: dict[bytes, str] = {}
    for purpose, versions in found.items():
        for version, key in versions.items():
            name = f"{purpose}.{version}.key"
            if key in seen:
                problems.append(f"{name} and {seen[key]} are equal; every key must be its own")
            seen[key] = name
