"""What people read about keys, the clock and the service itself."""

from collections.abc import Mapping

from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import RecordedEvent
from sharelink.web.filters import duration_text
from sharelink.web.staff.event_words.words import EventWords

UNREADABLE = EventWords("This entry cannot be read", "triangle-alert", "bad")


def _jump(event: RecordedEvent) -> str:
    seconds = event.facts.get("seconds")
    if not isinstance(seconds, int):
        return ""
    return f"{'Forward' if seconds > 0 else 'Back'} by {duration_text(abs(seconds))}; no key is destroyed for a day"


SYSTEM_WORDS: Mapping[AuditEvent, EventWords] = {
    AuditEvent.KEY_CREATED: EventWords("Key created", "key-round"),
    AuditEvent.KEY_DESTROYED: EventWords("Key destroyed", "trash-2"),
    AuditEvent.SYSTEM_CLOCK_JUMP: EventWords("The clock jumped", "clock", "warn", _jump),
    AuditEvent.SYSTEM_STARTED: EventWords("Service started", "info"),
}
