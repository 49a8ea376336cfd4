"""Whoever changes the database directly is found out, and told what they changed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from sharelink.actors import Actor, ActorKind
from sharelink.audit import events_checks
from sharelink.audit.events import AuditEvent
from sharelink.audit.findings import FindingKind
from sharelink.audit.leaf_checks import parsed_leaf
from sharelink.audit.leaves import canonical_json, disclosure_digest
from sharelink.audit.models import AuditDisclosure
from sharelink.audit.verification import Verification
from sharelink.cli.audit import audit
from sharelink.settings import Settings
from sharelink.tlog.merkle import leaf_hash
from sharelink.unit_of_work import UnitOfWork
from tests.audit.readings import verified

PERSON = Actor(ActorKind.STAFF, account_id=b"p" * 16, name="Anna Example", ip="203.0.113.7", agent="Test browser")


@pytest.fixture
def log(unit_of_work: UnitOfWork) -> UnitOfWork:
    """Return a log with the chains one (events 0, 2, 4, 5) and two (events 1, 3)."""
    for recs in (["one", "two"], ["one", "two", "one"], ["one"]):
        with unit_of_work.write(PERSON) as work:
            for rec in recs:
                work.audit.append(
                    AuditEvent.CUSTODY_DETAILS_CHANGED,
                    rec=rec,
                    actor=PERSON,
                    now=work.now,
                    personal={"customer": "Acme"},
                )
    return unit_of_work


def tamper(log: UnitOfWork, *statements: str, **values: object) -> None:
    with log.write(PERSON) as work:
        for statement in statements:
            work.session.execute(text(statement), values)


def is_sqlite(log: UnitOfWork) -> bool:
    with log.read() as work:
        return work.session.get_bind().dialect.name == "sqlite"


BY_THE_TREE = {FindingKind.CHECKPOINT_DIFFERS, FindingKind.CHECKPOINT_MISSING, FindingKind.TREE_DIFFERS}
"""The tree notices every change of an event; these tests are about who else does, and what they call it."""


def kinds(log: UnitOfWork) -> set[FindingKind]:
    return {finding.kind for finding in verified(log)[1]} - BY_THE_TREE


def leaf(log: UnitOfWork, index: int) -> bytes:
    with log.read() as work:
        found = work.session.execute(text("SELECT leaf FROM audit_leaf WHERE leaf_index = :i"), {"i": index})
        return bytes(found.scalar_one())


def test_an_untouched_log_has_no_findings(log: UnitOfWork):
    verification, findings = verified(log)
    assert findings == []
    assert (verification.counts.events, verification.counts.chains) == (6, 2)
    assert (verification.counts.disclosures, verification.counts.erased) == (24, 0)


def test_an_empty_log_has_no_findings(unit_of_work: UnitOfWork):
    assert verified(unit_of_work)[1] == []


def test_a_log_longer_than_one_batch_is_checked_whole(log: UnitOfWork, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(events_checks, "_LEAVES", events_checks._LEAVES.limit(2))
    verification, findings = verified(log)
    assert findings == []
    assert verification.counts.events == 6
    tamper(log, "UPDATE audit_leaf SET event_type = 'share.stored' WHERE leaf_index = 4")
    assert [(finding.kind, finding.index) for finding in verified(log)[1]] == [(FindingKind.COLUMN_DIFFERS, 4)]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE audit_leaf SET event_type = 'share.stored' WHERE leaf_index = 2", FindingKind.COLUMN_DIFFERS),
        ("UPDATE audit_leaf SET rec = 'three' WHERE leaf_index = 2", FindingKind.COLUMN_DIFFERS),
        ("UPDATE audit_leaf SET rseq = 9 WHERE leaf_index = 5", FindingKind.COLUMN_DIFFERS),
        ("UPDATE audit_leaf SET at = at + 1000 WHERE leaf_index = 2", FindingKind.COLUMN_DIFFERS),
        ("UPDATE audit_leaf SET at = 9000000000000000000 WHERE leaf_index = 2", FindingKind.COLUMN_DIFFERS),
        ("UPDATE audit_leaf SET rseq = 9 WHERE leaf_index = 5", FindingKind.CHAIN_GAP),
        ("UPDATE audit_leaf SET leaf_index = 7 WHERE leaf_index = 2", FindingKind.INDEX_GAP),
        ("UPDATE audit_leaf SET leaf_index = 7 WHERE leaf_index = 2", FindingKind.CHAIN_GAP),
        ("UPDATE audit_leaf SET leaf_index = -1 WHERE leaf_index = 0", FindingKind.INDEX_GAP),
        ("UPDATE audit_head SET size = 9", FindingKind.INDEX_GAP),
        ("UPDATE audit_head SET size = 4", FindingKind.HEAD_DIFFERS),
        ("DELETE FROM audit_head", FindingKind.HEAD_MISSING),
        ("DELETE FROM audit_leaf WHERE leaf_index = 2", FindingKind.INDEX_GAP),
        ("DELETE FROM audit_leaf WHERE leaf_index = 2", FindingKind.CHAIN_GAP),
        ("DELETE FROM audit_leaf WHERE leaf_index = 5", FindingKind.INDEX_GAP),
        ("UPDATE audit_disclosure SET name = 'note' WHERE name = 'ip'", FindingKind.DISCLOSURE_RENAMED),
        ("UPDATE audit_disclosure SET disclosure = 'WyJB' WHERE name = 'ip'", FindingKind.DISCLOSURE_FOREIGN),
        ("UPDATE audit_disclosure SET disclosure = 'ü' WHERE name = 'ip'", FindingKind.DISCLOSURE_FOREIGN),
    ],
)
def test_a_direct_change_of_any_column_is_found_and_named(log: UnitOfWork, statement: str, expected: FindingKind):
    with_disclosures = "audit_leaf SET leaf_index" in statement or statement.startswith("DELETE FROM audit_leaf")
    without = ["DELETE FROM audit_disclosure", "DELETE FROM audit_actor"] if with_disclosures else []
    tamper(log, *without, statement)
    assert expected in kinds(log)


def test_a_changed_leaf_is_found(log: UnitOfWork):
    tamper(
        log,
        "UPDATE audit_leaf SET leaf = :leaf WHERE leaf_index = 2",
        leaf=leaf(log, 2).replace(b"success", b"failure"),
    )
    assert kinds(log) == {FindingKind.LEAF_HASH_DIFFERS}


def test_a_changed_leaf_with_a_fitting_hash_is_found_by_its_successor(log: UnitOfWork):
    changed = leaf(log, 2).replace(b"success", b"failure")
    tamper(
        log,
        "UPDATE audit_leaf SET leaf = :leaf, leaf_hash = :hash WHERE leaf_index = 2",
        leaf=changed,
        hash=leaf_hash(changed),
    )
    found = [(finding.kind, finding.index) for finding in verified(log)[1]]
    assert found[:2] == [(FindingKind.CHECKPOINT_DIFFERS, 4), (FindingKind.CHAIN_BROKEN, 4)]


def test_a_changed_hash_is_found(log: UnitOfWork):
    tamper(log, "UPDATE audit_leaf SET leaf_hash = :hash WHERE leaf_index = 2", hash=bytes(32))
    assert kinds(log) == {FindingKind.LEAF_HASH_DIFFERS, FindingKind.CHAIN_BROKEN}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (b"", FindingKind.LEAF_MALFORMED),
        (b"\xff\xfe", FindingKind.LEAF_MALFORMED),
        (b"[]", FindingKind.LEAF_MALFORMED),
        (b"{}", FindingKind.LEAF_MALFORMED),
        (b"[" * 100_000, FindingKind.LEAF_MALFORMED),
        (b'{"v":1}', FindingKind.LEAF_MALFORMED),
    ],
)
def test_a_leaf_that_is_no_event_is_named(log: UnitOfWork, changed: bytes, expected: FindingKind):
    tamper(
        log,
        "UPDATE audit_leaf SET leaf = :leaf, leaf_hash = :hash WHERE leaf_index = 5",
        leaf=changed,
        hash=leaf_hash(changed),
    )
    assert kinds(log) == {expected}


@pytest.mark.parametrize(
    "changes",
    [{"v": 2}, {"_sd": "none"}, {"_sd": [1]}, {"_sd_alg": "md5"}],
    ids=["version", "digests", "digest", "algorithm"],
)
def test_a_leaf_of_an_unknown_form_is_named(log: UnitOfWork, changes: dict[str, object]):
    changed = canonical_json(parsed_leaf(leaf(log, 5)) | changes)
    tamper(
        log,
        "UPDATE audit_leaf SET leaf = :leaf, leaf_hash = :hash WHERE leaf_index = 5",
        leaf=changed,
        hash=leaf_hash(changed),
    )
    assert kinds(log) == {FindingKind.LEAF_MALFORMED}


@pytest.mark.parametrize("spelling", [lambda raw: raw + b" ", lambda raw: raw.replace(b'"rseq":3', b'"rseq":3.0')])
def test_the_same_json_spelled_otherwise_is_named(log: UnitOfWork, spelling):
    changed = spelling(leaf(log, 5))
    tamper(
        log,
        "UPDATE audit_leaf SET leaf = :leaf, leaf_hash = :hash WHERE leaf_index = 5",
        leaf=changed,
        hash=leaf_hash(changed),
    )
    assert kinds(log) == {FindingKind.LEAF_NOT_CANONICAL}


def test_two_swapped_leaves_are_found(log: UnitOfWork):
    first, second = leaf(log, 2), leaf(log, 4)
    statement = "UPDATE audit_leaf SET leaf = :leaf, leaf_hash = :hash WHERE leaf_index = {}"
    tamper(log, statement.format(2), leaf=second, hash=leaf_hash(second))
    tamper(log, statement.format(4), leaf=first, hash=leaf_hash(first))
    assert kinds(log) == {FindingKind.COLUMN_DIFFERS, FindingKind.CHAIN_BROKEN, FindingKind.DISCLOSURE_FOREIGN}


def test_a_chain_whose_beginning_was_cut_off_is_found(log: UnitOfWork):
    tamper(
        log, "DELETE FROM audit_disclosure", "DELETE FROM audit_actor", "DELETE FROM audit_leaf WHERE leaf_index = 0"
    )
    assert kinds(log) == {FindingKind.INDEX_GAP, FindingKind.CHAIN_GAP}


def test_a_text_function_of_the_database_does_not_hide_a_change(log: UnitOfWork):
    if not is_sqlite(log):
        return  # PostgreSQL has no such function for bytes, and refuses text in their place.
    tamper(log, "UPDATE audit_leaf SET leaf = replace(leaf, 'success', 'failure') WHERE leaf_index = 5")
    assert kinds(log) == {FindingKind.LEAF_HASH_DIFFERS}


def test_erased_personal_fields_are_counted_and_no_finding(log: UnitOfWork):
    with log.write(PERSON) as work:
        work.session.execute(delete(AuditDisclosure).where(AuditDisclosure.name == "ip"))
    verification, findings = verified(log)
    assert findings == []
    assert verification.counts.erased == 6


def test_a_personal_field_moved_to_another_event_is_found(log: UnitOfWork):
    tamper(
        log,
        "DELETE FROM audit_disclosure WHERE leaf_index = 2 AND name = 'ip'",
        "UPDATE audit_disclosure SET leaf_index = 2 WHERE leaf_index = 4 AND name = 'ip'",
    )
    assert kinds(log) == {FindingKind.DISCLOSURE_FOREIGN}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("disclosure = CAST(disclosure AS BLOB)", FindingKind.DISCLOSURE_FOREIGN),
        ("disclosure = 'ä' || disclosure", FindingKind.DISCLOSURE_FOREIGN),
        ("disclosure = ''", FindingKind.DISCLOSURE_FOREIGN),
        ("name = CAST(name AS BLOB)", FindingKind.DISCLOSURE_RENAMED),
    ],
)
def test_bytes_and_foreign_letters_in_place_of_a_personal_field_are_found(log: UnitOfWork, change: str, kind: object):
    if not is_sqlite(log):
        return  # PostgreSQL refuses bytes in place of a text; a changed text is found there as here.
    tamper(log, f"UPDATE audit_disclosure SET {change} WHERE leaf_index = 2 AND name = 'ip'")
    assert kinds(log) == {kind}


@pytest.mark.parametrize("written", ["", "MQ", "bm90IGpzb24", "!"])
def test_what_is_no_personal_field_although_the_event_commits_to_it_is_found(log: UnitOfWork, written: str):
    fields = parsed_leaf(leaf(log, 2))
    fields["_sd"] = [disclosure_digest(written)]
    tamper(log, "UPDATE audit_leaf SET leaf = :leaf WHERE leaf_index = 2", leaf=canonical_json(fields))
    tamper(log, "DELETE FROM audit_disclosure WHERE leaf_index = 2 AND name <> 'ip'")
    tamper(log, "UPDATE audit_disclosure SET disclosure = :text WHERE leaf_index = 2", text=written)
    assert kinds(log) == {FindingKind.LEAF_HASH_DIFFERS, FindingKind.DISCLOSURE_RENAMED}


@pytest.mark.parametrize("index", [-(2**63), -1, 2**62, 2**63 - 1])
def test_an_event_that_was_planted_outside_of_all_numbers_is_found(log: UnitOfWork, index: int):
    tamper(
        log,
        "INSERT INTO audit_leaf SELECT :index, rec, rseq + 1000, event_type, at, leaf, leaf_hash"
        " FROM audit_leaf WHERE leaf_index = 2",
        index=index,
    )
    found = kinds(log)
    assert FindingKind.INDEX_GAP in found or FindingKind.HEAD_DIFFERS in found
    assert FindingKind.UNREADABLE not in found


def test_bytes_in_place_of_the_text_of_a_checkpoint_are_found(log: UnitOfWork):
    if not is_sqlite(log):
        return  # PostgreSQL refuses them.
    tamper(log, "UPDATE audit_checkpoint SET note = CAST(note AS BLOB)")
    found = {finding.kind for finding in verified(log)[1]}
    assert found == {FindingKind.CHECKPOINT_DIFFERS, FindingKind.CHECKPOINT_UNSIGNED}


def test_personal_fields_without_event_are_found(log: UnitOfWork, settings: Settings):
    delete_without_foreign_keys(log, settings, 2, 5)
    found = [finding.index for finding in verified(log)[1] if finding.kind is FindingKind.DISCLOSURE_WITHOUT_EVENT]
    assert found == [2, 5]


def delete_without_foreign_keys(log: UnitOfWork, settings: Settings, *indices: int) -> None:
    """Delete events as somebody would who owns the database, and leave their disclosures."""
    numbers = ", ".join(str(index) for index in indices)
    statement = f"DELETE FROM audit_leaf WHERE leaf_index IN ({numbers})"
    if is_sqlite(log):
        # A connection that never switched foreign keys on.
        with closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))) as connection:
            connection.execute(statement)
            connection.commit()
    else:
        tamper(
            log,
            "ALTER TABLE audit_disclosure DROP CONSTRAINT fk_audit_disclosure_leaf_index_audit_leaf",
            "ALTER TABLE audit_actor DROP CONSTRAINT fk_audit_actor_leaf_index_audit_leaf",
            statement,
        )


def test_the_command_ends_with_success_only_for_a_whole_log(log: UnitOfWork):
    runner = CliRunner()
    good = runner.invoke(audit, ["verify"])
    assert good.exit_code == 0, good.output
    assert "6 events in 2 chains" in good.output
    assert "Everything fits." in good.output
    tamper(log, "UPDATE audit_leaf SET event_type = 'share.stored' WHERE leaf_index = 2")
    bad = runner.invoke(audit, ["verify"])
    assert bad.exit_code == 1
    assert "column_differs: event 2" in bad.output


def test_events_appended_while_verifying_are_left_for_the_next_time(log: UnitOfWork):
    readings = 0

    @contextmanager
    def reading_while_others_write() -> Iterator[Session]:
        nonlocal readings
        readings += 1
        if readings > 1:
            with log.write(PERSON) as work:
                work.audit.append(AuditEvent.CUSTODY_ARCHIVED, rec="one", actor=PERSON, now=work.now)
        with log.read() as work:
            yield work.session

    verification = Verification(reading_while_others_write, log.log_keys, log.keyring.audit_key)
    assert list(verification.findings()) == []
    assert verification.counts.events == 6
    assert readings > 2
