"""Whether people wait while very many shares expire at once."""

import time
from collections.abc import Iterator
from datetime import timedelta

from bench.figures import Figure, Spread, quantile
from bench.many_shares import add_live_shares
from bench.measures.cycles import SMALL_BYTES, secret_of
from bench.subjects import SharelinkClient, SharelinkUnderTest, sharelink_on_postgresql, sharelink_on_sqlite
from bench.workshop import Workshop
from sharelink.clock import utc_now
from tests.factories import send_secret

_PAUSE_SECONDS = 0.02
"""People do not press all the time: a reveal must meet the sweep wherever it is, not follow the one before."""


def measure(workshop: Workshop) -> Iterator[Figure]:
    """Yield how long reveals take while nothing else happens, and during the sweep."""
    count, seconds = workshop.sizes.expired_shares, workshop.sizes.sweep_seconds
    for database in ("SQLite", "PostgreSQL"):
        made = (
            sharelink_on_sqlite(workshop.place())
            if database == "SQLite"
            else sharelink_on_postgresql(workshop.place(), workshop.postgresql)
        )
        with made as place:
            served = place.serve("Sharelink")
            client, base_url = served.client(), f"http://localhost:{served.server.port}"
            idle = _waits(place, client, base_url, seconds)
            add_live_shares(place, count, expire_at=utc_now() + timedelta(seconds=1))
            time.sleep(2)
            busy = _waits(place, client, base_url, seconds)
        for name, waits in (("nothing else happens", idle), (f"{count:,} shares expire", busy)):
            yield Figure(
                f"p99 of a reveal while {name}, {database}", Spread.of([quantile(waits, 0.99)]), "ms", digits=1
            )
        times = quantile(busy, 0.99) / quantile(idle, 0.99)
        yield Figure(f"sweep of {count:,}: p99 of reveals against idle, {database}", Spread.of([times]), "x", 3.0, 1.5)


def _waits(place: SharelinkUnderTest, client: SharelinkClient, base_url: str, seconds: float) -> list[float]:
    """Return the milliseconds that each reveal took."""
    work, until = place.installation.unit_of_work, time.monotonic() + seconds
    waits = []
    while time.monotonic() < until:
        secret = secret_of(SMALL_BYTES)
        sent = send_secret(work, place.person, secret, custody_id=place.record, code=False)
        waits.append(client.reveal(sent.link.url(base_url), secret)["reveal"] * 1000)
        time.sleep(_PAUSE_SECONDS)
    return waits
