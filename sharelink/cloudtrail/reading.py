"""Reads a CloudTrail export: JSON or the console's CSV, packed with gzip or not. All of it, or nothing."""

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from sharelink.cloudtrail.errors import ExportRejected, RowProblem
from sharelink.cloudtrail.json_events import BrokenJson, json_events
from sharelink.cloudtrail.rows import CSV_COLUMNS, BadRow, SignIn, csv_sign_in, json_sign_in
from sharelink.cloudtrail.states import (
    FILE_MAX_BYTES,
    PROBLEMS_MAX,
    SIGN_INS_MAX,
    UNPACKED_MAX_BYTES,
    ExportFormat,
)
from sharelink.errors import InvalidInput

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NOT_LETTERS = re.compile(r"[^a-z]")


@dataclass(frozen=True, slots=True)
class Export:
    """What a file holds about one account: its root sign-ins, oldest first, each once.

    `event_count` counts all rows, of whatever kind; `others` the root sign-ins of other accounts.
    """

    format: ExportFormat
    account_id: str
    sign_ins: tuple[SignIn, ...]
    event_count: int
    others: int
    digest: bytes


class _TooMuch(Exception):
    """More comes out of the file than it may hold."""


class _Measured(io.RawIOBase):
    """Ends in `_TooMuch` beyond the limit: a small file can unpack to any size."""

    def __init__(self, source: gzip.GzipFile | io.BytesIO) -> None:
        super().__init__()
        self._source = source
        self._left = UNPACKED_MAX_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]  # narrower than typeshed's
        chunk = self._source.read(len(buffer))
        self._left -= len(chunk)
        if self._left < 0:
            raise _TooMuch
        buffer[: len(chunk)] = chunk
        return len(chunk)


def read_export(content: bytes, account_id: str) -> Export:
    """Return what `content` holds about the AWS account `account_id` (12 digits).

    Raises:
        InvalidInput: in "file": empty, too large, of another kind, or of another account.
        ExportRejected: rows of it cannot be taken.
    """
    if not content:
        raise _refused("Choose the file that the customer has sent.")
    if len(content) > FILE_MAX_BYTES:
        raise _refused(f"The file has more than {FILE_MAX_BYTES:,} bytes. Pack it with gzip, or export a shorter time.")
    if content.startswith(_ZIP):
        raise _refused("This is a ZIP archive. Unpack it, and choose the file in it.")
    packed = content.startswith(_GZIP)
    source = gzip.GzipFile(fileobj=io.BytesIO(content)) if packed else io.BytesIO(content)
    stream = io.BufferedReader(_Measured(source))
    try:
        return _export(stream, account_id, hashlib.sha256(content).digest())
    except _TooMuch:
        raise _refused("Unpacked, the file is too large. Export a shorter time.") from None
    except UnicodeDecodeError:
        raise _refused("This is not text in UTF-8, as CloudTrail exports it.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _refused("The file is cut off or damaged. Ask for it once more.") from None


def _export(stream: "io.BufferedReader[_Measured]", account_id: str, digest: bytes) -> Export:
    kind = ExportFormat.JSON if _begins_as_json(stream.peek(64)) else ExportFormat.CSV
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    rows = _json_rows(text) if kind is ExportFormat.JSON else _csv_rows(text)
    found: dict[str, SignIn] = {}
    problems: list[RowProblem] = []
    event_count = others = 0
    for row in rows:
        event_count += 1
        if isinstance(row, RowProblem):
            problems.append(row)
            if len(problems) == PROBLEMS_MAX:
                break
            continue
        if row is None:
            continue
        if row.account_id not in {"", account_id}:
            others += 1
            continue
        first = found.setdefault(row.event_id, row)
        if (first.at, first.result) != (row.at, row.result):
            problems.append(RowProblem(row.place, f"It has the event ID of {first.place.lower()}, and is another."))
        if len(found) > SIGN_INS_MAX:
            raise _refused(f"The file has more than {SIGN_INS_MAX:,} root sign-ins. Export a shorter time.")
    if problems:
        raise ExportRejected(problems)
    if others and not found:
        raise _refused(f"All root sign-ins in this file are of another AWS account than {account_id}.")
    sign_ins = tuple(sorted(found.values(), key=lambda each: (each.at, each.event_id)))
    return Export(kind, account_id, sign_ins, event_count, others, digest)


def _json_rows(text: io.TextIOWrapper) -> Iterator[SignIn | RowProblem | None]:
    try:
        for place, event in json_events(text):
            try:
                yield json_sign_in(event, place)
            except BadRow as error:
                yield RowProblem(place, str(error))
    except BrokenJson as error:
        yield error.problem


def _csv_rows(text: io.TextIOWrapper) -> Iterator[SignIn | RowProblem | None]:
    lines = csv.reader(text, strict=True)
    try:
        columns = [_NOT_LETTERS.sub("", name.casefold()) for name in next(lines, [])]
        if not set(CSV_COLUMNS) <= set(columns):
            raise _refused(
                "This is no export of CloudTrail: neither its JSON, nor a CSV with the columns Event ID, Event time, "
                "User name and Event name."
            )
        for values in lines:
            place = f"Line {lines.line_num}"
            if not values:
                continue
            if len(values) != len(columns):
                yield RowProblem(place, f"It has {len(values)} columns; the first line has {len(columns)}.")
                continue
            try:
                yield csv_sign_in(dict(zip(columns, values, strict=True)), place)
            except BadRow as error:
                yield RowProblem(place, str(error))
    except csv.Error:
        yield RowProblem(
            f"Line {lines.line_num}", "The file ends here, or is no CSV from here on. Export it once more."
        )


def _begins_as_json(head: bytes) -> bool:
    return head.removeprefix(_BYTE_ORDER_MARK).lstrip()[:1] in {b"{", b"["}


def _refused(text: str) -> InvalidInput:
    return InvalidInput({"file": text})
