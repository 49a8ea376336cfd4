"""Fixtures for all tests: an application on a real database, with a movable clock.

Tests that use `app` (or anything made of it) run twice: on SQLite and on PostgreSQL.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, make_url

from sharelink.actors import Actor
from sharelink.app import create_app
from sharelink.crypto.keyring import create_missing_keys
from sharelink.persistence.database import db, prepare_engine
from sharelink.persistence.schema import upgrade
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.browsers import Browser
from tests.factories import Person, make_person
from tests.fakes import MovableClock
from tests.services import fresh_database

pytest_plugins = ["tests.service_plugin"]

GENEROUS = "100000 per minute"


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


def _migrate(url: str) -> None:
    engine = create_engine(url)
    prepare_engine(engine)
    upgrade(engine)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a migrated, empty database that exists for this test alone."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated_file"), tmp_path / "sharelink.db")
        yield f"sqlite:///{tmp_path}/sharelink.db"
        return
    server = request.getfixturevalue("postgresql_server")
    with fresh_database(server, template=request.getfixturevalue("migrated_template")) as url:
        yield url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Return settings for an installation in a temporary directory, with limits that no ordinary test meets."""
    keyring = tmp_path / "keyring"
    create_missing_keys(keyring)
    return Settings(
        instance_directory=tmp_path,
        keyring_directory=keyring,
        database_url=database_url,
        base_url="http://localhost",
        organisation_name="Example Reseller",
        support_contact="support@example.com",
        rate_limit_status=GENEROUS,
        rate_limit_reveal=GENEROUS,
        rate_limit_sign_in=GENEROUS,
        rate_limit_create=GENEROUS,
    )


@pytest.fixture
def make_app(clock: MovableClock) -> Iterator[Callable[[Settings], Flask]]:
    """Return a function that builds an application and takes everything down afterwards."""
    apps: list[Flask] = []

    def make(settings: Settings) -> Flask:
        app = create_app(settings, clock=clock, serving=False)
        apps.append(app)
        return app

    yield make
    for app in apps:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


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
