"""A flood of equal lines is counted, not written."""

import logging

from sharelink.repeated_lines import LINES_A_MINUTE, MOST_KINDS, RepeatedLines


class Seconds:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def record(said: object, *arguments: object, name: str = "sharelink.access") -> logging.LogRecord:
    return logging.LogRecord(name, logging.INFO, "", 0, said, arguments, None)


def request(route: str, status: int) -> logging.LogRecord:
    return record({"event": "request", "route": route, "status": status, "request_id": str(id(object())), "ms": 0.1})


def test_equal_lines_are_written_so_often_and_then_counted() -> None:
    clock = Seconds()
    lines = RepeatedLines(clock)
    written = [line for _ in range(1000) for line in lines.admit(request("/s/<token>", 200))]
    assert len(written) == LINES_A_MINUTE
    assert list(lines.admit(request("/s/status", 404))), "another kind has its own room"
    assert list(lines.admit(request("/s/<token>", 429)))
    clock.now += 61
    told, kept = lines.admit(request("/s/<token>", 200))
    assert told.getMessage() == "900 more lines like this were left out: request /s/<token> 200"
    assert told.levelno == logging.WARNING
    assert kept.msg["route"] == "/s/<token>"
    assert lines.rest() == []


def test_lines_of_libraries_are_equal_by_their_text_without_what_is_put_in() -> None:
    lines = RepeatedLines(Seconds())
    written = [
        line for number in range(500) for line in lines.admit(record("Task queue depth is %d", number, name="waitress"))
    ]
    assert len(written) == LINES_A_MINUTE
    (told,) = lines.rest()
    assert told.getMessage() == "400 more lines like this were left out: Task queue depth is %d"


def test_ever_new_kinds_are_bounded_too() -> None:
    lines = RepeatedLines(Seconds())
    written = [line for number in range(5000) for line in lines.admit(record(f"strange {number}"))]
    assert len(written) == MOST_KINDS + LINES_A_MINUTE
