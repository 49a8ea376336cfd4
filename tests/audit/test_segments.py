"""A long log is checked in several processes: sooner, and with the same result as one event after the other."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from sharelink.actors import Actor
from sharelink.acts.verifying import state_checks
from sharelink.audit import chain_checks, segments
from sharelink.audit.events import AuditEvent
from sharelink.audit.findings import Finding, FindingKind
from sharelink.audit.segments import Segment, SegmentChecks
from sharelink.audit.verification import Progress, Verification
from sharelink.tlog.checkpoints import Checkpoint
from sharelink.unit_of_work import UnitOfWork
from tests.audit.readings import reading
from tests.factories import Person, make_person, send_secret

EACH = 256
VISITOR = Actor.public("203.0.113.7", "Test browser")


@pytest.fixture(autouse=True)
def quickly_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes begin as copies of one that has imported everything; `spawn`, as shipped, has a test of its own."""
    copying = multiprocessing.get_context("forkserver")
    copying.set_forkserver_preload(["sharelink.acts.verifying"])
    monkeypatch.setattr(segments, "get_context", lambda _method: copying)


@pytest.fixture
def staff(unit_of_work: UnitOfWork) -> Person:
    return make_person(unit_of_work, "Anna", "anna@example.com")


@pytest.fixture
def log(unit_of_work: UnitOfWork, staff: Person) -> UnitOfWork:
    """Return a log of four segments of 256 events and a rest; a share is made in the first and revealed in the last."""
    sent = send_secret(unit_of_work, staff, "canary", code=False)
    for number in range(22):
        with unit_of_work.write(VISITOR) as work:
            for chain in ("one", "two", f"of its own {number}"):
                for _ in range(16):
                    work.audit.append(AuditEvent.CUSTODY_REVIEWED, rec=chain, actor=VISITOR, now=work.now)
    with unit_of_work.write(VISITOR) as work:
        work.shares.claim(work.shares.find(sent.link))
    return unit_of_work


def tamper(log: UnitOfWork, statement: str) -> None:
    with log.write(VISITOR) as work:
        work.session.execute(text(statement))


def verification(
    log: UnitOfWork,
    side_by_side: SegmentChecks | None,
    held: Sequence[Checkpoint] = (),
    on_progress: Progress = lambda _done, _total: None,
) -> tuple[Verification, list[Finding]]:
    made = Verification(
        lambda: reading(log),
        log.log_keys,
        log.keyring.audit_key,
        held=held,
        state_checks=state_checks(),
        side_by_side=side_by_side,
        on_progress=on_progress,
    )
    return made, list(made.findings())


def in_processes(log: UnitOfWork) -> SegmentChecks:
    url = log.engine.url.render_as_string(hide_password=False)
    return SegmentChecks(url, log.keyring.audit_key, state_checks, processes=2, segment_events=EACH)


class Segments:
    """Counts the segments that others have checked and found clean: they come first, each as long as the other."""

    def __init__(self) -> None:
        self.clean = 0

    def tell(self, done: int, _total: int) -> None:
        self.clean += done == (self.clean + 1) * EACH


def test_several_processes_count_and_hash_what_one_does(log: UnitOfWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "get_context", multiprocessing.get_context)
    segments_seen = Segments()
    alone, nothing = verification(log, None)
    together, neither = verification(log, in_processes(log), on_progress=segments_seen.tell)
    assert segments_seen.clean == 4
    assert nothing == neither == []
    assert together.counts == alone.counts
    assert together.root == alone.root


