"""Shares expire by themselves, and the keys of past days die, in this order and never too early."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent
from sharelink.audit.models import AuditLeaf
from sharelink.jobs import sweeper
from sharelink.jobs.sweeper import destroy_epochs_once, report_failed_sign_ins, sweep_once
from sharelink.shares.epochs import end_of
from sharelink.shares.models import Share
from sharelink.shares.states import ShareState
from sharelink.unit_of_work import UnitOfWork
from tests.factories import send_secret
from tests.fakes import MovableClock

GRACE = timedelta(hours=1)
TODAY = date(2026, 11, 23)


@pytest.fixture
def agreeing(clock: MovableClock) -> Callable[[Session], datetime]:
    """Return a database clock that shows what the service's own clock shows."""
    return lambda _session: clock.now


def states(unit_of_work: UnitOfWork) -> list[tuple[ShareState, bool]]:
    with unit_of_work.read() as work:
        rows = work.session.execute(select(Share.state, Share.outer_ciphertext).order_by(Share.expires_at)).all()
    return [(state, ciphertext is not None) for state, ciphertext in rows]


def events(unit_of_work: UnitOfWork, event: AuditEvent) -> int:
    with unit_of_work.read() as work:
        return len(work.session.scalars(select(AuditLeaf.index).where(AuditLeaf.type == event.value)).all())


def test_only_shares_whose_time_has_come_expire_and_their_ciphertext_goes(unit_of_work, staff, clock):
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=3))
    clock.move(hours=1)
    assert sweep_once(unit_of_work) == 1
    assert states(unit_of_work) == [(ShareState.EXPIRED, False), (ShareState.SEALED, True)]
    assert events(unit_of_work, AuditEvent.SHARE_EXPIRED) == 1


def test_a_second_sweep_finds_nothing_left_to_do(unit_of_work, staff, clock):
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    clock.move(hours=2)
    assert [sweep_once(unit_of_work), sweep_once(unit_of_work)] == [1, 0]
    assert events(unit_of_work, AuditEvent.SHARE_EXPIRED) == 1


def test_a_sweep_goes_on_in_further_transactions_until_all_is_done(unit_of_work, staff, clock, monkeypatch):
    monkeypatch.setattr(sweeper, "BATCH_SHARES", 2)
    for _ in range(5):
        send_secret(unit_of_work, staff, lifetime=timedelta(hours=1), code=False)
    clock.move(hours=1)
    assert sweep_once(unit_of_work) == 5


def test_a_sweep_rests_between_full_batches_outside_of_any_transaction_and_for_no_longer_than_the_limit(
    unit_of_work, staff, clock, monkeypatch
):
    monkeypatch.setattr(sweeper, "BATCH_SHARES", 2)
    for _ in range(5):
        send_secret(unit_of_work, staff, lifetime=timedelta(hours=1), code=False)
    clock.move(hours=1)
    rests = []

    def rest(seconds: float) -> None:
        # What the batch did can be read from elsewhere only after its commit.
        assert events(unit_of_work, AuditEvent.SHARE_EXPIRED) == 2 * (len(rests) + 1)
        rests.append(seconds)

    assert sweep_once(unit_of_work, pause=rest) == 5
    assert len(rests) == 2
    assert all(0 < seconds <= sweeper.LONGEST_PAUSE_SECONDS for seconds in rests)


def test_a_sweep_of_less_than_a_batch_does_not_rest(unit_of_work, staff, clock):
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=1), code=False)
    clock.move(hours=1)
    rests = []
    assert sweep_once(unit_of_work, pause=rests.append) == 1
    assert rests == []


def test_a_worker_that_stops_finishes_the_batch_in_hand_and_leaves_the_rest(unit_of_work, staff, clock, monkeypatch):
    monkeypatch.setattr(sweeper, "BATCH_SHARES", 2)
    for _ in range(5):
        send_secret(unit_of_work, staff, lifetime=timedelta(hours=1), code=False)
    clock.move(hours=1)
    assert sweep_once(unit_of_work, is_stopping=lambda: True) == 2
    assert sweep_once(unit_of_work) == 3


