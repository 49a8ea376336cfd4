"""What a piece of work asks the database, statement by statement."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, event

from sharelink.persistence.database import WRITE_OPTION

BEGIN_TO_WRITE = "BEGIN to write"


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """Yield the list of all statements that reach the database meanwhile, and of all beginnings.

    What goes through the driver itself (the log on SQLite) is not among them; the beginning of its transaction is.
    """
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    def note_beginning(connection: Connection) -> None:
        asked.append(BEGIN_TO_WRITE if connection.get_execution_options().get(WRITE_OPTION) else "BEGIN")

    event.listen(engine, "before_cursor_execute", note)
    event.listen(engine, "begin", note_beginning)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)
        event.remove(engine, "begin", note_beginning)
