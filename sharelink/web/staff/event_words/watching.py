"""What people read about those who watch the log: monitors, witnesses, and the second sink."""

from collections.abc import Mapping

from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import RecordedEvent
from sharelink.web.filters import duration_text
from sharelink.web.staff.event_words.words import EventWords

_SECONDS_PER_MINUTE = 60


def _token(event: RecordedEvent) -> str:
    return event.personal_text("token_name")


def _refusal(event: RecordedEvent) -> str:
    witness = event.facts.get("witness", "")
    if event.reason == "log_shrank":
        return f"{witness} has seen more events than there are here. Was the database put back from a copy?"
    return f"{witness} has seen a log that this one does not go on from. Look closer with: sharelink audit verify"


def _failure(event: RecordedEvent) -> str:
    return f"Why: {event.reason}. Nothing is lost: it is sent later" if event.reason else ""


def _recovery(event: RecordedEvent) -> str:
    minutes = event.facts.get("minutes")
    return f"After {duration_text(minutes * _SECONDS_PER_MINUTE)}" if isinstance(minutes, int) and minutes else ""


WATCHING_WORDS: Mapping[AuditEvent, EventWords] = {
    AuditEvent.AUDIT_MONITORED: EventWords("The whole log is read", "eye", detail=_token),
    AuditEvent.AUDIT_TOKEN_CREATED: EventWords("Monitor token made", "plus", "warn", _token),
    AuditEvent.AUDIT_TOKEN_REVOKED: EventWords("Monitor token revoked", "unlink", "warn", _token),
    AuditEvent.LOG_SINK_FAILED: EventWords("The second sink fails", "triangle-alert", "bad", _failure),
    AuditEvent.LOG_SINK_RECOVERED: EventWords("The second sink works again", "badge-check", "done", _recovery),
    AuditEvent.WITNESS_REFUSED: EventWords("A witness does not recognise this log", "triangle-alert", "bad", _refusal),
}
