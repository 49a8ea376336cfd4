"""Checks every stored event against its own bytes, its neighbours in the log, its chain and its disclosures.

What this finds: any change, deletion, insertion or swap that does not rewrite everything after it. What it cannot
find by itself: a log rewritten or cut off as a whole by somebody with the database in hand; that takes a checkpoint
that has left the house.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from sharelink.audit.leaves import (
    LEAF_VERSION,
    UncanonicalValue,
    canonical_json,
    disclosed_field,
    disclosure_digest,
    leaf_time,
)
from sharelink.audit.models import AuditDisclosure, AuditHead, AuditLeaf
from sharelink.times import from_microseconds
from sharelink.tlog.merkle import leaf_hash
from sharelink.tlog.signed_notes import base64_text

BATCH_EVENTS = 2000
"""Each batch is a transaction of its own: a long one would keep SQLite's writer waiting."""

OpenReading = Callable[[], AbstractContextManager[Session]]


class FindingKind(StrEnum):
    """What can be wrong with a log."""

    HEAD_MISSING = "head_missing"
    HEAD_DIFFERS = "head_differs"
    INDEX_GAP = "index_gap"
    LEAF_MALFORMED = "leaf_malformed"
    LEAF_NOT_CANONICAL = "leaf_not_canonical"
    LEAF_HASH_DIFFERS = "leaf_hash_differs"
    COLUMN_DIFFERS = "column_differs"
    CHAIN_GAP = "chain_gap"
    CHAIN_BROKEN = "chain_broken"
    DISCLOSURE_FOREIGN = "disclosure_foreign"
    DISCLOSURE_RENAMED = "disclosure_renamed"
    DISCLOSURE_WITHOUT_EVENT = "disclosure_without_event"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, at the event with this index (None: with the log as a whole)."""

    kind: FindingKind
    index: int | None
    text: str


@dataclass(frozen=True, slots=True)
class _StoredEvent:
    """A row as the database holds it. Whoever changed it may have changed the type of a value, too."""

    index: int
    rec: object
    rseq: object
    type: object
    at_microseconds: object
    leaf: bytes
    leaf_hash: object
    previous_hash: object
    previous_index: object


_leaf = AuditLeaf.metadata.tables[AuditLeaf.__tablename__]
_predecessor = _leaf.alias("predecessor")


def _raw(name: str, column: ColumnElement[Any]) -> ColumnElement[Any]:
    # Converting to the column's type would raise on exactly the values that are to be found.
    return type_coerce(column, NullType()).label(name)


_LEAVES: Select[*tuple[Any, ...]] = (
    select(
        _leaf.c.leaf_index.label("index"),
        _raw("rec", _leaf.c.rec),
        _raw("rseq", _leaf.c.rseq),
        _raw("type", _leaf.c.event_type),
        _raw("at_microseconds", _leaf.c.at),
        _raw("leaf", _leaf.c.leaf),
        _raw("leaf_hash", _leaf.c.leaf_hash),
        _raw("previous_hash", _predecessor.c.leaf_hash),
        _raw("previous_index", _predecessor.c.leaf_index),
    )
    .outerjoin(
        _predecessor,
        and_(_predecessor.c.rec == _leaf.c.rec, _predecessor.c.rseq == _leaf.c.rseq - 1),
    )
    .order_by(_leaf.c.leaf_index)
    .limit(BATCH_EVENTS)
)


@dataclass(slots=True)
class Verification:
    """One pass over the log in constant memory. Run `findings()` to its end, then read the counts.

    `open_reading` gives a short reading transaction; it is called once per batch. Events appended meanwhile are left
    for the next pass.
    """

    open_reading: OpenReading
    events: int = 0
    chains: int = 0
    disclosures: int = 0
    erased: int = 0
    _size: int = 0
    _next_index: int = 0

    def findings(self) -> Iterator[Finding]:
        """Yield everything that is wrong, in the order of the log."""
        yield from self._check_head()
        last: int | None = None
        while True:
            with self.open_reading() as session:
                rows = self._batch(session, last)
                if not rows:
                    break
                disclosed = _disclosures(session, last, rows[-1].index)
            for stored in rows:
                yield from self._check_event(stored, disclosed.pop(stored.index, []))
            yield from _ownerless(disclosed)
            last = rows[-1].index
        if self._next_index < self._size:
            missing = f"the events from {self._next_index} to {self._size - 1} are missing"
            yield Finding(FindingKind.INDEX_GAP, self._next_index, missing)
        yield from self._check_tail()

    def _check_head(self) -> Iterator[Finding]:
        # One statement, hence one view of both: events may be appended while this runs.
        newest = select(func.max(AuditLeaf.index)).scalar_subquery()
        with self.open_reading() as session:
            found = session.execute(select(AuditHead.size, newest).where(AuditHead.id == 1)).one_or_none()
            leaves = session.execute(select(newest)).scalar_one_or_none()
        if found is None:
            yield Finding(FindingKind.HEAD_MISSING, None, "the head of the log is missing")
            self._size = 0 if leaves is None else leaves + 1
            return
        size, last = found
        self._size = size
        if last is not None and last >= size:
            text = f"the head counts {size} events, but there is one with the index {last}"
            yield Finding(FindingKind.HEAD_DIFFERS, None, text)
            self._size = last + 1

    def _batch(self, session: Session, last: int | None) -> list[_StoredEvent]:
        wanted = _LEAVES.where(_leaf.c.leaf_index < self._size)
        if last is not None:
            wanted = wanted.where(_leaf.c.leaf_index > last)
        return [_stored_event(row) for row in session.execute(wanted).mappings()]

    def _check_event(self, stored: _StoredEvent, disclosed: Sequence[tuple[str, str]]) -> Iterator[Finding]:
        self.events += 1
        self.disclosures += len(disclosed)
        if stored.index != self._next_index:
            text = f"expected the index {self._next_index}, found {stored.index}"
            yield Finding(FindingKind.INDEX_GAP, stored.index, text)
        self._next_index = stored.index + 1
        if leaf_hash(stored.leaf) != stored.leaf_hash:
            text = "the stored hash is not that of the stored event"
            yield Finding(FindingKind.LEAF_HASH_DIFFERS, stored.index, text)
        try:
            fields = _parsed(stored.leaf)
        except _Malformed as malformed:
            yield Finding(malformed.kind, stored.index, str(malformed))
            return
        yield from _check_columns(stored, fields)
        yield from self._check_chain(stored, fields["prev"])
        self.erased += max(0, len(fields["_sd"]) - len(disclosed))
        yield from _check_disclosures(stored.index, fields["_sd"], disclosed)

    def _check_chain(self, stored: _StoredEvent, previous: object) -> Iterator[Finding]:
        if stored.rseq == 0:
            self.chains += 1
            if previous is not None:
                text = f"the first event of the chain {stored.rec} names a predecessor"
                yield Finding(FindingKind.CHAIN_BROKEN, stored.index, text)
            return
        if not isinstance(stored.previous_hash, bytes) or not isinstance(stored.previous_index, int):
            text = f"the predecessor of event {stored.rseq} of the chain {stored.rec} is missing"
            yield Finding(FindingKind.CHAIN_GAP, stored.index, text)
            return
        follows = previous == base64_text(stored.previous_hash)
        if not follows or stored.previous_index >= stored.index:
            text = f"event {stored.rseq} of the chain {stored.rec} does not follow its predecessor"
            yield Finding(FindingKind.CHAIN_BROKEN, stored.index, text)

    def _check_tail(self) -> Iterator[Finding]:
        beyond = (
            select(AuditDisclosure.leaf_index)
            .outerjoin(AuditLeaf, AuditLeaf.index == AuditDisclosure.leaf_index)
            .where(AuditLeaf.index.is_(None), AuditDisclosure.leaf_index >= self._next_index)
            .distinct()
            .order_by(AuditDisclosure.leaf_index)
            .limit(BATCH_EVENTS)
        )
        with self.open_reading() as session:
            indices = session.execute(beyond).scalars().all()
        for index in indices:
            text = "personal fields are kept for an event that does not exist"
            yield Finding(FindingKind.DISCLOSURE_WITHOUT_EVENT, index, text)


class _Malformed(Exception):
    def __init__(self, kind: FindingKind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


_FIELDS = frozenset(
    {"v", "id", "t", "type", "rec", "rseq", "prev", "actor", "obj", "outcome", "reason", "purpose"} | {"_sd_alg", "_sd"}
)


def _stored_event(row: Mapping[Any, Any]) -> _StoredEvent:
    return _StoredEvent(**{**row, "leaf": _stored_bytes(row["leaf"])})


def _parsed(leaf: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(leaf)
        if not isinstance(fields, dict) or not fields.keys() >= _FIELDS:
            raise _Malformed(FindingKind.LEAF_MALFORMED, "the stored event lacks fields")
        canonical = canonical_json(fields)
    except UncanonicalValue as error:
        text = f"the stored event holds what canonical JSON cannot: {error}"
        raise _Malformed(FindingKind.LEAF_NOT_CANONICAL, text) from error
    except (ValueError, RecursionError) as error:
        text = "the stored event is not JSON"
        raise _Malformed(FindingKind.LEAF_MALFORMED, text) from error
    if canonical != leaf:
        text = "the stored event is not in its canonical form"
        raise _Malformed(FindingKind.LEAF_NOT_CANONICAL, text)
    if fields["v"] != LEAF_VERSION or fields["_sd_alg"] != "sha-256":
        raise _Malformed(FindingKind.LEAF_MALFORMED, "the event's version is unknown")
    if not _are_texts(fields["_sd"]):
        raise _Malformed(FindingKind.LEAF_MALFORMED, "the event's digests are no texts")
    return fields


def _are_texts(digests: object) -> bool:
    return isinstance(digests, list) and all(isinstance(digest, str) for digest in digests)


def _stored_bytes(value: object) -> bytes:
    # SQLite's text functions turn bytes into text; what it says is checked all the same.
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return value if isinstance(value, bytes) else b""


def _check_columns(stored: _StoredEvent, fields: dict[str, Any]) -> Iterator[Finding]:
    columns = {
        "rec": stored.rec,
        "rseq": stored.rseq,
        "type": stored.type,
        "t": _time_text(stored.at_microseconds),
    }
    for name, value in columns.items():
        if fields[name] != value:
            text = f"the column for {name} does not say what the event says"
            yield Finding(FindingKind.COLUMN_DIFFERS, stored.index, text)


def _time_text(at_microseconds: object) -> str:
    if not isinstance(at_microseconds, int):
        return ""
    try:
        return leaf_time(from_microseconds(at_microseconds))
    except (ValueError, OverflowError, OSError):
        return ""


def _check_disclosures(index: int, digests: Sequence[str], disclosed: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    for name, text in disclosed:
        if not text.isascii() or disclosure_digest(text) not in digests:
            foreign = f"the personal field {name} is not the one that was logged"
            yield Finding(FindingKind.DISCLOSURE_FOREIGN, index, foreign)
        elif disclosed_field(text)[0] != name:
            renamed = f"the personal field {name} was logged under another name"
            yield Finding(FindingKind.DISCLOSURE_RENAMED, index, renamed)


def _disclosures(session: Session, last: int | None, end: int) -> dict[int, list[tuple[str, str]]]:
    wanted = select(AuditDisclosure.leaf_index, AuditDisclosure.name, AuditDisclosure.disclosure).where(
        AuditDisclosure.leaf_index <= end
    )
    if last is not None:
        wanted = wanted.where(AuditDisclosure.leaf_index > last)
    found: dict[int, list[tuple[str, str]]] = {}
    for index, name, text in session.execute(wanted):
        found.setdefault(index, []).append((name, text))
    return found


def _ownerless(disclosed: dict[int, list[tuple[str, str]]]) -> Iterator[Finding]:
    for index in sorted(disclosed):
        text = "personal fields are kept for an event that does not exist"
        yield Finding(FindingKind.DISCLOSURE_WITHOUT_EVENT, index, text)
