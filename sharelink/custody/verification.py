"""What the log says about records, so that `audit verify` can hold their rows against it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.audit.events import AuditEvent
from sharelink.audit.state_ledger import StateLedger, StoredState, Told
from sharelink.crypto.identifiers import id_from_text, id_text
from sharelink.custody.models import CustodyRecord
from sharelink.custody.states import CustodyState
from sharelink.custody.transitions import TRANSITIONS

_STEPS = frozenset(transition.event.value for transition in TRANSITIONS.values())


def record_states() -> StateLedger:
    """Return what follows every record through the log."""
    return StateLedger("record", _STEPS | {AuditEvent.CUSTODY_OPENED.value}, _told, _batch, _one)


def _told(fields: Mapping[str, Any]) -> Told | None:
    if fields["type"] == AuditEvent.CUSTODY_OPENED.value:
        return str(fields["rec"]), CustodyState.DRAFT.value
    facts = fields.get("facts")
    if fields["type"] in _STEPS and isinstance(facts, dict) and "to" in facts:
        return str(fields["rec"]), str(facts["to"])
    return None


_columns = select(CustodyRecord.id, CustodyRecord.state)


def _batch(session: Session, after: str | None, limit: int) -> Sequence[StoredState]:
    wanted = _columns.order_by(CustodyRecord.id).limit(limit)
    if after is not None:
        wanted = wanted.where(CustodyRecord.id > id_from_text(after))
    return [_stored(row) for row in session.execute(wanted)]


def _one(session: Session, ref: str) -> StoredState | None:
    try:
        wanted = id_from_text(ref)
    except ValueError:
        return None
    row = session.execute(_columns.where(CustodyRecord.id == wanted)).one_or_none()
    return None if row is None else _stored(row)


def _stored(row: Any) -> StoredState:
    ref = id_text(row.id)
    return StoredState(ref, row.state.value, ref)
