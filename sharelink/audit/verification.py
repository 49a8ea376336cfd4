"""Checks the whole log: every event against its bytes, its chain and its disclosures, and the tree over all of them.

What this finds: any change, deletion, insertion or swap, as far as the newest checkpoint that is known elsewhere. A log
that was rewritten and signed anew as a whole, by somebody with database and keys in hand, takes such a checkpoint to
be found: give it as `outside`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Row, Select, func, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from sharelink.audit.chain_checks import ChainCheck
from sharelink.audit.findings import Finding, FindingKind
from sharelink.audit.leaf_checks import (
    MalformedLeaf,
    StoredEvent,
    check_actor,
    check_columns,
    check_disclosures,
    parsed_leaf,
)
from sharelink.audit.models import AuditActor, AuditDisclosure, AuditHead, AuditLeaf
from sharelink.audit.signing import LogKeys
from sharelink.audit.tree_checks import TreeCheck
from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.merkle import leaf_hash

BATCH_EVENTS = 2000
"""Each batch is a transaction of its own: a long one would keep SQLite's writer waiting."""

_BEFORE_ALL = -(2**62)
"""Somebody may have given an event a number below zero."""

OpenReading = Callable[[], AbstractContextManager[Session]]
Progress = Callable[[int, int], None]
"""Told how many events are done, of how many."""


class StateCheck(Protocol):
    """Follows what the log tells about some things, and compares it with what the database says they are now."""

    @property
    def kinds(self) -> Collection[str]:
        """The types of event that tell something about them."""

    def follow(self, fields: Mapping[str, Any]) -> None:
        """Take notice of one event, in the order of the log."""

    def findings(self, open_reading: OpenReading, size: int) -> Iterator[Finding]:
        """Yield every thing whose state is not what the first `size` events, and those after, have made of it."""


# The tables themselves: rows of mapped classes cost three times as much to read.
_leaf = AuditLeaf.metadata.tables[AuditLeaf.__tablename__]
_disclosure = AuditLeaf.metadata.tables[AuditDisclosure.__tablename__]
_actor = AuditLeaf.metadata.tables[AuditActor.__tablename__]


def _raw(column: ColumnElement[Any]) -> ColumnElement[Any]:
    # Converting to the column's type would raise on exactly the values that are to be found.
    return type_coerce(column, NullType())


_LEAVES: Select[*tuple[Any, ...]] = (
    select(
        _leaf.c.leaf_index,
        _raw(_leaf.c.rec),
        _raw(_leaf.c.rseq),
        _raw(_leaf.c.event_type),
        _raw(_leaf.c.at),
        _raw(_leaf.c.leaf),
        _raw(_leaf.c.leaf_hash),
    )
    .order_by(_leaf.c.leaf_index)
    .limit(BATCH_EVENTS)
)


