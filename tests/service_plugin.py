"""Pytest plugin (loaded by tests/conftest.py): fixtures with a real PostgreSQL and Redis, one server of each per run.

A server starts when the first test asks for it, in whichever xdist worker that is, and
ends with the run. To use servers that already run, set SHARELINK_TEST_POSTGRESQL_URL
and SHARELINK_TEST_REDIS_URL. A server that cannot be had fails the test; nothing is skipped.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

from tests.service_keeper import server_url, stop_servers
from tests.services import ServiceMissing, fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY_VARIABLE = "SHARELINK_TEST_RUN_DIRECTORY"
OWNER_VARIABLE = "SHARELINK_TEST_RUN_OWNER"
_directory_key = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the place where the run's processes find their servers; workers inherit it."""
    if hasattr(config, "workerinput"):
        return
    directory = Path(tempfile.mkdtemp(prefix="sharelink-tests-"))
    config.stash[_directory_key] = directory
    os.environ[DIRECTORY_VARIABLE] = str(directory)
    os.environ[OWNER_VARIABLE] = str(os.getpid())


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the servers, however the run went."""
    directory = config.stash.get(_directory_key, None)
    if directory is not None:
        stop_servers(directory)
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_server() -> str:
    """Return the SQLAlchemy URL of the run's PostgreSQL server, for `fresh_database`."""
    return _url_of("postgresql")


@pytest.fixture(scope="session")
def redis_server() -> str:
    """Return the URL of the run's Redis server, database 0, which no test uses."""
    return _url_of("redis")


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """Yield the SQLAlchemy URL of an empty database that exists for this test alone."""
    with fresh_database(postgresql_server) as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str, worker_id: str) -> Iterator[str]:
    """Yield the URL of a Redis database that is empty and this worker's alone."""
    number = 1 if worker_id == "master" else 2 + int(worker_id.removeprefix("gw"))
    url = f"{redis_server.rpartition('/')[0]}/{number}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


def _url_of(name: str) -> str:
    variable = f"SHARELINK_TEST_{name.upper()}_URL"
    if variable in os.environ:
        return os.environ[variable]
    directory, owner = Path(os.environ[DIRECTORY_VARIABLE]), int(os.environ[OWNER_VARIABLE])
    try:
        return server_url(name, directory, owner)
    except ServiceMissing as missing:
        reason = str(missing)
    pytest.fail(reason, pytrace=False)
