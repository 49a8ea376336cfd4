"""What clients did and were told, kept where no crash of the service reaches: in the process of the test."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sharelink.shares.links import OpenLink


class Deed(StrEnum):
    """What was asked for."""

    REVEAL = "reveal"
    DECLINE = "decline"
    WITHDRAW = "withdraw"


@dataclass
class Entry:
    """One share whose link and code its sender has seen: an acknowledged creation."""

    share_id: bytes
    link: OpenLink
    code: str
    secret: str
    ends_at: datetime
    is_short: bool
    """Whether it ends by itself within seconds, and is left to do so."""
    asked: list[Deed] = field(default_factory=list)
    """What was sent to the service, acknowledged or not."""
    acknowledged: list[Deed] = field(default_factory=list)
    shown: int = 0
    """How many pages with the secret have arrived."""
    was_over: bool = False
    """Whether somebody was told that it has ended: then nobody may open it any more."""


@dataclass
class Journal:
    """All shares of one load. Used by several threads."""

    entries: list[Entry] = field(default_factory=list)
    creations_asked: int = 0
    _waiting: list[Entry] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def ask(self) -> int:
        """Record that a creation is about to be asked for, and return its number."""
        with self._guard:
            self.creations_asked += 1
            return self.creations_asked

    def created(self, entry: Entry) -> None:
        """Record an acknowledged creation."""
        with self._guard:
            self.entries.append(entry)
            if not entry.is_short:
                self._waiting.append(entry)

    def take(self) -> Entry | None:
        """Return a share that nobody has touched yet."""
        with self._guard:
            return self._waiting.pop(0) if self._waiting else None
