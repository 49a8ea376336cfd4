"""Kinds and states of a share, and the transitions that exist."""

from enum import StrEnum


class ShareKind(StrEnum):
    """Which way the secret goes."""

    SEND = "send"


class ShareState(StrEnum):
    """Where a share stands. The ciphertext is present exactly while it is `sealed` or `locked`."""

    SEALED = "sealed"
    LOCKED = "locked"
    REVEALED = "revealed"
    EXPIRED = "expired"
    BURNED = "burned"


LIVE_STATES = frozenset({ShareState.SEALED, ShareState.LOCKED})
FINAL_STATES = frozenset(ShareState) - LIVE_STATES

TRANSITIONS: dict[ShareState, frozenset[ShareState]] = {
    ShareState.SEALED: frozenset({ShareState.LOCKED, ShareState.REVEALED, ShareState.EXPIRED, ShareState.BURNED}),
    ShareState.LOCKED: frozenset({ShareState.SEALED, ShareState.EXPIRED, ShareState.BURNED}),
    ShareState.REVEALED: frozenset(),
    ShareState.EXPIRED: frozenset(),
    ShareState.BURNED: frozenset(),
}


class EndReason(StrEnum):
    """Why a share was burned."""

    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
