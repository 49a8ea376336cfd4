"""The states of one version of a key."""

from enum import StrEnum


class KeyState(StrEnum):
    """`staged` (everybody learns to open with it) -> `current` (seals) -> `previous` (opens) -> `retired` (nothing)."""

    STAGED = "staged"
    CURRENT = "current"
    PREVIOUS = "previous"
    RETIRED = "retired"


SEALING_STATES = frozenset({KeyState.CURRENT, KeyState.PREVIOUS})
"""What may still be stored under a version: a previous one, because somebody may have sealed a moment ago."""
