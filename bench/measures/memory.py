"""Resident memory after work: one process that serves and does the background work, beside SnapPass with its Redis."""

from collections.abc import Iterator

from bench.figures import Figure, Spread, ratio
from bench.machine import resident_bytes
from bench.measures.cycles import SMALL_BYTES, secret_of
from bench.subjects import Subject
from bench.workshop import Workshop

_MEBIBYTE = 1024 * 1024


def measure(workshop: Workshop) -> Iterator[Figure]:
    """Yield what each keeps in memory; run it after the measures that make them work."""
    ours = _mebibytes(workshop.on_sqlite, workshop.sizes.cycles)
    yield Figure("resident memory: Sharelink, SQLite, with worker", Spread.of([ours]), "MiB", digits=1)
    if workshop.has_snappass:
        theirs = _mebibytes(workshop.snappass, workshop.sizes.cycles)
        yield Figure("resident memory: SnapPass with Redis", Spread.of([theirs]), "MiB", digits=1)
        yield ratio("resident memory against SnapPass with Redis", [ours], [theirs], 1.0, 0.6)


def _mebibytes(subject: Subject, cycles: int) -> float:
    client = subject.new_client()
    for _ in range(cycles):
        client.cycle(secret_of(SMALL_BYTES))
    return resident_bytes(subject.roots) / _MEBIBYTE
