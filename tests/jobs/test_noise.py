"""What strangers do in vain is at most one event a minute and kind, and is written off their requests."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text

from sharelink.actors import Actor
from sharelink.audit.models import AuditLeaf
from sharelink.jobs.noise import Noise, Refusal, tell_noise
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.audit.readings import verified
from tests.browsers import Browser
from tests.fakes import MovableClock

MakeApp = Callable[[Settings], Flask]
KINDS = ("ratelimit.tripped", "strangers.refused")


def told(unit_of_work: UnitOfWork) -> list[dict[str, object]]:
    """Return the facts of all events about noise, in their order."""
    with unit_of_work.read() as work:
        leaves = work.session.scalars(
            select(AuditLeaf.leaf).where(AuditLeaf.type.in_(KINDS)).order_by(AuditLeaf.index)
        ).all()
    return [json.loads(leaf)["facts"] for leaf in leaves]


def rows(unit_of_work: UnitOfWork) -> dict[str, int]:
    with unit_of_work.read() as work:
        tables = ("audit_leaf", "audit_disclosure", "noise_tally", "share", "share_client", "sign_in_attempt")
        return {name: work.session.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in tables}


@pytest.fixture
def noise(app: Flask, unit_of_work: UnitOfWork) -> Noise:
    return Noise(unit_of_work, app.app_context, writes_itself=False)


def test_a_thousand_refusals_are_one_event_of_each_kind(unit_of_work: UnitOfWork, noise: Noise) -> None:
    before = rows(unit_of_work)
    for _ in range(1000):
        noise.refused(Refusal.LINK)
        noise.limited("reveal")
    assert rows(unit_of_work) == before, "a request writes nothing"
    noise.hand_over()
    assert told(unit_of_work) == [{"refused": "link", "count": 1000}, {"purpose": "reveal", "count": 1000}]
    noise.hand_over()
    assert len(told(unit_of_work)) == 2, "what was told is not told again"
    assert verified(unit_of_work)[1] == []


def test_within_a_minute_all_processes_together_write_no_second_event_and_lose_no_count(
    app: Flask, unit_of_work: UnitOfWork, noise: Noise, clock: MovableClock
) -> None:
    another = Noise(unit_of_work, app.app_context, writes_itself=False)
    for source in (noise, another, noise, another):
        source.refused(Refusal.BODY)
        source.hand_over()
    assert [facts["count"] for facts in told(unit_of_work)] == [1]
    assert tell_noise(unit_of_work) == 0, "nor does the worker"
    clock.move(seconds=61)
    assert tell_noise(unit_of_work) == 1
    assert [facts["count"] for facts in told(unit_of_work)] == [1, 3]
    clock.move(seconds=61)
    assert tell_noise(unit_of_work) == 0, "silence is no event"
    assert rows(unit_of_work)["noise_tally"] == 1


def test_what_cannot_be_written_is_kept_until_it_can(unit_of_work: UnitOfWork, noise: Noise) -> None:
    noise.refused(Refusal.HOST)
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text("ALTER TABLE noise_tally RENAME TO away"))
    noise.hand_over()
    noise.refused(Refusal.HOST)
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text("ALTER TABLE away RENAME TO noise_tally"))
    noise.hand_over()
    assert told(unit_of_work) == [{"refused": "host", "count": 2}]


def test_every_way_of_being_refused_is_counted_and_none_of_them_writes(
    make_app: MakeApp, settings: Settings, unit_of_work: UnitOfWork
) -> None:
    limits = {"rate_limit_reveal": "2 per hour", "rate_limit_status": "9 per hour"}
    app = make_app(settings.model_copy(update=limits))
    client = Browser.of(app)
    token = client.token("/sign-in")
    before = rows(unit_of_work)
    wrong = {"link": "http://localhost/s/x.y.z#" + "k" * 43}
    for _ in range(4):
        assert client.post("/s/reveal", data=wrong).status_code in {404, 429}
    assert client.post("/r/status", data=wrong).status_code == 404
    assert client.post("/s/status", json={}).status_code == 400
    assert client.post("/s/status", data={"link": "x" * 999_999}).status_code == 413
    assert client.post("/s/status", data=wrong, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.get("/sign-in", headers={"Host": "evil.example"}).status_code == 421
    assert client.post("/sign-in", data={"email": "a@example.com"}).status_code == 400
    assert client.post("/set-up", data={"csrf_token": token, "key": "k" * 43, "name": "x"}).status_code in {404, 422}
    assert rows(unit_of_work) == before
    with app.app_context():
        app.extensions[EXTENSION].noise.hand_over()
        found = {str(facts.get("refused") or facts.get("purpose")): facts["count"] for facts in told(unit_of_work)}
    assert found == {"link": 4, "reveal": 2, "body": 2, "origin": 1, "host": 1, "form": 1}


def test_tries_at_one_account_from_many_networks_are_one_event(
    unit_of_work: UnitOfWork, staff: object, clock: MovableClock
) -> None:
    for number in range(40):
        with unit_of_work.write(Actor.public(f"2001:db8:{number:x}::1", None)) as work:
            work.accounts.sign_ins.begin("anna@example.com")
    clock.now += timedelta(minutes=3)
    with unit_of_work.write(Actor.system()) as work:
        work.accounts.sign_ins.report_failures()
    with unit_of_work.read() as work:
        leaves = work.session.scalars(select(AuditLeaf.leaf).where(AuditLeaf.type == "auth.failed")).all()
    (facts,) = [json.loads(leaf)["facts"] for leaf in leaves]
    assert (facts["tries"], facts["networks"]) == (40, 40)
