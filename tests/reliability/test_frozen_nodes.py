"""A node that was frozen and wakes (SIGSTOP, SIGCONT: a paused machine) must not reveal twice, nor after the end.

It is frozen where that hurts most: inside the transaction of a reveal, with the share's row and the log's head locked.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from sharelink.clock import utc_now
from sharelink.crypto.identifiers import id_text
from sharelink.shares.states import ShareState
from tests.attacks import faults
from tests.attacks.callers import Answer
from tests.attacks.installations import Installation, installed
from tests.attacks.servers import Server, shown_secret, wait_until
from tests.audit.readings import verified
from tests.factories import Person, open_record, send_secret
from tests.reliability.test_given_up_transactions import Asking, waiting_sessions
from tests.reliability.test_mixed_races import endings, rows_of
from tests.services import fresh_database

BASE = "http://localhost"
SECRET = "once, and in time"
RIVAL_SECONDS = 15.0
"""The server gives the locks of a frozen node to others after 8 s; nobody is refused for them."""


@dataclass(repr=False)
class Scene:
    """Two nodes, and nobody else who would expire a share."""

    installation: Installation
    frozen: Server
    awake: Server
    staff: Person
    record: bytes


@pytest.fixture(scope="module")
def scene(
    postgresql_server: str, migrated_template: str, redis_address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("installation")
    with (
        fresh_database(postgresql_server, template=migrated_template) as url,
        installed(url, folder) as made,
    ):
        frozen, awake = made.start(2, rate_limit_store=redis_address, command=("serve", "--no-worker"))
        staff = made.person("Anna")
        yield Scene(made, frozen, awake, staff, open_record(made.unit_of_work, staff))


def ask(server: Server, link: str) -> Asking:
    def reveal() -> Answer:
        with server.caller() as caller:
            return caller.post("/s/reveal", {"link": link, "code": ""})

    return Asking(reveal)


@contextmanager
def frozen_inside_a_reveal(scene: Scene, link: str) -> Iterator[Asking]:
    """Freeze the node inside its transaction for the length of the block; yield its request."""
    with faults.outside(scene.installation) as holder, faults.outside(scene.installation) as observer:
        holder.execute(text("BEGIN"))
        holder.execute(text("SELECT size FROM audit_head FOR UPDATE"))
        try:
            asking = ask(scene.frozen, link)
            wait_until(lambda: waiting_sessions(observer), 20, "nobody waits")
            os.kill(scene.frozen.process.pid, signal.SIGSTOP)
            # On a busy machine a thread may go on for a while, as far as the COMMIT, of which nothing is known then.
            wait_until(lambda: is_frozen(scene.frozen), 20, "it does not freeze")
        finally:
            holder.execute(text("ROLLBACK"))
    try:
        yield asking
    finally:
        os.kill(scene.frozen.process.pid, signal.SIGCONT)


def is_frozen(server: Server) -> bool:
    """Tell whether every thread of the process is stopped; where nobody says, leave it a moment."""
    threads = list(Path(f"/proc/{server.process.pid}/task").glob("*/stat"))
    if not threads:
        time.sleep(0.5)
    return all(thread.read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)


def test_a_node_that_wakes_after_others_went_on_reveals_nothing(scene: Scene) -> None:
    sent = send_secret(scene.installation.unit_of_work, scene.staff, SECRET, custody_id=scene.record, code=False)
    other = send_secret(scene.installation.unit_of_work, scene.staff, SECRET, custody_id=scene.record, code=False)
    with frozen_inside_a_reveal(scene, sent.link.url(BASE)) as asking:
        begun_at = time.monotonic()
        rival, bystander = ask(scene.awake, sent.link.url(BASE)), ask(scene.awake, other.link.url(BASE))
        assert shown_secret(rival.answer().text) == SECRET
        # Nor does it keep those waiting for long who want something else.
        assert shown_secret(bystander.answer().text) == SECRET
        assert time.monotonic() - begun_at < RIVAL_SECONDS
    late = asking.answer()
    assert late.status == 410
    assert SECRET not in late.text
    work = scene.installation.unit_of_work
    assert rows_of(work)[sent.share_id] == (ShareState.REVEALED, False)
    assert endings(work)[id_text(sent.share_id)] == ["revealed"]
    assert verified(work)[1] == []


def test_a_node_that_wakes_after_the_end_reveals_nothing_although_its_transaction_lives(scene: Scene) -> None:
    work = scene.installation.unit_of_work
    sent = send_secret(work, scene.staff, SECRET, custody_id=scene.record, code=False, lifetime=timedelta(seconds=6))
    with frozen_inside_a_reveal(scene, sent.link.url(BASE)) as asking:
        assert utc_now() < sent.expires_at, "this machine was too slow to freeze it in time"
        wait_until(lambda: utc_now() > sent.expires_at + timedelta(seconds=0.2), 20, "time stands still")
        assert open_transactions(scene) == 1
    late = asking.answer()
    assert late.status == 410
    assert SECRET not in late.text
    state, has_ciphertext = rows_of(work)[sent.share_id]
    assert state is not ShareState.REVEALED
    assert "revealed" not in endings(work)[id_text(sent.share_id)]
    assert not has_ciphertext, "whoever came late has ended it"
    assert verified(work)[1] == []


def open_transactions(scene: Scene) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
    with faults.outside(scene.installation) as connection:
        return int(connection.execute(text(query)).scalar_one())
