"""Faults of the storage under a running service, each undone at the end of its block."""

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, text

from tests.attacks.installations import Installation

Fault = Callable[[Installation], AbstractContextManager[None]]


@contextmanager
def outside(installation: Installation) -> Iterator[Connection]:
    """Yield a connection to the database that is none of the service's; every statement stands at once."""
    engine = create_engine(installation.settings.database_url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def renamed(table: str) -> Fault:
    """Return the fault of a table that is not there."""

    @contextmanager
    def fault(installation: Installation) -> Iterator[None]:
        with outside(installation) as connection:
            connection.execute(text("PRAGMA legacy_alter_table=ON") if _is_sqlite(installation) else text("SELECT 1"))
            connection.execute(text(f"ALTER TABLE {table} RENAME TO {table}_away"))
            try:
                yield
            finally:
                connection.execute(text(f"ALTER TABLE {table}_away RENAME TO {table}"))

    return fault


@contextmanager
def column_renamed(installation: Installation, table: str, column: str) -> Iterator[None]:
    """Take a column away: a fault that a statement meets with everything that it was given."""
    with outside(installation) as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME COLUMN {column} TO {column}_away"))
        try:
            yield
        finally:
            connection.execute(text(f"ALTER TABLE {table} RENAME COLUMN {column}_away TO {column}"))


@contextmanager
def changed(installation: Installation, table: str, column: str, value: object) -> Iterator[None]:
    """Put `value` into a column of every row."""
    with outside(installation) as connection:
        before = connection.execute(text(f"SELECT id, {column} FROM {table}")).all()
        connection.execute(text(f"UPDATE {table} SET {column} = :value"), {"value": value})
        try:
            yield
        finally:
            for identifier, old in before:
                connection.execute(
                    text(f"UPDATE {table} SET {column} = :value WHERE id = :id"), {"value": old, "id": identifier}
                )


@contextmanager
def head_lost(installation: Installation) -> Iterator[None]:
    """Take away the row that numbers the events."""
    with outside(installation) as connection:
        kept = connection.execute(text("SELECT size, frontier FROM audit_head WHERE id = 1")).mappings().one()
        connection.execute(text("DELETE FROM audit_head"))
        try:
            yield
        finally:
            connection.execute(text("INSERT INTO audit_head VALUES (1, :size, :frontier)"), dict(kept))


@contextmanager
def disk_full(installation: Installation) -> Iterator[None]:
    """Let no file of the server grow, nor be written beyond its first kilobyte: what a full disk does (Linux)."""
    processes = [server.process.pid for server in installation.servers if server.process.poll() is None]
    before = {process: resource.prlimit(process, resource.RLIMIT_FSIZE) for process in processes}
    for process, (_soft, hard) in before.items():
        resource.prlimit(process, resource.RLIMIT_FSIZE, (1024, hard))
    try:
        yield
    finally:
        for process, limits in before.items():
            resource.prlimit(process, resource.RLIMIT_FSIZE, limits)


@contextmanager
def no_journal(installation: Installation) -> Iterator[None]:
    """Put something in the way of SQLite's journal: what a folder without the right to write does, also to root."""
    journal = Path(f"{installation.database_file}-journal")
    aside = journal.with_suffix(".aside")
    if journal.exists():
        journal.rename(aside)
    journal.mkdir()
    try:
        yield
    finally:
        journal.rmdir()
        if aside.exists():
            aside.rename(journal)


@contextmanager
def read_only_database(installation: Installation) -> Iterator[None]:
    """Let PostgreSQL refuse every writing transaction, as a stand-by does; the service is cut off and reconnects."""
    with outside(installation) as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()

        def refuse(value: str) -> None:
            connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}'))
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )

        refuse("on")
        try:
            yield
        finally:
            connection.execute(text("SET default_transaction_read_only = off"))
            refuse("off")


@contextmanager
def locked(installation: Installation) -> Iterator[None]:
    """Hold what every writer needs in a transaction that does not end."""
    with outside(installation) as connection:
        if _is_sqlite(installation):
            connection.execute(text("BEGIN IMMEDIATE"))
        else:
            connection.execute(text("BEGIN"))
            connection.execute(text("LOCK TABLE audit_head IN ACCESS EXCLUSIVE MODE"))
        try:
            yield
        finally:
            connection.execute(text("ROLLBACK"))


@contextmanager
def no_keyring_folder(installation: Installation) -> Iterator[None]:
    """Take the folder of the epoch keys away, as a lost mount does."""
    folder = installation.settings.keyring_directory / "epochs"
    aside = folder.with_name("epochs-away")
    folder.rename(aside)
    folder.write_text("in the way")
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)


def _is_sqlite(installation: Installation) -> bool:
    return installation.settings.embedded_database
