"""What the database, the keyring and the clocks say at this moment, as figures for monitors."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError
from structlog import get_logger

from sharelink.audit.queries import log_size
from sharelink.crypto.keyring import KeyPurpose
from sharelink.errors import SharelinkError
from sharelink.jobs.readiness import readiness
from sharelink.metrics.readings import Reading
from sharelink.outbox.queries import QUEUE_COUNTED_MAX, backlog
from sharelink.persistence.clocks import database_now
from sharelink.persistence.heartbeats import SWEEPER, last_beat_at
from sharelink.shares.epochs import end_of
from sharelink.unit_of_work import UnitOfWork

_log = get_logger("sharelink.figures")


def figures(unit_of_work: UnitOfWork, epoch_grace: timedelta) -> list[Reading]:
    """Return every figure that can be read; one that cannot is missing, and `ready` tells which part is broken.

    Args:
        unit_of_work: what makes transactions. Needs an application.
        epoch_grace: how long after the end of its day a key is kept.
    """
    found = [
        Reading("ready", "Whether a part of the service works.", float(holds), {"part": part})
        for part, holds in readiness(unit_of_work).items()
    ]
    looks: tuple[Callable[[], Iterator[Reading]], ...] = (
        lambda: _from_database(unit_of_work),
        lambda: _from_keyring(unit_of_work, epoch_grace),
    )
    for look in looks:
        try:
            found += look()
        except (SharelinkError, SQLAlchemyError, OSError) as error:
            _log.warning("figures cannot be read", cause=type(error).__name__)
    return found


def _from_database(unit_of_work: UnitOfWork) -> Iterator[Reading]:
    with unit_of_work.read() as work:
        now, other_now = work.now, database_now(work.session)
        beat_at = last_beat_at(work.session, SWEEPER)
        waiting = backlog(work.session, now)
        size = log_size(work.session)
    apart = (now - other_now).total_seconds()
    yield Reading("clock_difference_seconds", "This machine's clock minus the database's.", apart)
    if beat_at is not None:
        yield Reading("sweeper_age_seconds", "Time since anybody last swept.", (now - beat_at).total_seconds())
    if size is not None:
        yield Reading("audit_log_size", "Events in the log.", size)
    yield Reading("outbox_queued", f"Deliveries that wait, counted up to {QUEUE_COUNTED_MAX}.", waiting.queued)
    yield Reading("outbox_failed", "Deliveries refused or given up, until somebody looks.", waiting.failed)
    yield Reading(
        "outbox_overdue_seconds",
        "How long the oldest delivery that is due has not been tried.",
        waiting.overdue.total_seconds(),
    )


def _from_keyring(unit_of_work: UnitOfWork, grace: timedelta) -> Iterator[Reading]:
    days, now = unit_of_work.epoch_keys.days(), unit_of_work.clock()
    overdue = sum(end_of(day) + grace < now for day in days)
    yield Reading("epoch_keys", "Keys of days that are still there.", len(days))
    yield Reading("epoch_keys_overdue", "Keys whose day and grace are over: not destroyed yet.", overdue)
    for purpose in KeyPurpose:
        count = len(unit_of_work.keyring.keys[purpose])
        yield Reading("keyring_versions", "Versions of a key in the keyring.", count, {"purpose": purpose.value})
