"""What the log says that things are by now, beside what the database says: two books that must agree.

The ledger of a log of years is larger than memory should be; it lies in a private temporary database of SQLite, which
holds ids and states only and is gone when it is closed.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from sharelink.audit.findings import Finding, FindingKind
from sharelink.audit.models import AuditLeaf

_BUFFERED = 10_000
_COMPARED_AT_ONCE = 500
_LOOKED_AT_ANEW = 3

Told = tuple[str, str]
"""Id of a thing, as its text, and the state that an event has put it in."""

Tells = Callable[[Mapping[str, Any]], Told | None]
"""Reads one event: which thing it moves, and to which state; None if it moves none."""


@dataclass(frozen=True, slots=True)
class StoredState:
    """One row of the database: the thing's id as its text, its state, and the chain that tells about it."""

    ref: str
    state: str
    rec: str


def _new_book() -> sqlite3.Connection:
    # An empty name is a private file that SQLite removes by itself (https://www.sqlite.org/inmemorydb.html).
    book = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    book.execute("CREATE TABLE book (ref TEXT PRIMARY KEY, state TEXT, rec TEXT) WITHOUT ROWID")
    return book


@dataclass(slots=True)
class StateLedger:
    """Follows one kind of thing.

    Args:
        noun: what people call it.
        kinds: the types of event that tell something about it.
        tells: reads an event.
        batch: reads the rows after the one with this id, in the order of ids, at most `limit`; all if id is None.
        one: reads one row by its id.
    """

    noun: str
    kinds: frozenset[str]
    tells: Tells
    batch: Callable[[Session, str | None, int], Sequence[StoredState]]
    one: Callable[[Session, str], StoredState | None]
    _book: sqlite3.Connection = field(default_factory=_new_book)
    _buffer: dict[str, tuple[str, str]] = field(default_factory=dict)

    def note(self, states: Mapping[str, tuple[str, str]]) -> None:
        """Take notice of what events have told: by id, a state and the chain that tells."""
        self._buffer.update(states)
        if len(self._buffer) >= _BUFFERED:
            self._write()

    def findings(self, open_reading: Callable[[], Any], size: int) -> Iterator[Finding]:
        """Yield every thing that is not what the first `size` events, and those after them, have made of it."""
        self._write()
        last: str | None = None
        while True:
            with open_reading() as session:
                rows = self.batch(session, last, _COMPARED_AT_ONCE)
            if not rows:
                break
            last = rows[-1].ref
            told = self._told([row.ref for row in rows])
            for row in rows:
                if told.get(row.ref) != row.state:
                    yield from self._look_anew(open_reading, row.ref, size)
        yield from self._missing(open_reading, size)
        self._book.close()

    def _look_anew(self, open_reading: Callable[[], Any], ref: str, size: int) -> Iterator[Finding]:
        """Compare once more with what has happened meanwhile: acts go on while a log is verified."""
        text = ""
        for _ in range(_LOOKED_AT_ANEW):
            with open_reading() as session:
                row = self.one(session, ref)
                if row is None:
                    text = f"the {self.noun} {ref} is gone, and the log does not know how"
                    continue
                state = self._told([ref]).get(ref)
                for fields in _later(session, row.rec, size):
                    told = self.tells(fields)
                    if told is not None and told[0] == ref:
                        state = told[1]
            if row.state == state:
                return
            by_log = "does not know it" if state is None else f"says {state}"
            text = f"the {self.noun} {ref} is {row.state} in the database, but the log {by_log}"
        yield Finding(FindingKind.STATE_DIFFERS, None, text)

    def _told(self, refs: Sequence[str]) -> dict[str, str]:
        marks = ",".join("?" * len(refs))
        # What is put together is question marks only.
        wanted = f"SELECT ref, state FROM book WHERE ref IN ({marks})"  # noqa: S608  # nosec B608
        return dict(self._book.execute(wanted, refs))

    def _missing(self, open_reading: Callable[[], Any], size: int) -> Iterator[Finding]:
        last = ""
        while True:
            found = self._book.execute(
                "SELECT ref FROM book WHERE ref > ? ORDER BY ref LIMIT ?", (last, _COMPARED_AT_ONCE)
            ).fetchall()
            if not found:
                return
            last = found[-1][0]
            with open_reading() as session:
                gone = [ref for (ref,) in found if self.one(session, ref) is None]
            for ref in gone:
                yield from self._look_anew(open_reading, ref, size)

    def _write(self) -> None:
        rows = [(ref, state, rec) for ref, (state, rec) in self._buffer.items()]
        self._book.executemany("INSERT OR REPLACE INTO book VALUES (?, ?, ?)", rows)
        self._buffer.clear()


def _later(session: Session, rec: str, size: int) -> Iterator[Mapping[str, Any]]:
    wanted: Select[bytes] = (
        select(AuditLeaf.leaf).where(AuditLeaf.rec == rec, AuditLeaf.index >= size).order_by(AuditLeaf.rseq)
    )
    for leaf in session.execute(wanted).scalars():
        yield json.loads(leaf)
