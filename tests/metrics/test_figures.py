"""Figures tell what happened how often to whoever holds the monitor's token, and nobody and nothing else."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from flask import Flask
from sqlalchemy import text

from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent
from sharelink.jobs.sweeper import show_life, sweep_once
from sharelink.metrics.transitions import _MOVES
from sharelink.persistence.clocks import database_now
from sharelink.settings import Settings
from sharelink.shares.states import ShareKind, ShareState
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.attacks.servers import ROOT, environment
from tests.browsers import Browser, headers_of
from tests.factories import Person, ask_secret, send_secret, submit_answer

TOKEN = "a-monitor-that-holds-this-token-may-read"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"metrics_token": TOKEN, "rate_limit_status": "3 per minute"})


def figures(client: Browser) -> dict[str, float]:
    """Return every sample by its name with labels."""
    answer = client.get("/metrics", headers=SHOWN)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _space, value in (line.rpartition(" ") for line in lines)}


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": f"Bearer {TOKEN}x"}],
    ids=["nothing", "no scheme", "another scheme", "another token"],
)
def test_without_the_token_there_is_no_such_page(client: Browser, headers: dict[str, str]) -> None:
    refused, unknown = client.get("/metrics", headers=headers), client.get("/nothing-here", headers=headers)
    assert (refused.status_code, headers_of(refused), refused.data) == (404, headers_of(unknown), unknown.data)


def test_where_no_token_is_set_nothing_is_counted_and_nobody_reads(
    make_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    app = make_app(settings.model_copy(update={"metrics_token": ""}))
    assert app.extensions[EXTENSION].counters is None
    for shown in ("Bearer ", "Bearer", f"Bearer {TOKEN}"):
        assert Browser.of(app).get("/metrics", headers={"Authorization": shown}).status_code == 404


def test_the_life_of_shares_is_counted_by_kind_and_state(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, clock
) -> None:
    before = figures(client)
    revealed, _expired = send_secret(unit_of_work, staff), send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    form = {"link": revealed.link.url("http://localhost"), "code": revealed.code or ""}
    assert client.post("/s/reveal", data=form).status_code == 200
    assert client.post("/s/reveal", data=form).status_code == 410
    asked = ask_secret(unit_of_work, staff)
    submit_answer(unit_of_work, asked.submit_link, "an answer")
    clock.move(hours=2)
    assert sweep_once(unit_of_work) == 1
    after = figures(client)
    moved = {name: after[name] - before.get(name, 0) for name in after if "transitions_total" in name}
    assert moved == {
        'sharelink_share_transitions_total{kind="send",state="sealed"}': 2,
        'sharelink_share_transitions_total{kind="send",state="revealed"}': 1,
        'sharelink_share_transitions_total{kind="send",state="expired"}': 1,
        'sharelink_share_transitions_total{kind="request",state="awaiting"}': 1,
        'sharelink_share_transitions_total{kind="request",state="sealed"}': 1,
    }
    assert after['sharelink_events_total{event="share.revealed"}'] == 1
    assert after['sharelink_refusals_total{code="share_ended"}'] == 1
    assert after['sharelink_responses_total{endpoint="links.reveal",status="4xx"}'] == 1
    assert after['sharelink_request_seconds_count{endpoint="links.reveal"}'] == 2


def events_counted(client: Browser) -> float:
    return sum(value for name, value in figures(client).items() if name.startswith("sharelink_events_total"))


def test_what_was_undone_is_not_counted(client: Browser, unit_of_work: UnitOfWork, staff: Person) -> None:
    before = events_counted(client)
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text("DELETE FROM audit_head"))
    with pytest.raises(Exception, match="head of the audit"):
        send_secret(unit_of_work, staff)
    assert events_counted(client) == before > 0


def test_every_state_a_share_can_come_into_is_counted() -> None:
    counted = {(kind, state) for kinds, state in _MOVES.values() for kind in ([kinds] if kinds else ShareKind)}
    never = {(ShareKind.SEND, ShareState.AWAITING), (ShareKind.REQUEST, ShareState.LOCKED)}
    assert counted == {(kind, state) for kind in ShareKind for state in ShareState} - never


def test_a_rate_limit_that_is_reached_is_counted_by_its_name(client: Browser) -> None:
    answers = [client.post("/s/status", data={"link": "x"}).status_code for _ in range(5)]
    assert answers[-2:] == [429, 429]
    assert figures(client)['sharelink_rate_limited_total{limit="status"}'] == 2


def test_nobody_can_add_series_by_what_they_send(client: Browser) -> None:
    client.get("/s/a")
    client.get("/nothing")
    figures(client)
    before = set(figures(client))
    for number in range(20):
        client.get(f"/nothing-{number}?x={number}")
        client.get(f"/s/{number}", headers={"User-Agent": str(number), "X-Request-ID": f"{number:016x}"})
        client.open("/nothing", method="GET", headers={"Host": f"h{number}.example.com"})
    after = set(figures(client))
    # A refusal of a kind that was not met before has a name of ours: its count, and since when it is counted.
    new = {name.replace("_created{", "_total{") for name in after - before}
    assert {re.sub(r"\{.*", "", name) for name in new} <= {"sharelink_refusals_total"}, after - before
    assert len(new) <= 1


def test_database_keyring_and_clocks_are_read_when_they_are_asked_for(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, clock
) -> None:
    with unit_of_work.read() as work:
        clock.now = database_now(work.session)
    show_life(unit_of_work)
    send_secret(unit_of_work, staff)
    clock.move(seconds=40)
    found = figures(client)
    parts = {name: value for name, value in found.items() if name.startswith("sharelink_ready{")}
    assert len(parts) == 9
    assert set(parts.values()) == {1.0}
    assert found["sharelink_sweeper_age_seconds"] == 40
    # The database's clock goes on meanwhile, on a busy machine for some seconds.
    assert 10 <= found["sharelink_clock_difference_seconds"] <= 41
    assert found["sharelink_epoch_keys"] == 1
    assert found["sharelink_epoch_keys_overdue"] == 0
    assert found['sharelink_keyring_versions{purpose="master"}'] == 1
    with unit_of_work.read() as work:
        assert found["sharelink_audit_log_size"] == work.session.execute(text("SELECT size FROM audit_head")).scalar()
    clock.move(days=40)
    assert figures(client)["sharelink_epoch_keys_overdue"] == 1


def test_figures_go_on_while_the_database_does_not(client: Browser, unit_of_work: UnitOfWork) -> None:
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text("ALTER TABLE worker_heartbeat RENAME TO away"))
    found = figures(client)
    assert found['sharelink_ready{part="sweeper"}'] == 0
    assert found['sharelink_ready{part="database"}'] == 1
    assert "sharelink_outbox_queued" not in found
    assert found["sharelink_epoch_keys"] == 0


def test_connections_in_use_are_counted_while_they_are(client: Browser, unit_of_work: UnitOfWork) -> None:
    with unit_of_work.read():
        in_use = figures(client)["sharelink_database_connections_in_use"]
    assert in_use >= 1
    assert figures(client)["sharelink_database_connections_in_use"] == in_use - 1


IN_A_PROCESS = """
import os, sys
from sharelink.app import create_app
from sharelink.settings import Settings
app = create_app(Settings.from_environment(os.environ), serving=False, counting=True)
client = app.test_client()
for _ in range(3):
    client.get("/healthz")
