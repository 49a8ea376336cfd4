"""Checks the whole log: every event against its bytes, its chain and its disclosures, and the tree over all of them.

What this finds: any change, deletion, insertion or swap, as far as the newest checkpoint that is known elsewhere. A log
that was rewritten and signed anew as a whole, by somebody with database and keys in hand, takes such a checkpoint to
be found: give it as `held`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute
from structlog import get_logger

from sharelink.audit.events_checks import (
    BATCH_EVENTS,
    Counts,
    EventsCheck,
    OpenReading,
    StateCheck,
    actorless,
    misnumbered,
    ownerless,
)
from sharelink.audit.findings import Finding, FindingKind, shown
from sharelink.audit.leaf_checks import AFTER_ALL, BEFORE_ALL
from sharelink.audit.models import AuditActor, AuditCheckpoint, AuditDisclosure, AuditHead, AuditLeaf
from sharelink.audit.segments import SegmentChecks
from sharelink.audit.signing import LogKeys
from sharelink.audit.tree_checks import TreeCheck, numberless
from sharelink.persistence.driver_rows import driver_rows, raw
from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.merkle import EMPTY_ROOT

_log = get_logger("sharelink.verification")

Progress = Callable[[int, int], None]
"""Told how many events are done, of how many."""


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
        side_by_side: checks the beginning of a long log in several processes.
        on_progress: told after each batch.
    """

    open_reading: OpenReading
    log_keys: LogKeys
    pseudonym_key: bytes
    held: Sequence[Checkpoint] = ()
    state_checks: Sequence[StateCheck] = ()
    side_by_side: SegmentChecks | None = None
    on_progress: Progress = lambda _done, _total: None
    counts: Counts = field(default_factory=Counts)
    root: bytes = EMPTY_ROOT
    """Of the tree over the events that were checked."""
    _size: int = 0

    def findings(self) -> Iterator[Finding]:
        """Yield everything that is wrong, in the order of the log.

        Should something be stored there that nobody thought of, the last one says so: what cannot be checked is not
        in order, and whoever has put it there must not keep the alarm from going off.
        """
        try:
            yield from self._all_findings()
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            _log.exception("a verification ended early")
            text = f"something in the database cannot be read: the verification ended early ({type(error).__name__})"
            yield Finding(FindingKind.UNREADABLE, None, text)

    def _all_findings(self) -> Iterator[Finding]:
        yield from self._check_head()
        checked = EventsCheck(self.open_reading, self.pseudonym_key, self.state_checks)
        checked.tree.hold(self.held)
        if self.side_by_side is not None:
            for report in self.side_by_side.clean(self.open_reading, self._size, self.held):
                checked.take(report.end, report.frontier, report.states)
                self.counts.add(report.counts)
                self._go_on(checked, report.end)
        for findings in checked.batches(self._size):
            yield from findings
            self._go_on(checked, self.counts.events + checked.counts.events)
        self.counts.add(checked.counts)
        self.root = checked.tree.frontier.root()
        if checked.next_index < self._size:
            missing = f"the events from {checked.next_index} to {self._size - 1} are missing"
            yield Finding(FindingKind.INDEX_GAP, checked.next_index, missing)
        yield from self._check_tail(checked.next_index)
        yield from checked.tree.check_held()
        yield from self._check_signatures(checked.tree)
        for check in self.state_checks:
            yield from check.findings(self.open_reading, self._size)

    def _go_on(self, checked: EventsCheck, done: int) -> None:
        checked.tell_states()
        self.on_progress(min(done, self._size), self._size)

    def _check_head(self) -> Iterator[Finding]:
        # One statement, hence one view of both: events may be appended while this runs.
        newest = select(func.max(AuditLeaf.index)).where(AuditLeaf.index < AFTER_ALL).scalar_subquery()
        signed = select(func.max(AuditCheckpoint.size)).where(AuditCheckpoint.size < AFTER_ALL).scalar_subquery()
        with self.open_reading() as session:
            found = driver_rows(session, select(AuditHead.size, newest, signed).where(AuditHead.id == 1))
            [(leaves,)] = driver_rows(session, select(newest))
        if not found:
            yield Finding(FindingKind.HEAD_MISSING, None, "the head of the log is missing")
            self._size = 0 if leaves is None else int(leaves) + 1
            return
        size, last, signed_size = found[0]
        self._size = size if isinstance(size, int) else 0
        if self._size != size or (last is not None and last >= size):
            text = f"the head counts {shown(size)} events, but there is one with the index {last}"
            yield Finding(FindingKind.HEAD_DIFFERS, None, text)
            self._size = max(self._size, 0 if last is None else int(last) + 1)
        if signed_size is not None and signed_size > self._size:
            text = f"a checkpoint was signed over {signed_size} events; here are {self._size}"
            yield Finding(FindingKind.LOG_SHRANK, None, text)

    def _check_tail(self, next_index: int) -> Iterator[Finding]:
        # Read first and told then: whoever reads what is told takes their time, and SQLite's writer waits for readers.
        with self.open_reading() as session:
            found = [
                *(misnumbered(index) for (index,) in driver_rows(session, _outside(AuditLeaf.index, BEFORE_ALL + 1))),
                *(numberless(size) for (size,) in driver_rows(session, _outside(AuditCheckpoint.size, 1))),
                *(
                    ownerless(index)
                    for (index,) in driver_rows(session, _without_event(AuditDisclosure.leaf_index, next_index))
                ),
                *(
                    actorless(index)
                    for (index,) in driver_rows(session, _without_event(AuditActor.leaf_index, next_index))
                ),
            ]
        yield from found

    def _check_signatures(self, tree: TreeCheck) -> Iterator[Finding]:
        after: int | None = -1
        while after is not None:
            with self.open_reading() as session:
                findings, after = tree.check_handed_out(session, self.log_keys, after)
            yield from findings
        with self.open_reading() as session:
            found = list(tree.check_end(session, self.log_keys))
        yield from found


def _outside(number: InstrumentedAttribute[int], least: int) -> Select[*tuple[Any, ...]]:
    """Return what finds numbers below `least`, or above all; SQLite puts texts and bytes after all numbers."""
    return select(raw(number)).where(or_(number < least, number >= AFTER_ALL)).limit(BATCH_EVENTS)


def _without_event(index: InstrumentedAttribute[int], first: int) -> Select[*tuple[Any, ...]]:
    """Return what finds rows from the index `first` on that are about no event."""
    return (
        select(index)
        .outerjoin(AuditLeaf, AuditLeaf.index == index)
        .where(AuditLeaf.index.is_(None), or_(index >= first, index <= BEFORE_ALL))
        .distinct()
        .order_by(index)
        .limit(BATCH_EVENTS)
    )
