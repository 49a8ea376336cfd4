"""The one database handle, the declarative base of all tables, and how connections are set up."""

import sqlite3
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, MetaData, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry

from sharelink.errors import StorageUnavailable

SQLITE_BUSY_TIMEOUT_SECONDS = 10
"""How long a connection waits for another process's lock. Bounded so that a person hears 503 within 35 s."""

WRITE_OPTION = "sharelink_write"
"""Execution option that marks a transaction as writing: on SQLite it begins IMMEDIATE, so that it never
has to give up half-way because another writer was first."""

_SQLITE_PRAGMAS: dict[str, tuple[str, int | str]] = {
    # pragma: (value to set, value that must be read back)
    "journal_mode": ("TRUNCATE", "truncate"),
    "synchronous": ("FULL", 2),
    "secure_delete": ("ON", 1),
    "foreign_keys": ("ON", 1),
    "temp_store": ("MEMORY", 2),
}


class Base(DeclarativeBase):
    """The declarative base of every table. Not `db.Model`, which mypy cannot type."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(metadata=Base.metadata)


def engine_options(database_url: str) -> dict[str, Any]:
    """Return SQLAlchemy engine options for `database_url`.

    Parameters are hidden from every error text: an error must not carry what was about to be stored.
    """
    options: dict[str, Any] = {"hide_parameters": True}
    if database_url.startswith("sqlite"):
        options["connect_args"] = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
        options["pool_timeout"] = SQLITE_BUSY_TIMEOUT_SECONDS
    else:
        options["connect_args"] = {
            "connect_timeout": 5,
            # A node that was frozen inside a transaction holds its locks no longer than others wait for them.
            "options": "-c lock_timeout=10000 -c statement_timeout=20000 -c idle_in_transaction_session_timeout=8000",
        }
        options["pool_pre_ping"] = True
        options["pool_timeout"] = 10
        options["pool_size"] = 16
    return options


def prepare_engine(engine: Engine) -> None:
    """Make every new connection of `engine` safe: bound the waits for PostgreSQL, set and read back SQLite's pragmas.

    Raises (from the connection attempt):
        StorageUnavailable: SQLite did not take a setting, so "gone means unreadable" could not be kept.
    """
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite_connection)
        event.listen(engine, "begin", _begin_sqlite_transaction)
    else:
        event.listen(engine, "do_connect", _connect_to_postgresql)


def _connect_to_postgresql(_dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]) -> DBAPIConnection:
    # Here, because an installation on SQLite never loads the driver.
    bounded: DBAPIConnection = import_module("sharelink.persistence.postgresql").connect(*arguments, **named)
    return bounded


def watch_pool(engine: Engine, taken: Callable[[], None], given_back: Callable[[], None]) -> None:
    """Call `taken` for every connection that leaves the pool of `engine`, and `given_back` when it comes back."""

    def on_checkout(_connection: DBAPIConnection, _record: ConnectionPoolEntry, _proxy: object) -> None:
        taken()

    def on_checkin(_connection: DBAPIConnection | None, _record: ConnectionPoolEntry) -> None:
        given_back()

    event.listen(engine, "checkout", on_checkout)
    event.listen(engine, "checkin", on_checkin)


def _prepare_sqlite_connection(dbapi_connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # pysqlite must not open transactions by itself, or BEGIN IMMEDIATE would come too late.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma, (wanted, expected) in _SQLITE_PRAGMAS.items():
        cursor.execute(f"PRAGMA {pragma}={wanted}")
        found = cursor.execute(f"PRAGMA {pragma}").fetchone()[0]
        if found != expected:
            raise StorageUnavailable(f"SQLite did not accept {pragma}={wanted}")
    cursor.close()


def _begin_sqlite_transaction(connection: Connection) -> None:
    writing = connection.get_execution_options().get(WRITE_OPTION, False)
    begin = "BEGIN IMMEDIATE" if writing else "BEGIN"
    try:
        sqlite_driver(connection).execute(begin)
    except sqlite3.Error as error:
        # As SQLAlchemy would: many begin who know its errors only.
        raise exc.OperationalError(begin, None, error) from error


def sqlite_driver(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection, in the same transaction, for plain SQL of the hot path.

    To hand a statement through SQLAlchemy costs 0.03 ms more, which is what SQLite takes to run several.
    """
    return cast(sqlite3.Connection, connection.connection.driver_connection)


def is_storage_failure(error: BaseException) -> bool:
    """Tell whether `error` means that the database could not do its work, whatever the driver calls it."""
    return isinstance(error, exc.DBAPIError | exc.TimeoutError | sqlite3.Error | OSError)


def lock_rows(connection: Connection) -> bool:
    """Tell whether this database needs row locks for read-then-write; SQLite's IMMEDIATE transaction is one already."""
    return connection.dialect.name != "sqlite"
