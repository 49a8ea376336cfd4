"""Checks the whole log: every event against its bytes, its chain and its disclosures, and the tree over all of them.

What this finds: any change, deletion, insertion or swap, as far as the newest checkpoint that is known elsewhere. A log
that was rewritten and signed anew as a whole, by somebody with database and keys in hand, takes such a checkpoint to
be found: give it as `held`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select

from sharelink.audit.events_checks import BATCH_EVENTS, Counts, EventsCheck, OpenReading, StateCheck, ownerless
from sharelink.audit.findings import Finding, FindingKind
from sharelink.audit.models import AuditDisclosure, AuditHead, AuditLeaf
from sharelink.audit.segments import SegmentChecks
from sharelink.audit.signing import LogKeys
from sharelink.audit.tree_checks import TreeCheck
from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.merkle import EMPTY_ROOT

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
        """Yield everything that is wrong, in the order of the log."""
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

    def _check_tail(self, next_index: int) -> Iterator[Finding]:
        beyond = (
            select(AuditDisclosure.leaf_index)
            .outerjoin(AuditLeaf, AuditLeaf.index == AuditDisclosure.leaf_index)
            .where(AuditLeaf.index.is_(None), AuditDisclosure.leaf_index >= next_index)
            .distinct()
            .order_by(AuditDisclosure.leaf_index)
            .limit(BATCH_EVENTS)
        )
        with self.open_reading() as session:
            indices = session.execute(beyond).scalars().all()
        for index in indices:
            yield ownerless(index)

    def _check_signatures(self, tree: TreeCheck) -> Iterator[Finding]:
        after: int | None = -1
        while after is not None:
            with self.open_reading() as session:
                findings, after = tree.check_handed_out(session, self.log_keys, after)
            yield from findings
        with self.open_reading() as session:
            yield from tree.check_end(session, self.log_keys)
