"""The database's own clock, and signs of life."""

from datetime import UTC, datetime, timedelta

from sharelink.actors import Actor
from sharelink.persistence.clocks import database_now
from sharelink.persistence.heartbeats import SWEEPER, beat, last_beat_at


def test_the_databases_clock_is_read_with_its_zone_and_shows_the_present(unit_of_work):
    with unit_of_work.read() as work:
        shown = database_now(work.session)
    assert shown.tzinfo is UTC
    assert abs(shown - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_heartbeat_is_there_from_the_first_migration_on_and_long_past(unit_of_work, clock):
    with unit_of_work.read() as work:
        assert last_beat_at(work.session, SWEEPER) == datetime(1970, 1, 1, tzinfo=UTC)
    with unit_of_work.write(Actor.system()) as work:
        beat(work.session, SWEEPER, work.now)
    with unit_of_work.read() as work:
        assert last_beat_at(work.session, SWEEPER) == clock.now
