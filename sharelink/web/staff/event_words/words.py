"""The words of one kind of event, and what telling it takes."""

from collections.abc import Callable
from dataclasses import dataclass

from sharelink.audit.queries import RecordedEvent


@dataclass(frozen=True, slots=True)
class EventWords:
    """Title, icon and tone of one kind of event, and how its detail is told."""

    title: str
    icon: str
    tone: str = "plain"
    detail: Callable[[RecordedEvent], str] = lambda _event: ""


def quoted(text: str) -> str:
    """Return `text` in quotation marks; nothing stays nothing."""
    return f"“{text}”" if text else ""


def sentences(*parts: str) -> str:
    """Return the parts that say something, set apart."""
    return " · ".join(part for part in parts if part)


def named(name: str) -> Callable[[RecordedEvent], str]:
    """Return a detail that tells one erasable field of the event."""
    return lambda event: event.personal_text(name)
