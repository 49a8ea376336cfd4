"""What the log says about shares, so that `audit verify` can hold their rows against it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.audit.events import AuditEvent
from sharelink.audit.state_ledger import StateLedger, StoredState, Told
from sharelink.crypto.identifiers import id_from_text, id_text
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
    return StateLedger("share", frozenset(_STATE_AFTER), _told, _batch, _one)


def _told(fields: Mapping[str, Any]) -> Told | None:
    state = _STATE_AFTER.get(fields["type"])
    obj = fields["obj"]
    return (str(obj["ref"]), state.value) if state is not None and isinstance(obj, dict) else None


_columns = select(Share.id, Share.state, Share.custody_id)


def _batch(session: Session, after: str | None, limit: int) -> Sequence[StoredState]:
    wanted = _columns.order_by(Share.id).limit(limit)
    if after is not None:
        wanted = wanted.where(Share.id > id_from_text(after))
    return [_stored(row) for row in session.execute(wanted)]


def _one(session: Session, ref: str) -> StoredState | None:
    try:
        wanted = id_from_text(ref)
    except ValueError:
        return None
    row = session.execute(_columns.where(Share.id == wanted)).one_or_none()
    return None if row is None else _stored(row)


def _stored(row: Any) -> StoredState:
    return StoredState(id_text(row.id), row.state.value, id_text(row.custody_id))
