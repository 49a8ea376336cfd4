"""The keyring and the epoch keys: made once, whole or absent, and gone when they are gone."""

import os
import threading
from datetime import date
from pathlib import Path

import pytest

from sharelink.crypto.epoch_keys import EpochKeys
from sharelink.crypto.errors import EpochKeyMissing, MasterKeyMissing
from sharelink.crypto.keyring import Keyring, create_missing_keys
from sharelink.errors import UnsafeStart

DAY = date(2026, 11, 30)


def test_a_new_keyring_has_one_private_file_per_purpose_and_loads(tmp_path: Path) -> None:
    directory = tmp_path / "keyring"
    made = create_missing_keys(directory)
    purposes = ("master", "token", "audit", "client", "form", "factor", "webhook", "log")
    assert made == [f"{purpose}.1.key" for purpose in purposes]
    assert all((directory / name).stat().st_mode & 0o777 == 0o600 for name in made)
    keyring = Keyring.load(directory)
    assert len({keyring.audit_key, keyring.client_key, keyring.form_key, keyring.master(1), *keyring.token_keys}) == 5


def test_making_keys_again_changes_none(tmp_path: Path) -> None:
    create_missing_keys(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert create_missing_keys(tmp_path) == []
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_every_problem_of_a_keyring_is_told_at_once_and_no_value(tmp_path: Path) -> None:
    create_missing_keys(tmp_path)
    (tmp_path / "audit.1.key").unlink()
    (tmp_path / "client.1.key").write_text("short\n")
    (tmp_path / "token.2.key").write_bytes((tmp_path / "form.1.key").read_bytes())
    (tmp_path / "master.1.key").write_text("A" * 43)
    (tmp_path / "surprise.key").write_text("x")
    with pytest.raises(UnsafeStart) as refused:
        Keyring.load(tmp_path)
    told = "\n".join(refused.value.problems)
    for name in ("audit.1.key is missing", "client.1.key", "are equal", "placeholder", "surprise.key"):
        assert name in told
    assert (tmp_path / "form.1.key").read_text().strip() not in told


def test_a_missing_keyring_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UnsafeStart, match="sharelink keys create"):
        Keyring.load(tmp_path / "nowhere")


def test_a_master_key_version_that_is_gone_is_a_named_fact(tmp_path: Path) -> None:
    create_missing_keys(tmp_path)
    with pytest.raises(MasterKeyMissing):
        Keyring.load(tmp_path).master(2)


def test_racing_makers_of_an_epoch_key_agree_on_one(tmp_path: Path) -> None:
    epochs = EpochKeys(tmp_path / "epochs")
    start = threading.Barrier(12)
    keys: list[bytes] = []

    def make() -> None:
        start.wait()
        keys.append(epochs.ensure(DAY))

    threads = [threading.Thread(target=make) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 12
    assert len(set(keys)) == 1
    assert sorted(path.name for path in (tmp_path / "epochs").iterdir()) == ["2026-11-30.key"]


def test_a_destroyed_epoch_key_is_gone_at_once_and_never_the_same_again(tmp_path: Path) -> None:
    epochs = EpochKeys(tmp_path)
    key = epochs.ensure(DAY)
    assert epochs.destroy(DAY)
    with pytest.raises(EpochKeyMissing):
        epochs.get(DAY)
    assert epochs.days() == []
    assert not epochs.destroy(DAY)
    assert epochs.ensure(DAY) != key


def test_the_destroyed_key_is_overwritten_before_its_name_is_removed(tmp_path: Path) -> None:
    epochs = EpochKeys(tmp_path)
    key = epochs.ensure(DAY)
    os.link(tmp_path / "2026-11-30.key", tmp_path / "second-name")
    epochs.destroy(DAY)
    assert (tmp_path / "second-name").read_bytes() != key


def test_days_are_listed_and_foreign_files_left_alone(tmp_path: Path) -> None:
    epochs = EpochKeys(tmp_path)
    for day in (DAY, date(2026, 11, 24)):
        epochs.ensure(day)
    (tmp_path / "notes.txt").write_text("x")
    assert epochs.days() == [date(2026, 11, 24), DAY]
