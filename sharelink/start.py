"""From an environment to an application that may serve; the same for `sharelink serve` and for `wsgi.py`."""

import os
import resource
import tempfile
from collections.abc import Mapping
from importlib.metadata import version

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from sharelink.actors import Actor
from sharelink.app import create_app
from sharelink.audit.checkpoint_file import newest_in_file
from sharelink.audit.continuity import discontinuity
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.errors import UnsafeStart
from sharelink.logs import configure_logging
from sharelink.persistence.database import db
from sharelink.persistence.schema import is_ahead, is_current, upgrade
from sharelink.settings import Settings
from sharelink.web.wiring import Wiring, wiring


def application(environ: Mapping[str, str]) -> Flask:
    """Return the application for a WSGI server.

    Raises:
        UnsafeStart: settings, keys or schema do not allow to serve; all problems are told.
    """
    return serving_application(Settings.from_environment(environ))


def serving_application(settings: Settings) -> Flask:
    """Return an application that may answer requests: process hardened, schema current, start recorded.

    Raises:
        UnsafeStart: keys or schema do not allow to serve, or another process serves already.
    """
    harden_process(settings)
    prepare_embedded_file(settings)
    app = create_app(settings)
    with app.app_context():
        require_schema(settings)
        require_continuity(settings)
        _record_start(wiring())
    return app


def harden_process(settings: Settings) -> None:
    """Make this process write logs without secrets, no core dump, and files that only its user can read."""
    configure_logging(settings.log_format, settings.log_level)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    if settings.temporary_directory is not None:
        tempfile.tempdir = str(settings.temporary_directory)


def prepare_embedded_file(settings: Settings) -> None:
    """Make the embedded database's folder and empty file, readable by this user only; other databases are left alone.

    Raises:
        UnsafeStart: the place cannot be written.
    """
    path = settings.database_file
    if path is None:
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise UnsafeStart([f"the database {path} cannot be written ({os.strerror(error.errno or 0)})"]) from error


def require_schema(settings: Settings) -> None:
    """Bring the embedded database to the schema of this version; demand that any other has it. Needs an application.

    Raises:
        UnsafeStart: the schema is another one, or the database cannot be reached.
    """
    try:
        if is_ahead(db.engine):
            raise UnsafeStart(["the database's schema is of a later version of Sharelink; start that version"])
        if settings.embedded_database:
            upgrade(db.engine)
        current = is_current(db.engine)
    except SQLAlchemyError as error:
        raise UnsafeStart([f"the database cannot be used ({type(error).__name__})"]) from error
    if not current:
        raise UnsafeStart(["the database's schema is not the one of this version; run: sharelink database upgrade"])


def require_continuity(settings: Settings) -> None:
    """Demand that the audit log goes on from what is known of it outside of the database. Needs an application.

    Raises:
        UnsafeStart: the database is older than that, or another one, or the file cannot be read.
    """
    made = wiring().unit_of_work
    try:
        outside = newest_in_file(settings.checkpoint_file, made.log_keys)
    except OSError as error:
        path = settings.checkpoint_file
        raise UnsafeStart([f"the checkpoints in {path} cannot be read ({os.strerror(error.errno or 0)})"]) from error
    with made.read() as work:
        problem = discontinuity(work.session, made.log_keys, outside)
    if problem is not None:
        raise UnsafeStart([problem])


def _record_start(made: Wiring) -> None:
    with made.unit_of_work.write(Actor.system()) as work:
        work.audit.append(
            AuditEvent.SYSTEM_STARTED,
            rec=SYSTEM_CHAIN,
            actor=work.actor,
            now=work.now,
            facts={"version": version("sharelink")},
        )
