"""Whoever owns the database may put anything into any column: it is a finding, and never the end of a verification."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from sharelink.acts.verifying import verification
from sharelink.audit.findings import Finding, FindingKind
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
ODD = (
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
    return list(verification(unit_of_work, settings.checkpoint_file).findings())


@pytest.mark.parametrize("table", COLUMNS)
def test_an_odd_value_is_a_finding(
    database: sqlite3.Connection, unit_of_work: UnitOfWork, settings: Settings, table: str
) -> None:
    (row,) = database.execute(f"SELECT max(rowid) FROM {table}").fetchone()
    for column in COLUMNS[table]:
        (kept,) = database.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (row,)).fetchone()
        for value in ODD:
            database.execute(f"UPDATE {table} SET {column} = {value} WHERE rowid = ?", (row,))
            kinds = {finding.kind for finding in findings(unit_of_work, settings)}
            assert kinds, (column, value)
            assert FindingKind.UNREADABLE not in kinds, (column, value)
            database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (kept, row))
    assert findings(unit_of_work, settings) == []


def test_what_is_found_there_does_nothing_to_the_terminal_of_its_reader(
    database: sqlite3.Connection, unit_of_work: UnitOfWork, settings: Settings
) -> None:
    database.execute("UPDATE share SET state = char(27) || '[2J' || custody_id, custody_id = char(27) || '[8m'")
    database.execute("UPDATE audit_head SET size = char(27) || ']0;all is well' || char(7)")
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
