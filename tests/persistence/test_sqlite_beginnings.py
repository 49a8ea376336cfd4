"""Transactions on SQLite begin through the driver, and fail as SQLAlchemy's own would."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, exc

from sharelink.persistence.database import WRITE_OPTION, prepare_engine


def test_a_beginning_that_has_to_wait_too_long_is_an_error_that_everybody_knows(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 0})
    prepare_engine(engine)
    with closing(sqlite3.connect(path, isolation_level=None)) as other, engine.connect() as connection:
        other.execute("BEGIN IMMEDIATE")
        writing = connection.execution_options(**{WRITE_OPTION: True})
        with pytest.raises(exc.OperationalError) as told:
            writing.begin()
        assert told.value.orig is not None
        assert told.value.orig.sqlite_errorname == "SQLITE_BUSY"
    engine.dispose()
