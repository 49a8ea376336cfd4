"""From an environment to an application that may serve; the same for `sharelink serve` and for `wsgi.py`."""

import atexit
import os
import resource
import tempfile
from collections.abc import Mapping
from importlib.metadata import version

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from structlog import get_logger

from sharelink.actors import Actor
from sharelink.app import create_app
from sharelink.audit.checkpoint_file import newest_in_file
from sharelink.audit.continuity import discontinuity
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.signing import keep_origin
from sharelink.collection import collection_paused, keep_for_good
from sharelink.errors import UnsafeStart
from sharelink.jobs.log_sink import probe_sink
from sharelink.logs import configure_logging
from sharelink.persistence.database import db
from sharelink.persistence.schema import is_ahead, is_current, upgrade
from sharelink.settings import Settings
from sharelink.web.wiring import Wiring, wiring

_log = get_logger("sharelink.start")


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
    with collection_paused():
        app = create_app(settings)
        with app.app_context():
            require_schema(settings)
            require_continuity(settings)
            keep_log_origin(settings)
            require_keys(wiring())
            _record_start(wiring())
            # Whichever server it is that ends.
            atexit.register(wiring().noise.end)
            _try_sink(wiring())
        keep_for_good()
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
        current = is_current(db.engine)
        if settings.embedded_database and not current:
            upgrade(db.engine)
            current = is_current(db.engine)
    except SQLAlchemyError as error:
        raise UnsafeStart([f"the database cannot be used ({type(error).__name__})"]) from error
    if not current:
        raise UnsafeStart(["the database's schema is not the one of this version; run: sharelink database upgrade"])


def keep_log_origin(settings: Settings) -> None:
    """Write down the name of the audit log beside its keys: it stays when the base URL changes. Needs an application.

    Raises:
        UnsafeStart: the keyring cannot be written.
    """
    try:
        keep_origin(settings.keyring_directory, wiring().unit_of_work.log_keys.origin)
    except OSError as error:
        raise UnsafeStart([f"the keyring cannot be written ({os.strerror(error.errno or 0)})"]) from error


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


def require_keys(made: Wiring) -> None:
    """Demand that this process holds the keys that the database knows; the first process makes them known.

    Raises:
        UnsafeStart: a key is another one, or one is missing that something may be sealed or signed with.
    """
    keyring = made.unit_of_work.keyring
    with made.unit_of_work.write(Actor.system()) as work:
        problems = [
            f"{name.file_name} is not the key that this database knows by that name: restore the right one "
            "(docs/keys.md tells what to do when it is lost)"
            for name in work.key_versions.strange(keyring)
        ]
        problems += [
            f"{name.file_name} is missing, and something may be sealed or signed with it: restore it "
            "(docs/keys.md tells what to do when it is lost)"
            for name in work.key_versions.lacking(keyring)
        ]
        if problems:
            raise UnsafeStart(problems)
        work.key_versions.register(keyring)


def _record_start(made: Wiring) -> None:
    with made.unit_of_work.write(Actor.system()) as work:
        work.audit.append(
            AuditEvent.SYSTEM_STARTED,
            rec=SYSTEM_CHAIN,
            actor=work.actor,
            now=work.now,
            facts={"version": version("sharelink")},
        )


def _try_sink(made: Wiring) -> None:
    """Tell at once, rather than with the next event, that the second sink of the log cannot be written."""
    address = made.settings.sink_address
    if address is not None and (code := probe_sink(made.unit_of_work, address)) is not None:
        _log.error("the second sink of the audit log cannot be written", code=code)
