"""A file system without a free byte under SQLite: nothing is half done, people hear 503, and space heals it."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sharelink.shares.states import ShareState
from tests.attacks.installations import Installation, installed
from tests.audit.readings import verified
from tests.factories import open_record, send_secret
from tests.reliability.journals import Deed, Entry
from tests.reliability.load import Crowd
from tests.reliability.test_mixed_races import rows_of

SIZE_BYTES = 2 * 1024 * 1024
PATIENCE_SECONDS = 35.0
SECRET = "canary of the full disk"


@contextmanager
def small_file_system(folder: Path) -> Iterator[None]:
    """Mount a small file system on `folder`; only root on Linux may."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES},mode=700", "sharelink-test", folder]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small file system")
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def small_installation(migrated_file: Path, tmp_path: Path) -> Iterator[Installation]:
    """Yield an installation whose database, keys and journal lie on a small file system."""
    (tmp_path / "files").mkdir()
    with small_file_system(tmp_path / "files"):
        shutil.copyfile(migrated_file, tmp_path / "files" / "sharelink.db")
        with installed(f"sqlite:///{tmp_path}/files/sharelink.db", tmp_path) as made:
            yield made


@contextmanager
def no_space_left(installation: Installation) -> Iterator[None]:
    """Fill the file system to its last byte."""
    ballast = installation.files / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)) == 4096:
                pass
        except OSError:
            pass
    try:
        yield
    finally:
        ballast.unlink()


def test_a_full_disk_stops_writing_and_loses_nothing(small_installation: Installation) -> None:
    unit_of_work = small_installation.unit_of_work
    server = small_installation.start()[0]
    anna = small_installation.person("Anna")
    record = open_record(unit_of_work, anna)
    crowd = Crowd(unit_of_work, anna, record)
    crowd.sign_in(server.port)
    sent = {deed: send_secret(unit_of_work, anna, SECRET, custody_id=record, code=False) for deed in Deed}
    entries = {
        deed: Entry(one.share_id, one.link, "", SECRET, one.expires_at, is_short=False) for deed, one in sent.items()
    }
    with server.caller() as caller:
        with no_space_left(small_installation):
            for deed, entry in entries.items():
                begun_at = time.monotonic()
                assert crowd.do(caller, entry, deed) == 503
                assert time.monotonic() - begun_at < PATIENCE_SECONDS
            states = rows_of(unit_of_work)
            assert {states[one.share_id] for one in sent.values()} == {(ShareState.SEALED, True)}
            # What needs no writing still answers.
            assert caller.get("/healthz").status == 200
        for deed, entry in entries.items():
            assert crowd.do(caller, entry, deed) in {200, 303}
    states = rows_of(unit_of_work)
    assert all(has_ciphertext is False for _state, has_ciphertext in states.values())
    assert entries[Deed.REVEAL].shown == 1
    assert verified(unit_of_work)[1] == []
