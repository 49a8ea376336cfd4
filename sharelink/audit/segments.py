"""Checking the beginning of a long log in several processes at once.

The log is cut into segments of equal length. What the tree is at the beginning of each follows from the roots that are
stored for proofs, and is held against what the segment before has grown. Only segments in which nothing is wrong, and
that fit together, count: from the first other one on, the events are checked one after the other, so that what is
found, and in which words, does not depend on how many processors there are.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from sharelink.audit.events_checks import Counts, EventsCheck, OpenReading, StateCheck, States
from sharelink.audit.leaf_checks import stored_bytes
from sharelink.audit.models import AuditSubtree
from sharelink.audit.tree_checks import TreeCheck
from sharelink.persistence.database import engine_options, prepare_engine
from sharelink.persistence.driver_rows import driver_rows, raw
from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.merkle import HASH_BYTES, TILE_HEIGHT, Frontier

SUBTREES_EACH = 128
SEGMENT_EVENTS = SUBTREES_EACH << TILE_HEIGHT
FEWEST_SEGMENTS = 4
"""A shorter log is checked sooner than processes are started."""

_STEPS_BACK = 10
"""How nice the processes are: the service goes on beside them."""

StateChecks = Callable[[], Sequence[StateCheck]]
"""Makes them; a function of a module, so that other processes find it by its name."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Events from the index `first` up to, not including, `end`; `frontier` is the state of the tree before them."""

    first: int
    end: int
    frontier: bytes
    held: tuple[Checkpoint, ...]


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """What one segment amounts to, nothing being wrong in it; `frontier` is the state of the tree after it."""

    end: int
    frontier: bytes
    counts: Counts
    states: list[States]


@dataclass(frozen=True, slots=True)
class SegmentChecks:
    """Checks segments in processes of their own.

    Args:
        database_url: where the log is.
        pseudonym_key: of accounts in chains.
        state_checks: makes what remembers states.
        processes: how many at once.
        segment_events: how many events each has; a multiple of 256.
    """

    database_url: str = field(repr=False)
    pseudonym_key: bytes = field(repr=False)
    state_checks: StateChecks
    processes: int = field(default_factory=lambda: os.cpu_count() or 1)
    segment_events: int = SEGMENT_EVENTS

    def clean(self, open_reading: OpenReading, size: int, held: Sequence[Checkpoint]) -> Iterator[SegmentReport]:
        """Yield reports from the beginning of a log of `size` events, as long as nothing is wrong.

        None at all if the log is short or there is one processor. What is left after the last one is to be checked.
        """
        if self.processes < 2 or size < FEWEST_SEGMENTS * self.segment_events:
            return
        plan = self._segments(open_reading, size, held)
        arguments = (self.database_url, self.pseudonym_key, self.state_checks)
        # No shared memory, no further process, or one was killed for want of memory: one process is enough.
        with suppress(OSError, BrokenProcessPool):
            pool = ProcessPoolExecutor(
                self.processes, mp_context=get_context("spawn"), initializer=_begin, initargs=arguments
            )
            try:
                yield from _in_order(pool, plan, self.processes + 1)
            finally:
                pool.shutdown(cancel_futures=True)

    def _segments(self, open_reading: OpenReading, size: int, held: Sequence[Checkpoint]) -> Iterator[Segment]:
        # A tree over roots of 256 leaves has the same nodes from there on up.
        grown = Frontier.empty()
        for first in range(0, size - self.segment_events + 1, self.segment_events):
            end = first + self.segment_events
            told = tuple(checkpoint for checkpoint in held if first < checkpoint.size <= end)
            yield Segment(first, end, grown.to_bytes(), told)
            wanted = (
                select(raw(AuditSubtree.root))
                .where(
                    AuditSubtree.level == 1,
                    AuditSubtree.number >= first >> TILE_HEIGHT,
                    AuditSubtree.number < end >> TILE_HEIGHT,
                )
                .order_by(AuditSubtree.number)
            )
            with open_reading() as session:
                roots = [root for (root,) in driver_rows(session, wanted)]
            if [len(stored_bytes(root)) for root in roots] != [HASH_BYTES] * (self.segment_events >> TILE_HEIGHT):
                return
            for root in map(stored_bytes, roots):
                grown.append(root)


def _in_order(pool: ProcessPoolExecutor, plan: Iterator[Segment], most: int) -> Iterator[SegmentReport]:
    waiting: deque[tuple[Segment, Future[SegmentReport | None]]] = deque()
    frontier = b""
    for segment in islice(plan, most):
        waiting.append((segment, pool.submit(_check, segment)))
    while waiting:
        segment, future = waiting.popleft()
        report = future.result()
        if report is None or segment.frontier != frontier:
            return
        frontier = report.frontier
        for following in islice(plan, 1):
            waiting.append((following, pool.submit(_check, following)))
        yield report


@dataclass(slots=True)
class _Process:
    open_reading: OpenReading
    pseudonym_key: bytes
    state_checks: StateChecks


_here: list[_Process] = []
"""What a process of the pool was begun with."""


def _begin(database_url: str, pseudonym_key: bytes, state_checks: StateChecks) -> None:
    # A hardened unit may forbid it, and verification matters more than manners.
    with suppress(OSError):
        os.nice(_STEPS_BACK)
    engine = create_engine(database_url, **engine_options(database_url))
    prepare_engine(engine)

    @contextmanager
    def open_reading() -> Iterator[Session]:
        with Session(engine) as session:
            yield session

    _here[:] = [_Process(open_reading, pseudonym_key, state_checks)]


def _check(segment: Segment) -> SegmentReport | None:
    """Return the report of a segment; None if anything is wrong, or could not be read."""
    [here] = _here
    try:
        tree = TreeCheck(Frontier.from_bytes(segment.first, segment.frontier))
        tree.hold(segment.held)
        checked = EventsCheck(here.open_reading, here.pseudonym_key, here.state_checks(), tree, segment.first)
        if any(checked.batches(segment.end)) or checked.next_index != segment.end:
            return None
    except Exception:  # noqa: BLE001 - whatever it is, the one process that goes on from here meets it and names it
        return None
    return SegmentReport(segment.end, tree.frontier.to_bytes(), checked.counts, checked.states)
