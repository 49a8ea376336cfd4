"""A node of the version before goes on while the schema is a step ahead, until it is exchanged."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from sharelink.actors import Actor
from sharelink.errors import UnsafeStart
from sharelink.jobs.readiness import readiness
from sharelink.jobs.sweeper import sweep_once
from sharelink.persistence.schema import newest_revision, still_serves
from sharelink.settings import Settings
from sharelink.start import require_schema
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser
from tests.factories import Person, ask_secret, send_secret, submit_answer

BASE = "http://localhost"
NEXT = f"{int(newest_revision()) + 1:04}"
EXPAND = (
    "ALTER TABLE share ADD COLUMN of_the_next_version TEXT",
    "ALTER TABLE account ADD COLUMN of_the_next_version INTEGER DEFAULT 7",
    "CREATE TABLE of_the_next_version (id INTEGER PRIMARY KEY)",
    "CREATE INDEX ix_of_the_next_version ON share (of_the_next_version)",
    f"UPDATE alembic_version SET version_num = '{NEXT}'",
)
"""What a migration may do to a database under nodes of the version before: add, and never take away."""


def expand(unit_of_work: UnitOfWork) -> None:
    with unit_of_work.write(Actor.system()) as work:
        for statement in EXPAND:
            work.session.execute(text(statement))


def reveal(client: Browser, form: dict[str, str]) -> int:
    return client.post("/s/reveal", data=form).status_code


def test_a_node_that_runs_serves_what_was_begun_before_and_after_the_schema_moved_on(
    app: Flask, client: Browser, unit_of_work: UnitOfWork, staff: Person, settings: Settings, clock
) -> None:
    before = send_secret(unit_of_work, staff)
    asked = ask_secret(unit_of_work, staff)
    expand(unit_of_work)
    after = send_secret(unit_of_work, staff)
    for sent in (before, after):
        form = {"link": sent.link.url(BASE), "code": sent.code or ""}
        assert [reveal(client, form), reveal(client, form)] == [200, 410]
    submit_answer(unit_of_work, asked.submit_link, "an answer")
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    clock.move(hours=2)
    assert sweep_once(unit_of_work) == 1
    # It may stay where it gets requests.
    assert readiness(unit_of_work)["migrations"]


def test_a_start_asks_for_the_very_schema(app: Flask, unit_of_work: UnitOfWork, settings: Settings) -> None:
    require_schema(settings)
    expand(unit_of_work)
    with pytest.raises(UnsafeStart, match="a later version"):
        require_schema(settings)


@pytest.mark.parametrize(("revision", "serves"), [("0001", False), ("other", False), (NEXT, True)])
def test_only_a_schema_that_is_ahead_is_served(unit_of_work: UnitOfWork, revision: str, serves: bool) -> None:
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text("UPDATE alembic_version SET version_num = :number"), {"number": revision})
        engine = work.connection.engine
    assert still_serves(engine) is serves
