"""Kinds and states of a share, and the transitions that exist."""

from enum import StrEnum


class ShareKind(StrEnum):
    """Which way the secret goes."""

    SEND = "send"
    REQUEST = "request"


class ShareState(StrEnum):
    """Where a share stands. The ciphertext is present exactly while it is `sealed` or `locked`.

    Only a request is ever `awaiting`, and only a send is ever `locked`: a request has no code that could be guessed.
    """

    AWAITING = "awaiting"
    SEALED = "sealed"
    LOCKED = "locked"
    REVEALED = "revealed"
    EXPIRED = "expired"
    BURNED = "burned"


SECRET_STATES = frozenset({ShareState.SEALED, ShareState.LOCKED})
"""In these there is a ciphertext, and an epoch key that it needs."""

LIVE_STATES = SECRET_STATES | {ShareState.AWAITING}
FINAL_STATES = frozenset(ShareState) - LIVE_STATES

TRANSITIONS: dict[ShareState, frozenset[ShareState]] = {
    ShareState.AWAITING: frozenset({ShareState.SEALED, ShareState.EXPIRED, ShareState.BURNED}),
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
