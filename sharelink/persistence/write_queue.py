"""Queues in this process before what only one can have: SQLite's single writer, and the head of the log on PostgreSQL.

SQLite lets one connection write; the others sleep in its busy handler and wake at random, which made the slowest of
eight users wait 190 ms where a queue made it 42 ms. The queue serves threads in the order of their arrival.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from sharelink.errors import StorageUnavailable

WAIT_SECONDS = 15.0

COURTESY_SECONDS = 0.5
"""Far more than the threads before one need, and so little that nobody fails, or is forgotten, by waiting here."""


class WriteQueue:
    """First come, first served turns at writing, within one OS process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._busy = False
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the one turn at writing for the length of the `with` block.

        Raises:
            StorageUnavailable: no turn came within `WAIT_SECONDS`.
        """
        self._take()
        try:
            yield
        finally:
            self._pass_on()

    def _take(self) -> None:
        with self._guard:
            if not self._busy:
                self._busy = True
                return
            called = threading.Event()
            self._waiting.append(called)
        if called.wait(WAIT_SECONDS):
            return
        with self._guard:
            if called in self._waiting:
                self._waiting.remove(called)
                raise StorageUnavailable("the queue of writers is too long")
        # The turn was handed over between the time-out and the guard: it is ours after all.

    def _pass_on(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._busy = False


class HeadQueue:
    """Threads of one process take the head of the log in turns, so that few ask the database for it at once.

    With 32 writers PostgreSQL spent twice the processor time on an act: each of them, woken in vain, looks again. This
    is a courtesy only: whoever has waited `COURTESY_SECONDS` asks the database all the same, whose lock decides.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Run the block when no other thread is at the head, or after a while."""
        is_mine = self._lock.acquire(timeout=COURTESY_SECONDS)
        try:
            yield
        finally:
            if is_mine:
                self._lock.release()
