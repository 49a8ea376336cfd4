"""Eight people at once: how much longer than usual the unluckiest waits."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

from bench.figures import Figure, Spread, quantile
from bench.measures.cycles import SMALL_BYTES, secret_of
from bench.subjects import Subject
from bench.workshop import Workshop, in_turns

PEOPLE = 8
_JUDGED = "reveal"
"""A write like any other; steps of different kinds are not compared with one another."""


def measure(workshop: Workshop) -> Iterator[Figure]:
    """Yield rates and waiting times of eight people who work as fast as they can."""
    subjects = {"Sharelink, SQLite": workshop.on_sqlite, "Sharelink, PostgreSQL": workshop.on_postgresql}
    if workshop.has_snappass:
        subjects["SnapPass"] = workshop.snappass
    seconds = workshop.sizes.crowd_seconds
    for subject in subjects.values():
        _at_once(subject, min(seconds, 1.0))
    turns: dict[str, Callable[[], list[float]]] = {
        name: partial(_at_once, subject, seconds) for name, subject in subjects.items()
    }
    for name, rounds in in_turns(workshop.sizes.rounds, turns).items():
        yield Figure(
            f"{PEOPLE} users, cycles: {name}", Spread.of(len(waits) / seconds for waits in rounds), "/s", digits=0
        )
        half = [quantile(waits, 0.5) for waits in rounds]
        worst = [quantile(waits, 0.99) for waits in rounds]
        yield Figure(
            f"{PEOPLE} users, p50 of a reveal: {name}", Spread.of(wait * 1000 for wait in half), "ms", digits=1
        )
        yield Figure(
            f"{PEOPLE} users, p99 of a reveal: {name}", Spread.of(wait * 1000 for wait in worst), "ms", digits=1
        )
        ratios = Spread.of(high / low for high, low in zip(worst, half, strict=True))
        must, goal = (4.0, 3.0) if subjects[name] is workshop.on_sqlite else (None, None)
        yield Figure(f"p99 / p50 at {PEOPLE} users: {name}", ratios, "x", must, goal)


def _at_once(subject: Subject, seconds: float) -> list[float]:
    """Return how long each reveal took, in seconds."""
    waits: list[float] = []
    errors: list[BaseException] = []
    until = time.monotonic() + seconds

    def work() -> None:
        client = subject.new_client()
        try:
            while True:
                waits.append(client.cycle(secret_of(SMALL_BYTES))[_JUDGED])
                if time.monotonic() > until:
                    return
        except BaseException as error:  # noqa: BLE001 - whatever it was, the measurement is worth nothing
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(PEOPLE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return waits
