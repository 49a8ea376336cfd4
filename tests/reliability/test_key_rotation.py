"""Keys are replaced while two processes serve: no reveal fails, none happens twice, and a crash costs nothing."""

import json
import queue
import subprocess
import threading
import time
from collections import Counter

import pytest
from sqlalchemy import select

from sharelink.acts.rotating import activate, stage_next
from sharelink.audit.events import AuditEvent
from sharelink.audit.models import AuditLeaf
from sharelink.crypto.key_purposes import KeyPurpose
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.callers import Caller
from tests.attacks.installations import Installation
from tests.attacks.servers import PROGRAM, Server, environment, shown_secret
from tests.factories import Person
from tests.keys.sealed_shares import Made, live_count, seal_many, versions_in_use
from tests.reliability.commands import run_command
from tests.reliability.figures import Figures

BASE = "http://localhost"
SHARES, CALLERS_PER_SERVER = 520, 2
REWRAPPED = 1_500


class Crowd:
    """People who open links at all servers. They leave `kept` of them for the steps that are still to come."""

    def __init__(self, servers: list[Server], shares: list[Made], kept: int = 0) -> None:
        self.waiting: queue.SimpleQueue[Made] = queue.SimpleQueue()
        for share in shares:
            self.waiting.put(share)
        self.statuses: Counter[int] = Counter()
        self.seen: Counter[bytes] = Counter()
        self.wrong: list[str] = []
        self.kept = kept
        self.threads = [
            threading.Thread(target=self._open, args=(server,)) for server in servers for _ in range(CALLERS_PER_SERVER)
        ]
        for thread in self.threads:
            thread.start()

    @property
    def done(self) -> int:
        return sum(self.statuses.values())

    def finish(self) -> None:
        self.kept = 0
        for thread in self.threads:
            thread.join(240)
            assert not thread.is_alive()

    def _open(self, server: Server) -> None:
        with Caller(server.port) as caller:
            while True:
                if self.waiting.qsize() <= self.kept and self.kept:
                    time.sleep(0.02)
                    continue
                try:
                    share = self.waiting.get_nowait()
                except queue.Empty:
                    return
                answer = caller.post("/s/reveal", {"link": share.link.url(BASE)})
                self.statuses[answer.status] += 1
                if shown_secret(answer.text) == share.secret:
                    self.seen[share.share_id] += 1
                else:
                    self.wrong.append(f"status {answer.status}")
                time.sleep(0.03)


@pytest.mark.slow
def test_rotating_rewrapping_and_retiring_fail_no_reveal_and_repeat_none(
    installation: Installation,
    unit_of_work: UnitOfWork,
    staff: Person,
    record: bytes,
    redis_address: str,
    figures: Figures,
) -> None:
    servers = installation.start(2, rate_limit_store=redis_address)
    shares = seal_many(unit_of_work, staff, record, SHARES)
    keyring = installation.settings.keyring_directory
    first_key = (keyring / "master.1.key").read_text().strip()
    crowd = Crowd(servers, shares, kept=320)
    said, counts = [], [crowd.done]
    for arguments, kept in ((["rotate", "master"], 180), (["rewrap"], 60), (["retire", "master", "1"], 40)):
        done = run_command(installation, ["keys", *arguments], {})
        assert done.returncode == 0, done.stdout + done.stderr
        said.append(done.stdout + done.stderr)
        counts.append(crowd.done)
        if arguments[0] == "rewrap":
            # What is left was sealed under the old key, and must open under the new one, on both servers.
            assert set(versions_in_use(unit_of_work)) == {2}
        crowd.kept = kept
    assert crowd.waiting.qsize() >= 40, "nothing was left to open after the old key was gone"
    crowd.finish()
    assert crowd.wrong == []
    assert crowd.statuses == {200: SHARES}
    assert crowd.seen == {share.share_id: 1 for share in shares}
    assert not (keyring / "master.1.key").exists()
    again = Crowd(servers[:1], shares[:20])
    again.finish()
    assert not again.seen
    second_key = (keyring / "master.2.key").read_text().strip()
    for text in (*said, installation.said()):
        assert first_key not in text
        assert second_key not in text
    figures.note("reveals before, in and after rotate, rewrap, retire", [*counts, crowd.done])


@pytest.mark.slow
def test_a_rewrap_that_was_killed_goes_on_where_it_was(
    installation: Installation, unit_of_work: UnitOfWork, staff: Person, record: bytes, figures: Figures
) -> None:
    seal_many(unit_of_work, staff, record, REWRAPPED)
    all_of_them = live_count(unit_of_work)
    # No process serves that would have to learn of the new key first.
    activate(unit_of_work, stage_next(unit_of_work, KeyPurpose.MASTER).name)
    done_before = killed_in_the_middle(installation, unit_of_work, all_of_them)
    figures.note("rewrapped before the kill, of all", f"{done_before} of {all_of_them}")
    refused = run_command(installation, ["keys", "retire", "master", "1"], {})
    assert refused.returncode == 1
    assert f"{all_of_them - done_before:,} still need master.1" in refused.stderr
    assert (installation.settings.keyring_directory / "master.1.key").exists()
    resumed = run_command(installation, ["keys", "rewrap"], {})
    assert f"{all_of_them - done_before:,} sealed with the current key; 0 left" in resumed.stdout
    assert versions_in_use(unit_of_work) == {2: all_of_them}
    assert told_counts(unit_of_work) == all_of_them


def killed_in_the_middle(installation: Installation, unit_of_work: UnitOfWork, total: int) -> int:
    """Start a rewrap, kill it after its first transaction and before its last, and return how many it has done."""
    command = subprocess.Popen(
        [PROGRAM, "keys", "rewrap"],
        env=environment(installation.settings, {}),
        cwd=installation.outputs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not versions_in_use(unit_of_work).get(2):
            assert time.monotonic() < deadline
            assert command.poll() is None
    finally:
        command.kill()
        command.wait()
    done = versions_in_use(unit_of_work).get(2, 0)
    assert 0 < done < total, "it was not killed in the middle"
    return done


def told_counts(unit_of_work: UnitOfWork) -> int:
    """Return how many shares the events say were sealed anew."""
    with unit_of_work.read() as work:
        wanted = select(AuditLeaf.leaf).where(AuditLeaf.type == AuditEvent.KEY_REWRAPPED.value)
        leaves = [json.loads(leaf) for leaf in work.session.scalars(wanted)]
    return sum(leaf["facts"]["count"] for leaf in leaves)