if sys.argv[1] == "dies":
    with app.app_context():
        from sharelink.persistence.database import db
        db.engine.raw_connection()
        os._exit(1)
print(client.get("/metrics", headers={"Authorization": f"Bearer {os.environ['SHARELINK_METRICS_TOKEN']}"}).text)
"""


def test_processes_of_one_machine_add_up_also_those_that_were_killed(migrated_settings: Settings) -> None:
    folder = migrated_settings.instance_directory / "figures"
    folder.mkdir()
    environ = environment(migrated_settings, {"metrics_token": TOKEN, "metrics_directory": folder})
    command = [sys.executable, "-c", IN_A_PROCESS]
    assert subprocess.run([*command, "dies"], env=environ, check=False).returncode == 1
    assert "gauge_livesum" in " ".join(path.name for path in folder.iterdir())
    told = subprocess.run([*command, "tells"], env=environ, check=True, capture_output=True, text=True).stdout
    assert 'sharelink_request_seconds_count{endpoint="health.alive"} 6.0' in told
    # Its connection died with it.
    assert "sharelink_database_connections_in_use 0.0" in told
    assert 'sharelink_ready{part="database"} 1.0' in told
    assert "pid=" not in told


@pytest.fixture
def migrated_settings(migrated_file: Path, new_keyring: Path, tmp_path: Path) -> Settings:
    """Return settings of an installation on SQLite, for processes."""
    database = tmp_path / "sharelink.db"
    database.write_bytes(migrated_file.read_bytes())
    return Settings(instance_directory=tmp_path, database_url=f"sqlite:///{database}", keyring_directory=new_keyring)


def test_events_are_the_only_names_of_events(client: Browser, staff: Person) -> None:
    names = re.findall(r'events_total\{event="([^"]*)"\}', " ".join(figures(client)))
    assert names
    assert set(names) <= {event.value for event in AuditEvent}


def test_alerts_and_the_manual_name_figures_that_exist(client: Browser, unit_of_work: UnitOfWork, clock) -> None:
    with unit_of_work.read() as work:
        clock.now = database_now(work.session)
    show_life(unit_of_work)
    page = client.get("/metrics", headers=SHOWN).text
    families = set(re.findall(r"^# TYPE (sharelink_\w+) ", page, re.MULTILINE))
    known = families | {f"{name}_bucket" for name in families}
    rules = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text())["groups"][0]["rules"]
    manual = (ROOT / "docs" / "operations.md").read_text()
    for rule in rules:
        assert set(re.findall(r"sharelink_\w+", rule["expr"])) <= known, rule["alert"]
        assert f"| {rule['alert']} |" in manual
    assert set(re.findall(r"`(sharelink_\w+)`", manual)) <= known
    events = {name for rule in rules for name in re.findall(r'event="([^"]*)"', rule["expr"])}
    assert events <= {event.value for event in AuditEvent}
    endpoints = {name for rule in rules for name in re.findall(r'endpoint="([^"]*)"', rule["expr"])}
    assert endpoints <= client.application.view_functions.keys()
