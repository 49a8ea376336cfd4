"""Exact conversion between aware times and whole microseconds; no floating point, so nothing is rounded."""

from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    """Return whole microseconds between 1970 and the aware time `at`."""
    span = at - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def from_microseconds(value: int) -> datetime:
    """Return the aware UTC time that lies `value` microseconds after 1970."""
    seconds, rest = divmod(value, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
