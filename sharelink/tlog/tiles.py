"""The static interface for monitors after C2SP tlog-tiles: how hashes and entries are cut into tiles and named."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from sharelink.tlog.errors import NoteMalformed
from sharelink.tlog.merkle import HASH_BYTES, TILE_HEIGHT

TILE_WIDTH = 1 << TILE_HEIGHT
"""Hashes in a full tile."""

_ENTRIES = "entries"
_MAX_LEVEL = 7
_MAX_GROUPS = 7


@dataclass(frozen=True, slots=True)
class TileName:
    """Which tile: a level of hashes (0 is that of the leaves) or, with None, an entry bundle; its number; its width."""

    level: int | None
    number: int
    width: int = TILE_WIDTH

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read the part of an address after `tile/`, in its one spelling.

        Raises:
            NoteMalformed: no tile is called that.
        """
        level_text, _, rest = path.partition("/")
        number_text, partial, width_text = rest.partition(".p/")
        groups = number_text.split("/")
        plain = [group.removeprefix("x") for group in groups]
        if len(plain) > _MAX_GROUPS or not all(len(group) == 3 and _is_digits(group) for group in plain):
            raise NoteMalformed("no tile has such a number")
        if level_text != _ENTRIES and not (_is_digits(level_text) and len(level_text) == 1):
            raise NoteMalformed("no tile has such a level")
        if partial and not _is_digits(width_text):
            raise NoteMalformed("no tile has such a width")
        level = None if level_text == _ENTRIES else int(level_text)
        name = cls(level, int("".join(plain)), int(width_text) if partial else TILE_WIDTH)
        # One spelling each: caches and logs of monitors tell tiles apart by their address.
        if (level or 0) > _MAX_LEVEL or not 1 <= name.width <= TILE_WIDTH or name.path() != path:
            raise NoteMalformed("no tile is called that")
        return name

    def path(self) -> str:
        """Return the part of the address after `tile/`."""
        rest, last = divmod(self.number, 1000)
        groups = [f"{last:03d}"]
        while rest:
            rest, group = divmod(rest, 1000)
            groups.insert(0, f"x{group:03d}")
        level = _ENTRIES if self.level is None else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"{level}/{'/'.join(groups)}{partial}"

    def is_in(self, size: int) -> bool:
        """Tell whether a log of `size` leaves has this tile: all of its hashes are final."""
        return self.number * TILE_WIDTH + self.width <= size >> (TILE_HEIGHT * (self.level or 0))


def tiles_of(size: int) -> Iterable[TileName]:
    """Yield the names of all tiles and bundles of a log of `size` leaves, partial ones at the right edge included."""
    for level in (None, *range(_MAX_LEVEL + 1)):
        hashes = size >> (TILE_HEIGHT * (level or 0))
        full, rest = divmod(hashes, TILE_WIDTH)
        for tile in range(full):
            yield TileName(level, tile)
        if rest:
            yield TileName(level, full, rest)


def entry_bundle(entries: Iterable[bytes]) -> bytes:
    """Return a bundle: each entry after its length in two bytes."""
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def bundled_entries(bundle: bytes) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        NoteMalformed: it ends within one.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(bundle):
        if at + 2 > len(bundle):
            raise NoteMalformed("the bundle ends within a length")
        (length,) = struct.unpack_from(">H", bundle, at)
        entry = bundle[at + 2 : at + 2 + length]
        if len(entry) < length:
            raise NoteMalformed("the bundle ends within an entry")
        entries.append(entry)
        at += 2 + length
    return entries


def tile_hashes(tile: bytes) -> list[bytes]:
    """Return the hashes of a tile.

    Raises:
        NoteMalformed: its length is not that of some hashes.
    """
    if not tile or len(tile) % HASH_BYTES or len(tile) > TILE_WIDTH * HASH_BYTES:
        raise NoteMalformed("a tile does not hold whole hashes")
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
