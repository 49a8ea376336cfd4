"""What the provable log costs an act, how much of a cycle that is, and how fast a log is verified."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event

from sqlalchemy import Connection, text

from bench.figures import Figure, Spread, ratio
from bench.long_log import write_long_log
from bench.machine import cpu_seconds
from bench.measures.cycles import SMALL_BYTES, secret_of
from bench.subjects import SharelinkUnderTest, sharelink_on_postgresql, sharelink_on_sqlite
from bench.workshop import Sizes, Workshop, in_turns
from sharelink.actors import Actor
from sharelink.acts.verifying import verification
from sharelink.app import create_app
from sharelink.audit.events import AuditEvent
from sharelink.audit.log import AuditLog
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.persistence.database import db
from sharelink.settings import Settings
from sharelink.tlog.merkle import Frontier, leaf_hash
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.factories import send_secret

_ACTS_PER_CYCLE = 4
"""Units of work with events in a create + open + reveal cycle: created, opened, revealed, displayed."""
_WRITERS = 32
_PLAIN_TABLE = "CREATE TABLE plain_audit (id BYTEA PRIMARY KEY, at BIGINT, type TEXT, rec TEXT, note TEXT)"
_PLAIN_ROW = "INSERT INTO plain_audit VALUES (:id, :at, :type, :rec, :note)"


@dataclass(frozen=True)
class _Steps:
    """What the writing processes wait for, and where they say how much they did."""

    ready: Barrier
    start: Event
    done: "Queue[int]"


def measure(workshop: Workshop) -> Iterator[Figure]:
    """Yield the cost of the log beside the same acts without it, or with a plain row."""
    with sharelink_on_sqlite(workshop.place()) as place:
        yield from _reveals(workshop, place)
        yield from _share_of_a_cycle(workshop, place)
    with sharelink_on_postgresql(workshop.place(), workshop.postgresql) as place:
        yield from _writers(workshop, place)
    yield from _verification(workshop)


def _reveals(workshop: Workshop, place: SharelinkUnderTest) -> Iterator[Figure]:
    work, count = place.installation.unit_of_work, workshop.sizes.reveals

    def turn() -> float:
        sent = [send_secret(work, place.person, "x", custody_id=place.record, code=False) for _ in range(count)]
        visitor = Actor.public("203.0.113.7", "Bench")
        seconds = 0.0
        for one in sent:
            with work.read(visitor) as reading:
                facts = reading.shares.find(one.link)
            began = time.perf_counter()
            with work.write(visitor) as writing:
                writing.shares.claim(facts)
            seconds += time.perf_counter() - began
        return seconds / count * 1000

    def without() -> float:
        with _no_audit():
            return turn()

    given = in_turns(workshop.sizes.rounds, {"with": turn, "without": without})
    yield Figure("reveal's transaction with audit, SQLite", Spread.of(given["with"]), "ms")
    yield Figure("reveal's transaction without audit, SQLite", Spread.of(given["without"]), "ms")
    yield ratio("reveal's transaction with audit against without, SQLite", given["with"], given["without"], 3, 3)


@contextmanager
def _no_audit() -> Iterator[None]:
    kept = AuditLog.write_pending
    AuditLog.write_pending = lambda self, *_: self._pending.clear()  # type: ignore[method-assign]
    try:
        yield
    finally:
        AuditLog.write_pending = kept  # type: ignore[method-assign]


def _share_of_a_cycle(workshop: Workshop, place: SharelinkUnderTest) -> Iterator[Figure]:
    served = place.serve("Sharelink")
    client, keys = served.client(), place.installation.unit_of_work.log_keys
    frontier = Frontier.empty()
    for number in range(65_535):
        frontier.append(leaf_hash(str(number).encode()))

    def chain_and_signature() -> float:
        began = time.process_time()
        for _ in range(200):
            frontier.append(leaf_hash(b"x" * 600))
            keys.sign(frontier.size, frontier.root()).to_bytes()
        return (time.process_time() - began) / 200 * _ACTS_PER_CYCLE * 1000

    def cycle() -> float:
        used = cpu_seconds(served.subject.roots)
        for _ in range(workshop.sizes.cycles):
            client.cycle(secret_of(SMALL_BYTES))
        return (cpu_seconds(served.subject.roots) - used) / workshop.sizes.cycles * 1000

    given = in_turns(workshop.sizes.rounds, {"tree": chain_and_signature, "cycle": cycle})
    shares = [tree / whole for tree, whole in zip(given["tree"], given["cycle"], strict=True)]
    yield Figure("chain and signature as a part of a cycle's CPU", Spread.of(shares), "", 0.15, 0.05, digits=3)


def _writers(workshop: Workshop, place: SharelinkUnderTest) -> Iterator[Figure]:
    with place.installation.unit_of_work.write(Actor.system()) as work:
        work.session.execute(text(_PLAIN_TABLE))
    settings, sizes = place.installation.settings, workshop.sizes
    turns: dict[str, Callable[[], float]] = {
        "tree": lambda: _rate(settings, sizes, plain=False),
        "plain": lambda: _rate(settings, sizes, plain=True),
    }
    given = in_turns(workshop.sizes.rounds, turns)
    yield Figure(f"acts of {_WRITERS} writers with the log, PostgreSQL", Spread.of(given["tree"]), "/s", digits=0)
    yield Figure("the same with a plain row, PostgreSQL", Spread.of(given["plain"]), "/s", digits=0)
    shares = [tree / plain for tree, plain in zip(given["tree"], given["plain"], strict=True)]
    name = f"{_WRITERS} writers, PostgreSQL, against a plain audit row"
    yield Figure(name, Spread.of(shares), "x", 0.35, 0.8, more_is_better=True)


def _rate(settings: Settings, sizes: Sizes, *, plain: bool) -> float:
    seconds, count = sizes.writing_seconds, sizes.writing_processes
    spawning = multiprocessing.get_context("spawn")
    steps = _Steps(spawning.Barrier(count + 1), spawning.Event(), spawning.Queue())
    arguments = (settings, seconds, _WRITERS // count, plain, steps)
    processes = [spawning.Process(target=_write_in_process, args=arguments) for _ in range(count)]
    for process in processes:
        process.start()
    steps.ready.wait(120)
    steps.start.set()
    total = sum(steps.done.get(timeout=seconds + 120) for _ in processes)
    for process in processes:
        process.join()
    return total / seconds


def _write_in_process(settings: Settings, seconds: float, writers: int, plain: bool, steps: _Steps) -> None:
    app = create_app(settings, serving=False)
    unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
    counts = [0] * writers
    if plain:
        AuditLog.write_pending = _write_plain_row  # type: ignore[method-assign]
    with app.app_context():
        _write(unit_of_work, 0.2)
        db.session.remove()
    steps.ready.wait()
    steps.start.wait()

    def work_on(number: int) -> None:
        with app.app_context():
            counts[number] = _write(unit_of_work, seconds)

    threads = [threading.Thread(target=work_on, args=(number,)) for number in range(len(counts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    steps.done.put(sum(counts))


def _write(unit_of_work: UnitOfWork, seconds: float) -> int:
    rec, count, until = id_text(new_id()), 0, time.monotonic() + seconds
    actor = Actor.public("203.0.113.7", "Bench")
    while time.monotonic() < until:
        with unit_of_work.write(actor) as work:
            work.audit.append(AuditEvent.SHARE_OPENED, rec=rec, actor=actor, now=work.now, obj=("share", new_id()))
        count += 1
    return count


def _write_plain_row(self: AuditLog, connection: Connection, _wait_for_turn: Callable[[], object]) -> None:
    for event in self.pending:
        row = {"id": event.id, "at": int(event.at.timestamp() * 1000), "type": event.event.value, "rec": event.rec}
        connection.execute(text(_PLAIN_ROW), row | {"note": f"{event.actor.ip} {event.actor.agent}"})
    self._pending.clear()


def _verification(workshop: Workshop) -> Iterator[Figure]:
    few, many = workshop.sizes.few_events, workshop.sizes.events
    turns: dict[str, Callable[[], float]] = {}
    with sharelink_on_sqlite(workshop.place()) as small, sharelink_on_sqlite(workshop.place()) as large:
        for place, count in ((small, few), (large, many)):
            write_long_log(place, count)
            turns[f"{count:,} events"] = lambda place=place: _verify(place)
        # A million events were written a moment ago: the first pass was found at half the speed of the others.
        _verify(small)
        given = in_turns(2, turns)
    for name, rates in given.items():
        yield Figure(f"verification, {name}", Spread.of(rates), "/s", 50_000, 50_000, digits=0, more_is_better=True)
    shorter, longer = given.values()
    yield ratio(f"cost per event of {many:,} against {few:,}", shorter, longer, 1.2, 1.0)


def _verify(place: SharelinkUnderTest) -> float:
    settings = place.installation.settings
    checked = verification(place.installation.unit_of_work, settings.checkpoint_file)
    began = time.perf_counter()
    assert list(checked.findings()) == [], "the log does not fit"
    return checked.counts.events / (time.perf_counter() - began)
