"""The only reader of the wall clock. Everything else takes `now` as an argument."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present moment in UTC, with its zone."""
    return datetime.now(UTC)
