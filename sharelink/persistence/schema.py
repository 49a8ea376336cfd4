"""Brings a database to the schema that this version of Sharelink needs, and tells whether it is there.

The migrations are part of the package. Serving never changes a schema unasked, except for the embedded database, which
belongs to the one process that serves it (`sharelink.start`).
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, column, inspect, select, table, text

from sharelink.errors import StorageUnavailable
from sharelink.persistence.database import WRITE_OPTION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = table("alembic_version", column("version_num"))
_REVISION = re.compile(r"""^(revision|down_revision)(?::[^=]+)? = ["'](\w+)["']""", re.MULTILINE)
_ADVISORY_LOCK = 0x5348_4C4B
"""Any number of our own: whoever upgrades a PostgreSQL database holds this lock."""


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest schema, in one transaction; nothing happens when it is there already.

    Several processes may do this at once: one works, the others wait and then find it done.

    Raises:
        sqlalchemy.exc.DBAPIError: the database did not allow it; nothing was changed.
    """
    import alembic.command

    with (
        engine.connect().execution_options(**{WRITE_OPTION: True}) as connection,
        _tables_may_be_made_anew(connection),
        _patient(connection),
        connection.begin(),
    ):
        _wait_for_turn(connection)
        alembic.command.upgrade(alembic_config(connection), "head")
        _check_references(connection)


def revision(engine: Engine) -> str | None:
    """Return the revision of the database's schema; None for an empty database."""
    with engine.connect() as connection:
        if not inspect(connection).has_table(_VERSION.name):
            return None
        return connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none()


def is_current(engine: Engine) -> bool:
    """Tell whether the database has exactly the schema that this version needs."""
    return revision(engine) == newest_revision()


def still_serves(engine: Engine) -> bool:
    """Tell whether a process that found its schema at its start may go on: nodes are exchanged after an upgrade.

    Revisions are numbers that grow, and the migrations of a release leave all that the code of the release before it
    reads and writes (docs/adr/0058). A start still asks for the very schema: see `is_current`.
    """
    return is_current(engine) or is_ahead(engine)


def is_ahead(engine: Engine) -> bool:
    """Tell whether the database has a schema of a later version than this one."""
    found = revision(engine)
    return found is not None and found.isdigit() and found > newest_revision()


@cache
def newest_revision() -> str:
    """Return the revision that this version of Sharelink needs: the one that no other follows.

    Read without Alembic, which is there to change a schema: every start asks, and few have anything to change.
    """
    stated = [
        found for path in (MIGRATIONS / "versions").glob("*.py") for found in _REVISION.findall(path.read_text("utf-8"))
    ]
    followed = {number for name, number in stated if name == "down_revision"}
    newest: str
    (newest,) = (number for name, number in stated if name == "revision" and number not in followed)
    return newest


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's configuration for work on `connection`, in whatever transaction it has open."""
    from alembic.config import Config

    config = Config()
    # A per cent sign in the path would be read as the beginning of a placeholder.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _tables_may_be_made_anew(connection: Connection) -> Iterator[None]:
    """Switch SQLite's foreign keys off for the block: it changes a table by copying and dropping it.

    The switch works only outside of a transaction (https://www.sqlite.org/lang_altertable.html, section 7).
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    cursor = connection.connection.cursor()
    try:
        cursor.execute("PRAGMA foreign_keys=OFF")
        yield
    finally:
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


@contextmanager
def _patient(connection: Connection) -> Iterator[None]:
    """Let each answer of PostgreSQL take as long as it takes: a migration may write a whole table anew."""
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name != "postgresql":
        yield
        return
    usual, driver.answer_seconds = driver.answer_seconds, None
    try:
        yield
    finally:
        driver.answer_seconds = usual


def _check_references(connection: Connection) -> None:
    """Refuse to commit a schema in which a row refers to one that is gone."""
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise StorageUnavailable("the upgrade would have left references without their rows; nothing was changed")


def _wait_for_turn(connection: Connection) -> None:
    """On SQLite the writing transaction has begun and is the lock; on PostgreSQL take one, without a time limit."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
