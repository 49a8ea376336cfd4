"""What people read about imported root sign-ins."""

from collections.abc import Mapping

from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import RecordedEvent
from sharelink.web.staff.event_words.words import EventWords, quoted, sentences


def _imported(event: RecordedEvent) -> str:
    return f"Root sign-ins in the file: {event.facts.get('sign_ins', 0)}, new: {event.facts.get('new', 0)}"


def _unmatched(event: RecordedEvent) -> str:
    sign_ins, uses = event.facts.get("sign_ins"), event.facts.get("uses")
    return sentences(
        f"Sign-ins outside of every use: {sign_ins}" if sign_ins else "",
        f"Uses that CloudTrail does not bear out: {uses}" if uses else "",
    )


def _explained(event: RecordedEvent) -> str:
    about = "About a use" if event.facts.get("about") == "use" else "About a sign-in"
    return sentences(about, quoted(event.personal.get("text", "")))


CLOUDTRAIL_WORDS: Mapping[AuditEvent, EventWords] = {
    AuditEvent.CLOUDTRAIL_IMPORTED: EventWords("Root sign-ins brought in", "download", "plain", _imported),
    AuditEvent.CLOUDTRAIL_UNMATCHED: EventWords(
        "CloudTrail and declared uses do not agree", "triangle-alert", "bad", _unmatched
    ),
    AuditEvent.CLOUDTRAIL_EXPLAINED: EventWords("Mismatch explained", "pencil", "plain", _explained),
}
