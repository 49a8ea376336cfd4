"""What can be wrong with a log, by name."""

from dataclasses import dataclass
from enum import StrEnum

SHOWN_CHARACTERS = 64


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


def shown(value: object) -> str:
    """Return what a column holds for people to read: whoever owns the database may have put anything there."""
    is_plain = isinstance(value, str) and value.isascii() and value.isprintable() and len(value) <= SHOWN_CHARACTERS
    return str(value) if is_plain else ascii(value)[:SHOWN_CHARACTERS]


def event_number(value: object) -> int | None:
    """Return a number of an event as it is stored, if it is one."""
    return value if isinstance(value, int) else None
