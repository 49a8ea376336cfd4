"""What people read about keys, the clock and the service itself."""

from collections.abc import Mapping

from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import RecordedEvent
from sharelink.web.filters import duration_text
from sharelink.web.staff.event_words.words import EventWords, sentences

UNREADABLE = EventWords("This entry cannot be read", "triangle-alert", "bad")


def _jump(event: RecordedEvent) -> str:
    seconds = event.facts.get("seconds")
    if not isinstance(seconds, int):
        return ""
    return f"{'Forward' if seconds > 0 else 'Back'} by {duration_text(abs(seconds))}; no key is destroyed for a day"


def _count(number: object, noun: str) -> str:
    return f"{number} {noun}" if isinstance(number, int) else ""


def _count_of_events(event: RecordedEvent) -> str:
    return sentences(_count(event.facts.get("events"), "events"), _count(event.facts.get("findings"), "findings"))


def _erased(event: RecordedEvent) -> str:
    return _count(event.facts.get("fields"), "fields, by age")


def _new_key(event: RecordedEvent) -> str:
    return str(event.facts.get("key", ""))


def _restored(event: RecordedEvent) -> str:
    return sentences(_count(event.facts.get("events"), "events"), f"before as {event.facts.get('old_origin')}")


_REFUSED_WORDS = {
    "link": "links that are none, or lack their key",
    "body": "forms that did not arrive whole, or were none",
    "origin": "forms of other sites",
    "host": "requests for another host",
    "form": "forms without their token",
}


def _refused(event: RecordedEvent) -> str:
    return f"{event.facts.get('count')} times: {_REFUSED_WORDS.get(str(event.facts.get('refused')), 'others')}"


def _tripped(event: RecordedEvent) -> str:
    return f"{event.facts.get('count')} requests of the kind “{event.facts.get('purpose')}” were told to wait"


def _key(event: RecordedEvent) -> str:
    purpose, version = event.facts.get("purpose"), event.facts.get("version")
    if version is None:
        return f"Day {day}" if (day := event.facts.get("day")) else ""
    count, unreadable = event.facts.get("count"), event.facts.get("unreadable")
    return sentences(
        f"{purpose}, version {version}",
        f"{count:,} sealed with it anew" if isinstance(count, int) else "",
        f"lost; {unreadable:,} cannot be opened any more" if isinstance(unreadable, int) else "",
    )


SYSTEM_WORDS: Mapping[AuditEvent, EventWords] = {
    AuditEvent.LOG_HEARTBEAT: EventWords("The log is alive", "clock", detail=lambda _event: "Written once a day"),
    AuditEvent.LOG_KEY_ROTATED: EventWords("The log signs with a new key", "key-round", detail=_new_key),
    AuditEvent.LOG_KEY_RETIRED: EventWords("A key of the log was retired", "key-round", detail=_new_key),
    AuditEvent.LOG_RESTORED: EventWords("The log goes on after a restore", "archive-restore", "warn", _restored),
    AuditEvent.LOG_DISCLOSURES_ERASED: EventWords("Personal fields erased", "trash-2", detail=_erased),
    AuditEvent.AUDIT_VIEWED: EventWords("The audit was read", "eye"),
    AuditEvent.AUDIT_EXPORTED: EventWords("The audit was exported", "download", detail=_count_of_events),
    AuditEvent.AUDIT_PROVEN: EventWords("Proofs of events were handed out", "badge-check", detail=_count_of_events),
    AuditEvent.AUDIT_VERIFIED: EventWords("The audit was verified", "shield-check", "done", _count_of_events),
    AuditEvent.AUDIT_VERIFICATION_FAILED: EventWords(
        "The audit does not verify", "triangle-alert", "bad", _count_of_events
    ),
    AuditEvent.RATELIMIT_TRIPPED: EventWords("Too many requests", "clock", "warn", _tripped),
    AuditEvent.STRANGERS_REFUSED: EventWords("Strangers were refused", "circle-alert", "plain", _refused),
    AuditEvent.KEY_CREATED: EventWords("Key created", "key-round", "plain", _key),
    AuditEvent.KEY_ROTATED: EventWords("Key taken into use", "key-round", "plain", _key),
    AuditEvent.KEY_REWRAPPED: EventWords("Sealed with a newer key", "key-round", "plain", _key),
    AuditEvent.KEY_RETIRED: EventWords("Key retired", "key-round", "warn", _key),
    AuditEvent.KEY_DESTROYED: EventWords("Key destroyed", "trash-2", "plain", _key),
    AuditEvent.SYSTEM_CLOCK_JUMP: EventWords("The clock jumped", "clock", "warn", _jump),
    AuditEvent.SYSTEM_STARTED: EventWords("Service started", "info"),
}
