"""Many shares at once, written as rows: a million of them sent one by one would take an hour."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, create_engine, func, literal, select, text
from sqlalchemy.sql.elements import ColumnElement

from bench.subjects import SharelinkUnderTest, vacuumed
from sharelink.clock import utc_now
from sharelink.persistence.database import WRITE_OPTION, prepare_engine
from sharelink.shares.models import Share
from tests.factories import send_secret

_share = Share.metadata.tables[Share.__tablename__]
_COUNT_ON_SQLITE = (
    "WITH RECURSIVE one(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM one WHERE n < :count) SELECT n FROM one"
)
_COUNT_ON_POSTGRESQL = "SELECT n FROM generate_series(1, :count) AS series(n)"


def add_live_shares(place: SharelinkUnderTest, count: int, *, expire_at: datetime | None = None) -> None:
    """Copy one share `count` times, under ids of their own; they expire in a week, unless told otherwise."""
    installation, url = place.installation, place.installation.settings.database_url
    sent = send_secret(installation.unit_of_work, place.person, custody_id=place.record, code=False)
    engine = create_engine(url)
    prepare_engine(engine)
    try:
        with engine.connect().execution_options(**{WRITE_OPTION: True}) as connection, connection.begin():
            _copy(connection, sent.share_id, count, expire_at or utc_now() + timedelta(days=7))
    finally:
        engine.dispose()
    if not installation.settings.embedded_database:
        vacuumed(url)


def _copy(connection: Connection, share_id: bytes, count: int, expire_at: datetime) -> None:
    on_sqlite = connection.dialect.name == "sqlite"
    new_id: ColumnElement[bytes] = func.randomblob(16) if on_sqlite else func.uuid_send(func.gen_random_uuid())
    counted = text(_COUNT_ON_SQLITE if on_sqlite else _COUNT_ON_POSTGRESQL).bindparams(count=count)
    changed = {"id": new_id, "form_id": new_id, "expires_at": literal(expire_at, _share.c.expires_at.type)}
    source = (
        select(*(changed.get(column.name, column) for column in _share.columns))
        .select_from(_share.join(counted.columns().subquery("number"), literal(1) == 1))
        .where(_share.c.id == share_id)
    )
    connection.execute(_share.insert().from_select([column.name for column in _share.columns], source))
