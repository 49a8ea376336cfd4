"""The drill of docs/operations.md, step by step, with the databases' own tools: back up, lose, restore, check."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from sharelink.actors import Actor
from sharelink.acts import receiving
from sharelink.acts.sending import Sent
from sharelink.app import create_app
from sharelink.jobs.log_head import keep_head_outside_once
from sharelink.persistence.database import db
from sharelink.settings import Settings
from sharelink.shares.errors import ShareDamaged
from sharelink.start import require_continuity
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.attacks.installations import Installation, copied_sqlite, installed
from tests.attacks.servers import PROGRAM, environment
from tests.factories import send_secret
from tests.services import fresh_database, postgresql_program

SECRET = "a secret of the drill"
VISITOR = Actor.public("198.51.100.7", "A browser")


@dataclass
class Drill:
    """One installation, and an empty place to restore it to."""

    installation: Installation
    empty_url: str
    backup: Path

    def back_up(self) -> None:
        """Copy the database by its own tool, and the long-lived keys; never the folder of day keys."""
        self.backup.mkdir(mode=0o700)
        url = make_url(self.installation.settings.database_url)
        if self.installation.settings.embedded_database:
            copy = self.backup / "database"
            with closing(sqlite3.connect(str(url.database))) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
        else:
            self._run("pg_dump", "--format=custom", f"--file={self.backup}/database", _libpq(url))
        for key in self.installation.settings.keyring_directory.glob("*.key"):
            shutil.copy2(key, self.backup)

    def restore(self) -> dict[str, object]:
        """Bring the copy into the empty place; return the settings that differ."""
        url = make_url(self.empty_url)
        if self.installation.settings.embedded_database:
            shutil.copyfile(self.backup / "database", str(url.database))
            Path(str(url.database)).chmod(0o600)
        else:
            self._run(
                "pg_restore", "--no-owner", "--exit-on-error", f"--dbname={_libpq(url)}", f"{self.backup}/database"
            )
        return {"database_url": self.empty_url}

    def sharelink(self, *command: str, **changes: object) -> subprocess.CompletedProcess[str]:
        environ = environment(self.installation.settings, {"base_url": "http://localhost"} | changes)
        return subprocess.run([PROGRAM, *command], env=environ, capture_output=True, text=True, check=False)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([postgresql_program(program), *arguments], env={"PATH": os.environ["PATH"]}, check=True)


def _libpq(url: object) -> str:
    made = make_url(str(url))
    return f"host={made.query['host']} user={made.username} dbname={made.database}"


@pytest.fixture(params=[pytest.param("sqlite", marks=pytest.mark.soak), "postgresql"])
def drill(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Drill]:
    backup = tmp_path / "backup"
    if request.param == "sqlite":
        url = copied_sqlite(request.getfixturevalue("migrated_file"), tmp_path)
        with installed(url, tmp_path) as made:
            yield Drill(made, f"sqlite:///{tmp_path}/files/restored.db", backup)
        return
    server, template = (request.getfixturevalue(name) for name in ("postgresql_server", "migrated_template"))
    with (
        fresh_database(server, template=template) as url,
        fresh_database(server) as empty,
        installed(url, tmp_path) as made,
    ):
        yield Drill(made, empty, backup)


@contextmanager
def running_on(settings: Settings) -> Iterator[UnitOfWork]:
    """Yield the services on the restored database."""
    app = create_app(settings, serving=False)
    with app.app_context():
        try:
            yield app.extensions[EXTENSION].unit_of_work
        finally:
            db.session.remove()
            db.engine.dispose()


def require_continuity_of(settings: Settings) -> None:
    with running_on(settings):
        require_continuity(settings)


def reveal(unit_of_work: UnitOfWork, sent: Sent) -> str:
    return receiving.reveal(unit_of_work, VISITOR, sent.link, sent.code or "").text


def state(unit_of_work: UnitOfWork, sent: Sent) -> str:
    with unit_of_work.read() as work:
        found = work.session.execute(text("SELECT state FROM share WHERE id = :id"), {"id": sent.share_id})
        return str(found.scalar_one())


def test_the_drill(drill: Drill, tmp_path: Path) -> None:
    made = drill.installation
    anna = made.person("Anna")
    unopened, opened_later = (send_secret(made.unit_of_work, anna, SECRET) for _ in range(2))
    # 1. The backup, and life after it.
    drill.back_up()
    assert not list(drill.backup.rglob("epochs"))
    assert reveal(made.unit_of_work, opened_later) == SECRET
    assert keep_head_outside_once(made.unit_of_work, made.settings.checkpoint_file)
    # 2. The database is gone; its copy is restored elsewhere, and everything about it fits.
    changes = drill.restore()
    # What left the service tells that it is shorter than it was; under its old name it serves nobody.
    assert "checkpoint outside of the database" in drill.sharelink("serve", **changes).stderr
    changes |= {"audit_origin": "restored.example.com/audit"}
    assert drill.sharelink("audit", "restored", "--yes", **changes).returncode == 0
    verified = drill.sharelink("audit", "verify", **changes)
    assert (verified.returncode, verified.stdout.splitlines()[-1]) == (0, "Everything fits."), verified.stdout
    restored = made.settings.model_copy(update=changes)
    require_continuity_of(restored)
    with running_on(restored) as unit_of_work:
        # Why step 3 is there: the copy does not know that this was opened, and the key of its day still lives.
        assert state(unit_of_work, opened_later) == "sealed"
        assert receiving.look(unit_of_work, VISITOR, opened_later.link).state == "sealed"
        # 3. The keys of all days go, before anybody is let in.
        for key in (made.settings.keyring_directory / "epochs").glob("*.key"):
            key.unlink()
        for sent in (unopened, opened_later):
            with pytest.raises(ShareDamaged):
                reveal(unit_of_work, sent)
        # 4. What is sent from now on opens.
        assert reveal(unit_of_work, send_secret(unit_of_work, anna, SECRET)) == SECRET
    # 5. On another machine the long-lived keys come from their own copy.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    for key in drill.backup.glob("*.key"):
        shutil.copy2(key, elsewhere)
    checked = drill.sharelink("keys", "list", keyring_directory=elsewhere, **changes)
    assert checked.returncode == 0, checked.stderr
    assert "epoch" not in checked.stdout
