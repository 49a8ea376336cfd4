"""What people read about the steps of a record, and what belongs to it: contacts, items, policy, calendar."""

from collections.abc import Mapping

from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import RecordedEvent
from sharelink.custody.proposal_view import PROPOSAL_LABELS
from sharelink.custody.states import PURPOSE_LABELS, STATE_LABELS, CustodyState, ProposalKind, Purpose
from sharelink.custody.transitions import FREE_TEXTS
from sharelink.web.staff.event_words.words import EventWords, quoted, sentences

_POLICY_LABELS = {
    "approvals_needed": "approvals",
    "customer_approves": "approval by the customer",
    "purposes": "purposes",
    "longest_window_seconds": "longest window",
    "ticket_required": "ticket required",
    "ticket_pattern": "ticket pattern",
    "separate_mfa_group": "group of the second factor",
}
_ITEM_LABELS = {
    "label": "Name",
    "holder": "Holder",
    "place": "Place",
    "serial_tail": "Serial",
    "state_text": "State",
}


def _step(event: RecordedEvent) -> str:
    told = [quoted(event.personal_text(name)) for name in sorted(FREE_TEXTS)]
    return sentences(f"{_state(event, 'from')} → {_state(event, 'to')}", *told)


def _state(event: RecordedEvent, name: str) -> str:
    state = str(event.facts.get(name, ""))
    return STATE_LABELS[CustodyState(state)] if state in set(CustodyState) else state


def _proposal(event: RecordedEvent) -> str:
    kind = str(event.facts.get("kind", ""))
    label = PROPOSAL_LABELS[ProposalKind(kind)] if kind in set(ProposalKind) else kind
    told = [quoted(event.personal_text(name)) for name in sorted({*FREE_TEXTS, "name", "email"})]
    return sentences(label, *told)


def _contact(event: RecordedEvent) -> str:
    side = {"customer": "of the customer", "operator": "of ours"}.get(str(event.facts.get("side", "")), "")
    return sentences(
        event.personal_text("name"), event.personal_text("email"), side, quoted(event.personal_text("how"))
    )


def _item(event: RecordedEvent) -> str:
    found = quoted(event.personal_text("state_text"))
    return sentences(event.personal_text("label"), found, quoted(event.personal_text("reason")))


def _item_change(event: RecordedEvent) -> str:
    changed = str(event.facts.get("changed", "")).split(",")
    lines = [
        f"{label}: {event.personal_text(f'{name}_before') or 'none'} → {event.personal_text(f'{name}_after') or 'none'}"
        for name, label in _ITEM_LABELS.items()
        if name in changed
    ]
    return sentences(event.personal_text("label"), *lines)


def _policy(event: RecordedEvent) -> str:
    changed = str(event.facts.get("changed", "")).split(",")
    return sentences(
        *(f"{label}: {_policy_value(event, name)}" for name, label in _POLICY_LABELS.items() if name in changed)
    )


def _policy_value(event: RecordedEvent, name: str) -> str:
    value = event.facts.get(name)
    if name == "purposes":
        known = [PURPOSE_LABELS[Purpose(word)] for word in str(value).split(",") if word in set(Purpose)]
        return ", ".join(known)
    if name == "longest_window_seconds" and isinstance(value, int):
        return f"{value // 60} min"
    if name == "separate_mfa_group":
        return "another group" if value else "the record's own"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value or "none")


def _done(event: RecordedEvent) -> str:
    return sentences("" if event.facts.get("went_well") else "Something to mend", quoted(event.personal_text("result")))


def _plan(event: RecordedEvent) -> str:
    task = {"review": "Access review", "drill": "Access drill"}.get(str(event.facts.get("kind", "")), "")
    return sentences(task, f"every {event.facts.get('every_days', '')} days")


def _version(event: RecordedEvent) -> str:
    return sentences(f"Version {event.facts.get('version', '')}", quoted(event.personal_text("note")))


HANDOVER_WORDS: Mapping[AuditEvent, EventWords] = {
    AuditEvent.CUSTODY_STATE_CHANGED: EventWords("Step taken", "arrow-right", "done", _step),
    AuditEvent.CUSTODY_SUSPENDED: EventWords("Custody suspended", "hand", "bad", _step),
    AuditEvent.CUSTODY_COMPROMISED: EventWords("Marked as compromised", "triangle-alert", "bad", _step),
    AuditEvent.CUSTODY_RELEASED: EventWords("Released to the customer", "badge-check", "done", _step),
    AuditEvent.CUSTODY_CLOSED: EventWords("Closed", "archive", "done", _step),
    AuditEvent.CUSTODY_PROPOSED: EventWords("Proposed to a second person", "hourglass", "plain", _proposal),
    AuditEvent.CUSTODY_PROPOSAL_REFUSED: EventWords("Proposal refused or taken back", "circle-x", "warn", _proposal),
    AuditEvent.CUSTODY_PROPOSAL_VOIDED: EventWords("Proposal void", "circle-x", "warn", _proposal),
    AuditEvent.CUSTODY_CONTACT_ADDED: EventWords("Contact added, to be confirmed", "plus", "plain", _contact),
    AuditEvent.CUSTODY_CONTACT_CONFIRMED: EventWords("Contact confirmed", "badge-check", "done", _contact),
    AuditEvent.CUSTODY_CONTACT_REMOVED: EventWords("Contact removed", "circle-x", "warn", _contact),
    AuditEvent.CUSTODY_TERMS_CHANGED: EventWords(
        "Terms written down", "file-text", "plain", lambda event: quoted(event.personal_text("purpose_after"))
    ),
    AuditEvent.CUSTODY_ITEM_ADDED: EventWords("Item added", "plus", "plain", _item),
    AuditEvent.CUSTODY_ITEM_CHANGED: EventWords("Item changed", "pencil", "plain", _item_change),
    AuditEvent.CUSTODY_ITEM_CHECKED: EventWords("Item checked", "eye", "done", _item),
    AuditEvent.CUSTODY_ITEM_REMOVED: EventWords("Item removed", "circle-x", "warn", _item),
    AuditEvent.CUSTODY_POLICY_CHANGED: EventWords("Policy changed", "shield-check", "plain", _policy),
    AuditEvent.CUSTODY_CALENDAR_CHANGED: EventWords("Calendar changed", "clock", "plain", _plan),
    AuditEvent.CUSTODY_REVIEWED: EventWords("Access reviewed", "check", "done", _done),
    AuditEvent.CUSTODY_DRILL_DONE: EventWords("Access drill held", "check", "done", _done),
    AuditEvent.CREDENTIAL_VERSION_ADDED: EventWords("New version of the secret", "key-round", "plain", _version),
}
