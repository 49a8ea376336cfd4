"""What an auditor looks for, as the address of the page tells it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.search import EventFilter
from sharelink.crypto.identifiers import id_from_text, id_text
from sharelink.web.staff.event_words import EVENT_WORDS

FIELDS = ("record", "person", "kind", "outcome", "since", "until")
_VALUE_MAX = 100

FAMILIES: Mapping[str, str] = {
    "custody.": "Custody",
    "credential.": "Credentials",
    "share.": "Shares",
    "request.": "Requests",
    "access.": "Root access",
    "cloudtrail.": "CloudTrail",
    "statement.": "Statements",
    "auth.": "Sign-ins",
    "factor.": "Second factors",
    "authz.": "Refusals",
    "admin.": "People and groups",
    "outbox.": "Deliveries",
    "webhook.": "Webhooks",
    "key.": "Keys",
    "log.": "The log itself",
    "audit.": "Readings of the log",
    "system.": "The service",
}
OUTCOMES: Mapping[Outcome, str] = {
    Outcome.SUCCESS: "Done",
    Outcome.REFUSED: "Refused",
    Outcome.FAILURE: "Failed",
    Outcome.PENDING: "Begun",
}


@dataclass(frozen=True, slots=True)
class AskedFor:
    """The filter as it was typed, as it is meant, and what is wrong with it, by field."""

    typed: Mapping[str, str]
    wanted: EventFilter
    problems: Mapping[str, str]

    @property
    def query(self) -> str:
        """The filter as a part of an address."""
        return urlencode({name: value for name, value in self.typed.items() if value})


FindRecord = Callable[[str], bytes | None]
"""Returns the id of the record with a reference."""


def asked_for(values: Mapping[str, str], find_record: FindRecord) -> AskedFor:
    """Return what an address or form asks for; a field that cannot be read is left out and told."""
    typed = {name: values.get(name, "").replace("\0", "").strip()[:_VALUE_MAX] for name in FIELDS}
    problems: dict[str, str] = {}
    wanted = EventFilter(
        rec=_chain(find_record, typed["record"], problems),
        account_id=_account(typed["person"], problems),
        kind=_kind(typed["kind"], problems),
        outcome=_outcome(typed["outcome"], problems),
        since=_day("since", typed["since"], problems),
        until=_day("until", typed["until"], problems, after=timedelta(days=1)),
    )
    return AskedFor(typed, wanted, problems)


def kind_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return families with the kinds of event in each, as a select offers them."""
    return [
        (name, [(family, f"All of: {name}"), *((kind.value, EVENT_WORDS[kind].title) for kind in _kinds(family))])
        for family, name in FAMILIES.items()
    ]


def _kinds(family: str) -> list[AuditEvent]:
    return [kind for kind in AuditEvent if kind.value.startswith(family)]


def _chain(find_record: FindRecord, text: str, problems: dict[str, str]) -> str | None:
    if not text:
        return None
    record_id = find_record(text)
    if record_id is None:
        problems["record"] = "There is no record with this reference."
        return None
    return id_text(record_id)


def _account(text: str, problems: dict[str, str]) -> bytes | None:
    if not text:
        return None
    try:
        return id_from_text(text)
    except ValueError:
        problems["person"] = "Choose somebody from the list."
        return None


def _kind(text: str, problems: dict[str, str]) -> str:
    if text and text not in FAMILIES and text not in set(AuditEvent):
        problems["kind"] = "Choose a kind from the list."
        return ""
    return text


def _outcome(text: str, problems: dict[str, str]) -> Outcome | None:
    if text and text not in set(Outcome):
        problems["outcome"] = "Choose an outcome from the list."
        return None
    return Outcome(text) if text else None


def _day(name: str, text: str, problems: dict[str, str], *, after: timedelta = timedelta()) -> datetime | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + after
    except (ValueError, OverflowError):
        problems[name] = "Write the day like 2026-11-23."
        return None
