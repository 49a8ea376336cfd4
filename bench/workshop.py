"""What all measures share: how large they are, and places and servers that are made once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from bench.subjects import (
    SNAPPASS_PROGRAMS,
    Subject,
    durable_postgresql,
    hello,
    sharelink_on_postgresql,
    sharelink_on_sqlite,
    snappass,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured. `rounds`: how often the contenders take turns."""

    rounds: int
    cycles: int
    hello_requests: int
    crowd_seconds: float
    live_shares: int
    few_live_shares: int
    reveals: int
    expired_shares: int
    sweep_seconds: float
    starts: int
    few_events: int
    events: int
    writing_seconds: float
    writing_processes: int


WHOLE = Sizes(
    rounds=5,
    cycles=150,
    hello_requests=1500,
    crowd_seconds=6.0,
    live_shares=1_000_000,
    few_live_shares=10_000,
    reveals=120,
    expired_shares=100_000,
    sweep_seconds=20.0,
    starts=5,
    few_events=10_000,
    events=1_000_000,
    writing_seconds=5.0,
    writing_processes=4,
)
QUICK = Sizes(
    rounds=1,
    cycles=3,
    hello_requests=20,
    crowd_seconds=0.5,
    live_shares=300,
    few_live_shares=30,
    reveals=4,
    expired_shares=50,
    sweep_seconds=1.0,
    starts=1,
    few_events=100,
    events=600,
    writing_seconds=0.5,
    writing_processes=1,
)


class Workshop:
    """A run of the bench."""

    def __init__(self, sizes: Sizes, folder: Path, exits: ExitStack) -> None:
        self.sizes = sizes
        self._folder = folder
        self._exits = exits
        self._places = 0

    @property
    def has_snappass(self) -> bool:
        """Whether the peer is installed; `make bench` does that."""
        return (SNAPPASS_PROGRAMS / "gunicorn").exists()

    @cached_property
    def postgresql(self) -> str:
        """The URL of a PostgreSQL server that waits for the disk; it starts with the first measure that asks."""
        return self._exits.enter_context(durable_postgresql())

    @cached_property
    def on_sqlite(self) -> Subject:
        """Sharelink with its worker, on SQLite."""
        made = self._exits.enter_context(sharelink_on_sqlite(self.place()))
        return made.serve("Sharelink, SQLite").subject

    @cached_property
    def on_postgresql(self) -> Subject:
        """Sharelink with its worker, on PostgreSQL."""
        made = self._exits.enter_context(sharelink_on_postgresql(self.place(), self.postgresql))
        return made.serve("Sharelink, PostgreSQL").subject

    @cached_property
    def hello(self) -> Subject:
        """The floor."""
        return self._exits.enter_context(hello())

    @cached_property
    def snappass(self) -> Subject:
        """The peer."""
        return self._exits.enter_context(snappass())

    def place(self) -> Path:
        """Return a path of its own for one installation."""
        self._places += 1
        return self._folder / str(self._places)


@contextmanager
def workshop(sizes: Sizes) -> Iterator[Workshop]:
    """Yield a workshop, and leave nothing behind."""
    with TemporaryDirectory(prefix="sharelink-bench-") as folder, ExitStack() as exits:
        yield Workshop(sizes, Path(folder), exits)


def in_turns(rounds: int, contenders: dict[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Let the contenders take turns, each first as often as any other; return what each gave, round for round."""
    names = list(contenders)
    given: dict[str, list[T]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            given[name].append(contenders[name]())
    return given
