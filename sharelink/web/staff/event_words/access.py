"""What people read about declared uses."""

from collections.abc import Mapping

from sharelink.access.states import FINDING_LABELS, OUTCOME_LABELS, Finding, UseOutcome
from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import RecordedEvent
from sharelink.custody.states import PURPOSE_LABELS
from sharelink.web.staff.event_words.words import EventWords, quoted, sentences

_REFUSALS: Mapping[str, str] = {
    "own_use": "It was a use of their own",
    "not_an_approver": "They may not decide about it",
    "use_changed": "It is not what was approved",
    "policy_changed": "The policy of the record has changed since",
    "not_approved": "It is not approved, or not by people who still may",
    "window_closed": "Outside of its window",
    "not_its_user": "Not by whoever declared it, as a custodian of the record",
    "use_needed": "No use was declared and open",
}
_END_REASONS: Mapping[str, str] = {"record_ended": "Custody of the record has ended, or came to a stop"}


def _number(event: RecordedEvent) -> str:
    number = event.facts.get("number")
    return f"Use {number}" if number is not None else ""


def _declared(event: RecordedEvent) -> str:
    purpose = str(event.facts.get("purpose", ""))
    known = {member.value: label for member, label in PURPOSE_LABELS.items()}
    ticket = event.personal.get("ticket", "")
    return sentences(
        _number(event),
        known.get(purpose, purpose),
        f"ticket {ticket}" if ticket else "",
        quoted(event.personal.get("reason", "")),
    )


def _decided(event: RecordedEvent) -> str:
    by = "by the customer" if event.facts.get("by_customer") else ""
    left = event.facts.get("approvals_missing")
    more = f"{left} more needed" if isinstance(left, int) and left > 0 else ""
    return sentences(_number(event), by, more, quoted(event.personal.get("note", "")))


def _asked(event: RecordedEvent) -> str:
    return sentences(_number(event), event.personal_text("contact_name"))


def _checked_in(event: RecordedEvent) -> str:
    outcome = str(event.facts.get("outcome", ""))
    label = OUTCOME_LABELS[UseOutcome(outcome)] if outcome in set(UseOutcome) else outcome
    late = "after its window" if event.facts.get("is_late") else ""
    return sentences(_number(event), label, late, quoted(event.personal.get("note", "")))


def _reviewed(event: RecordedEvent) -> str:
    finding = str(event.facts.get("finding", ""))
    label = FINDING_LABELS[Finding(finding)] if finding in set(Finding) else finding
    late = "after the time for it" if event.facts.get("is_late") else ""
    alone = "by its own user, as nobody else could" if event.facts.get("alone") else ""
    return sentences(_number(event), label, late, alone, quoted(event.personal.get("note", "")))


def _ended(event: RecordedEvent) -> str:
    return sentences(_number(event), _END_REASONS.get(event.reason or "", ""))


def _refused(event: RecordedEvent) -> str:
    return sentences(_number(event), _REFUSALS.get(event.reason or "", ""))


def _code_failed(event: RecordedEvent) -> str:
    left = event.facts.get("tries_left")
    return sentences(_number(event), "" if left is None else "One try left" if left == 1 else f"{left} tries left")


ACCESS_WORDS: Mapping[AuditEvent, EventWords] = {
    AuditEvent.ACCESS_REQUESTED: EventWords("Access declared", "key-round", "plain", _declared),
    AuditEvent.ACCESS_CUSTOMER_ASKED: EventWords("Customer asked to approve access", "mail", "plain", _asked),
    AuditEvent.ACCESS_LINK_OPENED: EventWords("An approver opened their link", "mail-open", "plain", _asked),
    AuditEvent.ACCESS_CODE_ASKED: EventWords("Approver asked for a code", "mail", "plain", _asked),
    AuditEvent.ACCESS_CODE_FAILED: EventWords("Wrong code of an approver", "circle-x", "warn", _code_failed),
    AuditEvent.ACCESS_APPROVED: EventWords("Access approved", "check", "done", _decided),
    AuditEvent.ACCESS_DENIED: EventWords("Access denied", "circle-x", "bad", _decided),
    AuditEvent.ACCESS_WITHDRAWN: EventWords("Access request withdrawn", "circle-x", "plain", _ended),
    AuditEvent.ACCESS_EXPIRED: EventWords("Access never begun", "clock", "plain", _ended),
    AuditEvent.ACCESS_CHECKED_OUT: EventWords("Access begun: checked out", "log-in", "warn", _number),
    AuditEvent.ACCESS_CHECKED_IN: EventWords("Access ended: checked in", "log-out", "done", _checked_in),
    AuditEvent.ACCESS_OVERDUE: EventWords("Access overdue", "triangle-alert", "bad", _number),
    AuditEvent.ACCESS_REVIEWED: EventWords("Access reviewed", "badge-check", "done", _reviewed),
    AuditEvent.ACCESS_BREAK_GLASS: EventWords(
        "Break-glass: access without approval", "triangle-alert", "bad", _declared
    ),
    AuditEvent.ACCESS_REFUSED: EventWords("Access refused", "circle-x", "bad", _refused),
}
