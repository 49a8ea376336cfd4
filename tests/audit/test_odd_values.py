"""Whoever owns the database may put anything into any column: it is a finding, and never the end of a verification."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from sharelink.acts.verifying import verification
from sharelink.audit import events_checks
from sharelink.audit.events import AuditEvent
from sharelink.audit.findings import Finding, FindingKind
from sharelink.crypto.identifiers import id_text
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person, open_record, send_secret

# PostgreSQL holds every column to its type.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

COLUMNS = {
    "audit_leaf": ("leaf_index", "rec", "rseq", "event_type", "at", "leaf", "leaf_hash"),
    "audit_disclosure": ("leaf_index", "name", "disclosure"),
    "audit_actor": ("leaf_index", "account_id"),
    "audit_checkpoint": ("size", "root", "note"),
    "audit_head": ("size", "frontier"),
    "share": ("id", "state", "custody_id"),
    "custody_record": ("id", "state"),
}
BELOW_ALL = str(-(2**63))
ODD = (
    BELOW_ALL,
    "X'00ff'",
    "X''",
    "'ä'",
    "''",
    "1.5",
    "-1",
    "4611686018427387904",
    "9223372036854775807",
    "1e300",
    "CAST(X'ff61' AS TEXT)",
)


@pytest.fixture
def database(unit_of_work: UnitOfWork, staff: Person, settings: Settings) -> Iterator[sqlite3.Connection]:
    """Yield what somebody has in hand who owns the file of a busy installation: no check and no trigger holds them."""
    record = open_record(unit_of_work, staff, "Example GmbH")
    for _ in range(2):
        send_secret(unit_of_work, staff, custody_id=record, code=False)
    with closing(sqlite3.connect(str(settings.database_file), isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{trigger}"')
        yield connection


def findings(unit_of_work: UnitOfWork, settings: Settings) -> list[Finding]:
    # In one process: a head that tells of a very long log would have others started for it.
    checked = replace(verification(unit_of_work, settings.checkpoint_file), side_by_side=None)
    return list(checked.findings())


@pytest.mark.parametrize("which", ["min", "max"])
@pytest.mark.parametrize("table", COLUMNS)
def test_an_odd_value_is_a_finding(
    database: sqlite3.Connection,
    unit_of_work: UnitOfWork,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    which: str,
) -> None:
    # Several batches, so that what one needs of another is read again.
    monkeypatch.setattr(events_checks, "_LEAVES", events_checks._LEAVES.limit(5))
    (row,) = database.execute(f"SELECT {which}(rowid) FROM {table}").fetchone()
    for column in COLUMNS[table]:
        (kept,) = database.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (row,)).fetchone()
        for value in ODD:
            database.execute(f"UPDATE {table} SET {column} = {value} WHERE rowid = ?", (row,))
            kinds = {finding.kind for finding in findings(unit_of_work, settings)}
            assert kinds, (column, value)
            assert FindingKind.UNREADABLE not in kinds, (column, value)
            database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (kept, row))
    assert findings(unit_of_work, settings) == []


@pytest.mark.parametrize("table", ["share", "custody_record"])
def test_a_row_beside_the_real_one_is_named_although_its_id_is_spelled_the_same(
    database: sqlite3.Connection, unit_of_work: UnitOfWork, settings: Settings, table: str
) -> None:
    names = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})") if name not in {"id", "form_id"}]
    (identifier,) = database.execute(f"SELECT id FROM {table}").fetchone()
    further = [name for name in names if name != "reference"]
    columns, values = ", ".join(names), ", ".join(name if name in further else "'CR-TWICE'" for name in names)
    form = ", form_id" if table == "share" else ""
    database.execute(
        f"INSERT INTO {table} (id{form}, {columns}) SELECT ?{', zeroblob(16)' if form else ''}, {values} FROM {table}"
        " WHERE id = ?",
        (id_text(identifier), identifier),
    )
    (found,) = findings(unit_of_work, settings)
    assert found.kind is FindingKind.STATE_DIFFERS


def test_a_record_that_is_spelled_as_text_is_not_the_share_s(
    database: sqlite3.Connection, unit_of_work: UnitOfWork, settings: Settings
) -> None:
    (record,) = database.execute("SELECT id FROM custody_record").fetchone()
    database.execute("UPDATE share SET custody_id = ? WHERE rowid = 1", (id_text(record),))
    assert {finding.kind for finding in findings(unit_of_work, settings)} == {FindingKind.STATE_DIFFERS}


@pytest.mark.parametrize("index", [-(2**63), -1, 2**62, 2**63 - 1, 3.5, "x"])
@pytest.mark.parametrize("table", ["audit_leaf", "audit_disclosure", "audit_actor"])
def test_a_row_that_was_put_between_or_beyond_all_is_found(
    database: sqlite3.Connection, unit_of_work: UnitOfWork, settings: Settings, table: str, index: object
) -> None:
    values = {
        "audit_leaf": "?, rec, rseq + 1000, event_type, at, leaf, leaf_hash",
        "audit_disclosure": "?, name, disclosure",
        "audit_actor": "?, account_id",
    }[table]
    database.execute(f"INSERT INTO {table} SELECT {values} FROM {table} LIMIT 1", (index,))
    assert findings(unit_of_work, settings)


def test_a_planted_event_that_cannot_be_read_hides_no_other_change(
    database: sqlite3.Connection, unit_of_work: UnitOfWork, settings: Settings
) -> None:
    database.execute("UPDATE share SET state = 'burned' WHERE rowid = 1")
    for index in (2**62 - 1, 2**62 + 6):
        database.execute(
            "INSERT INTO audit_leaf SELECT ?, rec, rseq + ?, event_type, at, CAST(X'ff61' AS TEXT), leaf_hash"
            " FROM audit_leaf WHERE event_type = 'share.created' LIMIT 1",
            (index, index),
        )
    kinds = {finding.kind for finding in findings(unit_of_work, settings)}
    assert FindingKind.STATE_DIFFERS in kinds
    assert FindingKind.UNREADABLE not in kinds


@pytest.mark.parametrize("column", ["level", "number", "root"])
def test_an_odd_value_among_what_is_kept_for_proofs_is_a_finding(
    database: sqlite3.Connection, unit_of_work: UnitOfWork, staff: Person, settings: Settings, column: str
) -> None:
    with unit_of_work.write(staff.actor) as work:
        for _ in range(256):
            work.audit.append(AuditEvent.CUSTODY_REVIEWED, rec="a chain", actor=staff.actor, now=work.now)
    for value in ODD:
        database.execute(f"UPDATE audit_subtree SET {column} = {value}")
        assert {finding.kind for finding in findings(unit_of_work, settings)} == {FindingKind.TREE_DIFFERS}, value


def test_whoever_reads_what_is_found_keeps_no_writer_waiting(
    database: sqlite3.Connection, unit_of_work: UnitOfWork, settings: Settings
) -> None:
    database.execute("INSERT INTO audit_actor SELECT -5, account_id FROM audit_actor LIMIT 1")
    database.execute("INSERT INTO audit_actor SELECT ?, account_id FROM audit_actor LIMIT 1", (2**62,))
    database.execute("UPDATE audit_checkpoint SET note = 'x'")
    database.execute("PRAGMA busy_timeout = 0")
    for _finding in verification(unit_of_work, settings.checkpoint_file).findings():
        database.execute("UPDATE worker_heartbeat SET beat_at = beat_at")


def test_what_is_found_there_does_nothing_to_the_terminal_of_its_reader(
    database: sqlite3.Connection, unit_of_work: UnitOfWork, settings: Settings
) -> None:
    database.execute("UPDATE share SET state = char(27) || '[2J' || custody_id, custody_id = char(27) || '[8m'")
    database.execute("UPDATE audit_head SET size = char(27) || ']0;all is well' || char(7)")
    database.execute("UPDATE audit_leaf SET rec = char(27) || '[2J' WHERE leaf_index = 3")
    database.execute("UPDATE audit_disclosure SET name = name || char(10) || 'Log: it fits' WHERE leaf_index = 4")
    database.execute("UPDATE audit_disclosure SET disclosure = 'x' WHERE leaf_index = 4")
    told = [finding.text for finding in findings(unit_of_work, settings)]
    assert told
    assert all(line.isprintable() for line in told), told


def test_a_share_that_was_moved_to_another_record_is_named(
    database: sqlite3.Connection, unit_of_work: UnitOfWork, staff: Person, settings: Settings
) -> None:
    other = open_record(unit_of_work, staff, "Another GmbH")
    database.execute("UPDATE share SET custody_id = ? WHERE rowid = 1", (other,))
    (found,) = findings(unit_of_work, settings)
    assert found.kind is FindingKind.STATE_DIFFERS
    assert "is on the record" in found.text


def test_what_nobody_thought_of_is_a_finding_too(
    database: sqlite3.Connection, unit_of_work: UnitOfWork, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> None:
        raise TypeError("nobody thought of this")

    monkeypatch.setattr("sharelink.audit.events_checks.leaf_hash", stumble)
    assert [finding.kind for finding in findings(unit_of_work, settings)] == [FindingKind.UNREADABLE]
