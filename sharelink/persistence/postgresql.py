"""Connections to PostgreSQL whose every wait ends, and that never take a doubtful commit for a commit.

The server's own time limits do not help when the server is what is silent: a network that drops packets, a machine that
was frozen, a synchronous stand-by that is gone while a COMMIT waits for it. Without a limit on this side, a handful of
such waits would hold every thread of a node for hours.
"""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import Diagnostic
from psycopg.pq import TransactionStatus

ANSWER_SECONDS = 25.0
"""More than the server's statement_timeout, so that a server that works answers first, and less than 35 s in all."""

PING_SECONDS = 5.0
"""For the question whether a connection of the pool still works: as long as one may take to make a new one."""

_Result = TypeVar("_Result")


class ServerSilent(psycopg.OperationalError):
    """The server did not answer in time; the connection was closed."""

    is_silence = True


class CommitDoubtful(psycopg.OperationalError):
    """The server said that it committed, and that something about it is not as promised; the connection was closed."""


class LostTransaction(psycopg.OperationalError):
    """A statement of the transaction failed, so that its COMMIT would be a ROLLBACK that looks like success."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that waits at most `answer_seconds` for each answer; None waits for ever."""

    answer_seconds: float | None = ANSWER_SECONDS
    _warned = False

    def wait(self, gen: PQGen[_Result], interval: float = 0.1, timeout: float | None = None) -> _Result:
        """Wait for the server as psycopg does, but not for ever.

        Raises:
            ServerSilent: no answer came in time. What the server made of the question is not known.
        """
        # Nothing here works in autocommit but SQLAlchemy's question to a connection that comes from the pool.
        patience = PING_SECONDS if self.autocommit else self.answer_seconds
        try:
            return super().wait(gen, interval, patience if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:  # noqa: SLF001 - the library's own words: "convert it to a public one"
            # The answer to this question must never be read as the answer to the next.
            self.close()
            raise ServerSilent("the server did not answer") from error

    def commit(self) -> None:
        """Commit, and be sure of it.

        Raises:
            LostTransaction: there was nothing left to commit; PostgreSQL would answer ROLLBACK, without an error.
            CommitDoubtful: committed here, but perhaps not on the stand-by whose word is the promise: somebody ended
                the wait for it (https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION-HA).
        """
        if self.info.transaction_status is TransactionStatus.INERROR:
            raise LostTransaction("the transaction had failed before its commit")
        self._warned = False
        super().commit()
        if self._warned:
            self.close()
            raise CommitDoubtful("the server warned while it committed")

    def note_warning(self, notice: Diagnostic) -> None:
        """Remember a warning of the server; a mere notice is none."""
        self._warned = self._warned or notice.severity_nonlocalized == "WARNING"


def connect(*arguments: Any, **named: Any) -> BoundedConnection:
    """Return a new connection; arguments as `psycopg.connect` takes them."""
    connection = BoundedConnection.connect(*arguments, **named)
    connection.add_notice_handler(connection.note_warning)
    return connection
