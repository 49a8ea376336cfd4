"""Appending: numbering, chaining, and all or nothing."""

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import delete, func, select

from sharelink.actors import Actor, ActorKind
from sharelink.audit.errors import AuditUnavailable
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.leaves import canonical_json, disclosure_digest
from sharelink.audit.models import AuditActor, AuditDisclosure, AuditHead, AuditLeaf
from sharelink.audit.writing import COLUMNS
from sharelink.errors import StorageUnavailable
from sharelink.persistence.database import Base
from sharelink.persistence.write_queue import COURTESY_SECONDS, HeadQueue
from sharelink.tlog.merkle import leaf_hash
from sharelink.tlog.signed_notes import base64_text
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.audit.readings import verified

PERSON = Actor(
    ActorKind.STAFF,
    account_id=b"p" * 16,
    name="Anna Example",
    session_ref="session-ref",
    amr=("pwd",),
    ip="203.0.113.7",
    agent="Test browser",
)


def append(unit_of_work: UnitOfWork, *recs: str, actor: Actor = PERSON) -> None:
    with unit_of_work.write(actor) as work:
        for rec in recs:
            work.audit.append(
                AuditEvent.CUSTODY_OPENED,
                rec=rec,
                actor=actor,
                now=work.now,
                facts={"kind": "credential"},
                personal={"customer": "Acme"},
            )


def leaves(unit_of_work: UnitOfWork) -> list[tuple[int, str, int, bytes]]:
    with unit_of_work.read() as work:
        wanted = select(AuditLeaf.index, AuditLeaf.rec, AuditLeaf.rseq, AuditLeaf.leaf).order_by(AuditLeaf.index)
        return [(row[0], row[1], row[2], row[3]) for row in work.session.execute(wanted)]


def test_events_are_numbered_over_all_and_within_their_chain(unit_of_work: UnitOfWork):
    append(unit_of_work, "one", "two", "one")
    append(unit_of_work, "one")
    assert [row[:3] for row in leaves(unit_of_work)] == [(0, "one", 0), (1, "two", 0), (2, "one", 1), (3, "one", 2)]


def test_each_event_names_the_hash_of_its_predecessor_in_the_chain(unit_of_work: UnitOfWork):
    append(unit_of_work, "one", "two")
    append(unit_of_work, "one")
    stored = [leaf for _index, _rec, _rseq, leaf in leaves(unit_of_work)]
    fields = [json.loads(leaf) for leaf in stored]
    assert fields[0]["prev"] is None
    assert fields[1]["prev"] is None
    assert fields[2]["prev"] == base64_text(leaf_hash(stored[0]))


def test_a_leaf_is_canonical_and_has_exactly_the_fields_of_its_version(unit_of_work: UnitOfWork):
    append(unit_of_work, "one")
    leaf = leaves(unit_of_work)[0][3]
    fields = json.loads(leaf)
    assert canonical_json(fields) == leaf
    assert set(fields) == {
        *("v", "id", "t", "type", "rec", "rseq", "prev", "actor", "obj", "outcome", "reason", "purpose"),
        *("_sd_alg", "_sd", "facts"),
    }
    assert fields["t"] == "2026-11-23T12:00:00.000Z"
    assert fields["type"] == "custody.opened"
    assert set(fields["actor"]) == {"kind", "ref", "session", "amr"}


def test_personal_fields_are_only_in_disclosures_that_the_leaf_commits_to(unit_of_work: UnitOfWork):
    append(unit_of_work, "one")
    leaf = leaves(unit_of_work)[0][3]
    for personal in (b"Anna", b"203.0.113.7", b"Test browser", b"Acme"):
        assert personal not in leaf
    with unit_of_work.read() as work:
        disclosed = work.session.execute(select(AuditDisclosure.name, AuditDisclosure.disclosure)).all()
    assert {name for name, _text in disclosed} == {"actor_name", "ip", "user_agent", "customer"}
    assert sorted(disclosure_digest(text) for _name, text in disclosed) == json.loads(leaf)["_sd"]


def test_the_same_person_has_another_name_in_every_chain(unit_of_work: UnitOfWork):
    append(unit_of_work, "one", "two", "one")
    refs = [json.loads(leaf)["actor"]["ref"] for _index, _rec, _rseq, leaf in leaves(unit_of_work)]
    assert refs[0] == refs[2] != refs[1]


def test_an_act_that_fails_leaves_no_event_and_no_gap(unit_of_work: UnitOfWork):
    append(unit_of_work, "one")
    with pytest.raises(RuntimeError), unit_of_work.write(PERSON) as work:
        work.audit.append(AuditEvent.CUSTODY_OPENED, rec="one", actor=PERSON, now=work.now)
        raise RuntimeError
    append(unit_of_work, "one")
    assert [row[:3] for row in leaves(unit_of_work)] == [(0, "one", 0), (1, "one", 1)]


