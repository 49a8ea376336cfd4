"""The loop goes on through failures, tells them once, and ends with the item in hand."""

import threading
import time
from datetime import timedelta

from sqlalchemy import text

from sharelink.actors import Actor
from sharelink.jobs.readiness import readiness
from sharelink.jobs.worker import Worker
from sharelink.persistence.heartbeats import SWEEPER, last_beat_at
from tests.factories import send_secret


def rename(unit_of_work, old: str, new: str) -> None:
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


def test_one_turn_sweeps_and_shows_life(app, unit_of_work, staff, settings, clock):
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    clock.move(hours=1)
    assert Worker(app, unit_of_work, settings).run_due()
    with unit_of_work.read() as work:
        assert last_beat_at(work.session, SWEEPER) == clock.now
        assert work.session.execute(text("SELECT state FROM share")).scalar_one() == "expired"


def test_a_task_is_not_repeated_before_its_time(app, unit_of_work, staff, settings, clock):
    worker = Worker(app, unit_of_work, settings)
    worker.run_due()
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    clock.move(hours=1)
    worker.run_due()
    with unit_of_work.read() as work:
        assert work.session.execute(text("SELECT state FROM share")).scalar_one() == "sealed"


def test_no_life_is_shown_while_sweeping_fails_and_it_is_again_afterwards(app, unit_of_work, staff, settings, clock):
    rename(unit_of_work, "audit_head", "audit_head_away")
    send_at = clock.now
    with unit_of_work.read() as work:
        before = last_beat_at(work.session, SWEEPER)
    rename(unit_of_work, "share", "share_away")
    assert not Worker(app, unit_of_work, settings).run_due()
    with unit_of_work.read() as work:
        assert last_beat_at(work.session, SWEEPER) == before
    rename(unit_of_work, "share_away", "share")
    rename(unit_of_work, "audit_head_away", "audit_head")
    assert Worker(app, unit_of_work, settings).run_due()
    with unit_of_work.read() as work:
        assert last_beat_at(work.session, SWEEPER) == send_at


def test_a_worker_ends_soon_after_it_is_told_to(app, unit_of_work, settings):
    worker = Worker(app, unit_of_work, settings)
    thread = threading.Thread(target=worker.run)
    thread.start()
    time.sleep(0.2)
    began = time.monotonic()
    worker.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert time.monotonic() - began < 2


def test_a_sweeper_that_is_late_makes_the_process_not_ready(app, unit_of_work, settings, clock):
    Worker(app, unit_of_work, settings).run_due()
    assert readiness(unit_of_work)["sweeper"]
    clock.move(seconds=121)
    assert not readiness(unit_of_work)["sweeper"]
