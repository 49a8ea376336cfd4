"""From the command to the first answer."""

import time
from collections.abc import Iterator

from bench.figures import Figure, Spread
from bench.subjects import SharelinkUnderTest, sharelink_on_postgresql, sharelink_on_sqlite
from bench.workshop import Workshop


def measure(workshop: Workshop) -> Iterator[Figure]:
    """Yield how long `sharelink serve` takes until it answers."""
    with sharelink_on_sqlite(workshop.place()) as place:
        yield Figure("start to first answer, SQLite", _starts(place, workshop.sizes.starts), "s", 2.0, 1.0)
    with sharelink_on_postgresql(workshop.place(), workshop.postgresql) as place:
        yield Figure("start to first answer, PostgreSQL", _starts(place, workshop.sizes.starts), "s", 2.0, 1.0)


def _starts(place: SharelinkUnderTest, count: int) -> Spread:
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        (server,) = place.installation.start()
        seconds.append(time.perf_counter() - began)
        server.stop()
    return Spread.of(seconds)
