"""Fixtures of the attacks: a real installation for each file of tests and each database, in real time."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sharelink.unit_of_work import UnitOfWork
from tests.attacks.installations import Installation, installation_on
from tests.factories import Person


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Yield an installation that the tests of one file share; each makes its own people, records and shares."""
    yield from installation_on(request, tmp_path_factory.mktemp("installation"))


@pytest.fixture(params=["sqlite", "postgresql"])
def new_installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """Yield an installation of the test's own, in which nobody has an account yet."""
    yield from installation_on(request, tmp_path)


@pytest.fixture(scope="module")
def unit_of_work(installation: Installation) -> UnitOfWork:
    """Return what makes units of work in this process."""
    return installation.unit_of_work


@pytest.fixture(scope="module")
def staff(installation: Installation) -> Person:
    """Return an account that may send."""
    return installation.person("Anna")


@pytest.fixture(scope="module")
def redis_address(redis_server: str, worker_id: str) -> str:
    """Return the URL of a Redis database for the counters of this file's servers."""
    number = 0 if worker_id == "master" else 1 + int(re.sub(r"\D", "", worker_id))
    return f"{redis_server.rpartition('/')[0]}/{32 + number}"
