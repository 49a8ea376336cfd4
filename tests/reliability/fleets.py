"""A fleet under load: web nodes and a worker over one PostgreSQL and one Redis, and people who do not give up.

Somebody whose node is gone goes to another; somebody who was told to come back, or heard nothing, asks again.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.attacks.callers import Caller
from tests.attacks.installations import Installation
from tests.attacks.servers import Server, wait_until
from tests.factories import Person
from tests.reliability.journals import Deed, Entry, Journal
from tests.reliability.load import GONE, WISHES, Crowd

NODES = 2
CALLER_SECONDS = 60.0
PAUSE_SECONDS = 0.05


@dataclass
class Fleet:
    """Web nodes and a worker, any of which may be killed and started again."""

    installation: Installation
    redis_url: str
    changes: dict[str, object] = field(default_factory=dict)
    nodes: list[Server] = field(default_factory=list)
    worker: Server | None = None

    def start(self) -> None:
        """Start whatever is not there."""
        self.nodes = [node for node in self.nodes if node.process.poll() is None]
        missing = NODES - len(self.nodes)
        started = self.installation.launch(
            missing, command=("serve", "--no-worker"), rate_limit_store=self.redis_url, **self.changes
        )
        if self.worker is None or self.worker.process.poll() is not None:
            (self.worker,) = self.installation.launch(1, command=("worker",))
        self.nodes += [node.wait_until_up() for node in started]
        worker = self.worker
        wait_until(lambda: "The worker works." in worker.said(), 60, "the worker did not start")

    def kill_node(self) -> None:
        """Kill one of the nodes; the people go to the others."""
        self.nodes[0].kill()
        del self.nodes[0]

    def kill_worker(self) -> None:
        assert self.worker is not None
        self.worker.kill()

    def stop(self) -> None:
        """End all in order."""
        for server in [*self.nodes, self.worker]:
            if server is not None:
                assert server.stop() == 0

    def port(self) -> int:
        """Return the port of a node that is there."""
        return random.choice(self.nodes).port


class People(Crowd):
    """A crowd that outlives nodes and databases."""

    may_be_refused = frozenset({503})

    def __init__(self, fleet: Fleet, sender: Person, record: bytes) -> None:
        super().__init__(fleet.installation.unit_of_work, sender, record)
        self.fleet = fleet
        self._unfinished: dict[int, tuple[Entry, Deed]] = {}
        self.told_at: list[tuple[float, int]] = []
        """When which status was heard."""

    @contextmanager
    def busy(self, journal: Journal) -> Iterator[threading.Event]:
        """Let everybody work during the block, at whichever node there is."""
        with self.at_work(0, journal) as wrong:
            yield wrong

    def _work(
        self,
        part: Callable[[Caller, Journal], bool],
        port: int,
        journal: Journal,
        over: threading.Event,
        wrong: threading.Event,
    ) -> None:
        try:
            while not over.is_set():
                try:
                    with Caller(self.fleet.port(), timeout=CALLER_SECONDS) as caller:
                        while not over.is_set():
                            caller.cookies = dict(self._cookies)
                            if not part(caller, journal):
                                time.sleep(PAUSE_SECONDS)
                except GONE:
                    time.sleep(PAUSE_SECONDS)
        except BaseException:
            wrong.set()
            raise

    def _receive(self, caller: Caller, journal: Journal) -> bool:
        me = threading.get_ident()
        if me not in self._unfinished:
            taken, wish = journal.take(), random.choice(WISHES)
            if taken is None or wish is None:
                return taken is not None
            self._unfinished[me] = (taken, wish)
        entry, deed = self._unfinished[me]
        status = self.do(caller, entry, deed)
        self.told_at.append((time.monotonic(), status))
        if status in self.may_be_refused:
            return False
        del self._unfinished[me]
        return True

    def seconds_without_success(self, since: float) -> float:
        """Return how long after `since` somebody was first told that it is done."""
        successes = [at for at, status in self.told_at if at > since and status in {200, 303}]
        return min(successes) - since if successes else float("inf")


def revealed(journal: Journal) -> int:
    """Return how many reveals were acknowledged."""
    return sum(Deed.REVEAL in entry.acknowledged for entry in list(journal.entries))


def counted(answers: Counter[int]) -> str:
    """Return the statuses that were heard, as a figure."""
    return ", ".join(f"{status}: {count}" for status, count in sorted(answers.items()))
