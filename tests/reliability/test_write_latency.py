"""Eight people write to SQLite at once: the queue in front of its one writer keeps the slowest close to the rest."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest

from tests.attacks.callers import Post
from tests.attacks.installations import Installation
from tests.attacks.servers import Server
from tests.factories import Person, open_record, send_secret
from tests.reliability import racing
from tests.reliability.figures import Figures, percentile

USERS = 8
ROUNDS = 5
WRITES_EACH = 30
MOST_RATIO = 4.0


@pytest.mark.alone
def test_the_slowest_percent_of_writes_takes_at_most_four_times_the_middle_one(
    sqlite_installation: Installation, figures: Figures
) -> None:
    """Each write is a reveal: row, clients and event in one transaction, flushed to the disk. The worker sweeps."""
    server = sqlite_installation.start()[0]
    anna = sqlite_installation.person("Anna")
    record = open_record(sqlite_installation.unit_of_work, anna)
    measured: list[list[float]] = []
    for _ in range(ROUNDS + 1):
        posts = [
            [reveal_of_a_new_share(sqlite_installation, anna, record) for _ in range(WRITES_EACH)] for _ in range(USERS)
        ]
        with ThreadPoolExecutor(USERS) as users:
            by_user = list(users.map(lambda mine: seconds_of(server, mine), posts))
        measured.append([taken for one in by_user for taken in one])
    # The first round warms up.
    rounds = measured[1:]
    middles = [percentile(taken, 50) for taken in rounds]
    ratios = [percentile(taken, 99) / middle for taken, middle in zip(rounds, middles, strict=True)]
    figures.note("writes measured", ROUNDS * USERS * WRITES_EACH)
    figures.note("p50 of a write", f"{median(middles) * 1000:.0f} ms")
    figures.note("p99 / p50", f"{median(ratios):.1f} (from {min(ratios):.1f} to {max(ratios):.1f} in {ROUNDS} rounds)")
    assert median(ratios) <= MOST_RATIO


def reveal_of_a_new_share(installation: Installation, sender: Person, record: bytes) -> Post:
    sent = send_secret(installation.unit_of_work, sender, "canary", custody_id=record, code=False)
    return "/s/reveal", {"link": sent.link.url(racing.BASE), "code": ""}


def seconds_of(server: Server, posts: Sequence[Post]) -> list[float]:
    """Post one form after the other on one connection; return how long each took."""
    taken = []
    with server.caller() as caller:
        caller.get("/healthz")
        for path, fields in posts:
            begun_at = time.perf_counter()
            answer = caller.post(path, fields)
            taken.append(time.perf_counter() - begun_at)
            assert answer.status == 200
    return taken
