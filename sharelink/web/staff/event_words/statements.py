"""What people read about statements and the links to them."""

from collections.abc import Mapping

from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import RecordedEvent
from sharelink.statements.states import LinkDelivery
from sharelink.web.staff.event_words.words import EventWords, named, quoted, sentences

_HOW: Mapping[str, str] = {
    LinkDelivery.SHOWN.value: "The link was shown to whoever made it",
    LinkDelivery.MAILED.value: "Only the letter held the link",
}


def _created(event: RecordedEvent) -> str:
    return sentences(event.personal_text("contact"), _HOW.get(str(event.facts.get("delivery")), ""))


def _covered(event: RecordedEvent) -> str:
    return sentences(event.personal_text("contact"), f"Log entries covered: {event.facts.get('entries', 0)}")


def _acknowledged(event: RecordedEvent) -> str:
    return sentences(_covered(event), _HOW.get(str(event.facts.get("delivery")), ""))


def _reported(event: RecordedEvent) -> str:
    return sentences(event.personal_text("contact"), quoted(event.personal.get("message", "")))


def _issued(event: RecordedEvent) -> str:
    return sentences(event.personal_text("contact"), f"Last entry before it: {event.facts.get('last_rseq')}")


STATEMENT_WORDS: Mapping[AuditEvent, EventWords] = {
    AuditEvent.CUSTODY_STATEMENT_ISSUED: EventWords("Statement issued as files", "download", "plain", _issued),
    AuditEvent.STATEMENT_LINK_CREATED: EventWords("Link to the statement made", "file-text", "plain", _created),
    AuditEvent.STATEMENT_LINK_REVOKED: EventWords("Link to the statement revoked", "unlink", "warn", named("contact")),
    AuditEvent.STATEMENT_READ: EventWords("Statement read", "eye", "plain", _covered),
    AuditEvent.STATEMENT_ACKNOWLEDGED: EventWords(
        "The customer says: this is right", "badge-check", "done", _acknowledged
    ),
    AuditEvent.STATEMENT_REPORTED: EventWords("The customer reports a problem", "triangle-alert", "bad", _reported),
}