@dataclass(slots=True)
class Verification:
    """One pass over the log in constant memory. Run `findings()` to its end, then read the counts.

    Args:
        open_reading: gives a short reading transaction; called once per batch. Events appended meanwhile are left for
            the next pass.
        log_keys: by which the log signs, and has signed.
        pseudonym_key: of accounts in chains.
        held: checkpoints of this log that are known outside of its database.
        state_checks: what else to follow; asked at the end.
        on_progress: told after each batch.
    """

    open_reading: OpenReading
    log_keys: LogKeys
    pseudonym_key: bytes
    held: Sequence[Checkpoint] = ()
    state_checks: Sequence[StateCheck] = ()
    on_progress: Progress = lambda _done, _total: None
    events: int = 0
    disclosures: int = 0
    erased: int = 0
    _size: int = 0
    _next_index: int = 0
    _followers: dict[str, list[StateCheck]] = field(default_factory=dict)
    _chains: ChainCheck = field(default_factory=ChainCheck)
    _tree: TreeCheck = field(default_factory=TreeCheck)

    @property
    def chains(self) -> int:
        """How many chains there are."""
        return self._chains.chains

    @property
    def checkpoints(self) -> int:
        """How many signed checkpoints there are."""
        return self._tree.checkpoints

    @property
    def root(self) -> bytes:
        """The root of the tree over the events that were checked."""
        return self._tree.frontier.root()

    def findings(self) -> Iterator[Finding]:
        """Yield everything that is wrong, in the order of the log."""
        yield from self._check_head()
        self._tree.hold(self.held)
        for check in self.state_checks:
            for kind in check.kinds:
                self._followers.setdefault(kind, []).append(check)
        last = _BEFORE_ALL
        while batch := self._read(last):
            yield from self._check(batch)
            last = batch.events[-1].index
            self.on_progress(min(self.events, self._size), self._size)
        if self._next_index < self._size:
            missing = f"the events from {self._next_index} to {self._size - 1} are missing"
            yield Finding(FindingKind.INDEX_GAP, self._next_index, missing)
        yield from self._check_tail()
        yield from self._tree.check_held()
        yield from self._check_signatures()
        for check in self.state_checks:
            yield from check.findings(self.open_reading, self._size)

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

    def _read(self, last: int) -> "_Batch | None":
        wanted = _LEAVES.where(_leaf.c.leaf_index < self._size, _leaf.c.leaf_index > last)
        with self.open_reading() as session:
            events = [_stored_event(row) for row in session.execute(wanted).all()]
            if not events:
                return None
            end = events[-1].index
            self._chains.prepare(session, events)
            self._tree.prepare(session, end + 1)
            return _Batch(events, _disclosures(session, last, end), _actors(session, last, end))

    def _check(self, batch: "_Batch") -> Iterator[Finding]:
        for stored in batch.events:
            disclosed = batch.disclosures.pop(stored.index, ())
            yield from self._check_event(stored, disclosed, batch.accounts.get(stored.index))
        for index in sorted(batch.disclosures):
            yield _ownerless(index)
        with self.open_reading() as session:
            yield from self._tree.check_subtrees(session)

    def _check_event(
        self, stored: StoredEvent, disclosed: Sequence[tuple[str, str]], account_id: object
    ) -> list[Finding]:
        findings: list[Finding] = []
        self.events += 1
        self.disclosures += len(disclosed)
        if stored.index != self._next_index:
            text = f"expected the index {self._next_index}, found {stored.index}"
            findings.append(Finding(FindingKind.INDEX_GAP, stored.index, text))
        self._next_index = stored.index + 1
        hashed = leaf_hash(stored.leaf)
        if hashed != stored.leaf_hash:
            text = "the stored hash is not that of the stored event"
            findings.append(Finding(FindingKind.LEAF_HASH_DIFFERS, stored.index, text))
        findings += self._tree.grow(hashed)
        try:
            fields = parsed_leaf(stored.leaf)
        except MalformedLeaf as malformed:
            return [*findings, Finding(malformed.kind, stored.index, str(malformed))]
        findings += check_columns(stored, fields)
        findings += self._chains.check(stored, fields["prev"])
        digests = fields["_sd"]
        self.erased += max(0, len(digests) - len(disclosed))
        findings += check_disclosures(stored.index, digests, disclosed)
        if account_id is not None:
            findings += check_actor(stored, fields, account_id, self.pseudonym_key)
        for check in self._followers.get(fields["type"], ()):
            check.follow(fields)
        return findings

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
            yield _ownerless(index)

    def _check_signatures(self) -> Iterator[Finding]:
        after: int | None = -1
        while after is not None:
            with self.open_reading() as session:
                findings, after = self._tree.check_handed_out(session, self.log_keys, after)
            yield from findings
        with self.open_reading() as session:
            yield from self._tree.check_end(session, self.log_keys)


@dataclass(frozen=True, slots=True)
class _Batch:
    events: list[StoredEvent]
    disclosures: dict[int, list[tuple[str, str]]]
    accounts: dict[int, object]


def _stored_event(row: Row[*tuple[Any, ...]]) -> StoredEvent:
    stored = StoredEvent(*row)
    return stored if type(stored.leaf) is bytes else replace(stored, leaf=_stored_bytes(stored.leaf))


def _stored_bytes(value: object) -> bytes:
    # SQLite's text functions turn bytes into text; what it says is checked all the same.
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return value if isinstance(value, bytes) else b""


def _disclosures(session: Session, last: int, end: int) -> dict[int, list[tuple[str, str]]]:
    wanted = select(_disclosure.c.leaf_index, _disclosure.c.name, _disclosure.c.disclosure).where(
        _disclosure.c.leaf_index <= end, _disclosure.c.leaf_index > last
    )
    found: dict[int, list[tuple[str, str]]] = {}
    for index, name, text in session.execute(wanted).all():
        found.setdefault(index, []).append((name, text))
    return found


def _actors(session: Session, last: int, end: int) -> dict[int, object]:
    wanted = select(_actor.c.leaf_index, _raw(_actor.c.account_id)).where(
        _actor.c.leaf_index <= end, _actor.c.leaf_index > last
    )
    return {row[0]: row[1] for row in session.execute(wanted).all()}


def _ownerless(index: int) -> Finding:
    return Finding(
        FindingKind.DISCLOSURE_WITHOUT_EVENT, index, "personal fields are kept for an event that does not exist"
    )
