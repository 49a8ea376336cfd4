"""The part of a file's address that changes with its content, so that caches may keep the file for a year.

They may do so under the version that the file has, and under no other: whoever asked today for the address of the next
release, which anybody can compute, would else leave today's file in a shared cache, for everybody who upgrades.
"""

import hashlib
from pathlib import Path, PurePosixPath

VERSION_DIGITS = 12


class AssetVersions:
    """The versions of the files below one folder: the first digits of their SHA-256, each computed once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return the version of the file `name`, which must be there."""
        if name not in self._known:
            content = (self._folder / name).read_bytes()
            self._known[name] = hashlib.sha256(content).hexdigest()[:VERSION_DIGITS]
        return self._known[name]

    def is_of(self, name: str, version: str | None) -> bool:
        """Tell whether `version` is the one of the file `name`, which must be there and spelled as pages spell it."""
        # Other spellings of one name are without number, and would be kept each.
        is_plain = str(PurePosixPath(name)) == name and ".." not in name
        return version is not None and is_plain and version == self.of(name)
