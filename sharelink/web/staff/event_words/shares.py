"""What people read about shares and requests."""

from collections.abc import Mapping

from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import RecordedEvent
from sharelink.custody.states import PURPOSE_LABELS, Purpose
from sharelink.shares.states import EndReason
from sharelink.web.filters import duration_text
from sharelink.web.staff.event_words.words import EventWords, quoted, sentences


def _created(event: RecordedEvent) -> str:
    seconds = event.facts.get("lifetime_seconds")
    lifetime = f"can be read for {duration_text(seconds)}" if isinstance(seconds, int) else ""
    if event.facts.get("code_required"):
        code = "access code on"
    else:
        reason = quoted(event.personal_text("code_waiver_reason"))
        code = f"no access code: {reason}" if reason else "no access code"
    again = "sent again, in place of an earlier link" if event.facts.get("replaces") else ""
    return sentences(quoted(event.personal.get("label", "")), again, lifetime, code)


def _attempted(event: RecordedEvent) -> str:
    tries = event.facts.get("tries")
    return f"Try {tries}" if tries is not None else ""


def _code_failed(event: RecordedEvent) -> str:
    left = event.facts.get("tries_left")
    return "" if left is None else "One try left" if left == 1 else f"{left} tries left"


def _paused(event: RecordedEvent) -> str:
    seconds = event.facts.get("pause_seconds")
    return f"This client must wait {duration_text(seconds)}" if isinstance(seconds, int) else ""


def _burned(event: RecordedEvent) -> str:
    return sentences("Not shown to anybody", quoted(event.personal.get("note", "")))


def _more_tries(event: RecordedEvent) -> str:
    more = event.facts.get("more_tries")
    return f"{more} more tries" if more is not None else ""


def _reported(event: RecordedEvent) -> str:
    return {
        "revealed": "Somebody else may have read it: change the credential",
        "expired": "It had expired unread",
        "burned": "It had been erased unread",
    }.get(str(event.facts.get("state", "")), "")


def _requested(event: RecordedEvent) -> str:
    seconds = event.facts.get("submit_lifetime_seconds")
    lifetime = f"can be answered for {duration_text(seconds)}" if isinstance(seconds, int) else ""
    again = "asked again, in place of an earlier link" if event.facts.get("replaces") else ""
    return sentences(quoted(event.personal.get("label", "")), again, lifetime)


def _retrieved(event: RecordedEvent) -> str:
    purpose = str(event.facts.get("purpose", ""))
    known = PURPOSE_LABELS[Purpose(purpose)] if purpose in set(Purpose) else purpose
    ticket = event.personal.get("ticket", "")
    return sentences(known, f"Ticket {ticket}" if ticket else "")


def _accepted(event: RecordedEvent) -> str:
    place = event.personal.get("vault_reference", "")
    return f"Kept at: {place}" if place else ""


def _note(event: RecordedEvent) -> str:
    return quoted(event.personal.get("note", ""))


SHARES_WORDS: Mapping[AuditEvent, EventWords] = {
    AuditEvent.SHARE_CREATED: EventWords("One-time link created", "send", "done", _created),
    AuditEvent.SHARE_OPENED: EventWords("Link opened", "mail-open"),
    AuditEvent.SHARE_REVEAL_ATTEMPTED: EventWords("Access code entered", "key-round", "plain", _attempted),
    AuditEvent.SHARE_CODE_FAILED: EventWords("Wrong access code", "circle-alert", "warn", _code_failed),
    AuditEvent.SHARE_CLIENT_PAUSED: EventWords("Too many wrong codes", "clock", "warn", _paused),
    AuditEvent.SHARE_LOCKED: EventWords("Locked after wrong codes", "lock", "bad"),
    AuditEvent.SHARE_REVEALED: EventWords("Secret revealed", "eye", "done"),
    AuditEvent.SHARE_DISPLAYED: EventWords("Shown on the recipient's page", "check", "done"),
    AuditEvent.SHARE_STORED: EventWords("Recipient stored it", "badge-check", "done"),
    AuditEvent.SHARE_BURNED: EventWords("Erased unread", "trash-2", "warn", _burned),
    AuditEvent.SHARE_EXPIRED: EventWords("Expired unread", "hourglass", "warn"),
    AuditEvent.SHARE_UNLOCKED: EventWords("Unlocked", "key-round", "plain", _more_tries),
    AuditEvent.SHARE_TAMPER_REPORTED: EventWords("Reported: “This was not me”", "triangle-alert", "bad", _reported),
    AuditEvent.REQUEST_CREATED: EventWords("Secret requested", "inbox", "done", _requested),
    AuditEvent.REQUEST_OPENED: EventWords("Submit link opened", "mail-open"),
    AuditEvent.REQUEST_KEY_MISMATCH: EventWords(
        "The key of this request was swapped",
        "triangle-alert",
        "bad",
        lambda _event: "The customer's link names another key than the database holds. Nothing was sealed",
    ),
    AuditEvent.REQUEST_SUBMITTED: EventWords("Customer submitted it", "inbox", "done"),
    AuditEvent.REQUEST_RETRIEVED: EventWords("Answer retrieved", "eye", "done", _retrieved),
    AuditEvent.REQUEST_ACCEPTED: EventWords("Sign-in worked", "badge-check", "done", _accepted),
    AuditEvent.REQUEST_REJECTED: EventWords("Answer was wrong", "circle-alert", "bad", _note),
    AuditEvent.REQUEST_REMINDED: EventWords("Customer reminded", "clock"),
}

BURNED_WORDS: Mapping[str | None, EventWords] = {
    EndReason.DECLINED.value: EventWords("Declined by the recipient", "hand", "bad", _burned),
    EndReason.WITHDRAWN.value: EventWords("Withdrawn by staff", "trash-2", "warn", _burned),
    EndReason.REPLACED.value: EventWords("Replaced by a new link", "trash-2", "plain", _burned),
}
"""The words of a send's end unread, by its reason."""

REQUEST_WORDS: Mapping[tuple[AuditEvent, str | None, bool], EventWords] = {
    (AuditEvent.SHARE_DISPLAYED, None, False): EventWords("Shown on the custodian's page", "check", "done"),
    (AuditEvent.SHARE_EXPIRED, None, False): EventWords("Not answered in time", "hourglass", "warn"),
    (AuditEvent.SHARE_EXPIRED, None, True): EventWords("Answer expired, never retrieved", "hourglass", "bad"),
    (AuditEvent.SHARE_BURNED, EndReason.WITHDRAWN.value, False): EventWords(
        "Request cancelled", "circle-x", "plain", _note
    ),
    (AuditEvent.SHARE_BURNED, EndReason.WITHDRAWN.value, True): EventWords(
        "Request cancelled, answer erased unread", "trash-2", "warn", _note
    ),
    (AuditEvent.SHARE_BURNED, EndReason.REPLACED.value, False): EventWords("Asked again under new links", "send"),
    (AuditEvent.SHARE_BURNED, EndReason.REPLACED.value, True): EventWords(
        "Asked again, waiting answer erased unread", "trash-2", "warn"
    ),
}
"""What the events of shares mean for a request: event, reason, whether its end says that there was an answer."""
