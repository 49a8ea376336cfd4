"""Events as lines for other programs: JSON Lines with everything, or CSV that a spreadsheet cannot be tricked with."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from enum import StrEnum

from sharelink.audit.search import ExportedEvent
from sharelink.tlog.signed_notes import base64_text


class ExportFormat(StrEnum):
    """How events are written out."""

    JSON_LINES = "jsonl"
    CSV = "csv"


MIME_TYPES = {ExportFormat.JSON_LINES: "application/jsonl", ExportFormat.CSV: "text/csv; charset=utf-8"}

_COLUMNS = (
    *("index", "time", "type", "chain", "number_in_chain", "outcome", "reason", "actor_kind", "object_kind", "object"),
    *("facts", "personal", "erased", "leaf_hash"),
)
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets read as the beginning of a formula, full-width forms included (OWASP, CSV Injection)."""


def exported(events: Iterable[ExportedEvent], form: ExportFormat) -> Iterator[str]:
    """Yield the text of events, each ending in a line end."""
    for found in events:
        yield _json_line(found) if form is ExportFormat.JSON_LINES else _csv_line(_cells(found))


def export_head(form: ExportFormat) -> str:
    """Return what stands before the first event."""
    return _csv_line(_COLUMNS) if form is ExportFormat.CSV else ""


def harmless_cell(text: str) -> str:
    """Return `text` so that no spreadsheet runs it: with an apostrophe in front, where it could begin a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_BEGINS_A_FORMULA) else text


def _json_line(found: ExportedEvent) -> str:
    event = found.event
    line = {
        "index": event.index,
        "leaf_hash": base64_text(found.leaf_hash),
        # As text, so that its bytes, which are what is hashed, survive every reader and writer of JSON.
        "leaf": found.leaf.decode("utf-8", "replace"),
        "personal": dict(event.personal),
        "erased": event.erased_count,
    }
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


def _cells(found: ExportedEvent) -> tuple[str, ...]:
    event = found.event
    return (
        str(event.index),
        event.at.isoformat(),
        event.type,
        event.rec,
        str(event.rseq),
        event.outcome.value,
        event.reason or "",
        event.actor_kind,
        event.object_kind or "",
        event.object_ref or "",
        _json(dict(event.facts)),
        _json(dict(event.personal)),
        str(event.erased_count),
        base64_text(found.leaf_hash),
    )


def _json(fields: dict[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False, sort_keys=True) if fields else ""


def _csv_line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([harmless_cell(cell) for cell in cells])
    return text.getvalue()
