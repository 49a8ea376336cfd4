"""A whole installation for attacks: database, keyring, the services in this process, and servers beside it."""

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask

from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.app import create_app
from sharelink.crypto.keyring import create_missing_keys
from sharelink.jobs.log_head import beat_once
from sharelink.persistence.database import db
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.attacks.servers import Server
from tests.factories import Person, make_person
from tests.services import fresh_database

GENEROUS = "1000000 per minute"
_LIMITS = ("open", "status", "reveal", "sign_in", "create")
SENDER_ROLES = frozenset({Role.STAFF, Role.CUSTODIAN})


@dataclass
class Installation:
    """One installation on a database of its own. `files` is the folder of everything that it may write."""

    settings: Settings
    app: Flask
    unit_of_work: UnitOfWork
    files: Path
    outputs: Path
    servers: list[Server] = field(default_factory=list)

    def start(self, count: int = 1, **changes: object) -> list[Server]:
        """Start servers with these settings and return them when they answer."""
        return [server.wait_until_up() for server in self.launch(count, **changes)]

    def launch(self, count: int = 1, **changes: object) -> list[Server]:
        """Start servers and wait for nothing."""
        first = len(self.servers)
        outputs = [self.outputs / str(first + number) / "output" for number in range(count)]
        new = [Server(self.settings, output, **changes) for output in outputs]
        self.servers.extend(new)
        return new

    def said(self) -> str:
        """Return everything that any server has written."""
        return "".join(server.said() for server in self.servers)

    def person(self, name: str) -> Person:
        """Return a new account that may send, and administers nothing."""
        return make_person(self.unit_of_work, name, f"{name.lower()}@example.com", SENDER_ROLES)

    def set_up_key(self) -> str:
        """Return the key of a new set-up link."""
        with self.unit_of_work.write(Actor.operator()) as work:
            key = work.accounts.new_set_up_link()
        assert key is not None
        return key

    @property
    def database_file(self) -> Path:
        """Return the SQLite file."""
        path = self.settings.database_file
        assert path is not None
        return path


@contextmanager
def installed(database_url: str, folder: Path) -> Iterator[Installation]:
    """Yield an installation on a migrated database; its servers end with the block."""
    files, outputs = folder / "files", folder / "outputs"
    keyring = files / "keyring"
    create_missing_keys(keyring)
    outputs.mkdir()
    settings = Settings(
        instance_directory=files,
        keyring_directory=keyring,
        database_url=database_url,
        base_url="http://localhost",
        audit_origin="share.example.com/audit",
        organisation_name="Example Reseller",
        support_contact="support@example.com",
        **{f"rate_limit_{name}": GENEROUS for name in _LIMITS},
    )
    app: Flask = create_app(settings, serving=False)
    # The servers follow the keys; this process looks when a test says so, because some tests count queries.
    app.extensions[EXTENSION].unit_of_work.keys.refresh_seconds = math.inf
    with app.app_context():
        made = Installation(settings, app, app.extensions[EXTENSION].unit_of_work, files, outputs)
        try:
            yield made
        finally:
            for server in made.servers:
                server.kill()
            db.session.remove()
            db.engine.dispose()


def installation_on(request: pytest.FixtureRequest, folder: Path) -> Iterator[Installation]:
    """Yield an installation on the database that `request.param` names."""
    if request.param == "sqlite":
        with installed(copied_sqlite(request.getfixturevalue("migrated_file"), folder), folder) as made:
            yield with_todays_sign_of_life(made)
        return
    server, template = (request.getfixturevalue(name) for name in ("postgresql_server", "migrated_template"))
    with fresh_database(server, template=template) as url, installed(url, folder) as made:
        yield with_todays_sign_of_life(made)


def with_todays_sign_of_life(made: Installation) -> Installation:
    """Return `made`, whose worker has nothing to write of its own: tests count events while it starts."""
    beat_once(made.unit_of_work)
    return made


def copied_sqlite(template: Path, folder: Path) -> str:
    """Return the URL of a copy of the SQLite file `template`."""
    (folder / "files").mkdir(parents=True)
    copy = folder / "files" / "sharelink.db"
    shutil.copyfile(template, copy)
    return f"sqlite:///{copy}"
