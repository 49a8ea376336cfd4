"""Where the server's long-lived keys come from: a directory with one small file for each, and the environment.

A file is called `<purpose>.<version>.key` and holds 32 random bytes as base64url, or such a key wrapped (`kms:...`).
Master keys may also be given as text, `<version>:<key>` each, separated by white space or commas.
"""

import hmac
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sharelink.crypto.durable_files import create_durably, overwrite_and_remove, replace_durably
from sharelink.crypto.errors import KeyMissing, KeyUnusable, KeyWrappingFailed, LinkKeyRejected
from sharelink.crypto.key_purposes import MOST_VERSIONS, KeyName, KeyPurpose
from sharelink.crypto.key_wrapping import WRAPPED_PREFIX, KeyWrapping, wrapped_from_text, wrapped_text
from sharelink.crypto.link_keys import link_key_from_text, link_key_text
from sharelink.errors import UnsafeStart

KEY_BYTES = 32
Keys = dict[KeyPurpose, dict[int, bytes]]


@dataclass(frozen=True, slots=True, repr=False)
class KeySource:
    """The places of one installation's keys. Has no repr: it would show those that were given.

    `given` holds master keys as texts, by version; `given_problems` what could not be understood of them. `wrapping` is
    asked for keys that lie wrapped, once for each; new master keys are wrapped by it before they are written.
    """

    directory: Path
    given: Mapping[int, str] = field(default_factory=dict)
    given_problems: tuple[str, ...] = ()
    wrapping: KeyWrapping | None = None
    _unwrapped: dict[tuple[KeyName, str], bytes] = field(default_factory=dict)

    def load(self) -> Keys:
        """Read every key, oldest version first.

        Raises:
            UnsafeStart: a purpose has no key, a key is malformed, short or cannot be unwrapped, two keys are equal, or
                a file name is not one of ours. All problems are told at once, never a value.
        """
        if not self.directory.is_dir():
            raise UnsafeStart(
                [f"the keyring directory {self.directory} does not exist; make it with: sharelink keys create"]
            )
        problems = list(self.given_problems)
        found: Keys = {purpose: {} for purpose in KeyPurpose}
        faulty: set[KeyPurpose] = set()
        for name in self._names(problems):
            try:
                found[name.purpose][name.version] = self.read(name)
            except KeyUnusable as error:
                faulty.add(name.purpose)
                problems.append(f"{name.file_name} {error}")
        for purpose, versions in found.items():
            if not versions and purpose not in faulty:
                problems.append(f"{purpose}.1.key is missing; make it with: sharelink keys create")
        _find_equal_keys(found, problems)
        if problems:
            raise UnsafeStart(problems)
        return {purpose: dict(sorted(versions.items())) for purpose, versions in found.items()}

    def read(self, name: KeyName) -> bytes:
        """Return one key.

        Raises:
            KeyMissing: there is none of that name.
            KeyUnusable: there is one, and it cannot be used; the text says why and holds no value.
        """
        texts = list(self._texts(name))
        if not texts:
            raise KeyMissing("is missing")
        keys = [self._key_of(name, text) for text in texts]
        if not all(hmac.compare_digest(key, keys[0]) for key in keys):
            raise KeyUnusable("is not the key of that version in SHARELINK_MASTER_KEYS")
        return keys[0]

    def is_given(self, purpose: KeyPurpose) -> bool:
        """Tell whether new keys of that purpose come from the environment, and so from nobody here."""
        return purpose is KeyPurpose.MASTER and bool(self.given)

    def is_wrapped(self, name: KeyName) -> bool:
        """Tell whether every text of the key is a wrapped one."""
        return all(text.startswith(WRAPPED_PREFIX) for text in self._texts(name))

    def create_missing(self) -> list[str]:
        """Make the directory and version 1 of every purpose that has no key; return the names of the files made.

        Two processes may do this at once: the first to link a file wins, and nobody overwrites a key.

        Raises:
            OSError: the directory cannot be written.
            KeyWrappingFailed: the master key could not be wrapped, and was not written.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = []
        for purpose in KeyPurpose:
            if self.is_given(purpose) or any(self.directory.glob(f"{purpose}.*.key")):
                continue
            name = KeyName(purpose, 1)
            if self.create(name):
                made.append(name.file_name)
        return made

    def create(self, name: KeyName) -> bool:
        """Make one key, durably; return False, changing nothing, if it exists already.

        Raises:
            OSError: the directory cannot be written.
            KeyWrappingFailed: it could not be wrapped, and was not written.
        """
        text = self._written(name, secrets.token_bytes(KEY_BYTES))
        return create_durably(self.directory / name.file_name, text.encode("ascii"))

    def rewrite(self, name: KeyName) -> None:
        """Write a key's file anew as it would be written today: wrapped by the wrapping that is set now.

        Raises:
            KeyMissing, KeyUnusable: it cannot be read.
            KeyWrappingFailed: it could not be wrapped; the file is as it was.
            OSError: the file could not be replaced.
        """
        text = self._written(name, self.read(name))
        # What cannot be unwrapped again must not replace what can.
        self._key_of(name, text.strip())
        replace_durably(self.directory / name.file_name, text.encode("ascii"))

    def destroy(self, name: KeyName) -> bool:
        """Overwrite and remove a key's file; return False if there was none.

        Raises:
            OSError: the file is still there.
        """
        return overwrite_and_remove(self.directory / name.file_name)

    def _written(self, name: KeyName, key: bytes) -> str:
        if self.wrapping is None or name.purpose is not KeyPurpose.MASTER:
            return link_key_text(key) + "\n"
        return wrapped_text(self.wrapping.wrap(name, key)) + "\n"

    def _names(self, problems: list[str]) -> list[KeyName]:
        names = {KeyName(KeyPurpose.MASTER, version) for version in self.given}
        for path in self.directory.glob("*.key"):
            name = KeyName.of_file(path.name)
            if name is None:
                problems.append(f"{path.name} is not the name of a key")
            else:
                names.add(name)
        return sorted(names)

    def _texts(self, name: KeyName) -> Iterator[str]:
        if name.purpose is KeyPurpose.MASTER and name.version in self.given:
            yield self.given[name.version]
        try:
            yield (self.directory / name.file_name).read_text("ascii").strip()
        except FileNotFoundError:
            return
        except UnicodeDecodeError:
            raise KeyUnusable("does not hold 32 bytes in base64url") from None
        except OSError as error:
            raise KeyUnusable(f"cannot be read ({os.strerror(error.errno or 0)})") from error

    def _key_of(self, name: KeyName, text: str) -> bytes:
        key = self._unwrapped_key(name, text) if text.startswith(WRAPPED_PREFIX) else _plain_key(text)
        if len(set(key)) < KEY_BYTES // 4:
            raise KeyUnusable("holds a placeholder, not a random key")
        return key

    def _unwrapped_key(self, name: KeyName, text: str) -> bytes:
        if self.wrapping is None:
            raise KeyUnusable("is wrapped by AWS KMS; set SHARELINK_KMS_KEY_ID")
        if (name, text) not in self._unwrapped:
            try:
                key = self.wrapping.unwrap(name, wrapped_from_text(text))
            except KeyWrappingFailed as error:
                raise KeyUnusable(str(error)) from None
            if len(key) != KEY_BYTES:
                raise KeyUnusable("does not hold 32 bytes")
            self._unwrapped[name, text] = key
        return self._unwrapped[name, text]


def given_master_keys(text: str) -> tuple[dict[int, str], tuple[str, ...]]:
    """Return the master keys in a text `1:<key> 2:<key>`, by version, and what cannot be understood of it."""
    given: dict[int, str] = {}
    problems: list[str] = []
    for place, part in enumerate(re.split(r"[\s,]+", text.strip(" \t\r\n,")) if text.strip() else [], start=1):
        match = re.fullmatch(r"([1-9][0-9]{0,4}):(.+)", part)
        if match is None or int(match[1]) > MOST_VERSIONS:
            problems.append(f"SHARELINK_MASTER_KEYS: entry {place} is not <version>:<key>")
        elif int(match[1]) in given:
            problems.append(f"SHARELINK_MASTER_KEYS: version {match[1]} is given twice")
        else:
            given[int(match[1])] = match[2]
    return given, tuple(problems)


def _plain_key(text: str) -> bytes:
    try:
        return link_key_from_text(text)
    except LinkKeyRejected:
        raise KeyUnusable("does not hold 32 bytes in base64url") from None


def _find_equal_keys(found: Keys, problems: list[str]) -> None:
    seen: dict[bytes, str] = {}
    for purpose, versions in found.items():
        for version, key in versions.items():
            name = KeyName(purpose, version).file_name
            if key in seen:
                problems.append(f"{name} and {seen[key]} are equal; every key must be its own")
            seen[key] = name
