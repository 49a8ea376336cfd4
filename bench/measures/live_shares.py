"""What a reveal costs where a million shares wait, against ten thousand: an index that is missing shows here."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from bench.figures import Figure, Spread, ratio
from bench.machine import cpu_seconds
from bench.many_shares import add_live_shares
from bench.measures.cycles import SMALL_BYTES, secret_of
from bench.subjects import SharelinkUnderTest, sharelink_on_postgresql, sharelink_on_sqlite
from bench.workshop import Workshop, in_turns
from tests.factories import send_secret


def measure(workshop: Workshop) -> Iterator[Figure]:
    """Yield the cost of a reveal beside few and beside many live shares, on both databases."""
    few, many = workshop.sizes.few_live_shares, workshop.sizes.live_shares
    for database in ("SQLite", "PostgreSQL"):
        with ExitStack() as exits:
            turns: dict[str, Callable[[], float]] = {}
            for count in (few, many):
                place = exits.enter_context(
                    sharelink_on_sqlite(workshop.place())
                    if database == "SQLite"
                    else sharelink_on_postgresql(workshop.place(), workshop.postgresql)
                )
                add_live_shares(place, count)
                turns[f"{count:,} live shares"] = _turn(place, workshop.sizes.reveals)
            given = in_turns(workshop.sizes.rounds, turns)
            for name, milliseconds in given.items():
                yield Figure(f"CPU per reveal, {database}, {name}", Spread.of(milliseconds), "ms")
            beside_few, beside_many = given.values()
            name = f"reveal CPU with {many:,} live shares against {few:,}, {database}"
            yield ratio(name, beside_many, beside_few, 1.5, 1.2)


def _turn(place: SharelinkUnderTest, reveals: int) -> Callable[[], float]:
    served = place.serve("Sharelink")
    client, work = served.client(), place.installation.unit_of_work
    base_url = f"http://localhost:{served.server.port}"

    def turn() -> float:
        secrets = [secret_of(SMALL_BYTES) for _ in range(reveals)]
        sent = [send_secret(work, place.person, secret, custody_id=place.record, code=False) for secret in secrets]
        used = cpu_seconds(served.subject.roots)
        for secret, one in zip(secrets, sent, strict=True):
            client.reveal(one.link.url(base_url), secret)
        return (cpu_seconds(served.subject.roots) - used) / reveals * 1000

    return turn
