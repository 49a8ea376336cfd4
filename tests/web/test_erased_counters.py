"""What is counted for the links of a request goes when the request ends, by whichever process ends it."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from flask import Flask

from sharelink.acts import receiving, rotating, tending
from sharelink.acts.requesting import Asked
from sharelink.clock import utc_now
from sharelink.crypto.key_purposes import KeyPurpose
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.rate_limits import counts_as_wanted
from sharelink.web.wiring import EXTENSION
from tests.browsers import Browser
from tests.cli.programs import running
from tests.factories import Person, ask_secret, make_person, send_secret, submit_answer
from tests.fakes import MovableClock
from tests.secret_requests.test_lifecycle import VISITOR, taken

MakeApp = Callable[[Settings], Flask]
BASE = "http://localhost"
LIMIT = 3
HOUR_SECONDS = 3600
TOKEN = "a-monitor-that-holds-this-token-may-read"
NOWHERE = "redis://127.0.0.1:1/0"

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> str:
    """Return where requests are counted."""
    return "memory://" if request.param == "memory" else str(request.getfixturevalue("redis_url"))


@pytest.fixture
def app(make_app: MakeApp, settings: Settings, store: str) -> Flask:
    """Return an application that allows three tries at a link in an hour; one of the two keeps figures for monitors."""
    changes = {"rate_limit_store": store, "rate_limit_submit_per_link": f"{LIMIT} per hour"}
    token = TOKEN if settings.model_copy(update=changes).counts_in_memory else ""
    return make_app(settings.model_copy(update=changes | {"metrics_token": token}))


@pytest.fixture
def in_redis(redis_url: str) -> Iterator[Callable[[], dict[str, int]]]:
    """Yield a function that returns the names of what is counted per link, and in how many seconds each ends."""
    with redis.Redis.from_url(redis_url) as client:
        yield lambda: {name.decode(): client.ttl(name) for name in client.scan_iter(match="*submit_per_link*")}


def submit(client: Browser, asked: Asked, *, key: str = "", times: int = 1) -> list[int]:
    """Submit nothing, which is refused and counts as a try; return the statuses."""
    link = asked.submit_link.url(BASE)
    data = {"link": f"{link.partition('#')[0]}#{key}" if key else link, "field-0": ""}
    return [client.post("/r/submit", data=data).status_code for _ in range(times)]


def retrieve(browser: Browser, asked: Asked, purpose: str = "none of the list", times: int = 1) -> list[int]:
    data = {"link": asked.retrieval_link.url(BASE), "purpose": purpose, "ticket": "T-1"}
    return [browser.post("/retrieve/reveal", data=data).status_code for _ in range(times)]


def test_tries_at_both_links_are_counted_anew_once_the_request_was_withdrawn_and_no_others(
    client: Browser, staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    asked, other = ask_secret(unit_of_work, staff), ask_secret(unit_of_work, staff)
    for of in (asked, other):
        assert submit(client, of, times=LIMIT + 1) == [422] * LIMIT + [429]
        assert retrieve(staff_client, of, times=LIMIT + 1)[-1] == 429
    tending.withdraw(unit_of_work, staff.actor, asked.share_id, "not needed")
    assert 429 not in submit(client, asked, times=LIMIT)
    assert 429 not in retrieve(staff_client, asked, times=LIMIT)
    assert submit(client, asked) == [429], "whoever tries an ended link is held to the limit, too"
    assert submit(client, other) == [429]
    assert retrieve(staff_client, other) == [429]


def test_tries_are_counted_anew_once_the_answer_was_retrieved(
    client: Browser, staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    asked = ask_secret(unit_of_work, staff)
    assert submit(client, asked, times=LIMIT) == [422] * LIMIT
    submit_answer(unit_of_work, asked.submit_link, "an answer")
    assert submit(client, asked) == [429], "an answer ends no request"
    assert retrieve(staff_client, asked, times=LIMIT - 1) == [422] * (LIMIT - 1)
    assert retrieve(staff_client, asked, "take_into_custody") == [200]
    assert 429 not in submit(client, asked, times=LIMIT) + retrieve(staff_client, asked, times=LIMIT)


@pytest.mark.parametrize("store", ["redis"], indirect=True)
def test_the_store_keeps_nothing_of_a_request_that_ended_and_what_a_later_try_makes_ends_by_itself(
    client: Browser,
    staff_client: Browser,
    unit_of_work: UnitOfWork,
    staff: Person,
    in_redis: Callable[[], dict[str, int]],
    redis_url: str,
) -> None:
    asked = ask_secret(unit_of_work, staff)
    submit(client, asked, times=2)
    submit(client, asked, key="A" * 86)
    retrieve(staff_client, asked)
    (name,) = in_redis()
    with redis.Redis.from_url(redis_url) as store:
        assert store.hlen(name) == 3, "counted apart: by the link, by another key, at the retrieval"
        store.expire(name, 100)
        submit(client, asked)
        assert store.ttl(name) <= 100, "a try makes no window longer"
    tending.withdraw(unit_of_work, staff.actor, asked.share_id, "not needed")
    assert in_redis() == {}
    submit(client, asked)
    assert [0 < seconds <= HOUR_SECONDS for seconds in in_redis().values()] == [True]


@pytest.mark.parametrize("store", ["redis"], indirect=True)
def test_what_was_counted_under_a_key_that_was_replaced_goes_too(
    client: Browser, unit_of_work: UnitOfWork, in_redis: Callable[[], dict[str, int]]
) -> None:
    unit_of_work.keys.refresh_seconds = 0.0
    staff = make_person(unit_of_work, "Anna Example", "anna@example.com")
    asked = ask_secret(unit_of_work, staff)
    submit(client, asked)
    rotating.activate(unit_of_work, rotating.stage_next(unit_of_work, KeyPurpose.CLIENT).name)
    submit(client, asked)
    assert len(in_redis()) == 2
    tending.withdraw(unit_of_work, staff.actor, asked.share_id, "not needed")
    assert in_redis() == {}


@pytest.mark.parametrize("store", ["redis"], indirect=True)
def test_a_worker_of_its_own_erases_what_a_node_has_counted_for_a_request_that_expires(
    app: Flask,
    client: Browser,
    settings: Settings,
    clock: MovableClock,
    redis_url: str,
    in_redis: Callable[[], dict[str, int]],
) -> None:
    with app.app_context():
        unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
        # The worker is a program, and reads the real clock: there the one request is over, and the other is not.
        clock.now = utc_now() - timedelta(hours=2)
        staff = make_person(unit_of_work, "Anna Example", "anna@example.com")
        over = ask_secret(unit_of_work, staff, submit_lifetime=timedelta(hours=1))
        goes_on = ask_secret(unit_of_work, staff, submit_lifetime=timedelta(days=2))
        submit(client, over)
        (name,) = in_redis()
        submit(client, goes_on)
    with running(
        Path(settings.instance_directory),
        "worker",
        INSTANCE_DIRECTORY=str(settings.instance_directory),
        KEYRING_DIRECTORY=str(settings.keyring_directory),
        DATABASE_URL=settings.database_url,
        RATE_LIMIT_STORE=redis_url,
        RATE_LIMIT_SUBMIT_PER_LINK=f"{LIMIT} per hour",
    ) as worker:
        deadline = time.monotonic() + 60
        while name in in_redis():
            assert time.monotonic() < deadline, worker.end()
            time.sleep(0.05)
        assert worker.end() == 0
    assert len(in_redis()) == 1, "what goes on is counted on"


def test_only_the_end_of_a_request_asks_the_store_and_a_store_that_is_gone_keeps_no_request_from_ending(
    make_app: MakeApp, settings: Settings
) -> None:
    app = make_app(settings.model_copy(update={"rate_limit_store": NOWHERE}))
    with app.app_context():
        unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
        staff = make_person(unit_of_work, "Anna Example", "anna@example.com")
        sent = send_secret(unit_of_work, staff, code=False)
        receiving.reveal(unit_of_work, VISITOR, sent.link, "")
        other = send_secret(unit_of_work, staff)
        tending.withdraw(unit_of_work, staff.actor, other.share_id, "not needed")
        asked = ask_secret(unit_of_work, staff)
        submit_answer(unit_of_work, asked.submit_link, "an answer")
        assert counts_as_wanted(), "nobody asked the store, or it would be known that it is gone"
        assert taken(unit_of_work, staff, asked) == ["an answer"]
        assert not counts_as_wanted()


def test_of_two_limits_each_keeps_its_own_window(
    make_app: MakeApp, settings: Settings, redis_url: str, in_redis: Callable[[], dict[str, int]]
) -> None:
    both = {"rate_limit_store": redis_url, "rate_limit_submit_per_link": "2 per second; 3 per hour"}
    app = make_app(settings.model_copy(update=both))
    with app.app_context():
        unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
        staff = make_person(unit_of_work, "Anna Example", "anna@example.com")
        asked = ask_secret(unit_of_work, staff)
        client = Browser.of(app)
        assert submit(client, asked, times=2) == [422] * 2
        time.sleep(1.1)
        assert submit(client, asked, times=2) == [422, 429], "the hour goes on while seconds end"
        assert len(in_redis()) == 2
        tending.withdraw(unit_of_work, staff.actor, asked.share_id, "not needed")
        assert in_redis() == {}
