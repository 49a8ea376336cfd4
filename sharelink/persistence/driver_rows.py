"""Reading for a verification: rows as the driver gives them, quickly and whatever is in them."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import NullType

from sharelink.persistence.database import sqlite_driver


def raw(column: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """Return `column` without its type: conversion would raise on exactly the values that a verification must find."""
    return type_coerce(column, NullType())


def driver_rows(
    session: Session, wanted: Select[*tuple[Any, ...]], parameters: Mapping[str, object] | None = None
) -> Sequence[Any]:
    """Return all rows of `wanted` as tuples of what the database holds, no type of a column having converted a value.

    Not through SQLAlchemy's results: a log of a million events has six million rows, and each would be wrapped. A text
    that is no UTF-8, which SQLite's driver refuses to read, has U+FFFD in place of what is wrong.
    """
    connection = session.connection()

    def rows() -> Sequence[Any]:
        result = connection.execute(wanted, parameters)
        found: Sequence[Any] = result.cursor.fetchall()
        result.close()
        return found

    try:
        return rows()
    except sqlite3.OperationalError:
        return _with_any_text(sqlite_driver(connection), rows)


def _with_any_text(driver: sqlite3.Connection, rows: Callable[[], Sequence[Any]]) -> Sequence[Any]:
    usual = driver.text_factory
    driver.text_factory = lambda stored: stored.decode("utf-8", "replace")
    try:
        return rows()
    finally:
        driver.text_factory = usual
