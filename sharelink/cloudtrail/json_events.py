"""Reads events out of JSON one after the other, so that a large file never stands in memory as objects.

Three shapes: CloudTrail's own `{"Records": [...]}`, what the command line's `lookup-events` prints (`{"Events": [...]}`
with each event as text), and events without anything around them, one per line or in an array.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from sharelink.cloudtrail.errors import RowProblem
from sharelink.cloudtrail.states import EVENT_MAX_CHARACTERS

_CHUNK = 64 * 1024
_ENVELOPE = re.compile(r'\{\s*"(?:Records|Events)"\s*:\s*\[')
_SPACE = re.compile(r"[ \t\r\n]*")
_CUT_OFF = "The file ends here, or is not JSON from here on. Export it once more."


class BrokenJson(Exception):
    """The file cannot be read beyond this place."""

    def __init__(self, problem: RowProblem) -> None:
        super().__init__(problem.text)
        self.problem = problem


class _Scanner:
    """Looks at a text through a window that moves on, and knows at which line it stands."""

    def __init__(self, text: TextIO) -> None:
        # Numbers matter to nobody here, and very long ones are an attack on whoever converts them.
        self._decoder = json.JSONDecoder(parse_int=str, parse_float=str)
        self._text = text
        self._window = ""
        self._at = 0
        self._line = 1
        self.count = 0

    @property
    def place(self) -> str:
        return f"Event {max(self.count, 1)}, line {self._line}"

    def broken(self) -> BrokenJson:
        return BrokenJson(RowProblem(self.place, _CUT_OFF))

    def next(self) -> str:
        """Return the next character that is not space, "" at the end."""
        while True:
            found = _SPACE.match(self._window, self._at)
            self._advance(found.end() if found else self._at)
            if self._at < len(self._window):
                return self._window[self._at]
            if not self._more():
                return ""

    def skip(self, expected: re.Pattern[str]) -> bool:
        """Go behind `expected` if it stands here."""
        while len(self._window) - self._at < _CHUNK and self._more():
            pass
        found = expected.match(self._window, self._at)
        if found is not None:
            self._advance(found.end())
        return found is not None

    def skip_one(self) -> None:
        self._advance(self._at + 1)

    def object(self) -> dict[str, Any]:
        """Return the object that begins here."""
        while True:
            try:
                value, end = self._decoder.raw_decode(self._window, self._at)
            except (ValueError, RecursionError):
                if len(self._window) - self._at > EVENT_MAX_CHARACTERS or not self._more():
                    raise self.broken() from None
                continue
            if not isinstance(value, dict):
                raise self.broken()
            self._advance(end)
            return value

    def check_end(self, opening: str) -> None:
        """Make sure that what is left closes what `opening` began, and nothing more."""
        rest = self._window[self._at :] + self._text.read(_CHUNK)
        try:
            json.loads(opening + rest)
        except (ValueError, RecursionError):
            raise self.broken() from None

    def _more(self) -> bool:
        chunk = self._text.read(_CHUNK)
        self._window = self._window[self._at :] + chunk
        self._at = 0
        return bool(chunk)

    def _advance(self, end: int) -> None:
        self._line += self._window.count("\n", self._at, end)
        self._at = end


def json_events(text: TextIO) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each event with its place in the file.

    Raises (while iterating):
        BrokenJson: the file ends too early, or is no JSON.
    """
    scanner = _Scanner(text)
    scanner.next()
    if scanner.skip(_ENVELOPE):
        yield from _of_array(scanner)
        scanner.check_end('{"Records": []')
    elif scanner.next() == "[":
        scanner.skip_one()
        yield from _of_array(scanner)
        scanner.check_end("[]")
    else:
        while scanner.next():
            yield _one(scanner)


def _of_array(scanner: _Scanner) -> Iterator[tuple[str, dict[str, Any]]]:
    if scanner.next() != "]":
        while True:
            yield _one(scanner)
            sign = scanner.next()
            if sign == "]":
                break
            if sign != ",":
                raise scanner.broken()
            scanner.skip_one()
    scanner.skip_one()


def _one(scanner: _Scanner) -> tuple[str, dict[str, Any]]:
    scanner.count += 1
    if scanner.next() != "{":
        raise scanner.broken()
    place = scanner.place
    found = scanner.object()
    inner = found.get("CloudTrailEvent")
    if isinstance(inner, str):
        try:
            found = json.loads(inner, parse_int=str, parse_float=str)
        except (ValueError, RecursionError):
            raise BrokenJson(RowProblem(place, _CUT_OFF)) from None
        if not isinstance(found, dict):
            raise BrokenJson(RowProblem(place, _CUT_OFF))
    return place, found
