"""What people read about deliveries and webhooks."""

from collections.abc import Mapping

from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import RecordedEvent
from sharelink.web.staff.event_words.words import EventWords, sentences


def _webhook(event: RecordedEvent) -> str:
    return sentences(event.personal_text("webhook_name"), event.personal_text("webhook_host"))


OUTBOX_WORDS: Mapping[AuditEvent, EventWords] = {
    AuditEvent.OUTBOX_TRIED_AGAIN: EventWords("A failed delivery is tried again", "mail"),
    AuditEvent.WEBHOOK_ADDED: EventWords("Webhook added", "plus", "warn", _webhook),
    AuditEvent.WEBHOOK_REMOVED: EventWords("Webhook removed", "unlink", "warn", _webhook),
}
