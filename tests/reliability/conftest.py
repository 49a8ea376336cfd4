"""Fixtures of the proofs of reliability: a real installation for each test and database, in real time."""

import re
from collections.abc import Iterator

import pytest
from _pytest.terminal import TerminalReporter

from sharelink.unit_of_work import UnitOfWork
from tests.attacks.installations import Installation, copied_sqlite, installed
from tests.factories import Person, open_record
from tests.reliability.figures import PREFIX, Figures
from tests.services import fresh_database


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the figures of the tests that passed."""
    reports = [report for report in terminalreporter.getreports("passed") if report.when == "call"]
    noted = [(report, name, value) for report in reports for name, value in report.user_properties]
    lines = [
        f"{report.nodeid.rpartition('::')[2]}: {name.removeprefix(PREFIX)}: {value}"
        for report, name, value in noted
        if name.startswith(PREFIX)
    ]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    return Figures(request.node)


@pytest.fixture
def sqlite_installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Yield an installation on SQLite of this test alone."""
    folder = tmp_path_factory.mktemp("installation")
    with installed(copied_sqlite(request.getfixturevalue("migrated_file"), folder), folder) as made:
        yield made


@pytest.fixture
def postgresql_installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Yield an installation on PostgreSQL of this test alone."""
    folder = tmp_path_factory.mktemp("installation")
    server, template = (request.getfixturevalue(name) for name in ("postgresql_server", "migrated_template"))
    with fresh_database(server, template=template) as url, installed(url, folder) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest) -> Installation:
    """Return an installation of this test alone, once on each database."""
    made: Installation = request.getfixturevalue(f"{request.param}_installation")
    return made


@pytest.fixture
def unit_of_work(installation: Installation) -> UnitOfWork:
    """Return what makes units of work in this process."""
    return installation.unit_of_work


@pytest.fixture
def staff(installation: Installation) -> Person:
    """Return an account that may send."""
    return installation.person("Anna")


@pytest.fixture
def record(installation: Installation, staff: Person) -> bytes:
    """Return a record of theirs."""
    return open_record(installation.unit_of_work, staff)


@pytest.fixture(scope="module")
def redis_address(redis_server: str, worker_id: str) -> str:
    """Return the URL of a Redis database for the counters of several servers."""
    number = 0 if worker_id == "master" else 1 + int(re.sub(r"\D", "", worker_id))
    return f"{redis_server.rpartition('/')[0]}/{48 + number % 16}"
