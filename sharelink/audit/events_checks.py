"""One pass over consecutive events, in batches: bytes, columns, chains, personal fields, accounts, and the tree."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from sharelink.audit.chain_checks import ChainCheck
from sharelink.audit.findings import Finding, FindingKind, event_number, shown
from sharelink.audit.leaf_checks import (
    BEFORE_ALL,
    Disclosed,
    MalformedLeaf,
    StoredEvent,
    check_actor,
    check_columns,
    check_disclosures,
    parsed_leaf,
    stored_bytes,
    with_digests,
)
from sharelink.audit.models import AuditActor, AuditDisclosure, AuditLeaf
from sharelink.audit.tree_checks import TreeCheck
from sharelink.persistence.driver_rows import driver_rows, raw
from sharelink.tlog.merkle import Frontier, leaf_hash

_MOST_FIELDS = 100_000
"""Far more personal fields than a batch has: what is beyond was planted, and must not fill the memory."""

BATCH_EVENTS = 2000
"""Each batch is a transaction of its own: a long one would keep SQLite's writer waiting."""

OpenReading = Callable[[], AbstractContextManager[Session]]

States = dict[str, tuple[str, str]]
"""By the id of a thing, as text: the state that an event has put it in, and the chain of that event."""


class StateCheck(Protocol):
    """Follows what the log tells about some things, and compares it with what the database says they are now."""

    @property
    def kinds(self) -> Collection[str]:
        """The types of event that tell something about them."""

    @property
    def tells(self) -> Callable[[Mapping[str, Any]], tuple[str, str] | None]:
        """Reads one event: the id of the thing that it moves, and to which state; None if it moves none."""

    def note(self, states: States) -> None:
        """Take notice of what some events have told; called in the order of the log."""

    def findings(self, open_reading: OpenReading, size: int) -> Iterator[Finding]:
        """Yield every thing whose state is not what the first `size` events, and those after, have made of it."""


# The tables themselves: rows of mapped classes cost three times as much to read.
_leaf = AuditLeaf.metadata.tables[AuditLeaf.__tablename__]
_disclosure = AuditLeaf.metadata.tables[AuditDisclosure.__tablename__]
_actor = AuditLeaf.metadata.tables[AuditActor.__tablename__]


_LEAVES: Select[*tuple[Any, ...]] = (
    select(
        _leaf.c.leaf_index,
        raw(_leaf.c.rec),
        raw(_leaf.c.rseq),
        raw(_leaf.c.event_type),
        raw(_leaf.c.at),
        raw(_leaf.c.leaf),
        raw(_leaf.c.leaf_hash),
    )
    .order_by(_leaf.c.leaf_index)
    .limit(BATCH_EVENTS)
)


@dataclass(slots=True)
class Counts:
    """How much was looked at."""

    events: int = 0
    disclosures: int = 0
    erased: int = 0
    chains: int = 0
    checkpoints: int = 0

    def add(self, other: "Counts") -> None:
        """Count what somebody else has looked at, too."""
        self.events += other.events
        self.disclosures += other.disclosures
        self.erased += other.erased
        self.chains += other.chains
        self.checkpoints += other.checkpoints


