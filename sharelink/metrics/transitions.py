"""Which events move a share into which state."""

from collections.abc import Mapping

from sharelink.audit.events import AuditEvent
from sharelink.audit.log import PendingEvent
from sharelink.shares.states import ShareKind, ShareState

_MOVES: Mapping[AuditEvent, tuple[ShareKind | None, ShareState]] = {
    # event: (kind of the share; None where both kinds end so, state after it)
    AuditEvent.SHARE_CREATED: (ShareKind.SEND, ShareState.SEALED),
    AuditEvent.SHARE_LOCKED: (ShareKind.SEND, ShareState.LOCKED),
    AuditEvent.SHARE_UNLOCKED: (ShareKind.SEND, ShareState.SEALED),
    AuditEvent.SHARE_REVEALED: (ShareKind.SEND, ShareState.REVEALED),
    AuditEvent.SHARE_BURNED: (None, ShareState.BURNED),
    AuditEvent.SHARE_EXPIRED: (None, ShareState.EXPIRED),
    AuditEvent.REQUEST_CREATED: (ShareKind.REQUEST, ShareState.AWAITING),
    AuditEvent.REQUEST_SUBMITTED: (ShareKind.REQUEST, ShareState.SEALED),
    AuditEvent.REQUEST_RETRIEVED: (ShareKind.REQUEST, ShareState.REVEALED),
}


def transition_of(event: PendingEvent) -> tuple[ShareKind, ShareState] | None:
    """Return the kind of the share that `event` moved, and the state it moved to; None if it moved none."""
    move = _MOVES.get(event.event)
    if move is None:
        return None
    kind, state = move
    # The event of an end names the kind of a request, and of nothing else.
    return kind or ShareKind(str(event.facts.get("kind", ShareKind.SEND))), state
