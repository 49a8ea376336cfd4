"""Somebody with the database in hand: each thing they can do to the log is found, and called by its name."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from sharelink.actors import Actor
from sharelink.acts.verifying import verification
from sharelink.audit.checkpoint_file import append_checkpoint, newest_in_file
from sharelink.audit.continuity import discontinuity
from sharelink.audit.findings import FindingKind
from sharelink.audit.models import AuditCheckpoint, AuditHead, AuditLeaf
from sharelink.audit.signing import LogKeys
from sharelink.audit.tree import newest_checkpoint
from sharelink.errors import UnsafeStart
from sharelink.jobs.log_head import beat_once, keep_head_outside_once
from sharelink.settings import Settings
from sharelink.shares.models import Share
from sharelink.start import keep_log_origin, require_continuity
from sharelink.tlog.merkle import Frontier, leaf_hash
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.factories import Person, open_record, send_secret
from tests.fakes import MovableClock

SYSTEM = Actor.system()


@pytest.fixture
def outside(settings: Settings) -> Path:
    return settings.checkpoint_file


@pytest.fixture
def busy(unit_of_work: UnitOfWork, staff: Person, outside: Path) -> UnitOfWork:
    """Return an installation in which something happened, and whose head is known outside."""
    record = open_record(unit_of_work, staff, "Example GmbH")
    for _ in range(3):
        send_secret(unit_of_work, staff, custody_id=record, code=False)
    assert keep_head_outside_once(unit_of_work, outside)
    return unit_of_work


def tamper(unit_of_work: UnitOfWork, *statements: str, **values: object) -> None:
    with unit_of_work.write(SYSTEM) as work:
        for statement in statements:
            work.session.execute(text(statement), values)


def found(unit_of_work: UnitOfWork, outside: Path) -> set[FindingKind]:
    return {finding.kind for finding in verification(unit_of_work, outside).findings()}


def sign_anew(unit_of_work: UnitOfWork, log_keys: LogKeys) -> None:
    """Do what somebody with database and a key would: build tree and checkpoints over the leaves as they are now."""
    with unit_of_work.write(SYSTEM) as work:
        frontier = Frontier.empty()
        leaves = work.session.execute(select(AuditLeaf).order_by(AuditLeaf.index)).scalars()
        checkpoints = {row.size: row for row in work.session.execute(select(AuditCheckpoint)).scalars()}
        for leaf in leaves:
            leaf.leaf_hash = leaf_hash(leaf.leaf)
            frontier.append(leaf.leaf_hash)
            if row := checkpoints.pop(frontier.size, None):
                row.root = frontier.root()
                row.note = log_keys.sign(frontier.size, row.root).to_bytes().decode()
        for row in checkpoints.values():
            work.session.delete(row)
        head = work.session.get_one(AuditHead, 1)
        head.size, head.frontier = frontier.size, frontier.to_bytes()
        work.session.flush()


def test_a_busy_log_fits(busy: UnitOfWork, outside: Path):
    assert found(busy, outside) == set()


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (
            ["UPDATE audit_checkpoint SET note = replace(note, 'localhost', 'elsewhere')"],
            FindingKind.CHECKPOINT_UNSIGNED,
        ),
        (["UPDATE audit_checkpoint SET root = leaf_hash FROM audit_leaf"], FindingKind.CHECKPOINT_DIFFERS),
        (["DELETE FROM audit_checkpoint WHERE size = (SELECT size FROM audit_head)"], FindingKind.CHECKPOINT_MISSING),
        (
            ["UPDATE audit_head SET frontier = (SELECT root FROM audit_checkpoint LIMIT 1)"],
            FindingKind.TREE_DIFFERS,
        ),
        (
            ["UPDATE share SET expires_at = expires_at + 1, state = 'locked' WHERE state = 'sealed'"],
            FindingKind.STATE_DIFFERS,
        ),
        (
            ["UPDATE share SET state = 'burned', outer_ciphertext = NULL, ended_at = created_at"],
            FindingKind.STATE_DIFFERS,
        ),
        (["UPDATE audit_actor SET account_id = (SELECT id FROM share LIMIT 1)"], FindingKind.ACTOR_DIFFERS),
    ],
)
def test_what_stands_beside_the_events_is_held_against_them(
    busy: UnitOfWork, outside: Path, statements: list[str], expected: FindingKind
):
    tamper(busy, *statements)
    assert expected in found(busy, outside)


def test_a_share_that_the_log_knows_and_the_database_does_not_is_missed(busy: UnitOfWork, outside: Path):
    with busy.write(SYSTEM) as work:
        work.session.delete(work.session.scalars(select(Share).limit(1)).one())
        work.session.flush()
    assert found(busy, outside) == {FindingKind.STATE_DIFFERS}


def test_a_share_that_the_log_does_not_know_is_named(busy: UnitOfWork, outside: Path):
    columns = ", ".join(column.name for column in Share.__table__.columns if column.name not in {"id", "form_id"})
    tamper(
        busy,
        f"INSERT INTO share (id, form_id, {columns}) SELECT :new, :new, {columns} FROM share LIMIT 1",
        new=b"n" * 16,
    )
    assert found(busy, outside) == {FindingKind.STATE_DIFFERS}


def test_a_log_cut_off_at_its_end_is_found_by_what_is_known_outside(busy: UnitOfWork, outside: Path):
    with busy.read() as work:
        size = work.session.scalar(select(AuditHead.size))
    assert size is not None
    for table in ("audit_disclosure", "audit_actor", "audit_leaf"):
        tamper(busy, f"DELETE FROM {table} WHERE leaf_index >= :last", last=size - 2)
    sign_anew(busy, busy.log_keys)
    kinds = found(busy, outside)
    assert FindingKind.LOG_SHRANK in kinds
    assert FindingKind.STATE_DIFFERS in kinds


def test_a_log_rewritten_and_signed_anew_as_a_whole_is_found_by_what_is_known_outside(busy: UnitOfWork, outside: Path):
    # The last event of its chain, so that no successor gives it away.
    with busy.write(SYSTEM) as work:
        last = work.session.scalars(select(AuditLeaf).order_by(AuditLeaf.index.desc()).limit(1)).one()
        last.leaf = last.leaf.replace(b'"outcome":"success"', b'"outcome":"refused"')
        work.session.flush()
    sign_anew(busy, busy.log_keys)
    assert found(busy, outside) == {FindingKind.LOG_FORKED}


def test_a_log_cut_off_at_its_end_is_found_by_a_checkpoint_that_was_forgotten(busy: UnitOfWork, tmp_path: Path):
    with busy.write(SYSTEM) as work:
        frontier = Frontier.empty()
        for leaf in work.session.execute(select(AuditLeaf).order_by(AuditLeaf.index)).scalars():
            if leaf.index < 3:
                frontier.append(leaf.leaf_hash)
        for table in ("audit_disclosure", "audit_actor", "audit_leaf"):
            work.session.execute(text(f"DELETE FROM {table} WHERE leaf_index >= 3"))
        head = work.session.get_one(AuditHead, 1)
        head.size, head.frontier = frontier.size, frontier.to_bytes()
        work.session.flush()
    assert FindingKind.LOG_SHRANK in found(busy, tmp_path / "nothing is known outside")


def test_checkpoints_signed_with_another_key_are_not_ours(busy: UnitOfWork, outside: Path):
    sign_anew(busy, LogKeys.of(busy.log_keys.origin, {1: b"k" * 32}))
    assert found(busy, outside) == {FindingKind.CHECKPOINT_UNSIGNED}


def test_a_handed_out_checkpoint_is_checked_for_good(busy: UnitOfWork, outside: Path):
    with busy.read() as work:
        handed_out = newest_checkpoint(work.session)
    assert handed_out is not None
    assert handed_out.handed_out_at is not None
    assert beat_once(busy)
    tamper(
        busy,
        "UPDATE audit_checkpoint SET note = replace(note, ' localhost/audit ', ' localhost/other ') WHERE size = :size",
        size=handed_out.size,
    )
    assert found(busy, outside) == {FindingKind.CHECKPOINT_UNSIGNED}


def test_shares_that_move_while_the_log_is_verified_are_no_finding(busy: UnitOfWork, staff: Person, outside: Path):
    checked = verification(busy, outside)
    findings = checked.findings()
    # The head is read with the first step, and what happens from here on lies beyond it.
    checked.on_progress = lambda _done, _total: send_secret(busy, staff, code=False) and None
    assert list(findings) == []


# What is known outside of the database, at the start.


def test_a_start_on_an_older_copy_of_the_database_is_refused(
    busy: UnitOfWork, app: Flask, settings: Settings, outside: Path
):
    require_continuity(settings)
    tamper(busy, "UPDATE audit_head SET size = size - 1")
    with pytest.raises(UnsafeStart, match="older than what left this service"):
        require_continuity(settings)


def test_a_start_on_another_log_of_the_same_length_is_refused(busy: UnitOfWork, settings: Settings):
    tamper(busy, "UPDATE audit_leaf SET leaf_hash = :other WHERE leaf_index = 1", other=bytes(32))
    with pytest.raises(UnsafeStart, match="not those"):
        require_continuity(settings)


def test_a_start_under_another_name_is_refused(busy: UnitOfWork):
    other = LogKeys.of("other.example/audit", busy.keyring.log_keys)
    with busy.read() as work:
        problem = discontinuity(work.session, other, None)
    assert problem is not None
    assert "SHARELINK_AUDIT_ORIGIN=localhost/audit" in problem


def test_the_log_keeps_its_name_when_the_base_url_changes(
    busy: UnitOfWork, settings: Settings, make_app: Callable[[Settings], Flask]
):
    keep_log_origin(settings)
    moved = make_app(settings.model_copy(update={"base_url": "http://elsewhere.localhost"}))
    with moved.app_context():
        require_continuity(settings)
        assert moved.extensions[EXTENSION].unit_of_work.log_keys.origin == "localhost/audit"
    assert (settings.keyring_directory / "log.origin").stat().st_mode & 0o077 == 0


def test_the_file_survives_a_line_cut_off_and_lines_of_others(busy: UnitOfWork, outside: Path):
    known = newest_in_file(outside, busy.log_keys)
    assert known is not None
    assert known.size
    assert not keep_head_outside_once(busy, outside)
    whole = outside.read_bytes()
    outside.write_bytes(whole + b"localhost/audit\n99999\nnot a hash\n\nno signature\n\n" + whole[: len(whole) // 2])
    assert newest_in_file(outside, busy.log_keys) == known
    assert outside.stat().st_mode & 0o077 == 0
    forged = LogKeys.of(busy.log_keys.origin, {1: b"k" * 32}).sign(known.size + 5, bytes(32))
    append_checkpoint(outside, forged)
    assert newest_in_file(outside, busy.log_keys) == known
    shutil.move(outside, outside.with_suffix(".away"))
    assert newest_in_file(outside, busy.log_keys) is None


def test_a_log_in_which_nothing_happens_beats_once_a_day(busy: UnitOfWork, clock: MovableClock):
    assert beat_once(busy)
    assert not beat_once(busy)
    clock.move(hours=25)
    assert beat_once(busy)
