"""The key of a day dies on schedule, by the shipped command in a time of its own; then nothing opens an old copy."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from sharelink.actors import Actor
from sharelink.acts.receiving import reveal
from sharelink.acts.sending import Sent
from sharelink.audit.events import AuditEvent
from sharelink.shares.errors import ShareDamaged
from tests.attacks.installations import Installation, installed
from tests.attacks.servers import wait_until
from tests.factories import Person, send_secret
from tests.reliability.commands import run_command
from tests.reliability.fake_time import FakeTime
from tests.reliability.test_clocks import DAY, HOUR, SECRET, count_of

VISITOR = Actor.public("203.0.113.7", "Test browser")
_DYING = """
import os, signal, sys
from sharelink.crypto.epoch_keys import EpochKeys
from sharelink.shares.epochs import Epochs
from sharelink.cli import main
{where} = lambda *_arguments: os.kill(os.getpid(), signal.SIGKILL)
main()
"""


@pytest.fixture
def sent(installation: Installation, staff: Person, record: bytes) -> Sent:
    """Return a share with a code that ends within the hour; the only one, hence the only key."""
    made = send_secret(installation.unit_of_work, staff, SECRET, custody_id=record, lifetime=timedelta(seconds=HOUR))
    assert installation.unit_of_work.epoch_keys.days() == [made.expires_at.date()]
    return made


@pytest.fixture
def later(tmp_path: Path) -> FakeTime:
    """Return a clock that has always been three days ahead."""
    fake = FakeTime(tmp_path / "offset")
    fake.set(3 * DAY)
    return fake


def sweep(installation: Installation, time: FakeTime, dying_in: str | None = None) -> tuple[int, str]:
    script = None if dying_in is None else _DYING.format(where=dying_in)
    done = run_command(installation, ["sweep"], time.variables, script)
    return done.returncode, done.stdout


@contextmanager
def restored(installation: Installation, database: Path, folder: Path) -> Iterator[Installation]:
    """Yield an installation made of an old copy of the database and the keys as they are now."""
    (folder / "files").mkdir(parents=True)
    shutil.copyfile(database, folder / "files" / "sharelink.db")
    shutil.copytree(installation.settings.keyring_directory, folder / "files" / "keyring")
    with installed(f"sqlite:///{folder}/files/sharelink.db", folder) as made:
        yield made


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
def test_link_and_old_copy_and_every_key_that_is_left_open_nothing(
    installation: Installation, sent: Sent, later: FakeTime, tmp_path: Path
) -> None:
    copy = tmp_path / "backup.db"
    shutil.copyfile(installation.database_file, copy)
    with restored(installation, copy, tmp_path / "before") as before:
        assert reveal(before.unit_of_work, VISITOR, sent.link, sent.code or "").text == SECRET
    assert sweep(installation, later) == (0, "1 shares expired, 1 epoch keys destroyed.\n")
    assert installation.unit_of_work.epoch_keys.days() == []
    assert count_of(installation.unit_of_work, AuditEvent.KEY_DESTROYED) == 1
    with restored(installation, copy, tmp_path / "after") as after, pytest.raises(ShareDamaged):
        reveal(after.unit_of_work, VISITOR, sent.link, sent.code or "")


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
def test_a_kill_between_file_and_event_is_mended_at_the_next_start(
    installation: Installation, sent: Sent, later: FakeTime
) -> None:
    code, _said = sweep(installation, later, dying_in="Epochs.record_destroyed")
    assert code == -signal.SIGKILL
    assert installation.unit_of_work.epoch_keys.days() == []
    assert count_of(installation.unit_of_work, AuditEvent.KEY_DESTROYED) == 0
    installation.start(1, variables=later.variables)
    wait_until(lambda: count_of(installation.unit_of_work, AuditEvent.KEY_DESTROYED) == 1, 20, "nobody wrote the event")
    assert sweep(installation, later)[1].endswith("0 epoch keys destroyed.\n")
    assert count_of(installation.unit_of_work, AuditEvent.KEY_DESTROYED) == 1


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
def test_nothing_is_called_destroyed_before_its_file_is_gone(
    installation: Installation, sent: Sent, later: FakeTime
) -> None:
    code, _said = sweep(installation, later, dying_in="EpochKeys.destroy")
    assert code == -signal.SIGKILL
    assert installation.unit_of_work.epoch_keys.days() == [sent.expires_at.date()]
    assert count_of(installation.unit_of_work, AuditEvent.KEY_DESTROYED) == 0


@pytest.mark.parametrize("installation", ["postgresql"], indirect=True)
def test_no_key_dies_by_the_clock_of_one_machine_alone(installation: Installation, sent: Sent, later: FakeTime) -> None:
    """Only this machine's clock is three days ahead; the database's is not."""
    assert sweep(installation, later) == (0, "1 shares expired, 0 epoch keys destroyed.\n")
    assert installation.unit_of_work.epoch_keys.days() == [sent.expires_at.date()]
