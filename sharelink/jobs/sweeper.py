"""Bounded, repeatable pieces of background work. Each may run in several processes at once, and be killed anywhere."""

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session
from structlog import get_logger

from sharelink.accounts.people_view import has_lapsed_changes
from sharelink.actors import Actor
from sharelink.jobs.clock_watch import clock_is_steady
from sharelink.persistence.clocks import CLOCK_TOLERANCE, database_now
from sharelink.persistence.heartbeats import SWEEPER, beat
from sharelink.shares.epochs import end_of
from sharelink.unit_of_work import UnitOfWork

BATCH_SHARES = 20
"""How many shares expire in one transaction: few enough that nobody waits long for the writer's turn."""
MOST_BATCHES = 100
LONGEST_PAUSE_SECONDS = 0.25
"""A batch that waited long for others says nothing about how much room the next one leaves them."""

_log = get_logger("sharelink.jobs")


def _never() -> bool:
    return False


def sweep_once(
    unit_of_work: UnitOfWork,
    *,
    is_stopping: Callable[[], bool] = _never,
    pause: Callable[[float], object] = time.sleep,
) -> int:
    """Expire what is due, in short transactions, and return how many shares that were.

    After a full batch it rests for as long as that took, so that people get every other turn at the head of the log
    however much is due; what fits into one batch waits for nothing.

    Args:
        unit_of_work: what makes transactions.
        is_stopping: asked between transactions; what remains is left for the next time.
        pause: waits so many seconds.

    Raises:
        StorageUnavailable: the transaction at hand was undone; those before it stand.
    """
    total = 0
    for _ in range(MOST_BATCHES):
        began = time.monotonic()
        with unit_of_work.write(Actor.system()) as work:
            expired = work.shares.expire_due(BATCH_SHARES)
        total += expired
        if expired < BATCH_SHARES or is_stopping():
            break
        pause(min(time.monotonic() - began, LONGEST_PAUSE_SECONDS))
    if total:
        _log.info("shares expired", count=total)
    return total


def destroy_epochs_once(
    unit_of_work: UnitOfWork,
    grace: timedelta,
    *,
    read_database_clock: Callable[[Session], datetime] = database_now,
) -> int:
    """Destroy the keys of days that are over, and return how many events of that were written.

    Nothing is destroyed while this machine's clock and the database's disagree, nor within a day of a jump of the
    clock, nor while a share of the day is live.
    The file goes first and the event comes after: a crash between the two is mended here the next time, and nothing is
    ever called destroyed that is still there.

    Args:
        unit_of_work: what makes transactions.
        grace: how long after the end of its day a key is kept.
        read_database_clock: how the other clock is asked.

    Raises:
        OSError: a file cannot be listed or removed.
        StorageUnavailable: the database could not do its work.
    """
    days = unit_of_work.epoch_keys.days()
    with unit_of_work.read() as work:
        local, other = work.now, read_database_clock(work.session)
        known = set(work.epochs.remaining())
        is_steady = clock_is_steady(work)
    if new := [day for day in days if day not in known]:
        with unit_of_work.write(Actor.system()) as work:
            work.epochs.note(new)
    if abs(local - other) > CLOCK_TOLERANCE:
        _log.warning("clocks disagree, no key is destroyed", seconds=round((local - other).total_seconds()))
        return 0
    if not is_steady:
        _log.warning("the clock jumped lately, no key is destroyed")
        return 0
    due = [day for day in sorted(known | set(new)) if end_of(day) + grace <= min(local, other)]
    return sum(_destroy(unit_of_work, day) for day in due)


def _destroy(unit_of_work: UnitOfWork, day: date) -> bool:
    with unit_of_work.read() as work:
        live = work.shares.live_before(end_of(day))
    if live:
        _log.warning("a key is kept because shares of its day are live", day=day.isoformat(), shares=live)
        return False
    unit_of_work.epoch_keys.destroy(day)
    with unit_of_work.write(Actor.system()) as work:
        recorded = work.epochs.record_destroyed(day)
    if recorded:
        _log.info("epoch key destroyed", day=day.isoformat())
    return recorded


def report_failed_sign_ins(unit_of_work: UnitOfWork) -> None:
    """Write the events of failed sign-ins that no later try has written."""
    with unit_of_work.write(Actor.system()) as work:
        work.accounts.sign_ins.report_failures()


def void_lapsed_changes(unit_of_work: UnitOfWork) -> int:
    """Void the proposed changes that no second administrator decided in time; return how many."""
    with unit_of_work.read() as work:
        if not has_lapsed_changes(work.session, work.now):
            return 0
    with unit_of_work.write(Actor.system()) as work:
        return work.accounts.changes.void_lapsed()


def show_life(unit_of_work: UnitOfWork) -> None:
    """Record that the sweeper works, for readiness."""
    with unit_of_work.write(Actor.system()) as work:
        beat(work.session, SWEEPER, work.now)
