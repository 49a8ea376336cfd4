"""Epoch keys: one small file per day of expiry, outside the database and outside every backup.

When the file of a day is gone, whatever expired on that day cannot be opened by anybody, even with link, master key and
an old copy of the database. Reading the file each time, instead of caching it, makes its destruction immediate.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sharelink.crypto.durable_files import create_durably, overwrite_and_remove
from sharelink.crypto.errors import EpochKeyMissing

_KEY_BYTES = 32
_FILE_NAME = re.compile(r"\d{4}-\d{2}-\d{2}\.key")


@dataclass(frozen=True, slots=True)
class EpochKeys:
    """The epoch keys in one directory."""

    directory: Path

    def ensure(self, day: date) -> bytes:
        """Return the key of `day`, making it first if needed; it is durable before this returns.

        Raises:
            OSError: the key cannot be made or read; no share may be sealed then.
        """
        try:
            return self.get(day)
        except EpochKeyMissing:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            create_durably(self._path(day), secrets.token_bytes(_KEY_BYTES))
            return self.get(day)

    def get(self, day: date) -> bytes:
        """Return the key of `day`.

        Raises:
            EpochKeyMissing: it was destroyed, or never made.
            OSError: the file is there but cannot be read whole.
        """
        try:
            key = self._path(day).read_bytes()
        except FileNotFoundError as error:
            raise EpochKeyMissing("no key for that day") from error
        if len(key) != _KEY_BYTES:
            raise OSError("an epoch key file does not hold 32 bytes")
        return key

    def days(self) -> list[date]:
        """Return the days that still have a key, oldest first."""
        if not self.directory.is_dir():
            return []
        names = (path.name for path in self.directory.iterdir())
        return sorted(date.fromisoformat(name.removesuffix(".key")) for name in names if _FILE_NAME.fullmatch(name))

    def destroy(self, day: date) -> bool:
        """Overwrite and remove the key of `day`; return False if there was none.

        Raises:
            OSError: the file is still there.
        """
        return overwrite_and_remove(self._path(day))

    def _path(self, day: date) -> Path:
        return self.directory / f"{day.isoformat()}.key"
