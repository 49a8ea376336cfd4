"""`kill -9` at random moments under load: what a client was told holds, and nothing happens twice.

The truth is the clients' own journal, in the process of the test, which is not killed.
"""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import median

import pytest
from sqlalchemy import func, select

from sharelink.clock import utc_now
from sharelink.crypto.identifiers import id_text
from sharelink.shares.models import Share
from sharelink.shares.states import LIVE_STATES, ShareState
from tests.attacks.callers import Caller
from tests.attacks.installations import Installation
from tests.attacks.servers import Server, wait_until
from tests.audit.readings import verified
from tests.factories import Person
from tests.reliability.figures import Figures
from tests.reliability.journals import Deed, Entry, Journal
from tests.reliability.load import Crowd
from tests.reliability.test_mixed_races import endings, rows_of

KILLS, SOAK_KILLS = 3, 50
RESTART_SECONDS = 5.0
LOAD_SECONDS = (0.3, 1.2)
SWEPT_SECONDS = 30.0
_BURNS = {Deed.DECLINE, Deed.WITHDRAW}


@dataclass
class Crashes:
    """An installation whose processes are killed again and again, and what was counted."""

    installation: Installation
    crowd: Crowd
    restarts: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

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
            self.judge(journal, server, before)
        server.stop()
        worker.stop()

    def judge(self, journal: Journal, server: Server, before: int) -> None:
        """Compare the service with the journal, then try what must not work any more."""
        rows, ends = settled(self.installation)
        assert len(journal.entries) <= len(rows) - before <= journal.creations_asked
        for entry in journal.entries:
            assert entry.share_id in rows, "an acknowledged creation was lost"
            state, has_ciphertext = rows[entry.share_id]
            assert has_ciphertext is (state in LIVE_STATES)
            assert ends.get(id_text(entry.share_id), []) == ([] if state in LIVE_STATES else [state.value])
            assert state in possible_states(entry), f"{entry.asked}, acknowledged {entry.acknowledged}: {state}"
            self.counts[f"in flight, then {state.value}"] += len(entry.asked) > len(entry.acknowledged)
        with Caller(server.port) as caller:
            for entry in journal.entries:
                if entry.asked or not entry.is_short:
                    self.reveal_again(caller, entry, rows[entry.share_id][0])
        self.wait_for_short_ones(journal, server)
        verification, findings = verified(self.installation.unit_of_work)
        assert findings == []
        self.counts["acknowledged creations"] += len(journal.entries)
        self.counts["acknowledged ends"] += sum(len(entry.acknowledged) for entry in journal.entries)
        self.counts["events verified"] = verification.events

    def reveal_again(self, caller: Caller, entry: Entry, state: ShareState) -> None:
        status = self.crowd.do(caller, entry, Deed.REVEAL)
        assert status == (200 if state is ShareState.SEALED else 410)
        assert entry.shown <= 1, "a secret was shown twice"
        if state is ShareState.SEALED:
            assert self.crowd.do(caller, entry, Deed.REVEAL) == 410

    def wait_for_short_ones(self, journal: Journal, server: Server) -> None:
        short = {entry.share_id: entry for entry in journal.entries if entry.is_short}
        expected = set() if not short else {ShareState.EXPIRED}
        wait_until(
            lambda: {self.state_of(share_id) for share_id in short} == expected,
            SWEPT_SECONDS,
            "the worker that was started anew does not sweep",
        )
        with Caller(server.port) as caller:
            for entry in list(short.values())[:2]:
                assert utc_now() >= entry.ends_at or self.state_of(entry.share_id) is ShareState.EXPIRED
                assert self.crowd.do(caller, entry, Deed.REVEAL) == 410

    def state_of(self, share_id: bytes) -> ShareState:
        with self.installation.unit_of_work.read() as work:
            return ShareState(work.session.execute(select(Share.state).where(Share.id == share_id)).scalar_one())


def settled(installation: Installation) -> tuple[dict[bytes, tuple[ShareState, bool]], dict[str, list[str]]]:
    """Return rows and endings of one and the same moment, although the worker goes on expiring what is due."""
    while True:
        rows, ends = rows_of(installation.unit_of_work), endings(installation.unit_of_work)
        if rows == rows_of(installation.unit_of_work):
            return rows, ends


def possible_states(entry: Entry) -> set[ShareState]:
    """Return where a share may stand after a crash: where acknowledged acts brought it, or those in flight may have."""
    if entry.acknowledged:
        return {ShareState.BURNED if entry.acknowledged[0] in _BURNS else ShareState.REVEALED}
    in_flight = {ShareState.BURNED if deed in _BURNS else ShareState.REVEALED for deed in entry.asked}
    return {ShareState.SEALED} | in_flight | ({ShareState.EXPIRED} if entry.is_short else set())


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
