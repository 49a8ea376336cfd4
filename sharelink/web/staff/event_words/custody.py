"""What people read about custody records and holds."""

from collections.abc import Mapping

from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import RecordedEvent
from sharelink.custody.states import RECORD_TEMPLATES, RecordField, RecordKind
from sharelink.web.staff.event_words.words import EventWords, sentences

FIELD_LABELS: Mapping[RecordField, str] = {
    RecordField.CUSTOMER: "Customer",
    RecordField.SUBJECT: "Subject",
    RecordField.AWS_ACCOUNT_ID: "AWS account id",
    RecordField.ROOT_EMAIL: "Root e-mail",
    RecordField.CONTRACT_REFERENCE: "Contract reference",
    RecordField.DISTRIBUTION_LIST: "Distribution list for mail",
}
_GROUP_LABEL = "Custodian group"


def _opened(event: RecordedEvent) -> str:
    kind = str(event.facts.get("kind", ""))
    known = {kind.value: template.label for kind, template in RECORD_TEMPLATES.items()}
    group = event.personal_text("group")
    return sentences(str(event.facts.get("reference", "")), known.get(kind, kind), group)


def _details_changed(event: RecordedEvent) -> str:
    changed = str(event.facts.get("changed", "")).split(",")
    lines = [_field_change(event, field.value, FIELD_LABELS[field]) for field in RecordField if field in changed]
    if "kind" in changed:
        lines.append(f"Kind: {_kind_label(event, 'kind_before')} → {_kind_label(event, 'kind_after')}")
    if "group" in changed:
        lines.append(_field_change(event, "group", _GROUP_LABEL))
    return sentences(*lines)


def _field_change(event: RecordedEvent, name: str, label: str) -> str:
    before = event.personal_text(f"{name}_before") or "none"
    after = event.personal_text(f"{name}_after") or "none"
    return f"{label}: {before} → {after}"


def _kind_label(event: RecordedEvent, name: str) -> str:
    kind = str(event.facts.get(name, ""))
    return RECORD_TEMPLATES[RecordKind(kind)].label if kind in set(RecordKind) else kind


CUSTODY_WORDS: Mapping[AuditEvent, EventWords] = {
    AuditEvent.CUSTODY_OPENED: EventWords("Record opened", "folder-plus", "done", _opened),
    AuditEvent.CUSTODY_DETAILS_CHANGED: EventWords("Details changed", "pencil", "plain", _details_changed),
    AuditEvent.CUSTODY_ARCHIVED: EventWords("Record archived", "archive"),
    AuditEvent.CUSTODY_RESTORED: EventWords("Record restored", "archive-restore"),
    AuditEvent.CUSTODY_HELD: EventWords(
        "Record put on hold", "hand", "bad", lambda _event: "Nothing is revealed until two people lift it"
    ),
    AuditEvent.CUSTODY_HOLD_RELEASE: EventWords("Said that the hold may go", "check"),
    AuditEvent.CUSTODY_HOLD_LIFTED: EventWords("Hold lifted", "badge-check", "done"),
    AuditEvent.CUSTODY_HOLD_WORDS_VOIDED: EventWords(
        "Words for lifting the hold are void", "hand", "warn", lambda _event: "The custodian group has changed"
    ),
}
