"""Taking the head of the log: the row that whoever appends holds until the commit, and the ends of the chains with it.

On PostgreSQL both in one way to the database and back (function `audit_take_head`, migration 0019), because all others
wait meanwhile. On SQLite, which has one writer and is in this process, two plain statements.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from sharelink.audit.errors import AuditUnavailable
from sharelink.persistence.database import sqlite_driver
from sharelink.tlog.errors import TreeMismatch
from sharelink.tlog.merkle import Frontier

# Plain SQL, as in `writing`: all writers wait meanwhile.
_READ_HEAD = "SELECT size, frontier FROM audit_head WHERE id = 1"
_LAST_OF_CHAIN = "SELECT rseq, leaf_hash FROM audit_leaf WHERE rec = ? ORDER BY rseq DESC LIMIT 1"
_NOTHING = (None, None)
_TAKE_WITH_ENDS = "SELECT size, frontier, chain, rseq, leaf_hash FROM audit_take_head(%s)"


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """The last event of a chain: its number, counted from 0, and its leaf's hash; -1 and None for an empty chain."""

    rseq: int
    leaf_hash: bytes | None


@dataclass(frozen=True, slots=True)
class Head:
    """What it takes to append: the tree as it is, and the ends of the chains that will grow."""

    frontier: Frontier
    ends: dict[str, ChainEnd]


def take_head(connection: Connection, chains: Iterable[str]) -> Head:
    """Hold the head until the end of the transaction, and return it with the ends of `chains` (at least one).

    Raises:
        AuditUnavailable: the head is missing or was changed, so no event can be numbered.
    """
    wanted = list(dict.fromkeys(chains))
    if connection.dialect.name == "postgresql":
        rows = connection.exec_driver_sql(_TAKE_WITH_ENDS, (wanted,)).all()
        stored = (rows[0][0], rows[0][1]) if rows else None
        ends = {chain: _end(rseq, hashed) for _size, _frontier, chain, rseq, hashed in rows}
    else:
        driver = sqlite_driver(connection)
        stored = driver.execute(_READ_HEAD).fetchone()
        ends = {chain: _end(*(driver.execute(_LAST_OF_CHAIN, (chain,)).fetchone() or _NOTHING)) for chain in wanted}
    if stored is None:
        raise AuditUnavailable("the head of the audit log is missing")
    try:
        return Head(Frontier.from_bytes(*stored), ends)
    except TreeMismatch as error:
        raise AuditUnavailable("the head of the audit log was changed") from error


def _end(rseq: int | None, hashed: bytes | None) -> ChainEnd:
    return ChainEnd(-1, None) if rseq is None else ChainEnd(rseq, hashed)
