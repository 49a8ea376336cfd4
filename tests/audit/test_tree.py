"""The tree over the log and its checkpoints: written with each act, good for proofs, never two that disagree."""

import threading

import pytest
from flask import Flask
from sqlalchemy import select, text

from sharelink.actors import Actor
from sharelink.audit import tree as tree_module
from sharelink.audit.errors import AuditUnavailable
from sharelink.audit.events import AuditEvent
from sharelink.audit.models import AuditCheckpoint, AuditLeaf
from sharelink.audit.tree import LogTree, checkpoint_of_size, newest_checkpoint
from sharelink.tlog.merkle import leaf_hash, root_of, verify_consistency, verify_inclusion
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION

SYSTEM = Actor.system()


def append(unit_of_work: UnitOfWork, count: int = 1, rec: str = "one") -> None:
    with unit_of_work.write(SYSTEM) as work:
        for _ in range(count):
            work.audit.append(AuditEvent.CUSTODY_REVIEWED, rec=rec, actor=SYSTEM, now=work.now)


def hashes(unit_of_work: UnitOfWork) -> list[bytes]:
    with unit_of_work.read() as work:
        return [leaf_hash(leaf) for leaf in work.session.scalars(select(AuditLeaf.leaf).order_by(AuditLeaf.index))]


def test_every_act_signs_one_checkpoint_over_all_events_so_far(unit_of_work: UnitOfWork):
    for count in (1, 3, 2):
        append(unit_of_work, count)
    stored = hashes(unit_of_work)
    with unit_of_work.read() as work:
        sizes = work.session.scalars(select(AuditCheckpoint.size).order_by(AuditCheckpoint.size)).all()
        assert sizes == [1, 4, 6]
        for size in sizes:
            found = checkpoint_of_size(work.session, size)
            assert found is not None
            assert found.root == root_of(stored[:size])
            signed = unit_of_work.log_keys.check(found.note)
            assert (signed.origin, signed.size, signed.root) == ("localhost/audit", size, found.root)


def test_an_act_that_fails_signs_nothing(unit_of_work: UnitOfWork):
    with pytest.raises(RuntimeError), unit_of_work.write(SYSTEM) as work:
        work.audit.append(AuditEvent.CUSTODY_REVIEWED, rec="one", actor=SYSTEM, now=work.now)
        raise RuntimeError
    with unit_of_work.read() as work:
        assert newest_checkpoint(work.session) is None


def test_a_changed_head_stops_every_act(unit_of_work: UnitOfWork):
    append(unit_of_work, 3)
    with unit_of_work.write(SYSTEM) as work:
        work.session.execute(text("UPDATE audit_head SET size = 7"))
    with pytest.raises(AuditUnavailable):
        append(unit_of_work)


def test_every_event_is_proven_in_a_log_with_full_subtrees(unit_of_work: UnitOfWork):
    for count in (200, 57, 300, 13):
        append(unit_of_work, count)
    stored = hashes(unit_of_work)
    with unit_of_work.read() as work:
        newest = newest_checkpoint(work.session)
        assert newest is not None
        assert newest.size == len(stored) == 570
        tree = LogTree(work.session, newest.size)
        assert tree.root() == newest.root
        for index, hashed in enumerate(stored):
            verify_inclusion(hashed, index, newest.size, tree.inclusion(index, newest.note).path, newest.root)
        for old in (1, 200, 255, 256, 257, 512, 557, 569, 570):
            path = tree.consistency(old, newest.note).path
            verify_consistency(old, root_of(stored[:old]), newest.size, newest.root, path)
            assert tree.root_of_first(old) == root_of(stored[:old])


def test_a_missing_part_of_the_tree_is_said_and_not_proven_around(unit_of_work: UnitOfWork):
    append(unit_of_work, 300)
    with unit_of_work.write(SYSTEM) as work:
        work.session.execute(text("DELETE FROM audit_subtree"))
    with unit_of_work.read() as work:
        newest = newest_checkpoint(work.session)
        assert newest is not None
        with pytest.raises(AuditUnavailable):
            tree_module.LogTree(work.session, newest.size).inclusion(299, newest.note)


def test_acts_at_once_never_sign_two_trees_of_one_size(app: Flask, unit_of_work: UnitOfWork):
    def work_on(number: int) -> None:
        with app.app_context():
            for _ in range(8):
                append(app.extensions[EXTENSION].unit_of_work, 1 + number % 2, rec=f"chain {number % 3}")

    threads = [threading.Thread(target=work_on, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = hashes(unit_of_work)
    assert len(stored) == 8 * (3 * 1 + 3 * 2)
    with unit_of_work.read() as work:
        rows = work.session.execute(select(AuditCheckpoint.size, AuditCheckpoint.root)).all()
    assert len(rows) == 48
    assert all(root == root_of(stored[:size]) for size, root in rows)
