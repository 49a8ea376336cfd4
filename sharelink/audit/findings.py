"""What can be wrong with a log, by name."""

from dataclasses import dataclass
from enum import StrEnum

SHOWN_CHARACTERS = 64
TOLD_CHARACTERS = 400
"""How much of a value, and of a finding, people get to read: whoever owns the database chooses what stands there."""


class FindingKind(StrEnum):
    """What can be wrong with a log, or with the state of what it tells about."""

    HEAD_MISSING = "head_missing"
    HEAD_DIFFERS = "head_differs"
    INDEX_GAP = "index_gap"
    LEAF_MALFORMED = "leaf_malformed"
    LEAF_NOT_CANONICAL = "leaf_not_canonical"
    LEAF_HASH_DIFFERS = "leaf_hash_differs"
    COLUMN_DIFFERS = "column_differs"
    CHAIN_GAP = "chain_gap"
    CHAIN_BROKEN = "chain_broken"
    DISCLOSURE_FOREIGN = "disclosure_foreign"
    DISCLOSURE_RENAMED = "disclosure_renamed"
    DISCLOSURE_WITHOUT_EVENT = "disclosure_without_event"
    ACTOR_DIFFERS = "actor_differs"
    TREE_DIFFERS = "tree_differs"
    CHECKPOINT_MISSING = "checkpoint_missing"
    CHECKPOINT_DIFFERS = "checkpoint_differs"
    CHECKPOINT_UNSIGNED = "checkpoint_unsigned"
    LOG_SHRANK = "log_shrank"
    LOG_FORKED = "log_forked"
    STATE_DIFFERS = "state_differs"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, at the event with this index (None: with the log as a whole)."""

    kind: FindingKind
    index: int | None
    text: str

    def __post_init__(self) -> None:
        """Make the text one line that does nothing to a terminal, a page or a database."""
        if not self.text.isprintable() or len(self.text) > TOLD_CHARACTERS:
            plain = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in self.text[:TOLD_CHARACTERS])
            object.__setattr__(self, "text", plain)


def shown(value: object) -> str:
    """Return what a column holds for people to read; anything but short plain text in quotes, as Python spells it."""
    is_plain = isinstance(value, str) and value.isascii() and value.isprintable() and len(value) <= SHOWN_CHARACTERS
    return str(value) if is_plain else ascii(value)[:SHOWN_CHARACTERS]


def event_number(value: object) -> int | None:
    """Return a number of an event as it is stored, if it is one."""
    return value if isinstance(value, int) else None