def test_the_key_of_a_day_lives_until_its_grace_is_over(unit_of_work, staff, clock, agreeing):
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    clock.now = end_of(TODAY) + GRACE - timedelta(seconds=1)
    sweep_once(unit_of_work)
    assert destroy_epochs_once(unit_of_work, GRACE, read_database_clock=agreeing) == 0
    assert unit_of_work.epoch_keys.days() == [TODAY]
    clock.move(seconds=1)
    assert destroy_epochs_once(unit_of_work, GRACE, read_database_clock=agreeing) == 1
    assert unit_of_work.epoch_keys.days() == []
    assert events(unit_of_work, AuditEvent.KEY_DESTROYED) == 1


def test_no_key_dies_while_a_share_of_its_day_is_live(unit_of_work, staff, clock, agreeing):
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    clock.move(days=2)
    assert destroy_epochs_once(unit_of_work, GRACE, read_database_clock=agreeing) == 0
    assert unit_of_work.epoch_keys.days() == [TODAY]
    sweep_once(unit_of_work)
    assert destroy_epochs_once(unit_of_work, GRACE, read_database_clock=agreeing) == 1


def test_keys_of_days_to_come_are_left_alone(unit_of_work, staff, clock, agreeing):
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    send_secret(unit_of_work, staff, lifetime=timedelta(days=7))
    clock.move(days=2)
    sweep_once(unit_of_work)
    destroy_epochs_once(unit_of_work, GRACE, read_database_clock=agreeing)
    assert unit_of_work.epoch_keys.days() == [TODAY + timedelta(days=7)]


@pytest.mark.parametrize("apart", [timedelta(seconds=61), timedelta(seconds=-61), timedelta(days=-30)])
def test_no_key_dies_while_two_clocks_disagree(unit_of_work, staff, clock, apart):
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    clock.move(days=2)
    sweep_once(unit_of_work)
    assert destroy_epochs_once(unit_of_work, GRACE, read_database_clock=lambda _session: clock.now + apart) == 0
    assert unit_of_work.epoch_keys.days() == [TODAY]
    assert destroy_epochs_once(unit_of_work, GRACE, read_database_clock=lambda _session: clock.now) == 1


def test_the_real_database_clock_is_the_one_that_is_asked(unit_of_work, staff, clock):
    """The service's clock stands in this test's own time, far from the database's."""
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    clock.now = datetime.now(UTC) + timedelta(days=400)
    sweep_once(unit_of_work)
    assert destroy_epochs_once(unit_of_work, GRACE) == 0
    clock.now = datetime.now(UTC)
    assert destroy_epochs_once(unit_of_work, GRACE) in {0, 1}


def test_a_crash_between_file_and_event_is_mended_at_the_next_pass(unit_of_work, staff, clock, agreeing):
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    destroy_epochs_once(unit_of_work, GRACE, read_database_clock=agreeing)
    clock.move(days=2)
    sweep_once(unit_of_work)
    unit_of_work.epoch_keys.destroy(TODAY)
    assert events(unit_of_work, AuditEvent.KEY_DESTROYED) == 0
    assert destroy_epochs_once(unit_of_work, GRACE, read_database_clock=agreeing) == 1
    assert destroy_epochs_once(unit_of_work, GRACE, read_database_clock=agreeing) == 0
    assert events(unit_of_work, AuditEvent.KEY_DESTROYED) == 1


def test_two_workers_write_one_event_for_one_key(unit_of_work, clock):
    with unit_of_work.write(Actor.system()) as work:
        work.epochs.note([TODAY])
        work.epochs.note([TODAY])
    with unit_of_work.write(Actor.system()) as work:
        assert work.epochs.record_destroyed(TODAY)
    with unit_of_work.write(Actor.system()) as work:
        assert not work.epochs.record_destroyed(TODAY)
    assert events(unit_of_work, AuditEvent.KEY_DESTROYED) == 1


def test_failed_sign_ins_of_the_past_are_told_without_anybody_coming_back(unit_of_work, staff, clock):
    with unit_of_work.write(Actor.public("203.0.113.9", None)) as work:
        work.accounts.sign_ins.begin(staff.email)
    clock.move(minutes=10)
    report_failed_sign_ins(unit_of_work)
    assert events(unit_of_work, AuditEvent.AUTH_FAILED) == 1
