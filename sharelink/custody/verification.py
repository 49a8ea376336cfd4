"""What the log says about records, so that `audit verify` can hold their rows against it."""

from collections.abc import Mapping
from typing import Any

from sharelink.audit.events import AuditEvent
from sharelink.audit.state_ledger import StateColumns, StateLedger, Told
from sharelink.custody.models import CustodyRecord
from sharelink.custody.states import CustodyState
from sharelink.custody.transitions import TRANSITIONS

_STEPS = frozenset(transition.event.value for transition in TRANSITIONS.values())


def record_states() -> StateLedger:
    """Return what follows every record through the log."""
    return StateLedger(
        "record",
        _STEPS | {AuditEvent.CUSTODY_OPENED.value},
        _told,
        StateColumns(CustodyRecord.id, CustodyRecord.state, CustodyRecord.id),
    )


def _told(fields: Mapping[str, Any]) -> Told | None:
    if fields["type"] == AuditEvent.CUSTODY_OPENED.value:
        return str(fields["rec"]), CustodyState.DRAFT.value
    facts = fields.get("facts")
    if fields["type"] in _STEPS and isinstance(facts, dict) and "to" in facts:
        return str(fields["rec"]), str(facts["to"])
    return None
