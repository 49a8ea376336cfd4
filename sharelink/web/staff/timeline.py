"""An audit event as a timeline shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sharelink.actors import ActorKind
from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import RecordedEvent
from sharelink.shares.states import ShareKind
from sharelink.web.staff.event_words import EVENT_WORDS
from sharelink.web.staff.event_words.shares import BURNED_WORDS, REQUEST_WORDS
from sharelink.web.staff.event_words.system import UNREADABLE
from sharelink.web.staff.event_words.words import EventWords, quoted, sentences

_SHARE = "share"
_HOLD = "hold"
_STATEMENT_LINK = "statement_link"
_LINK_HOLDER = "Whoever held the link"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event as a page shows it. `tone` is done, warn, bad or plain; `icon` is an id of the sprite."""

    at: datetime
    type: str
    title: str
    who: str
    where: str
    detail: str
    tone: str
    icon: str


def timeline_entry(event: RecordedEvent, share_labels: Mapping[str, str]) -> TimelineEntry:
    """Return what a page shows of `event`.

    Args:
        event: an event of the audit.
        share_labels: the label of each share, by the text of its id, so that later events name it, too.
    """
    if not event.is_readable:
        words, detail = UNREADABLE, "It was changed in the database. Tell whoever runs this service."
    elif event.type in EVENT_WORDS:
        words = _words_of(event)
        detail = words.detail(event)
    else:
        words, detail = EventWords(event.type, "info"), ""
    if event.object_kind == _SHARE and event.type not in {AuditEvent.SHARE_CREATED, AuditEvent.REQUEST_CREATED}:
        detail = sentences(quoted(share_labels.get(event.object_ref or "", "")), detail)
    return TimelineEntry(
        at=event.at,
        type=event.type,
        title=words.title,
        who=_who(event),
        where=event.personal_text("ip"),
        detail=detail,
        tone=words.tone,
        icon=words.icon,
    )


def _words_of(event: RecordedEvent) -> EventWords:
    type_ = AuditEvent(event.type)
    if event.facts.get("kind") == ShareKind.REQUEST:
        end = (type_, event.reason, bool(event.facts.get("answered")))
        return REQUEST_WORDS.get(end, EVENT_WORDS[type_])
    if type_ is AuditEvent.SHARE_BURNED:
        return BURNED_WORDS.get(event.reason, EVENT_WORDS[type_])
    return EVENT_WORDS[type_]


def _who(event: RecordedEvent) -> str:
    name = event.personal.get("actor_name")
    if name is not None:
        return name
    if event.actor_kind == ActorKind.PUBLIC:
        return _LINK_HOLDER if event.object_kind in {_SHARE, _HOLD, _STATEMENT_LINK} else "A visitor"
    return event.personal_text("actor_name")
