"""Reading very many rows: as the driver gives them, without an object of SQLAlchemy around each."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session


def driver_rows(session: Session, wanted: Select[*tuple[Any, ...]]) -> Sequence[Any]:
    """Return all rows of `wanted` as tuples of what the database holds; no type of a column has converted a value."""
    result = session.connection().execute(wanted)
    rows: Sequence[Any] = result.cursor.fetchall()
    result.close()
    return rows
