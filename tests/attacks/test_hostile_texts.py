"""Whatever anybody types, it is a text: on every page, in every state, in every letter and in everything handed out."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.attacks.hostile import Hostile, addresses_with, fill, numbered, poison_all, walk
from tests.attacks.installations import GENEROUS
from tests.attacks.pages import what_came_alive
from tests.attacks.payloads import ALL_AT_ONCE, CLASSES, ELEMENT
from tests.attacks.poison import NOT_TYPED, PACKED, TYPED, columns_of_texts
from tests.attacks.request_moves import LIMITS
from tests.browsers import Browser

BASE = "http://localhost"
BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def app(make_app: Callable[[Settings], Flask], settings: Settings) -> Flask:
    """Return an application for somebody in a hurry."""
    return make_app(settings.model_copy(update=LIMITS | {"rate_limit_status": GENEROUS}))


@pytest.fixture
def unit_of_work(app: Flask) -> Iterator[UnitOfWork]:
    with app.app_context():
        made: UnitOfWork = app.extensions[EXTENSION].unit_of_work
        yield made


def signed_in(app: Flask, hostile: Hostile) -> Browser:
    browser = Browser.of(app)
    browser.sign_in(hostile.walker)
    return browser


def assert_inert(app: Flask, hostile: Hostile, walker: Browser, texts: list[str], most_alike: int = 400) -> int:
    """Walk the pages of staff and all posts of the public; return how many pages showed a hostile text."""
    showing = 0
    start = [
        "/",
        "/people",
        "/groups",
        "/deliveries",
        "/webhooks",
        "/account",
        "/account/security",
        "/sign-in",
        "/join",
    ]
    start += [address for text in texts for address in addresses_with(text)]
    for address, answer in walk(walker, start, most_alike):
        assert answer.status_code < 500, (address, answer.text[:500])
        assert not {"X-Probe", "Bcc"} & set(answer.headers.keys()), address
        if answer.mimetype == "text/html":
            assert what_came_alive(answer.text) == [], address
            showing += ELEMENT in answer.text
    assert_exports_inert(walker, max(re.findall("[A-Za-z0-9.*]+", texts[0]), key=len))
    public = Browser.of(app)
    for path, fields in hostile.public_posts:
        answer = public.post(path, data=fields)
        assert answer.status_code < 500, (path, answer.text[:500])
        assert not {"X-Probe", "Bcc", "Set-Cookie"} & set(answer.headers.keys())
        if answer.mimetype == "text/html":
            assert what_came_alive(answer.text) == [], (path, answer.status_code)
            showing += ELEMENT in answer.text
        elif answer.mimetype == "application/json":
            json.loads(answer.text)
    return showing


def assert_exports_inert(walker: Browser, typed: str) -> None:
    """Export the whole audit, and find no cell that a spreadsheet would run, and no line that a text has begun.

    `typed` is a part of the texts that no format spells in another way: they must be there.
    """
    form = {"csrf_token": walker.token("/audit/log")}
    table, lines = (walker.post("/audit/log/export", data=form | {"format": each}).text for each in ("csv", "jsonl"))
    rows = list(csv.reader(io.StringIO(table)))
    # The table has a head; the lines have one event more, for the first export is one itself.
    assert len(rows) == lines.count("\n")
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not [cell for row in rows for cell in row if cell.lstrip().startswith(BEGINS_A_FORMULA)]
    assert typed in table
    assert typed in "".join(json.dumps(json.loads(line)) for line in lines.split("\n") if line)


def test_the_list_of_columns_is_whole() -> None:
    known = {(table, column) for each in (TYPED, PACKED, NOT_TYPED) for table in each for column in each[table]}
    assert known == columns_of_texts()


@ON_SQLITE
def test_every_class_of_hostile_texts_in_every_field_of_every_page_stays_a_text(
    app: Flask, unit_of_work: UnitOfWork
) -> None:
    hostile = fill(unit_of_work, BASE, ALL_AT_ONCE)
    walker = signed_in(app, hostile)
    assert poison_all(app, numbered(ALL_AT_ONCE)) > 500
    assert assert_inert(app, hostile, walker, [ALL_AT_ONCE], most_alike=4) > 60


@pytest.mark.soak
@ON_SQLITE
@pytest.mark.parametrize("kind", CLASSES)
def test_each_class_of_hostile_texts_alone_in_every_field_of_every_page_stays_a_text(
    app: Flask, unit_of_work: UnitOfWork, kind: str
) -> None:
    hostile = fill(unit_of_work, BASE, CLASSES[kind])
    walker = signed_in(app, hostile)
    poison_all(app, numbered(CLASSES[kind]))
    assert_inert(app, hostile, walker, [CLASSES[kind]])
