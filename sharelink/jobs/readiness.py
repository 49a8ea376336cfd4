"""Whether this process can do its work: every part that a request may need, looked at one by one.

A part is a row of `readiness`; nothing but its name and whether it works ever leaves.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from structlog import get_logger

from sharelink.audit.queries import checkpoint_covers_log, head_counts_leaves
from sharelink.errors import SharelinkError
from sharelink.outbox.queries import overdue
from sharelink.persistence.clocks import CLOCK_TOLERANCE, database_now
from sharelink.persistence.database import db
from sharelink.persistence.heartbeats import SWEEPER, last_beat_at
from sharelink.persistence.schema import still_serves
from sharelink.settings import Settings
from sharelink.settings_witnessing import SinkAddress
from sharelink.unit_of_work import UnitOfWork
from sharelink.witnesses.configured import Witnesses
from sharelink.witnesses.queries import witness_views

SWEEPER_LATE = timedelta(seconds=120)
OUTBOX_LATE = timedelta(minutes=15)
"""Longer than a slow mail server keeps a worker busy: its letters are due for a while, and nothing is wrong here."""

_log = get_logger("sharelink.readiness")


def readiness(unit_of_work: UnitOfWork) -> dict[str, bool]:
    """Return for each part by name whether it works; a part that cannot be looked at does not. Needs an application."""
    parts: dict[str, Callable[[], bool]] = {
        "database": partial(_database, unit_of_work),
        "migrations": _migrations,
        "keyring": partial(_keyring, unit_of_work),
        "epoch_keys": partial(_epoch_keys, unit_of_work),
        "clock": partial(_clock, unit_of_work),
        "audit": partial(_audit, unit_of_work),
        "checkpoint": partial(_checkpoint, unit_of_work),
        "outbox": partial(_outbox, unit_of_work),
        "sweeper": partial(_sweeper, unit_of_work),
    }
    return {name: _holds(name, look) for name, look in parts.items()}


def notices(unit_of_work: UnitOfWork, settings: Settings) -> dict[str, bool]:
    """Return for each thing that should work, but that no request needs, whether it does. Needs an application.

    Only what the settings switch on: the second sink of the log, and the witnesses.
    """
    looks: dict[str, Callable[[], bool]] = {}
    if (address := settings.sink_address) is not None:
        looks["audit_sink"] = partial(_sink, unit_of_work, address)
    if settings.audit_witnesses:
        looks["witnesses"] = partial(_witnesses, unit_of_work, settings)
    return {name: _holds(name, look) for name, look in looks.items()}


def _holds(name: str, look: Callable[[], bool]) -> bool:
    try:
        holds = look()
    except (SharelinkError, SQLAlchemyError, OSError) as error:
        _log.warning("not ready", part=name, cause=type(error).__name__)
        return False
    if not holds:
        _log.warning("not ready", part=name)
    return holds


def _database(unit_of_work: UnitOfWork) -> bool:
    with unit_of_work.read() as work:
        return work.session.scalar(select(1)) == 1


def _migrations() -> bool:
    return still_serves(db.engine)


def _keyring(unit_of_work: UnitOfWork) -> bool:
    # Read again: the keys in memory do not tell when the volume went away.
    return unit_of_work.keys.agrees_with_source()


def _epoch_keys(unit_of_work: UnitOfWork) -> bool:
    directory = unit_of_work.epoch_keys.directory
    return os.access(directory if directory.is_dir() else directory.parent, os.R_OK | os.W_OK | os.X_OK)


def _clock(unit_of_work: UnitOfWork) -> bool:
    with unit_of_work.read() as work:
        return abs(database_now(work.session) - work.now) <= CLOCK_TOLERANCE


def _audit(unit_of_work: UnitOfWork) -> bool:
    with unit_of_work.read() as work:
        return head_counts_leaves(work.session)


def _checkpoint(unit_of_work: UnitOfWork) -> bool:
    with unit_of_work.read() as work:
        return checkpoint_covers_log(work.session)


def _outbox(unit_of_work: UnitOfWork) -> bool:
    with unit_of_work.read() as work:
        return overdue(work.session, work.now) <= OUTBOX_LATE


def _sweeper(unit_of_work: UnitOfWork) -> bool:
    with unit_of_work.read() as work:
        beat_at = last_beat_at(work.session, SWEEPER)
        return beat_at is not None and work.now - beat_at <= SWEEPER_LATE


def _sink(unit_of_work: UnitOfWork, address: SinkAddress) -> bool:
    with unit_of_work.read() as work:
        return not work.sinks.is_failing(address)


def _witnesses(unit_of_work: UnitOfWork, settings: Settings) -> bool:
    witnesses = Witnesses.of(settings.witness_entries, settings.audit_quorum)
    with unit_of_work.read() as work:
        views = witness_views(work.session, witnesses.all, work.now)
    return not any(view.is_stale or view.has_refused for view in views)
