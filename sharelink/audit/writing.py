"""Writing what one act adds to the audit: few statements, because all writers wait for whoever holds the head.

PostgreSQL takes everything in one statement: each further one is a way to the database and back while others wait.
SQLite has no such statement, and its database is in this process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, TextClause, bindparam, insert, text, update

from sharelink.audit.models import (
    AuditActor,
    AuditCheckpoint,
    AuditDisclosure,
    AuditHead,
    AuditLeaf,
    AuditSubtree,
)
from sharelink.persistence.database import Base
from sharelink.times import microseconds
from sharelink.tlog.merkle import Frontier, Subtree

_put_head = (
    update(AuditHead).where(AuditHead.id == 1).values(size=bindparam("new_size"), frontier=bindparam("new_frontier"))
)
_insert_leaves = insert(Base.metadata.tables[AuditLeaf.__tablename__])
_insert_disclosures = insert(Base.metadata.tables[AuditDisclosure.__tablename__])
_insert_actors = insert(Base.metadata.tables[AuditActor.__tablename__])
_insert_subtrees = insert(Base.metadata.tables[AuditSubtree.__tablename__])
_insert_checkpoint = insert(Base.metadata.tables[AuditCheckpoint.__tablename__])

_LEAVES_AT_ONCE = 16
"""More than nearly all acts add: so few statements that the server keeps their plans."""

_TABLES = {
    "leaf": ("audit_leaf", ("leaf_index", "rec", "rseq", "event_type", "at", "leaf", "leaf_hash")),
    "disclosure": ("audit_disclosure", ("leaf_index", "name", "disclosure")),
    "actor": ("audit_actor", ("leaf_index", "account_id")),
    "subtree": ("audit_subtree", ("level", "number", "root")),
    "checkpoint": ("audit_checkpoint", ("size", "root", "note", "at")),
}

Row = Mapping[str, object]


@lru_cache(maxsize=256)
def _storing(**counts: int) -> TextClause:
    """Return the statement that stores so many rows of each kind, and puts the head if there is a checkpoint."""
    steps = []
    for kind, count in counts.items():
        table, columns = _TABLES[kind]
        rows = ", ".join(f"({', '.join(f':{kind}_{column}_{n}' for column in columns)})" for n in range(count))
        # Names of our own; every value is a parameter.
        steps.append(f"{kind} AS (INSERT INTO {table} ({', '.join(columns)}) VALUES {rows})")  # noqa: S608  # nosec B608
    put = "UPDATE audit_head SET size = :new_size, frontier = :new_frontier WHERE id = 1"
    return text(f"WITH {', '.join(steps)} {put if 'checkpoint' in counts else 'SELECT 1'}")


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
        subtrees = [{"level": found.level, "number": found.number, "root": found.root} for found in self.subtrees]
        checkpoint = {"size": tree.frontier.size, "root": tree.root, "note": tree.note, "at": tree.at}
        head = {"new_size": tree.frontier.size, "new_frontier": tree.frontier.to_bytes()}
        if connection.dialect.name == "postgresql":
            portions = [self.leaves[at : at + _LEAVES_AT_ONCE] for at in range(0, len(self.leaves), _LEAVES_AT_ONCE)]
            for portion in portions[:-1]:
                _store(connection, _rows(portion), {})
            _store(connection, _rows(portions[-1]) | {"subtree": subtrees, "checkpoint": [checkpoint]}, head)
            return
        rows = _rows(self.leaves)
        connection.execute(_insert_leaves, rows["leaf"])
        if rows["disclosure"]:
            connection.execute(_insert_disclosures, rows["disclosure"])
        if rows["actor"]:
            connection.execute(_insert_actors, rows["actor"])
        if subtrees:
            connection.execute(_insert_subtrees, subtrees)
        connection.execute(_insert_checkpoint, checkpoint)
        connection.execute(_put_head, head)


def _rows(leaves: Sequence[LeafRow]) -> dict[str, list[Row]]:
    return {
        "leaf": [
            {
                "leaf_index": row.index,
                "rec": row.rec,
                "rseq": row.rseq,
                "event_type": row.type,
                "at": row.at,
                "leaf": row.leaf,
                "leaf_hash": row.leaf_hash,
            }
            for row in leaves
        ],
        "disclosure": [
            {"leaf_index": row.index, "name": name, "disclosure": disclosure}
            for row in leaves
            for name, disclosure in row.disclosed.items()
        ],
        "actor": [
            {"leaf_index": row.index, "account_id": row.account_id} for row in leaves if row.account_id is not None
        ],
    }


def _store(connection: Connection, rows: Mapping[str, Sequence[Row]], head: Row) -> None:
    counts = {kind: len(found) for kind, found in rows.items() if found}
    values = {
        f"{kind}_{column}_{n}": microseconds(value) if isinstance(value, datetime) else value
        for kind, found in rows.items()
        for n, row in enumerate(found)
        for column, value in row.items()
    }
    connection.execute(_storing(**counts), {**values, **head})