def test_without_the_head_nothing_can_be_done(unit_of_work: UnitOfWork):
    with unit_of_work.write(PERSON) as work:
        work.session.execute(delete(AuditHead))
    with pytest.raises(AuditUnavailable):
        append(unit_of_work, "one")
    assert leaves(unit_of_work) == []


def test_an_event_that_is_too_large_undoes_its_act(unit_of_work: UnitOfWork):
    with pytest.raises(AuditUnavailable), unit_of_work.write(PERSON) as work:
        work.audit.append(
            AuditEvent.CUSTODY_OPENED, rec="one", actor=PERSON, now=work.now, facts={"kind": "x" * 70_000}
        )
    assert leaves(unit_of_work) == []


def test_an_audit_that_cannot_be_written_is_a_storage_failure():
    assert issubclass(AuditUnavailable, StorageUnavailable)


def test_the_moment_of_an_event_is_that_of_its_unit_of_work(unit_of_work: UnitOfWork):
    append(unit_of_work, "one")
    with unit_of_work.read() as work:
        assert work.session.execute(select(AuditLeaf.at)).scalar_one() == datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_writers_at_the_same_time_leave_neither_gap_nor_twin(app: Flask):
    writers, each = 6, 8
    finished: list[int] = []
    start = threading.Barrier(writers)

    def write(number: int) -> None:
        # Each with a queue of its own, as if it were another process: only the database keeps them apart.
        unit_of_work = replace(app.extensions[EXTENSION].unit_of_work, head_queue=HeadQueue())
        with app.app_context():
            start.wait()
            for turn in range(each):
                # Some share a chain, some have their own, and all share the system's.
                append(unit_of_work, f"chain-{number % 3}", SYSTEM_CHAIN)
                if turn == each // 2:
                    fail(unit_of_work)
        finished.append(number)

    def fail(unit_of_work: UnitOfWork) -> None:
        with pytest.raises(RuntimeError), unit_of_work.write(PERSON) as work:
            work.audit.append(AuditEvent.CUSTODY_OPENED, rec=SYSTEM_CHAIN, actor=PERSON, now=work.now)
            work.audit.write_pending(work.connection)
            raise RuntimeError

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(finished) == list(range(writers))
    with app.app_context():
        unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
        with unit_of_work.read() as work:
            indices = work.session.execute(select(AuditLeaf.index).order_by(AuditLeaf.index)).scalars().all()
            longest = work.session.execute(
                select(func.max(AuditLeaf.rseq)).where(AuditLeaf.rec == SYSTEM_CHAIN)
            ).scalar_one()
        assert list(indices) == list(range(writers * each * 2))
        assert longest == writers * each - 1
        verification, findings = verified(unit_of_work)
        assert findings == []
        assert verification.counts.events == writers * each * 2
        assert verification.counts.chains == 4


@pytest.mark.parametrize("count", [16, 17, 300])
def test_an_act_of_many_events_is_stored_whole(unit_of_work: UnitOfWork, count: int):
    append(unit_of_work, *(f"chain-{number % 3}" for number in range(count)))
    append(unit_of_work, "chain-0")
    verification, findings = verified(unit_of_work)
    assert findings == []
    assert (verification.counts.events, verification.counts.chains) == (count + 1, 3)
    with unit_of_work.read() as work:
        disclosures, actors = (
            work.session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (AuditDisclosure, AuditActor)
        )
    # Customer, name, address and browser of each.
    assert (disclosures, actors) == (4 * (count + 1), count + 1)


def test_whoever_has_waited_long_in_the_queue_for_the_head_goes_on_without_a_turn(unit_of_work: UnitOfWork):
    with unit_of_work.head_queue.turn():
        append(unit_of_work, "one")
    assert len(leaves(unit_of_work)) == 1


def test_an_act_that_fails_at_the_head_gives_its_turn_back(unit_of_work: UnitOfWork):
    with pytest.raises(AuditUnavailable), unit_of_work.write(PERSON) as work:
        work.session.execute(delete(AuditHead))
        work.audit.append(AuditEvent.CUSTODY_OPENED, rec="one", actor=PERSON, now=work.now)
    began = time.monotonic()
    append(unit_of_work, "one")
    assert time.monotonic() - began < COURTESY_SECONDS


def test_what_is_stored_has_the_columns_of_the_tables():
    stored = {table: set(columns) for table, columns in COLUMNS.items()}
    tables = {name: {column.name for column in table.columns} for name, table in Base.metadata.tables.items()}
    # A checkpoint is handed out later.
    assert {name: tables[name] - {"handed_out_at"} for name in stored} == stored
