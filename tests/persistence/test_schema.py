"""The migrations make exactly the tables that the models describe, once, whoever starts first."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, Engine, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

import sharelink.app  # noqa: F401 - brings every model along
from sharelink.persistence.database import WRITE_OPTION, Base, engine_options, prepare_engine
from sharelink.persistence.schema import alembic_config, is_current, newest_revision, revision, upgrade
from tests.services import fresh_database

UPGRADE_IN_A_PROCESS = """
import sys
from sqlalchemy import create_engine
from sharelink.persistence.database import engine_options, prepare_engine
from sharelink.persistence.schema import upgrade
engine = create_engine(sys.argv[1], **engine_options(sys.argv[1]))
prepare_engine(engine)
sys.stdin.readline()
upgrade(engine)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    with fresh_database(request.getfixturevalue("postgresql_server")) as url:
        yield url


@pytest.fixture
def engine(empty_url: str) -> Iterator[Engine]:
    """Yield an engine on an empty database."""
    engine = create_engine(empty_url, **engine_options(empty_url))
    prepare_engine(engine)
    yield engine
    engine.dispose()


def test_an_empty_database_has_no_revision_and_is_not_current(engine):
    assert revision(engine) is None
    assert not is_current(engine)


def test_the_migrated_schema_is_what_the_models_describe(engine):
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_every_check_constraint_of_the_models_is_in_the_database(engine):
    """Alembic does not compare these; a second database made from the models shows how each should read."""
    upgrade(engine)
    migrated = checks_of(engine)
    with engine.begin() as connection:
        for table in [*Base.metadata.tables, "alembic_version"]:
            connection.execute(text(f'DROP TABLE "{table}"' + ("" if engine.name == "sqlite" else " CASCADE")))
        Base.metadata.create_all(connection)
    modelled = checks_of(engine)
    assert migrated == modelled
    named = {
        constraint.name
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert named <= {name for checks in modelled.values() for name in checks}


def checks_of(engine: Engine) -> dict[str, dict[str, str]]:
    inspector = inspect(engine)
    return {
        table: {str(check["name"]): check["sqltext"] for check in inspector.get_check_constraints(table)}
        for table in Base.metadata.tables
    }


def test_upgrading_again_changes_nothing(engine):
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE audit_head SET size = 7"))
    upgrade(engine)
    assert revision(engine) == newest_revision()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id, size FROM audit_head")).all() == [(1, 7)]


def test_an_upgrade_that_fails_leaves_nothing_behind(engine):
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE share_client (id INTEGER)"))
    with pytest.raises(Exception, match="share_client"):
        upgrade(engine)
    assert inspect(engine).get_table_names() == ["share_client"]


def test_processes_that_upgrade_at_once_do_not_disturb_each_other(engine, empty_url):
    command = [sys.executable, "-c", UPGRADE_IN_A_PROCESS, empty_url]
    pipe = subprocess.PIPE
    racers = [subprocess.Popen(command, stdin=pipe, stderr=pipe, text=True) for _ in range(4)]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    told = [racer.communicate(timeout=60)[1] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0, 0], told
    assert is_current(engine)


def test_a_share_without_ciphertext_can_be_neither_live_nor_ended_with_it(engine):
    upgrade(engine)
    with engine.connect() as connection:
        if engine.name == "sqlite":
            connection.execute(text("PRAGMA foreign_keys=OFF"))
            connection.rollback()
        columns = {
            "id": b"i", "kind": "send", "state": "sealed", "custody_id": b"c", "created_by": b"a", "sender_name": "x",
            "form_id": b"f", "label": "", "instruction": "", "code_required": True, "created_at": 1, "expires_at": 2,
            "tries_allowed": 10, "link_key_hash": b"h", "seal_header": b"s", "outer_ciphertext": None,
        }  # fmt: skip
        names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        with pytest.raises(IntegrityError, match="ciphertext_only_while_live"):
            connection.execute(text(f"INSERT INTO share ({names}) VALUES ({values})"), columns)


@pytest.mark.parametrize("first", ["0001", "0002"])
def test_every_upgrade_from_the_first_schema_on_keeps_every_row_and_reference(engine, first):
    """Several change constraints of `share`, which SQLite does by copying the table that others refer to."""
    with engine.connect().execution_options(**{WRITE_OPTION: True}) as connection, connection.begin():
        command.upgrade(alembic_config(connection), first)
    with engine.begin() as connection:
        before = rows_of_a_live_share(connection)
    upgrade(engine)
    with engine.connect() as connection:
        found = {
            table: connection.execute(text(f"SELECT {', '.join(row)} FROM {table}")).mappings().one()
            for table, row in before.items()
        }
        if engine.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    assert {table: dict(row) for table, row in found.items()} == before
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text("DELETE FROM share"))


def rows_of_a_live_share(connection: Connection) -> dict[str, dict[str, object]]:
    """Insert one share and everything it needs into a database of schema 0001 or 0002, and return the rows."""
    ids = {name: bytes([number]) * 16 for number, name in enumerate(("account", "group", "record", "share", "hold"))}
    rows: dict[str, dict[str, object]] = {
        "account": {
            "id": ids["account"],
            "name": "Anna",
            "email": "anna@example.com",
            "password_hash": "x",
            "password_changed_at": 1,
            "created_at": 1,
        },
        "custodian_group": {"id": ids["group"], "name": "Custodians", "name_key": "custodians", "created_at": 1},
        "custody_record": {
            "id": ids["record"],
            "reference": "CR-1",
            "kind": "credential",
            "state": "draft",
            "customer": "Example GmbH",
            "subject": "",
            "search_text": "",
            "group_id": ids["group"],
            "opened_at": 1,
            "opened_by": ids["account"],
            "version": 1,
        },
        "share": {
            "id": ids["share"],
            "kind": "send",
            "state": "sealed",
            "custody_id": ids["record"],
            "created_by": ids["account"],
            "sender_name": "Anna",
            "form_id": b"f" * 16,
            "label": "",
            "instruction": "",
            "code_required": True,
            "created_at": 1,
            "expires_at": 2,
            "tries_allowed": 10,
            "link_key_hash": b"h" * 32,
            "seal_header": b"s" * 60,
            "outer_ciphertext": b"sealed bytes",
        },
        "share_client": {
            "share_id": ids["share"],
            "client": b"c" * 16,
            "opened_at": 1,
            "tries": 0,
            "tries_since_pause": 0,
        },
        "hold": {"id": ids["hold"], "custody_id": ids["record"], "share_id": ids["share"], "raised_at": 1},
    }
    inspector = inspect(connection)
    rows = {
        table: {name: value for name, value in row.items() if name in columns}
        for table, row in rows.items()
        if inspector.has_table(table) and (columns := {column["name"] for column in inspector.get_columns(table)})
    }
    assert "share" in rows
    for table, row in rows.items():
        names = ", ".join(row)
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES (:{', :'.join(row)})"), row)
    return rows
