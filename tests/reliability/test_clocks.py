"""A clock that jumps: forward it expires shares, backward it revives none; a jump is an event and saves the keys."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from sharelink.acts.sending import Sent
from sharelink.audit.events import AuditEvent
from sharelink.audit.models import AuditLeaf
from sharelink.jobs.worker import CLOCK_SECONDS
from sharelink.shares.states import ShareState
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.installations import Installation
from tests.attacks.servers import Server, shown_secret, wait_until
from tests.factories import Person, send_secret
from tests.reliability.commands import run_command
from tests.reliability.fake_time import FakeTime
from tests.reliability.test_mixed_races import rows_of

HOUR, DAY = 3600, 86_400
SECRET = "canary of the clocks"
GONE_SECONDS = 5.0
SEEN_SECONDS = CLOCK_SECONDS + 10
BASE = "http://localhost"


@pytest.fixture
def time_file(tmp_path: Path) -> FakeTime:
    fake = FakeTime(tmp_path / "offset")
    fake.set(0)
    return fake


@pytest.fixture
def send(unit_of_work: UnitOfWork, staff: Person, record: bytes) -> Callable[[], Sent]:
    """Return a function that sends a secret for one hour."""
    return lambda: send_secret(
        unit_of_work, staff, SECRET, custody_id=record, code=False, lifetime=timedelta(seconds=HOUR)
    )


def reveal(server: Server, sent: Sent) -> tuple[int, str | None]:
    with server.caller() as caller:
        answer = caller.post("/s/reveal", {"link": sent.link.url(BASE)})
    return answer.status, shown_secret(answer.text)


def state_of(unit_of_work: UnitOfWork, sent: Sent) -> tuple[ShareState, bool]:
    return rows_of(unit_of_work)[sent.share_id]


def count_of(unit_of_work: UnitOfWork, event: AuditEvent) -> int:
    with unit_of_work.read() as work:
        wanted = select(func.count()).select_from(AuditLeaf).where(AuditLeaf.type == event.value)
        return int(work.session.scalar(wanted) or 0)


def test_a_clock_set_forward_expires_and_set_back_revives_nothing(
    installation: Installation, unit_of_work: UnitOfWork, send: Callable[[], Sent], time_file: FakeTime
) -> None:
    server = installation.start(1, variables=time_file.variables)[0]
    early, waiting = send(), send()
    assert reveal(server, early) == (200, SECRET)
    time_file.set(2 * HOUR)
    assert reveal(server, waiting) == (410, None)
    wait_until(lambda: state_of(unit_of_work, waiting) == (ShareState.EXPIRED, False), GONE_SECONDS, "nobody swept")
    wait_until(
        lambda: count_of(unit_of_work, AuditEvent.SYSTEM_CLOCK_JUMP) == 1, SEEN_SECONDS, "nobody noticed the jump"
    )
    time_file.set(0)
    assert reveal(server, waiting) == (410, None)
    wait_until(
        lambda: count_of(unit_of_work, AuditEvent.SYSTEM_CLOCK_JUMP) == 2, SEEN_SECONDS, "nobody noticed the jump back"
    )
    assert reveal(server, send()) == (200, SECRET)


def test_what_was_once_seen_expired_stays_so_although_no_worker_runs(
    installation: Installation, unit_of_work: UnitOfWork, send: Callable[[], Sent], time_file: FakeTime
) -> None:
    server = installation.start(1, command=("serve", "--no-worker"), variables=time_file.variables)[0]
    looked_at, tried, unseen = send(), send(), send()
    time_file.set(2 * HOUR)
    with server.caller() as caller:
        assert caller.post("/s/status", {"link": looked_at.link.url(BASE)}).status == 200
    assert reveal(server, tried) == (410, None)
    time_file.set(0)
    assert reveal(server, looked_at) == (410, None)
    assert reveal(server, tried) == (410, None)
    assert state_of(unit_of_work, tried) == (ShareState.EXPIRED, False)
    # Nobody was told that this one is over, and its time has not come.
    assert reveal(server, unseen) == (200, SECRET)


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
def test_a_jump_pauses_the_destruction_of_keys_for_a_day(
    installation: Installation, unit_of_work: UnitOfWork, send: Callable[[], Sent], time_file: FakeTime
) -> None:
    server = installation.start(1, variables=time_file.variables)[0]
    send()
    days = unit_of_work.epoch_keys.days()
    # Let the watch look once before the jump.
    wait_until(lambda: heartbeat_is_written(server), SEEN_SECONDS, "the worker does not work")
    time_file.set(3 * DAY)
    wait_until(
        lambda: count_of(unit_of_work, AuditEvent.SYSTEM_CLOCK_JUMP) == 1, SEEN_SECONDS, "nobody noticed the jump"
    )
    server.stop()
    assert "0 epoch keys destroyed" in run_command(installation, ["sweep"], time_file.variables).stdout
    assert unit_of_work.epoch_keys.days() == days
    time_file.set(4 * DAY + HOUR)
    assert f"{len(days)} epoch keys destroyed" in run_command(installation, ["sweep"], time_file.variables).stdout
    assert unit_of_work.epoch_keys.days() == []


def heartbeat_is_written(server: Server) -> bool:
    with server.caller() as caller:
        return caller.get("/readyz").status == 200
