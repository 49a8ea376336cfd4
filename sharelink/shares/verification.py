"""What the log says about shares, so that `audit verify` can hold their rows against it."""

from collections.abc import Mapping
from typing import Any

from sharelink.audit.events import AuditEvent
from sharelink.audit.state_ledger import StateColumns, StateLedger, Told
from sharelink.shares.models import Share
from sharelink.shares.states import ShareState

_STATE_AFTER: Mapping[str, ShareState] = {
    AuditEvent.SHARE_CREATED.value: ShareState.SEALED,
    AuditEvent.SHARE_LOCKED.value: ShareState.LOCKED,
    AuditEvent.SHARE_UNLOCKED.value: ShareState.SEALED,
    AuditEvent.SHARE_REVEALED.value: ShareState.REVEALED,
    AuditEvent.SHARE_BURNED.value: ShareState.BURNED,
    AuditEvent.SHARE_EXPIRED.value: ShareState.EXPIRED,
    AuditEvent.REQUEST_CREATED.value: ShareState.AWAITING,
    AuditEvent.REQUEST_SUBMITTED.value: ShareState.SEALED,
    AuditEvent.REQUEST_RETRIEVED.value: ShareState.REVEALED,
}


def share_states() -> StateLedger:
    """Return what follows every share through the log."""
    return StateLedger("share", frozenset(_STATE_AFTER), _told, StateColumns(Share.id, Share.state, Share.custody_id))


def _told(fields: Mapping[str, Any]) -> Told | None:
    state = _STATE_AFTER.get(fields["type"])
    obj = fields["obj"]
    return (str(obj.get("ref")), state.value) if state is not None and isinstance(obj, dict) else None
