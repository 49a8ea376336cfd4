"""What the keyring's keys are for, and how one of them is called."""

import re
from dataclasses import dataclass
from enum import StrEnum

_FILE_NAME = re.compile(r"(?P<purpose>[a-z]+)\.(?P<version>[1-9][0-9]{0,4})\.key")
MOST_VERSIONS = 0xFFFF
"""Seals name the version in two bytes."""


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


@dataclass(frozen=True, slots=True, order=True)
class KeyName:
    """One key: its purpose and version. Says nothing of its bytes, and may be told to anybody."""

    purpose: KeyPurpose
    version: int

    @property
    def file_name(self) -> str:
        """The file of the key in the keyring's directory."""
        return f"{self.purpose}.{self.version}.key"

    @classmethod
    def of_file(cls, file_name: str) -> "KeyName | None":
        """Return which key a file of that name holds; None if none."""
        match = _FILE_NAME.fullmatch(file_name)
        if match is None or match["purpose"] not in set(KeyPurpose) or int(match["version"]) > MOST_VERSIONS:
            return None
        return cls(KeyPurpose(match["purpose"]), int(match["version"]))
