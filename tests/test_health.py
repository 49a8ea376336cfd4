"""Health says that the process lives; readiness says whether it can do its work, part by part."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from sharelink.actors import Actor
from sharelink.jobs.log_sink import send_log_once
from sharelink.jobs.readiness import OUTBOX_LATE
from sharelink.jobs.sweeper import show_life
from sharelink.persistence.clocks import database_now
from sharelink.settings import Settings
from sharelink.settings_witnessing import SinkAddress
from sharelink.tlog.cosignatures import Ed25519Cosigner

PARTS = {"audit", "checkpoint", "clock", "database", "epoch_keys", "keyring", "migrations", "outbox", "sweeper"} | {
    "rate_counters"
}
QUEUED = (
    "INSERT INTO outbox_entry (id, event_id, event_type, rec, channel, audience_kind, audience_ref, letter, state,"
    " attempts, next_at, created_at) VALUES (:id, :id, 'share.created', 'r', 'mail', 'record', :id, 'record_event',"
    " 'queued', 0, :at, :at)"
)


@pytest.fixture
def ready_client(client: FlaskClient, unit_of_work, clock) -> FlaskClient:
    """Return a browser on an application that is ready: in step with its database, and with a sweeper at work."""
    with unit_of_work.read() as work:
        clock.now = database_now(work.session)
    show_life(unit_of_work)
    return client


def failing(client: FlaskClient) -> set[str]:
    answer = client.get("/readyz")
    assert answer.json is not None
    assert set(answer.json) == PARTS
    failed = {name for name, holds in answer.json.items() if not holds}
    assert answer.status_code == (503 if failed else 200)
    assert answer.headers["Cache-Control"] == "no-store"
    return failed


def run_sql(unit_of_work, statement: str) -> None:
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text(statement))


def test_everything_holds_in_a_sound_installation(ready_client):
    assert failing(ready_client) == set()


def test_a_clock_that_differs_from_the_databases_is_seen(ready_client, clock):
    clock.move(seconds=-75)
    assert failing(ready_client) == {"clock"}


def test_a_missing_head_of_the_audit_is_seen(ready_client, unit_of_work):
    run_sql(unit_of_work, "DELETE FROM audit_head")
    assert failing(ready_client) == {"audit", "checkpoint"}


def test_a_head_that_does_not_count_the_events_there_are_is_seen(ready_client, unit_of_work):
    run_sql(unit_of_work, "UPDATE audit_head SET size = size + 1")
    assert failing(ready_client) == {"audit", "checkpoint"}


def test_events_that_no_checkpoint_covers_are_seen(ready_client, unit_of_work, staff):
    assert failing(ready_client) == set()
    run_sql(unit_of_work, "DELETE FROM audit_checkpoint WHERE size = (SELECT max(size) FROM audit_checkpoint)")
    assert failing(ready_client) == {"checkpoint"}


def test_letters_that_are_due_for_long_and_taken_by_nobody_are_seen(ready_client, unit_of_work, clock):
    due = int((clock.now - OUTBOX_LATE).timestamp() * 1_000_000)
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text(QUEUED), {"id": b"i" * 16, "at": due})
    assert failing(ready_client) == set()
    run_sql(unit_of_work, "UPDATE outbox_entry SET next_at = next_at - 1000000")
    assert failing(ready_client) == {"outbox"}
    run_sql(unit_of_work, "UPDATE outbox_entry SET state = 'void'")
    assert failing(ready_client) == set()


def test_a_schema_of_another_version_is_seen(ready_client, unit_of_work):
    run_sql(unit_of_work, "UPDATE alembic_version SET version_num = 'other'")
    assert failing(ready_client) == {"migrations"}


def test_a_keyring_that_went_away_or_was_exchanged_is_seen(ready_client, settings):
    settings.keyring_directory.rename(settings.keyring_directory.with_name("away"))
    assert failing(ready_client) == {"keyring", "epoch_keys"}


def test_a_broken_database_is_no_error_and_leaks_nothing(ready_client, unit_of_work):
    run_sql(unit_of_work, "ALTER TABLE audit_head RENAME TO away")
    run_sql(unit_of_work, "ALTER TABLE worker_heartbeat RENAME TO away_too")
    assert failing(ready_client) == {"audit", "checkpoint", "sweeper"}
    assert "away" not in ready_client.get("/readyz").text


def test_the_process_lives_even_when_nothing_else_does(app: Flask, unit_of_work, settings):
    run_sql(unit_of_work, "ALTER TABLE audit_head RENAME TO away")
    settings.keyring_directory.rename(settings.keyring_directory.with_name("away"))
    answer = app.test_client().get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"alive": True})
    assert "Set-Cookie" not in answer.headers


def test_a_sink_and_a_witness_that_fail_are_told_and_take_no_service_away(
    ready_client, make_app, settings, unit_of_work, staff
):
    key = Ed25519Cosigner.from_seed("customer.example/witness", bytes(32)).key.text()
    watched = {
        "audit_sink": "file:///nowhere/audit.jsonl",
        "audit_witnesses": f"{key} https://w.example/add-checkpoint",
    }
    send_log_once(unit_of_work, SinkAddress.parse(watched["audit_sink"]))
    answer = make_app(Settings(**settings.model_dump() | watched)).test_client().get("/readyz")
    assert answer.json is not None
    assert {name for name, holds in answer.json.items() if not holds} == {"audit_sink", "witnesses"}
    assert answer.status_code == 200
