"""A clock that jumps is noticed and told, and pauses what cannot be undone."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from sharelink.actors import Actor
from sharelink.errors import StorageUnavailable
from sharelink.jobs.clock_watch import ClockWatch, clock_is_steady
from sharelink.jobs.sweeper import destroy_epochs_once, show_life, sweep_once
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded
from tests.factories import Person, send_secret
from tests.fakes import MovableClock

DAY = 86_400


class Ticks:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def watch(unit_of_work: UnitOfWork, ticks: Ticks) -> ClockWatch:
    """Return a watch that has looked once."""
    show_life(unit_of_work)
    made = ClockWatch(unit_of_work, ticks)
    assert made.look() is None
    return made


def jumps(unit_of_work: UnitOfWork) -> list[object]:
    return [event.facts["seconds"] for event in recorded(unit_of_work) if event.type == "system.clock_jump"]


def is_steady(unit_of_work: UnitOfWork) -> bool:
    with unit_of_work.read() as work:
        return clock_is_steady(work)


def test_time_that_really_passed_is_no_jump(
    unit_of_work: UnitOfWork, watch: ClockWatch, clock: MovableClock, ticks: Ticks
) -> None:
    for seconds in (10, 10 * DAY, 59):
        clock.move(seconds=seconds + 59)
        ticks.seconds += seconds
        assert watch.look() is None
        clock.move(seconds=-59)
        assert watch.look() is None
    assert jumps(unit_of_work) == []
    assert is_steady(unit_of_work)


@pytest.mark.parametrize("seconds", [61, 3 * DAY, -61, -3 * DAY])
def test_a_jump_is_an_event_once_and_the_clock_is_unsteady_for_a_day(
    unit_of_work: UnitOfWork, watch: ClockWatch, clock: MovableClock, ticks: Ticks, seconds: int
) -> None:
    clock.move(seconds=seconds + 10)
    ticks.seconds += 10
    assert watch.look() == timedelta(seconds=seconds)
    assert watch.look() is None
    assert jumps(unit_of_work) == [seconds]
    clock.move(days=1, seconds=-1)
    assert not is_steady(unit_of_work)
    clock.move(seconds=1)
    assert is_steady(unit_of_work)


def test_a_clock_set_back_while_nothing_ran_is_noticed_at_the_start(
    unit_of_work: UnitOfWork, clock: MovableClock, ticks: Ticks
) -> None:
    show_life(unit_of_work)
    clock.move(hours=-2)
    assert ClockWatch(unit_of_work, ticks).look() == timedelta(hours=-2)
    assert jumps(unit_of_work) == [-7_200]


def test_a_service_that_was_off_for_a_week_has_seen_no_jump(
    unit_of_work: UnitOfWork, clock: MovableClock, ticks: Ticks
) -> None:
    show_life(unit_of_work)
    clock.move(days=7)
    assert ClockWatch(unit_of_work, ticks).look() is None
    assert is_steady(unit_of_work)


def test_a_jump_that_cannot_be_written_is_told_by_the_next_look(
    unit_of_work: UnitOfWork, watch: ClockWatch, clock: MovableClock
) -> None:
    clock.move(hours=5)
    rename(unit_of_work, "audit_leaf", "audit_leaf_away")
    with pytest.raises(StorageUnavailable):
        watch.look()
    rename(unit_of_work, "audit_leaf_away", "audit_leaf")
    assert watch.look() == timedelta(hours=5)
    assert jumps(unit_of_work) == [18_000]


def test_after_a_jump_forward_shares_expire_but_no_key_is_destroyed_for_a_day(
    unit_of_work: UnitOfWork, staff: Person, watch: ClockWatch, clock: MovableClock, ticks: Ticks
) -> None:
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    day = date(2026, 11, 23)
    clock.now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    watch.look()
    assert sweep_once(unit_of_work) == 1

    def destroyed() -> int:
        return destroy_epochs_once(unit_of_work, timedelta(hours=1), read_database_clock=lambda _session: clock.now)

    assert destroyed() == 0
    assert unit_of_work.epoch_keys.days() == [day]
    clock.move(days=1)
    ticks.seconds += DAY
    assert watch.look() is None
    assert destroyed() == 1
    assert unit_of_work.epoch_keys.days() == []


def rename(unit_of_work: UnitOfWork, old: str, new: str) -> None:
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))
