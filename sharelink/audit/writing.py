"""Writing what one act adds to the audit: few statements, because all writers wait for whoever holds the head.

PostgreSQL takes everything in one statement: each further one is a way to the database and back while others wait.
SQLite has no such statement, and its database is in this process. Both get plain SQL: a test compares the columns with
those of `models`, and to prepare a statement of objects costs as much as to run it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection

from sharelink.persistence.database import sqlite_driver
from sharelink.times import microseconds
from sharelink.tlog.merkle import Frontier, Subtree

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "audit_leaf": ("leaf_index", "rec", "rseq", "event_type", "at", "leaf", "leaf_hash"),
    "audit_disclosure": ("leaf_index", "name", "disclosure"),
    "audit_actor": ("leaf_index", "account_id"),
    "audit_subtree": ("level", "number", "root"),
    "audit_checkpoint": ("size", "root", "note", "at"),
}
"""What is stored, by table: rows come in this order."""

_LEAVES_AT_ONCE = 16
"""More than nearly all acts add: so few statements that the server keeps their plans."""

Row = tuple[object, ...]
Rows = dict[str, list[Row]]
"""By table; a table may have none."""


@lru_cache(maxsize=256)
def _inserting(table: str, rows: int, mark: str) -> str:
    columns = COLUMNS[table]
    values = ", ".join([f"({', '.join([mark] * len(columns))})"] * rows)
    # Names of our own; every value is a parameter.
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values}"  # noqa: S608  # nosec B608


@lru_cache(maxsize=256)
def _storing(counts: tuple[tuple[str, int], ...], *, puts_head: bool) -> str:
    """Return the statement that stores so many rows of each table, and puts the head or not; for PostgreSQL."""
    steps = [f"new_{table} AS ({_inserting(table, count, '%s')})" for table, count in counts]
    return f"WITH {', '.join(steps)} {_putting_head('%s') if puts_head else 'SELECT 1'}"


def _putting_head(mark: str) -> str:
    return f"UPDATE audit_head SET size = {mark}, frontier = {mark} WHERE id = 1"  # noqa: S608  # nosec B608


@dataclass(frozen=True, slots=True)
class LeafRow:
    """One event, ready to be stored. `disclosed` are its personal fields with their salts, by name."""

    index: int
    rec: str
    rseq: int
    type: str
    at: datetime
    leaf: bytes
    leaf_hash: bytes
    disclosed: Mapping[str, str]
    account_id: bytes | None


@dataclass(frozen=True, slots=True)
class SignedTree:
    """The tree after the act, and the checkpoint over it."""

    frontier: Frontier
    root: bytes
    note: str
    at: datetime


@dataclass(slots=True)
class Addition:
    """Everything that one act adds."""

    leaves: list[LeafRow] = field(default_factory=list)
    subtrees: list[Subtree] = field(default_factory=list)

    def write(self, connection: Connection, tree: SignedTree) -> None:
        """Store it, with the tree that it leads to; the head must be locked by this transaction."""
        size = tree.frontier.size
        ending: Rows = {
            "audit_subtree": [(found.level, found.number, found.root) for found in self.subtrees],
            "audit_checkpoint": [(size, tree.root, tree.note, microseconds(tree.at))],
        }
        head = (size, tree.frontier.to_bytes())
        if connection.dialect.name == "postgresql":
            portions = [self.leaves[at : at + _LEAVES_AT_ONCE] for at in range(0, len(self.leaves), _LEAVES_AT_ONCE)]
            for portion in portions[:-1]:
                _store_at_once(connection, _rows(portion), ())
            _store_at_once(connection, _rows(portions[-1]) | ending, head)
            return
        driver = sqlite_driver(connection)
        for table, rows in (_rows(self.leaves) | ending).items():
            driver.executemany(_inserting(table, 1, "?"), rows)
        driver.execute(_putting_head("?"), head)


def _rows(leaves: Sequence[LeafRow]) -> Rows:
    return {
        "audit_leaf": [
            (row.index, row.rec, row.rseq, row.type, microseconds(row.at), row.leaf, row.leaf_hash) for row in leaves
        ],
        "audit_disclosure": [(row.index, name, text) for row in leaves for name, text in row.disclosed.items()],
        "audit_actor": [(row.index, row.account_id) for row in leaves if row.account_id is not None],
    }


def _store_at_once(connection: Connection, rows: Rows, head: Row) -> None:
    counts = tuple((table, len(found)) for table, found in rows.items() if found)
    values = [value for found in rows.values() for row in found for value in row]
    connection.exec_driver_sql(_storing(counts, puts_head=bool(head)), (*values, *head))
