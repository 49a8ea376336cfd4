"""Fixtures for all tests: an application on a real database, with a movable clock.

Tests that use `app` (or anything made of it) run twice: on SQLite and on PostgreSQL.
"""

import gc
import math
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from sharelink.actors import Actor
from sharelink.app import create_app
from sharelink.crypto.header import CodeCost
from sharelink.crypto.keyring import create_missing_keys
from sharelink.persistence.database import db, prepare_engine
from sharelink.persistence.schema import upgrade
from sharelink.settings import Settings
from sharelink.shares import seals
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.attacks.servers import nursery
from tests.browsers import Browser
from tests.factories import Person, make_person
from tests.fakes import MovableClock
from tests.reused_databases import ReusedDatabase
from tests.services import fresh_database

pytest_plugins = ["tests.service_plugin"]

GENEROUS = "100000 per minute"
QUICK_CODE_COST = CodeCost(memory_kib=8 * 1024, passes=1, lanes=1)
"""The least that a header may order. What is shipped, `tests/shares/test_sending.py` proves; the attacks use that."""

COMPILED_STATEMENTS = 5000
"""More than there are: SQLAlchemy's own bound of 500 is for one application, not for the tests of one process."""
_ready: dict[str, tuple[Dialect, Any]] = {}


SLOW = re.compile(r"tests/(attacks|browser|cli|deploy|kms|monitors|reliability|web|test_bench|test_wheel)\b")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long: at the end, one of them would run while other processes are idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, SLOW.match(item.nodeid) is None))


def pytest_collection_finish() -> None:
    """Look for garbage rarely, and only among what tests make: they themselves are a million objects that stay."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


@pytest.fixture
def clock() -> MovableClock:
    """Return a clock that stands at noon of 23 November 2026."""
    return MovableClock()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an SQLite file with the newest schema and no content, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "sharelink.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_template(postgresql_server: str) -> Iterator[str]:
    """Yield the name of a PostgreSQL database with the newest schema and no content, to be copied."""
    with fresh_database(postgresql_server) as url:
        _migrate(url)
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def reused_database(postgresql_server: str, migrated_template: str) -> Iterator[ReusedDatabase]:
    """Yield a PostgreSQL database for one test of this process after the other."""
    with ReusedDatabase(postgresql_server, migrated_template) as reused:
        yield reused


def _migrate(url: str) -> None:
    engine = create_engine(url)
    prepare_engine(engine)
    upgrade(engine)
    engine.dispose()


@pytest.fixture(scope="session", autouse=True)
def servers_from_a_nursery() -> Iterator[None]:
    """Fork servers instead of starting the program each time, where processes can be forked and watched so."""
    with nursery() if sys.platform == "linux" else nullcontext():
        yield


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a migrated, empty database that this test has for itself."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_file"), tmp_path / "sharelink.db")
        return f"sqlite:///{tmp_path}/sharelink.db"
    reused: ReusedDatabase = request.getfixturevalue("reused_database")
    return reused.like_new()


@pytest.fixture(scope="session")
def new_keyring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a keyring that nobody has used, to be copied: to make one waits for the disk."""
    directory = tmp_path_factory.mktemp("keys") / "keyring"
    create_missing_keys(directory)
    return directory


@pytest.fixture
def settings(database_url: str, tmp_path: Path, new_keyring: Path) -> Settings:
    """Return settings for an installation in a temporary directory, with limits that no ordinary test meets."""
    keyring = tmp_path / "keyring"
    shutil.copytree(new_keyring, keyring)
    return Settings(
        instance_directory=tmp_path,
        keyring_directory=keyring,
        database_url=database_url,
        base_url="http://localhost",
        organisation_name="Example Reseller",
        support_contact="support@example.com",
        rate_limit_open=GENEROUS,
        rate_limit_status=GENEROUS,
        rate_limit_reveal=GENEROUS,
        rate_limit_sign_in=GENEROUS,
        rate_limit_create=GENEROUS,
    )


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Return where all applications of this process keep templates that one of them has compiled."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def make_app(
    clock: MovableClock, compiled_templates: FileSystemBytecodeCache, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Settings], Flask]]:
    """Return a function that builds an application and takes everything down afterwards."""
    monkeypatch.setattr(seals, "OWASP_CODE_COST", QUICK_CODE_COST)
    apps: list[Flask] = []

    def make(settings: Settings) -> Flask:
        app = create_app(settings, clock=clock, serving=False, counting=True)
        app.jinja_env.bytecode_cache = compiled_templates
        # Keys change in tests of that alone, and those say when to look; others count queries.
        app.extensions[EXTENSION].unit_of_work.keys.refresh_seconds = math.inf
        with app.app_context():
            _prepare_for_tests(db.engine)
        apps.append(app)
        return app

    yield make
    for app in apps:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def _prepare_for_tests(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _wait_for_no_disk)
    # A dialect is ready from its first connection on. Then other engines take it, and what was compiled for it.
    if engine.dialect.name in _ready:
        engine.dialect, engine._compiled_cache = _ready[engine.dialect.name]
    else:
        event.listen(engine, "engine_connect", _keep_compiled, once=True)


def _keep_compiled(connection: Connection) -> None:
    compiled = connection.engine._compiled_cache
    compiled.capacity = COMPILED_STATEMENTS
    _ready.setdefault(connection.dialect.name, (connection.dialect, compiled))


def _wait_for_no_disk(dbapi_connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # As fsync=off of the PostgreSQL beside it: it protects from a failing machine, which no test can stage.
    dbapi_connection.cursor().execute("PRAGMA synchronous=OFF")


@pytest.fixture
def app(make_app: Callable[[Settings], Flask], settings: Settings) -> Flask:
    """Return an application on an empty, migrated database."""
    return make_app(settings)


@pytest.fixture
def unit_of_work(app: Flask) -> Iterator[UnitOfWork]:
    """Yield what makes units of work, inside an application context."""
    with app.app_context():
        made: UnitOfWork = app.extensions[EXTENSION].unit_of_work
        yield made


@pytest.fixture
def visitor() -> Actor:
    """Return somebody without an account."""
    return Actor.public("203.0.113.7", "Test browser")


@pytest.fixture
def staff(unit_of_work: UnitOfWork) -> Person:
    """Return an account with the roles of a first account, member of the group "Custodians"."""
    return make_person(unit_of_work, "Anna Example", "anna@example.com")


@pytest.fixture
def client(app: Flask) -> Browser:
    """Return a browser that is not signed in."""
    return Browser.of(app)


@pytest.fixture
def staff_client(app: Flask, staff: Person) -> Browser:
    """Return a browser in which the account of `staff` is signed in."""
    browser = Browser.of(app)
    browser.sign_in(staff)
    return browser
