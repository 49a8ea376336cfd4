"""What clients saw of one share: each operation with the moments between which it must have taken effect."""

import time
from dataclasses import dataclass, field
from enum import StrEnum

NEVER = float("inf")
"""The return of an operation whose answer nobody heard: it took effect at some later moment, or not at all."""


class Act(StrEnum):
    """What a client may do to a share, and what may befall it."""

    REVEAL = "reveal"
    GUESS = "guess"
    """A reveal with a wrong access code."""
    DECLINE = "decline"
    WITHDRAW = "withdraw"
    UNLOCK = "unlock"
    EXPIRE = "expire"
    LOOK = "look"


class Heard(StrEnum):
    """How an operation ended, as its client heard it."""

    DONE = "done"
    WRONG = "wrong"
    LOCKED = "locked"
    ENDED = "ended"
    NOT_LOCKED = "not locked"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one client; times are seconds of one monotonic clock."""

    client: str
    act: Act
    invoked_at: float
    returned_at: float = NEVER
    heard: str | None = None
    """A value of `Heard`, for a look the state that was seen; None when no answer came."""


@dataclass(slots=True)
class Recorder:
    """Writes down the operations on one share. May be used by several threads."""

    operations: list[Operation] = field(default_factory=list)

    def invoke(self) -> float:
        """Return the moment at which an operation begins; call it before the first byte leaves."""
        return time.monotonic()

    def answered(self, client: str, act: Act, invoked_at: float, heard: str) -> None:
        """Record an operation whose whole answer has just arrived."""
        self.operations.append(Operation(client, act, invoked_at, time.monotonic(), heard))

    def unheard(self, client: str, act: Act, invoked_at: float) -> None:
        """Record an operation that nobody heard the end of."""
        self.operations.append(Operation(client, act, invoked_at))
