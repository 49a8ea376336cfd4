"""Puts a hostile text wherever the database keeps something that somebody typed, or that a program told about itself.

Straight into the rows: no check of a form stands before the pages then, as if every one of them had been forgotten.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, text

from sharelink.persistence.database import Base

TYPED = {
    "account": {"name"},
    "custodian_group": {"name"},
    "custody_record": {
        "customer", "subject", "aws_account_id", "root_email", "contract_reference", "distribution_list",
    },
    "passkey": {"name"},
    "monitor_token": {"name"},
    "staff_session": {"ip", "agent"},
    "sign_in_attempt": {"ip"},
    "webhook_endpoint": {"name", "url"},
    "invitation": {"email"},
    "calendar_entry": {"result"},
    "cloudtrail_import": {"file_name"},
    "custody_contact": {"name", "email", "role_text", "confirmed_how"},
    "custody_item": {"label", "holder", "place", "serial_tail", "state_text"},
    "custody_terms": {"operator_name", "purpose"},
    "root_use": {"requester_name", "ticket", "reason", "outcome_note", "review_note"},
    "share": {"sender_name", "label", "instruction", "code_waiver_reason", "end_note"},
    "root_sign_in": {"source", "agent", "region", "event_id"},
    "secret_request": {
        "message", "retrieved_by_name", "retrieval_ticket", "verdict_note", "vault_reference",
    },
    "use_decision": {"name", "note"},
    "mismatch_explanation": {"text"},
}  # fmt: skip
"""Columns that hold a text of somebody, as it was typed or told."""

PACKED = {"audit_disclosure": {"disclosure"}, "custody_proposal": {"payload"}, "custody_step": {"evidence"},
          "secret_request": {"fields"}}  # fmt: skip
"""Columns in which such texts stand inside JSON."""

NOT_TYPED = {
    "account": {"email", "password_hash"},
    "audit_leaf": {"rec", "event_type"},
    "audit_disclosure": {"name"},
    "audit_checkpoint": {"note"},
    "audit_verification": {"told"},
    "audit_sink": {"address"},
    "audit_witness": {"name", "last_error"},
    "audit_cosignature": {"witness", "line"},
    "custodian_group": {"name_key"},
    "custody_transition": {"demand"},
    "noise_tally": {"kind"},
    "outbox_entry": {"event_type", "rec", "obj_kind", "last_error"},
    "worker_heartbeat": {"name"},
    "account_change": {"roles"},
    "custody_record": {"reference", "search_text"},
    "invitation": {"roles"},
    "passkey": {"transports"},
    "sso_flow": {"wanted_path"},
    "sso_identity": {"issuer", "subject"},
    "staff_session": {"provider_methods"},
    "custody_proposal": {"subject"},
    "record_policy": {"purposes", "ticket_pattern"},
    "root_use": {"end_reason"},
    "secret_request": {"reference", "retrieval_purpose"},
}
"""Columns whose texts are made here, are a key, or are read as a pattern; no page shows them as they stand.

`account.email` is what the tests sign in with; `hostile_address` in the forms stands for it.
"""

TextFor = Callable[[str, str, int], str]
"""From table, column and number of the row to the text that it gets; some columns take every text once only."""


def poison(connection: Connection, text_for: TextFor) -> int:
    """Put a hostile text into every such column of every row that holds one already; return how many were put."""
    for name in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
        # They refuse changes of what was decided, as they should.
        connection.execute(text(f"DROP TRIGGER {name}"))
    put = 0
    for table, columns in TYPED.items():
        for column in columns:
            put += _rewrite(connection, table, column, lambda _old, new: new, text_for)
    for table, columns in PACKED.items():
        for column in columns:
            put += _rewrite(connection, table, column, _repacked, text_for)
    return put


def _rewrite(
    connection: Connection, table: str, column: str, made: Callable[[str, str], str], text_for: TextFor
) -> int:
    wanted = f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL AND {column} <> '' ORDER BY rowid"
    rows = connection.execute(text(wanted)).all()
    for number, (row, old) in enumerate(rows):
        new = made(old, text_for(table, column, number))
        connection.execute(text(f"UPDATE {table} SET {column} = :new WHERE rowid = :row"), {"new": new, "row": row})
    return len(rows)


def _repacked(old: str, new: str) -> str:
    if not old.startswith(("{", "[")):
        salt, name, _value = json.loads(base64.urlsafe_b64decode(old + "=" * (-len(old) % 4)))
        return base64.urlsafe_b64encode(json.dumps([salt, name, new]).encode()).rstrip(b"=").decode()
    return json.dumps(_with_texts(json.loads(old), new))


def _with_texts(value: Any, new: str, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _with_texts(each, new, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_texts(each, new, key) for each in value]
    return new if isinstance(value, str) and key in _TYPED_INSIDE else value


_TYPED_INSIDE = {
    "label", "hint", "preset", "choices", "name", "email", "role", "reason", "channel", "note",
    "mfa_serial_tail", "acknowledged_by", "approved_by", "closure_reference",
}  # fmt: skip


def columns_of_texts() -> set[tuple[str, str]]:
    """Return every column that holds free text."""
    return {
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if type(column.type).__name__ in {"String", "Text"}
    }
