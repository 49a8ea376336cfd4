"""Years later every page is as quick as on the first day: at most three times the server time of a small database."""

import gc
import time
from collections.abc import Callable

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from sharelink.accounts.queries import groups_for_choice
from sharelink.crypto.identifiers import id_text
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.browsers import HTMX, Browser
from tests.factories import Person, ask_secret, make_person, send_secret
from tests.reliability.crowded import crowd
from tests.reliability.figures import Figures

FEW_RECORDS = 100
TIMES_AT_MOST = 3.0
NOISE_SECONDS = 0.001
ROUNDS = 9


def pages(unit_of_work: UnitOfWork, person: Person, record: bytes, records: int) -> dict[str, str]:
    """Return every page whose cost could grow with the database, by a name that stays the same."""
    with unit_of_work.read() as work:
        group = groups_for_choice(work.session, None)[0].id_text
    return {
        "my work": "/",
        "records": "/records",
        "the last records": f"/records?page={-(-records // 25)}",
        "archived too": "/records?archived=1",
        "a search with one hit": "/records?q=optik+44",
        "a search with many hits": "/records?q=nordlicht",
        "a search without a hit": "/records?q=xylophon+quartz",
        "record": f"/records/{id_text(record)}",
        "the record's first events": f"/records/{id_text(record)}?page=2",
        "send": "/send",
        "request": "/request",
        "send on a record": f"/send?record={id_text(record)}",
        "group": f"/groups/{group}",
        "security of one's own account": "/account/security",
        "person": f"/people/{id_text(person.account_id)}",
        "people": "/people",
    }


def seconds(ask: Callable[[], TestResponse]) -> float:
    """Return the least server time of some requests: what the page costs when nothing else disturbs."""
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        assert ask().status_code == 200
        spent.append(time.perf_counter() - began)
    return min(spent)


def measured(browser: Browser, addresses: dict[str, str]) -> dict[str, float]:
    """Return the seconds of every page, and of a search for a record inside a form."""
    gc.collect()
    found = {name: seconds(lambda path=path: browser.get(path)) for name, path in addresses.items()}
    fields = {"csrf_token": browser.token("/account"), "record_search": "quai 12"}
    return found | {"choosing a record": seconds(lambda: browser.post("/send/records", data=fields, headers=HTMX))}


def too_slow(few: dict[str, float], many: dict[str, float]) -> list[str]:
    return [
        f"{name}: {few[name] * 1000:.1f} ms with few records, {many[name] * 1000:.1f} ms with many"
        for name in few
        if many[name] > TIMES_AT_MOST * few[name] + NOISE_SECONDS
    ]


@pytest.fixture
def compare(app: Flask, figures: Figures) -> Callable[[int], list[str]]:
    """Return a function that lets the database grow to so many records and tells which pages suffered."""
    unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work

    def run(records: int) -> list[str]:
        with app.app_context():
            return grow(records)

    def grow(records: int) -> list[str]:
        staff = make_person(unit_of_work, "Anna Example", "anna@example.com")
        record = crowd(unit_of_work, staff, FEW_RECORDS)
        for _ in range(5):
            send_secret(unit_of_work, staff, custody_id=record, code=False)
            ask_secret(unit_of_work, staff, custody_id=record)
        browser = Browser.of(app)
        browser.sign_in(staff)
        few = measured(browser, pages(unit_of_work, staff, record, FEW_RECORDS))
        crowd(unit_of_work, staff, records - FEW_RECORDS)
        many = measured(browser, pages(unit_of_work, staff, record, records))
        for name in few:
            figures.note(name, f"{few[name] * 1000:.1f} ms, with {records} records {many[name] * 1000:.1f} ms")
        return too_slow(few, many)

    return run


@pytest.mark.alone
def test_with_two_thousand_records_no_page_costs_much_more(compare: Callable[[int], list[str]]) -> None:
    slow = compare(2_000)
    assert not slow, "\n".join(slow)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_with_ten_thousand_records_and_a_million_events_no_page_costs_much_more(
    compare: Callable[[int], list[str]],
) -> None:
    slow = compare(10_000)
    assert not slow, "\n".join(slow)
