"""No test meets what another has left in PostgreSQL, whether rows or another schema."""

from contextlib import closing

import pytest
from sqlalchemy import make_url

from tests.reused_databases import ReusedDatabase
from tests.services import connected

CHANGES = (
    "ALTER TABLE share ADD COLUMN more integer",
    "ALTER TABLE share ALTER form_id DROP NOT NULL",
    "ALTER TABLE custody_record DISABLE TRIGGER ALL",
)


def change(url: str, statements: str) -> None:
    with closing(connected(make_url(url))) as connection:
        connection.execute(statements)


def test_a_schema_that_was_put_back_is_used_on_and_its_rows_are_the_first_ones(reused_database: ReusedDatabase) -> None:
    url = reused_database.like_new()
    change(url, "ALTER TABLE share RENAME TO away; ALTER TABLE away RENAME TO share")
    change(url, "DELETE FROM audit_head")
    assert reused_database.like_new() == url
    with closing(connected(make_url(url))) as connection:
        assert connection.execute("SELECT size FROM audit_head").fetchall() == [(0,)]


@pytest.mark.parametrize("statements", CHANGES)
def test_after_a_change_of_the_schema_there_is_a_new_database(reused_database: ReusedDatabase, statements: str) -> None:
    url = reused_database.like_new()
    change(url, statements)
    assert reused_database.like_new() != url
