"""Keeps a flood out of the log: equal lines beyond a number in a minute are counted instead of written.

Whoever can make the service write a line, by asking for any page, could otherwise fill its disk. Lines are equal if
they say the same of the same: the same logger, level and event, and for requests the same route and answer. What is
left out is told by one line, with the next line of any kind after the minute, or at the end.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

LINES_A_MINUTE = 100
MOST_KINDS = 500
"""More kinds than the code has; what goes beyond is one kind."""
_MINUTE_SECONDS = 60.0
_TELLING = ("event", "route", "method", "status", "code", "part", "task", "cause")

Kind = tuple[str, ...]


class RepeatedLines:
    """Decides which log records are written. May be asked by many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: Counter[Kind] = Counter()
        self._ends_at = clock() + _MINUTE_SECONDS

    def admit(self, record: logging.LogRecord) -> Iterator[logging.LogRecord]:
        """Yield what is to be written now: summaries of the minute that is over, and `record` unless it is one more."""
        kind = _kind_of(record)
        with self._lock:
            over = self._turn_page() if self._clock() >= self._ends_at else []
            if kind not in self._seen and len(self._seen) >= MOST_KINDS:
                kind = ("others",)
            self._seen[kind] += 1
            is_kept = self._seen[kind] <= LINES_A_MINUTE
        yield from over
        if is_kept:
            yield record

    def rest(self) -> list[logging.LogRecord]:
        """Return summaries of what was left out and not told yet."""
        with self._lock:
            return self._turn_page()

    def _turn_page(self) -> list[logging.LogRecord]:
        left_out = {kind: count - LINES_A_MINUTE for kind, count in self._seen.items() if count > LINES_A_MINUTE}
        self._seen.clear()
        self._ends_at = self._clock() + _MINUTE_SECONDS
        return [_summary(kind, count) for kind, count in left_out.items()]


def _kind_of(record: logging.LogRecord) -> Kind:
    said = record.msg
    if isinstance(said, Mapping):
        return (record.name, record.levelname, *(str(said.get(name, "")) for name in _TELLING))
    # The text before its arguments are put in: those may be anything.
    return (record.name, record.levelname, str(said)[:200])


def _summary(kind: Kind, count: int) -> logging.LogRecord:
    about = " ".join(part for part in kind[2:] if part) or "others"
    text = "%d more lines like this were left out: %s"
    return logging.LogRecord(
        kind[0] if len(kind) > 1 else "sharelink", logging.WARNING, "", 0, text, (count, about), None
    )
