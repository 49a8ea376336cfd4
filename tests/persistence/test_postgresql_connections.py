"""No wait for PostgreSQL lasts for ever, and no failed transaction passes for a committed one."""

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

import sharelink.app  # noqa: F401 - brings every model along
from sharelink.persistence import postgresql
from sharelink.persistence.database import engine_options, prepare_engine
from sharelink.persistence.postgresql import BoundedConnection, LostTransaction, ServerSilent
from sharelink.persistence.schema import is_current, upgrade


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    """Yield an engine on an empty database, as the service makes it."""
    made = create_engine(postgresql_url, **engine_options(postgresql_url))
    prepare_engine(made)
    yield made
    made.dispose()


def test_a_server_that_says_nothing_is_left(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        monkeypatch.setattr(BoundedConnection, "answer_seconds", 0.2)
        begun_at = time.monotonic()
        with pytest.raises(OperationalError) as silent:
            connection.execute(text("SELECT pg_sleep(20)"))
        assert time.monotonic() - begun_at < 5
        assert isinstance(silent.value.orig, ServerSilent)
        # Its late answer must never be taken for the answer to another question.
        assert silent.value.connection_invalidated
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 2")).scalar_one() == 2


def test_a_connection_of_the_pool_that_is_asked_whether_it_works_has_less_time(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, BoundedConnection)
        monkeypatch.setattr(postgresql, "PING_SECONDS", 0.2)
        driver.autocommit = True
        with pytest.raises(ServerSilent):
            driver.execute("SELECT pg_sleep(20)")
        assert driver.closed


def test_a_failed_transaction_cannot_be_committed(engine: Engine) -> None:
    """PostgreSQL answers its COMMIT with ROLLBACK, and no error."""
    with engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, BoundedConnection)
        with pytest.raises(psycopg.errors.UndefinedTable):
            driver.execute("SELECT 1 FROM nowhere")
        with pytest.raises(LostTransaction):
            driver.commit()
        driver.rollback()


def test_an_upgrade_may_take_as_long_as_it_takes(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedConnection, "answer_seconds", 0.5)
    monkeypatch.setattr(postgresql, "PING_SECONDS", 60.0)
    number = 0x5348_4C4B
    held, released_at = threading.Event(), [0.0]

    def hold() -> None:
        with psycopg.connect(_plain(engine)) as other:
            other.execute("SELECT pg_advisory_xact_lock(%s)", [number])
            held.set()
            time.sleep(2)
            released_at[0] = time.monotonic()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(20)
    upgrade(engine)
    assert time.monotonic() >= released_at[0] > 0
    holder.join()
    monkeypatch.undo()
    assert is_current(engine)


def _plain(engine: Engine) -> str:
    parts = engine.url.translate_connect_args(username="user", database="dbname") | dict(engine.url.query)
    return psycopg.conninfo.make_conninfo(**parts)
