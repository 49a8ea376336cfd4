"""What the log says that things are by now, beside what the database says: two books that must agree.

The ledger of a log of years is larger than memory should be; it lies in a private temporary database of SQLite, which
holds ids and states only and is gone when it is closed.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from sharelink.audit.findings import SHOWN_CHARACTERS, Finding, FindingKind, shown
from sharelink.audit.leaf_checks import AFTER_ALL, MalformedLeaf, parsed_leaf, stored_bytes
from sharelink.audit.models import AuditLeaf
from sharelink.crypto.identifiers import id_from_text, id_text
from sharelink.persistence.driver_rows import driver_rows, raw

_BUFFERED = 10_000
_COMPARED_AT_ONCE = 500
_LOOKED_AT_ANEW = 3

Told = tuple[str, str]
"""Id of a thing, as its text, and the state that an event has put it in."""

Tells = Callable[[Mapping[str, Any]], Told | None]
"""Reads one event: which thing it moves, and to which state; None if it moves none."""


@dataclass(frozen=True, slots=True)
class StoredState:
    """One row of the database: the thing's id and its text, its state, and the chain that tells about it."""

    id: bytes
    ref: str
    state: str
    rec: str


@dataclass(frozen=True, slots=True)
class StateColumns:
    """Where the database keeps what the ledger follows: columns of one table. `chain` is the id that names the chain.

    They are read as they are: whoever owns the database may have put anything into them.
    """

    id: InstrumentedAttribute[Any]
    state: InstrumentedAttribute[Any]
    chain: InstrumentedAttribute[Any]

    def batch(self, session: Session, after: bytes, limit: int) -> Sequence[StoredState]:
        """Return the rows after the one with this id, in the order of ids, at most `limit`."""
        wanted = self._wanted().where(self.id > after).order_by(self.id).limit(limit)
        return [_stored(*row) for row in driver_rows(session, wanted)]

    def nameless(self, session: Session, limit: int) -> Sequence[StoredState]:
        """Return rows whose id is none, at most `limit`: SQLite puts numbers and texts before all bytes."""
        return [_stored(*row) for row in driver_rows(session, self._wanted().where(self.id <= b"").limit(limit))]

    def one(self, session: Session, ref: str) -> StoredState | None:
        """Return the row with this id, given as its text."""
        try:
            wanted = self._wanted().where(self.id == id_from_text(ref))
        except ValueError:
            return None
        rows = driver_rows(session, wanted)
        return _stored(*rows[0]) if rows else None

    def _wanted(self) -> Select[*tuple[Any, ...]]:
        return select(raw(self.id), raw(self.state), raw(self.chain))


def _stored(identifier: object, state: object, chain: object) -> StoredState:
    as_bytes = identifier if isinstance(identifier, bytes) else b""
    return StoredState(as_bytes, _id_shown(identifier), shown(state), _id_shown(chain))


def _id_shown(value: object) -> str:
    # What is no id is quoted: a text that is spelled as one must not pass for it.
    return id_text(value) if isinstance(value, bytes) else ascii(value)[:SHOWN_CHARACTERS]


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
        columns: where the database keeps them.
    """

    noun: str
    kinds: frozenset[str]
    tells: Tells
    columns: StateColumns
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
        with open_reading() as session:
            nameless = self.columns.nameless(session, _COMPARED_AT_ONCE)
        for row in nameless:
            yield Finding(FindingKind.STATE_DIFFERS, None, f"there is a {self.noun} whose id is none: {row.ref}")
        last = b""
        while True:
            with open_reading() as session:
                rows = self.columns.batch(session, last, _COMPARED_AT_ONCE)
            if not rows:
                break
            last = rows[-1].id
            told = self._told([row.ref for row in rows])
            for row in rows:
                if told.get(row.ref) != (row.state, row.rec):
                    yield from self._look_anew(open_reading, row.ref, size)
        yield from self._missing(open_reading, size)
        self._book.close()

    def _look_anew(self, open_reading: Callable[[], Any], ref: str, size: int) -> Iterator[Finding]:
        """Compare once more with what has happened meanwhile: acts go on while a log is verified."""
        text = ""
        for _ in range(_LOOKED_AT_ANEW):
            with open_reading() as session:
                row = self.columns.one(session, ref)
                if row is None:
                    text = f"the {self.noun} {ref} is gone, and the log does not know how"
                    continue
                state, rec = self._told([ref]).get(ref, (None, row.rec))
                for fields in _later(session, rec, size):
                    told = self.tells(fields)
                    if told is not None and told[0] == ref:
                        state = told[1]
            if (row.state, row.rec) == (state, rec):
                return
            by_log = "does not know it" if state is None else f"says {state}"
            text = f"the {self.noun} {ref} is {row.state} in the database, but the log {by_log}"
            if row.state == state:
                text = f"the {self.noun} {ref} is on the record {row.rec} in the database, but the log says {rec}"
        yield Finding(FindingKind.STATE_DIFFERS, None, text)

    def _told(self, refs: Sequence[str]) -> dict[str, tuple[str, str]]:
        marks = ",".join("?" * len(refs))
        # What is put together is question marks only.
        wanted = f"SELECT ref, state, rec FROM book WHERE ref IN ({marks})"  # noqa: S608  # nosec B608
        return {ref: (state, rec) for ref, state, rec in self._book.execute(wanted, refs)}

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
                gone = [ref for (ref,) in found if self.columns.one(session, ref) is None]
            for ref in gone:
                yield from self._look_anew(open_reading, ref, size)

    def _write(self) -> None:
        rows = [(ref, state, rec) for ref, (state, rec) in self._buffer.items()]
        self._book.executemany("INSERT OR REPLACE INTO book VALUES (?, ?, ?)", rows)
        self._buffer.clear()


def _later(session: Session, rec: str, size: int) -> Iterator[Mapping[str, Any]]:
    since = (AuditLeaf.rec == rec, AuditLeaf.index >= size, AuditLeaf.index < AFTER_ALL)
    for (leaf,) in driver_rows(session, select(raw(AuditLeaf.leaf)).where(*since).order_by(AuditLeaf.rseq)):
        # One that is none is found by the next verification, which begins with it.
        with suppress(MalformedLeaf):
            yield parsed_leaf(stored_bytes(leaf))
