"""The demonstration's examples, made once for all tests that look at them: making them takes as long as many tests."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from sharelink.app import create_app
from sharelink.cli.demo_examples import Examples, fill_with_examples
from sharelink.settings import Settings
from sharelink.shares import seals
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.conftest import QUICK_CODE_COST
from tests.fakes import MovableClock
from tests.services import fresh_database


@dataclass(frozen=True)
class Demonstration:
    """An installation with the examples. Tests read it; what they add must be nothing that others look at."""

    unit_of_work: UnitOfWork
    examples: Examples


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def demonstration(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_keyring: Path, migrated_file: Path
) -> Iterator[Demonstration]:
    """Yield the examples on a database of their own."""
    folder = tmp_path_factory.mktemp("demonstration")
    with ExitStack() as exits:
        if request.param == "sqlite":
            shutil.copyfile(migrated_file, folder / "sharelink.db")
            url = f"sqlite:///{folder}/sharelink.db"
        else:
            server, template = (request.getfixturevalue(name) for name in ("postgresql_server", "migrated_template"))
            url = exits.enter_context(fresh_database(server, template=template))
        shutil.copytree(new_keyring, folder / "keyring")
        settings = Settings(instance_directory=folder, database_url=url, base_url="http://localhost")
        app = create_app(settings, clock=MovableClock(), serving=False)
        work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
        exits.callback(work.engine.dispose)
        # Only while they are made: what is shipped is proven by other tests of this process.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(seals, "OWASP_CODE_COST", QUICK_CODE_COST)
            examples = fill_with_examples(work)
        yield Demonstration(work, examples)
