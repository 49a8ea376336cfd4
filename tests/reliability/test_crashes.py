"""`kill -9` at random moments under load: what a client was told holds, and nothing happens twice.

The truth is the clients' own journal, in the process of the test, which is not killed.
"""

import random
import time
from dataclasses import dataclass, field
from statistics import median

import pytest
from sqlalchemy import func, select

from sharelink.shares.models import Share
from tests.attacks.installations import Installation
from tests.attacks.servers import Server, wait_until
from tests.factories import Person
from tests.reliability.figures import Figures
from tests.reliability.journals import Journal
from tests.reliability.judging import Judge
from tests.reliability.load import Crowd
from tests.reliability.test_mixed_races import rows_of

KILLS, SOAK_KILLS = 3, 50
RESTART_SECONDS = 5.0
LOAD_SECONDS = (0.3, 1.2)


@dataclass
class Crashes(Judge):
    """An installation whose processes are killed again and again, and what was counted."""

    restarts: list[float] = field(default_factory=list)

    def start(self) -> tuple[Server, Server]:
        """Start a server and a worker; note how long the first answer took."""
        begun_at = time.monotonic()
        server = self.installation.launch(1, command=("serve", "--no-worker"))[0].wait_until_up()
        self.restarts.append(time.monotonic() - begun_at)
        worker = self.installation.launch(1, command=("worker",))[0]
        wait_until(lambda: "The worker works." in worker.said(), 60, "the worker did not start")
        return server, worker

    def run(self, kills: int) -> None:
        server, worker = self.start()
        self.crowd.sign_in(server.port)
        for number in range(kills):
            journal = Journal()
            before = len(rows_of(self.installation.unit_of_work))
            with self.crowd.at_work(server.port, journal):
                time.sleep(random.uniform(*LOAD_SECONDS))
                # Every third time the worker dies first and the crowd goes on without it.
                if number % 3 == 2:
                    worker.kill()
                    time.sleep(0.2)
                server.kill()
            worker.kill()
            server, worker = self.start()
            self.judge(journal, server.port, before)
        server.stop()
        worker.stop()


def kill_and_judge(installation: Installation, staff: Person, record: bytes, figures: Figures, kills: int) -> None:
    crashes = Crashes(installation, Crowd(installation.unit_of_work, staff, record))
    crashes.run(kills)
    assert crashes.counts["acknowledged creations"] >= kills
    assert crashes.counts["acknowledged ends"] >= kills
    restarts = crashes.restarts[1:]
    with installation.unit_of_work.read() as work:
        shares = work.session.scalar(select(func.count()).select_from(Share))
    figures.note("kills", kills)
    figures.note("shares in all", shares)
    for name, count in sorted(crashes.counts.items()):
        figures.note(name, count)
    figures.note("restart to first answer, p50 and worst", f"{median(restarts):.1f} s, {max(restarts):.1f} s")
    assert median(restarts) < RESTART_SECONDS


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_few_kills(
    installation: Installation, staff: Person, record: bytes, figures: Figures
) -> None:
    kill_and_judge(installation, staff, record, figures, KILLS)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_what_was_acknowledged_survives_many_kills(
    installation: Installation, staff: Person, record: bytes, figures: Figures
) -> None:
    kill_and_judge(installation, staff, record, figures, SOAK_KILLS)
