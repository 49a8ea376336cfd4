"""Writing what one act adds to the audit: few statements, because all writers wait for whoever holds the head.

PostgreSQL takes everything in one statement: each further one is a way to the database and back while others wait.
SQLite has no such statement, and its database is in this process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, text, update

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

_everything_at_once = text("""
    WITH leaf AS (
        INSERT INTO audit_leaf (leaf_index, rec, rseq, event_type, at, leaf, leaf_hash)
        SELECT * FROM unnest(
            CAST(:leaf_index AS bigint[]), CAST(:rec AS text[]), CAST(:rseq AS bigint[]), CAST(:event_type AS text[]),
            CAST(:at AS bigint[]), CAST(:leaf AS bytea[]), CAST(:leaf_hash AS bytea[])
        )
    ), disclosure AS (
        INSERT INTO audit_disclosure (leaf_index, name, disclosure)
        SELECT * FROM unnest(
            CAST(:disclosure_index AS bigint[]), CAST(:disclosure_name AS text[]), CAST(:disclosure AS text[])
        )
    ), actor AS (
        INSERT INTO audit_actor (leaf_index, account_id)
        SELECT * FROM unnest(CAST(:actor_index AS bigint[]), CAST(:account_id AS bytea[]))
    ), subtree AS (
        INSERT INTO audit_subtree (level, number, root)
        SELECT * FROM unnest(
            CAST(:subtree_level AS smallint[]), CAST(:subtree_number AS bigint[]), CAST(:subtree_root AS bytea[])
        )
    ), checkpoint AS (
        INSERT INTO audit_checkpoint (size, root, note, at) VALUES (:size, :root, :note, :signed_at)
    )
    UPDATE audit_head SET size = :size, frontier = :frontier WHERE id = 1
""")


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
        if connection.dialect.name == "postgresql":
            connection.execute(_everything_at_once, self._as_columns(tree))
            return
        connection.execute(_insert_leaves, [self._leaf(row) for row in self.leaves])
        if disclosures := self._disclosures():
            connection.execute(_insert_disclosures, disclosures)
        if actors := self._actors():
            connection.execute(_insert_actors, actors)
        if self.subtrees:
            rows = [{"level": found.level, "number": found.number, "root": found.root} for found in self.subtrees]
            connection.execute(_insert_subtrees, rows)
        checkpoint = {"size": tree.frontier.size, "root": tree.root, "note": tree.note, "at": tree.at}
        connection.execute(_insert_checkpoint, checkpoint)
        head = {"new_size": tree.frontier.size, "new_frontier": tree.frontier.to_bytes()}
        connection.execute(_put_head, head)

    def _leaf(self, row: LeafRow) -> dict[str, object]:
        return {
            "leaf_index": row.index,
            "rec": row.rec,
            "rseq": row.rseq,
            "event_type": row.type,
            "at": row.at,
            "leaf": row.leaf,
            "leaf_hash": row.leaf_hash,
        }

    def _disclosures(self) -> list[dict[str, object]]:
        return [
            {"leaf_index": row.index, "name": name, "disclosure": disclosure}
            for row in self.leaves
            for name, disclosure in row.disclosed.items()
        ]

    def _actors(self) -> list[dict[str, object]]:
        return [
            {"leaf_index": row.index, "account_id": row.account_id} for row in self.leaves if row.account_id is not None
        ]

    def _as_columns(self, tree: SignedTree) -> dict[str, object]:
        leaves = [self._leaf(row) | {"at": microseconds(row.at)} for row in self.leaves]
        disclosures, actors = self._disclosures(), self._actors()
        return {
            **{name: [leaf[name] for leaf in leaves] for name in leaves[0]},
            "disclosure_index": [row["leaf_index"] for row in disclosures],
            "disclosure_name": [row["name"] for row in disclosures],
            "disclosure": [row["disclosure"] for row in disclosures],
            "actor_index": [row["leaf_index"] for row in actors],
            "account_id": [row["account_id"] for row in actors],
            "subtree_level": [found.level for found in self.subtrees],
            "subtree_number": [found.number for found in self.subtrees],
            "subtree_root": [found.root for found in self.subtrees],
            "size": tree.frontier.size,
            "frontier": tree.frontier.to_bytes(),
            "root": tree.root,
            "note": tree.note,
            "signed_at": microseconds(tree.at),
        }
