"""The database's own clock, to notice when two machines disagree about the time."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from sharelink.times import from_microseconds

CLOCK_TOLERANCE = timedelta(seconds=60)
"""How far two clocks may be apart before nothing is destroyed by them."""

_STATEMENTS = {
    "sqlite": text("SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000"),
    "postgresql": text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"),
}


def database_now(session: Session) -> datetime:
    """Return the present moment as the database sees it."""
    return from_microseconds(session.execute(_STATEMENTS[session.get_bind().dialect.name]).scalar_one())