@dataclass(slots=True)
class EventsCheck:
    """Checks events from `next_index` on, with `tree` grown over those before.

    Args:
        open_reading: gives a short reading transaction; called once per batch.
        pseudonym_key: of accounts in chains.
        state_checks: whose kinds of event are to be remembered in `states`.
        tree: what the tree is so far.
        next_index: the number that the next event should have.
    """

    open_reading: OpenReading
    pseudonym_key: bytes
    state_checks: Sequence[StateCheck]
    tree: TreeCheck = field(default_factory=TreeCheck)
    next_index: int = 0
    counts: Counts = field(default_factory=Counts)
    states: list[States] = field(default_factory=list)
    """One for each of `state_checks`: what events have told since it was taken last."""
    _chains: ChainCheck = field(default_factory=ChainCheck)
    _followers: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, check in enumerate(self.state_checks):
            self.states.append({})
            for kind in check.kinds:
                self._followers.setdefault(kind, []).append(number)

    def batches(self, end: int) -> Iterator[list[Finding]]:
        """Check the events up to, not including, the index `end`; yield the findings of each batch."""
        last = self.next_index - 1 if self.next_index else BEFORE_ALL
        while batch := self._read(last, end):
            yield self._check(batch)
            last = batch.events[-1].leaf_index

    def take(self, end: int, frontier: bytes, states: Sequence[States]) -> None:
        """Go on after the event before `end`: somebody else has checked up to there and found nothing.

        Args:
            end: the index to go on from.
            frontier: what the tree is there.
            states: what the events on the way have told, for each of the state checks.
        """
        self.next_index = end
        self.tree.go_on_from(Frontier.from_bytes(end, frontier))
        for known, told in zip(self.states, states, strict=True):
            known.update(told)

    def tell_states(self) -> None:
        """Let the state checks take notice of what was told since the last time."""
        for check, told in zip(self.state_checks, self.states, strict=True):
            check.note(told)
            told.clear()

    def _read(self, last: int, end: int) -> "_Batch | None":
        wanted = _LEAVES.where(_leaf.c.leaf_index < end, _leaf.c.leaf_index > last)
        with self.open_reading() as session:
            events = [_stored_event(row) for row in driver_rows(session, wanted)]
            if not events:
                return None
            newest = events[-1].leaf_index
            self._chains.prepare(session, events)
            self.tree.prepare(session, newest + 1)
            return _Batch(events, _disclosures(session, last, newest), _actors(session, last, newest))

    def _check(self, batch: "_Batch") -> list[Finding]:
        findings: list[Finding] = []
        self.counts.events += len(batch.events)
        for stored in batch.events:
            disclosed = batch.disclosures.pop(stored.leaf_index, ())
            findings += self._check_event(stored, disclosed, batch.accounts.pop(stored.leaf_index, None))
        findings += [ownerless(index) for index in sorted(batch.disclosures)]
        findings += [actorless(index) for index in sorted(batch.accounts)]
        with self.open_reading() as session:
            findings += self.tree.check_subtrees(session)
        findings += self.tree.check_numberless()
        self.counts.chains, self.counts.checkpoints = self._chains.chains, self.tree.checkpoints
        return findings

    def _check_event(self, stored: StoredEvent, disclosed: Sequence[Disclosed], account_id: object) -> list[Finding]:
        findings: list[Finding] = []
        if stored.leaf_index != self.next_index:
            if event_number(stored.leaf_index) is None:
                return [misnumbered(stored.leaf_index)]
            text = f"expected the index {self.next_index}, found {stored.leaf_index}"
            findings.append(Finding(FindingKind.INDEX_GAP, stored.leaf_index, text))
        self.next_index = stored.leaf_index + 1
        hashed = leaf_hash(stored.leaf)
        if hashed != stored.leaf_hash:
            text = "the stored hash is not that of the stored event"
            findings.append(Finding(FindingKind.LEAF_HASH_DIFFERS, stored.leaf_index, text))
        findings += self.tree.grow(hashed)
        try:
            fields = parsed_leaf(stored.leaf)
        except MalformedLeaf as malformed:
            return [*findings, Finding(malformed.kind, stored.leaf_index, str(malformed))]
        findings += check_columns(stored, fields)
        findings += self._chains.check(stored, fields["prev"])
        digests = fields["_sd"]
        self.counts.disclosures += len(disclosed)
        if len(disclosed) < len(digests):
            self.counts.erased += len(digests) - len(disclosed)
        findings += check_disclosures(stored.leaf_index, digests, disclosed)
        if account_id is not None:
            findings += check_actor(stored, fields, account_id, self.pseudonym_key)
        for number in self._followers.get(fields["type"], ()):
            if (told := self.state_checks[number].tells(fields)) is not None:
                self.states[number][told[0]] = (told[1], str(fields["rec"]))
        return findings


@dataclass(frozen=True, slots=True)
class _Batch:
    events: list[StoredEvent]
    disclosures: dict[int, list[Disclosed]]
    accounts: dict[int, object]


def _stored_event(row: Any) -> StoredEvent:
    stored = StoredEvent._make(row)
    return stored if type(stored.leaf) is bytes else stored._replace(leaf=stored_bytes(stored.leaf))


def _disclosures(session: Session, last: int, end: int) -> dict[int, list[Disclosed]]:
    wanted = select(_disclosure.c.leaf_index, _disclosure.c.name, _disclosure.c.disclosure).where(
        _disclosure.c.leaf_index <= end, _disclosure.c.leaf_index > last
    )
    ordered = wanted.order_by(_disclosure.c.leaf_index, _disclosure.c.name).limit(_MOST_FIELDS)
    found = with_digests(driver_rows(session, ordered))
    return {index: list(fields) for index, fields in groupby(found, itemgetter(0))}


def _actors(session: Session, last: int, end: int) -> dict[int, object]:
    wanted = select(_actor.c.leaf_index, raw(_actor.c.account_id)).where(
        _actor.c.leaf_index <= end, _actor.c.leaf_index > last
    )
    return dict(driver_rows(session, wanted))


def misnumbered(index: object) -> Finding:
    """Return the finding for an event with a number that no event ever has."""
    return Finding(FindingKind.INDEX_GAP, None, f"there is an event with the index {shown(index)}")


def ownerless(index: object) -> Finding:
    """Return the finding for personal fields of an event that is not there."""
    text = f"personal fields are kept for an event that does not exist: {shown(index)}"
    return Finding(FindingKind.DISCLOSURE_WITHOUT_EVENT, event_number(index), text)


def actorless(index: object) -> Finding:
    """Return the finding for the account of an event that is not there."""
    text = f"an account is kept for an event that does not exist: {shown(index)}"
    return Finding(FindingKind.ACTOR_DIFFERS, event_number(index), text)