@pytest.mark.parametrize(
    ("statement", "clean"),
    [
        ("UPDATE audit_leaf SET rseq = 900 WHERE leaf_index = 300", 1),
        ("UPDATE audit_leaf SET leaf_hash = substr(leaf_hash, 1, 31) WHERE leaf_index = 600", 2),
        ("DELETE FROM audit_leaf WHERE leaf_index = 511", 1),
        ("UPDATE audit_leaf SET leaf_index = -5 WHERE leaf_index = 0", 0),
        ("UPDATE audit_checkpoint SET root = (SELECT root FROM audit_subtree WHERE number = 0) WHERE size > 700", 2),
        ("UPDATE audit_subtree SET root = (SELECT root FROM audit_subtree WHERE number = 0) WHERE number = 1", 1),
        ("DELETE FROM audit_subtree WHERE number = 2", 2),
        ("UPDATE audit_subtree SET root = 'x' WHERE number = 1", 1),
        ("UPDATE audit_leaf SET leaf_hash = 'x' WHERE leaf_index = 255", 0),
        ("UPDATE share SET state = 'burned'", 4),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_the_same_words(log: UnitOfWork, statement: str, clean: int) -> None:
    if "audit_leaf SET leaf_index" in statement or "DELETE FROM audit_leaf" in statement:
        tamper(log, "DELETE FROM audit_disclosure")
        tamper(log, "DELETE FROM audit_actor")
    tamper(log, statement)
    segments_seen = Segments()
    alone = verification(log, None)[1]
    assert alone
    assert verification(log, in_processes(log), on_progress=segments_seen.tell)[1] == alone
    assert segments_seen.clean == clean


def test_a_segment_counts_only_if_the_one_before_has_grown_the_tree_that_it_began_with(
    log: UnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    tamper(log, f"DELETE FROM audit_checkpoint WHERE size > {2 * EACH} AND size <= {3 * EACH}")
    planned = SegmentChecks._segments

    def misled(*arguments: Any) -> Iterator[Segment]:
        for segment in planned(*arguments):
            yield replace(segment, frontier=bytes(32)) if segment.first == 2 * EACH else segment

    monkeypatch.setattr(SegmentChecks, "_segments", misled)
    segments_seen = Segments()
    assert verification(log, in_processes(log), on_progress=segments_seen.tell)[1] == []
    assert segments_seen.clean == 2


def test_a_checkpoint_from_outside_is_held_against_the_segment_that_it_ends_in(log: UnitOfWork) -> None:
    with log.read() as work:
        size, root = work.session.execute(
            text("SELECT size, root FROM audit_checkpoint WHERE size > 300 ORDER BY size LIMIT 1")
        ).one()
    true = Checkpoint(log.log_keys.origin, size, bytes(root))
    assert verification(log, in_processes(log), [true])[1] == []
    forked = replace(true, root=bytes(32))
    [finding] = verification(log, in_processes(log), [forked])[1]
    assert (finding.kind, finding.index) == (FindingKind.LOG_FORKED, size - 1)


def kill_this_process(*_arguments: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def forbid(*_arguments: object, **_named: object) -> None:
    raise PermissionError


def forbid_to_be_nice(database_url: str, pseudonym_key: bytes, made: segments.StateChecks) -> None:
    os.nice = forbid  # type: ignore[assignment]
    segments._begin(database_url, pseudonym_key, made)


@pytest.mark.parametrize(("name", "instead"), [("_begin", kill_this_process), ("ProcessPoolExecutor", forbid)])
def test_a_process_that_is_killed_or_cannot_be_begun_costs_time_only(
    log: UnitOfWork, monkeypatch: pytest.MonkeyPatch, name: str, instead: object
) -> None:
    monkeypatch.setattr(segments, name, instead)
    segments_seen = Segments()
    made, findings = verification(log, in_processes(log), on_progress=segments_seen.tell)
    assert (findings, segments_seen.clean) == ([], 0)
    assert made.counts.events > 4 * EACH


def test_a_unit_that_forbids_to_step_back_still_has_several_processes(
    log: UnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_begin", forbid_to_be_nice)
    segments_seen = Segments()
    assert verification(log, in_processes(log), on_progress=segments_seen.tell)[1] == []
    assert segments_seen.clean == 4


def test_one_processor_or_a_short_log_begin_no_process(log: UnitOfWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "ProcessPoolExecutor", None)
    assert verification(log, replace(in_processes(log), processes=1))[1] == []
    assert verification(log, replace(in_processes(log), segment_events=512))[1] == []


def test_predecessors_are_looked_up_by_the_index_and_no_table_is_read_whole(log: UnitOfWork) -> None:
    """A million events have ten thousand chains, and each segment begins without their ends."""
    if log.engine.name != "sqlite":
        pytest.skip("PostgreSQL chooses by what it knows of a table: a small one it reads whole")
    spelt = chain_checks._PREDECESSORS.compile(log.engine)
    named = spelt.construct_params(chain_checks._arguments([("one", 3), ("two", 7)]))
    values = tuple(named[name] for name in spelt.positiontup or ())
    with log.read() as work:
        steps = work.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {spelt}", values).all()
    told = [step.detail for step in steps if "audit_leaf" in step.detail]
    assert told == ["SEARCH audit_leaf USING INDEX uq_audit_leaf_rec_rseq (rec=? AND rseq=?)"]
