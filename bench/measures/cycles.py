"""Processor time per create + open + reveal, one client at a time, the contenders in turns."""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.figures import Figure, Spread, quantile, ratio
from bench.machine import cpu_seconds
from bench.subjects import Subject
from bench.workshop import Workshop, in_turns

SMALL_BYTES, LARGE_BYTES = 64, 10_000
_WARM_UP = 3


@dataclass(slots=True)
class Round:
    """What one turn of one contender cost."""

    cpu_milliseconds: float
    per_second: float
    step_milliseconds: list[float] = field(default_factory=list)


def measure(workshop: Workshop) -> Iterator[Figure]:
    """Yield what a cycle costs, and how that compares with SnapPass and with the smallest request there is."""
    cycles, requests = workshop.sizes.cycles, workshop.sizes.hello_requests
    small, large = "64 B", "10 KB"
    contenders = {
        f"Sharelink, SQLite, {small}": _turn(workshop.on_sqlite, SMALL_BYTES, cycles),
        f"Sharelink, SQLite, {large}": _turn(workshop.on_sqlite, LARGE_BYTES, cycles),
        f"Sharelink, PostgreSQL, {small}": _turn(workshop.on_postgresql, SMALL_BYTES, cycles),
        "bare hello": _turn(workshop.hello, SMALL_BYTES, requests),
    }
    if workshop.has_snappass:
        contenders[f"SnapPass, {small}"] = _turn(workshop.snappass, SMALL_BYTES, cycles)
        contenders[f"SnapPass, {large}"] = _turn(workshop.snappass, LARGE_BYTES, cycles)
    given = in_turns(workshop.sizes.rounds, contenders)
    cpu = {name: [turn.cpu_milliseconds for turn in rounds] for name, rounds in given.items()}
    for name, rounds in given.items():
        yield Figure(f"CPU per cycle: {name}", Spread.of(cpu[name]), "ms")
        yield Figure(
            f"cycles one after the other: {name}", Spread.of(turn.per_second for turn in rounds), "/s", digits=0
        )
        for word, share in (("p50", 0.5), ("p99", 0.99)):
            slowest = (quantile(turn.step_milliseconds, share) for turn in rounds)
            yield Figure(f"{word} of a request: {name}", Spread.of(slowest), "ms", digits=1)
    sqlite = cpu[f"Sharelink, SQLite, {small}"]
    if workshop.has_snappass:
        peer = cpu[f"SnapPass, {small}"]
        yield ratio("CPU per cycle, 64 B, SQLite, against SnapPass", sqlite, peer, 1.5, 1.0)
        large_peer = cpu[f"SnapPass, {large}"]
        yield ratio("same, 10 KB", cpu[f"Sharelink, SQLite, {large}"], large_peer, 1.2, 0.9)
        yield ratio("same, 64 B, PostgreSQL", cpu[f"Sharelink, PostgreSQL, {small}"], peer, 2.5, 1.5)
    yield ratio("CPU per cycle in bare-hello requests", sqlite, cpu["bare hello"], 15, 8)


def _turn(subject: Subject, secret_bytes: int, cycles: int) -> Callable[[], Round]:
    client = subject.new_client()

    def turn() -> Round:
        for _ in range(_WARM_UP):
            client.cycle(secret_of(secret_bytes))
        steps: list[float] = []
        used, began = cpu_seconds(subject.roots), time.perf_counter()
        for _ in range(cycles):
            steps.extend(seconds * 1000 for seconds in client.cycle(secret_of(secret_bytes)).values())
        took = time.perf_counter() - began
        return Round((cpu_seconds(subject.roots) - used) / cycles * 1000, cycles / took, steps)

    return turn


def secret_of(size_bytes: int) -> str:
    """Return a new secret of that many characters, of one byte each."""
    return secrets.token_hex(size_bytes // 2)
