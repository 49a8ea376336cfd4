"""The primary of a synchronous pair dies in the middle of reveals, the stand-by takes over, the nodes follow.

Nodes know both servers by one address, `postgresql://…@one,two/name`, and look for the one that takes writes.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from sqlalchemy import create_engine

from sharelink.persistence.database import prepare_engine
from sharelink.persistence.schema import upgrade
from tests.attacks.callers import Caller
from tests.attacks.installations import Installation, installed
from tests.attacks.servers import wait_until
from tests.factories import open_record
from tests.reliability.checkpoints import Collector
from tests.reliability.clusters import Cluster, running_cluster, running_standby
from tests.reliability.commands import run_command
from tests.reliability.figures import Figures
from tests.reliability.fleets import Fleet, People, counted, revealed
from tests.reliability.journals import Deed, Entry, Journal
from tests.reliability.judging import Judge

REVEALS, SOAK_REVEALS = 30, 1000
LOAD_SECONDS = 1500.0
FOLLOW_SECONDS = 30.0
"""Until the first success at the new primary; promotion and new connections are in it."""


class Pair:
    """A primary and its synchronous stand-by, and an installation on both."""

    def __init__(self, stack: ExitStack, folder: pytest.TempPathFactory) -> None:
        self.primary: Cluster = stack.enter_context(running_cluster())
        engine = create_engine(self.primary.own_url)
        prepare_engine(engine)
        upgrade(engine)
        engine.dispose()
        self.standby: Cluster = stack.enter_context(running_standby(self.primary))
        address = self.primary.address(self.standby)
        self.installation: Installation = stack.enter_context(installed(address, folder.mktemp("installation")))


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(stack, tmp_path_factory)


@pytest.fixture
def people(pair: Pair, redis_address: str) -> People:
    """Return the people of a fleet on the pair."""
    fleet = Fleet(pair.installation, redis_address)
    fleet.start()
    staff = pair.installation.person("Anna")
    made = People(fleet, staff, open_record(pair.installation.unit_of_work, staff))
    made.sign_in(fleet.port())
    return made


def fail_over_and_judge(pair: Pair, people: People, figures: Figures, wanted: int) -> Journal:
    """Let people work, kill the primary halfway, and compare; return what they wrote down."""
    judge, journal, collector = Judge(pair.installation, people), Journal(), Collector(pair.installation)
    begun_at = time.monotonic()
    with collector.collecting(), people.busy(journal) as wrong:

        def reached(count: int) -> bool:
            return revealed(journal) >= count or wrong.is_set()

        wait_until(lambda: reached(wanted // 2), LOAD_SECONDS, "nobody works")
        acknowledged_before, shares_before = revealed(journal), len(journal.entries)
        pair.primary.kill()
        dead_at = time.monotonic()
        pair.standby.promote()
        wait_until(
            lambda: people.seconds_without_success(dead_at) < FOLLOW_SECONDS or wrong.is_set(),
            FOLLOW_SECONDS,
            "the nodes did not follow",
        )
        gap = people.seconds_without_success(dead_at)
        wait_until(lambda: reached(wanted), LOAD_SECONDS, "nobody works any more")
        seconds = time.monotonic() - begun_at
    assert people.answers.keys() <= {200, 201, 303, 409, 410, 503}, counted(people.answers)
    assert people.answers[503] > 0, "nobody noticed"
    shares, reveals = len(journal.entries), revealed(journal)
    judge.judge(journal, people.fleet.port(), 0)
    checkpoints = collector.judge()
    figures.note("reveals acknowledged, before the fail-over and in all", f"{acknowledged_before}, {reveals}")
    figures.note("creations acknowledged, before the fail-over and in all", f"{shares_before}, {shares}")
    figures.note("answers", counted(people.answers))
    figures.note("from the primary's death to the first success", f"{gap:.1f} s")
    figures.note("checkpoints collected meanwhile, all true of the log afterwards", checkpoints)
    figures.note("the whole load", f"{seconds:.0f} s")
    for name, count in sorted(judge.counts.items()):
        figures.note(name, count)
    return journal


@pytest.mark.slow
def test_a_fail_over_in_the_middle_of_reveals_loses_and_repeats_nothing(
    pair: Pair, people: People, figures: Figures
) -> None:
    fail_over_and_judge(pair, people, figures, REVEALS)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_fail_over_in_the_middle_of_a_thousand_reveals_loses_and_repeats_nothing(
    pair: Pair, people: People, figures: Figures
) -> None:
    journal = fail_over_and_judge(pair, people, figures, SOAK_REVEALS)
    checked = run_command(pair.installation, ["audit", "verify"], {})
    assert checked.returncode == 0, checked.stdout
    come_back_unfenced(pair, people, journal, figures)


def come_back_unfenced(pair: Pair, people: People, journal: Journal, figures: Figures) -> None:
    """Let the nodes meet the old primary, which holds secrets that were revealed at the new one: it shows none."""
    pair.standby.kill()
    pair.primary.start()
    sealed_there = {bytes(row[0]) for row in pair.primary.execute("SELECT id FROM share WHERE state = 'sealed'")}
    shown_already = [entry for entry in journal.entries if entry.share_id in sealed_there and entry.shown == 1]
    assert shown_already, "the fail-over came too late for this"

    def reveal(entry: Entry) -> int:
        with Caller(people.fleet.port()) as caller:
            return people.do(caller, entry, Deed.REVEAL)

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(reveal, shown_already[:8]))
    assert set(statuses) == {503}
    assert {entry.shown for entry in shown_already} == {1}
    figures.note("asked again at the old primary, which was not fenced: refused", len(statuses))
