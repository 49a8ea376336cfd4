"""Counters are bounded, know nobody, and go on when their store is gone."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis
from flask import Flask
from structlog.testing import capture_logs

from sharelink.settings import Settings
from sharelink.web import rate_counters, shared_counters
from sharelink.web.rate_counters import BoundedCounters, Counters
from tests.services import private_redis

MakeApp = Callable[[Settings], Flask]
WINDOW = 60.0


class Seconds:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def key(client: str, purpose: str = "reveal ") -> str:
    return f"LIMITER/{client}/{purpose}/20/1/minute"


def test_a_window_counts_and_ends() -> None:
    clock = Seconds()
    counters = Counters(clock=clock)
    assert [counters.add(key("a"), WINDOW) for _ in range(3)] == [1, 2, 3]
    assert counters.add(key("b"), WINDOW) == 1
    clock.now += WINDOW - 1
    assert counters.add(key("a"), WINDOW) == 4, "a try does not make the window longer, nor begin a new one"
    clock.now += 1
    assert counters.read(key("a"))[0] == 0
    assert counters.add(key("a"), WINDOW) == 1


def test_ever_new_clients_fill_no_memory_and_those_that_are_counted_keep_their_counters() -> None:
    clock = Seconds()
    counters = Counters(most=50, clock=clock)
    known = [counters.add(key("honest"), WINDOW) for _ in range(2)][-1]
    for number in range(1000):
        counters.add(key(f"stranger {number}"), WINDOW)
        counters.add(key(f"stranger {number}", "status "), WINDOW)
    assert len(counters) <= 52, "one more for each purpose"
    assert counters.add(key("one more"), WINDOW) > 20, "whoever is new now shares one counter, and is limited"
    assert counters.add(key("honest"), WINDOW) == known + 1
    clock.now += WINDOW + 1
    assert counters.add(key("one more"), WINDOW) == 1
    assert len(counters) < 10, "what is over makes room"


def test_many_threads_lose_no_count() -> None:
    counters = Counters()
    threads = [threading.Thread(target=lambda: [counters.add(key("a"), WINDOW) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counters.read(key("a"))[0] == 4000


@contextmanager
def silent_store() -> Iterator[str]:
    """Yield the address of a store that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_counters, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(shared_counters, "ANSWER_SECONDS", 0.3)


def test_a_store_that_is_gone_hangs_or_dies_in_the_middle_is_told_once_and_counting_goes_on() -> None:
    with private_redis() as living, silent_store() as silent:
        for address in ("redis://127.0.0.1:1/0", silent, living):
            counters = BoundedCounters(store=address)
            with capture_logs() as said:
                if address == living:
                    assert [counters.incr(key("a"), 60) for _ in range(2)] == [1, 2]
                    assert counters.is_shared
                    with redis.Redis.from_url(living) as client:
                        client.shutdown(nosave=True)
                began_at = time.monotonic()
                assert [counters.incr(key("a"), 60) for _ in range(30)] == list(range(1, 31))
                assert time.monotonic() - began_at < 2, "only the first one waits"
                assert not counters.is_shared
            assert [line["log_level"] for line in said] == ["error"]


def test_a_store_that_only_reads_or_is_full_is_gone_until_it_is_mended() -> None:
    with private_redis() as address, redis.Redis.from_url(address) as client:
        counters = BoundedCounters(store=address)
        client.config_set("maxmemory", 1)
        assert [counters.incr(key("a"), 60) for _ in range(3)] == [1, 2, 3]
        assert not counters.is_shared
        client.config_set("maxmemory", 0)
        for _ in range(200):
            if counters.is_shared:
                break
            time.sleep(0.05)
        assert counters.is_shared
        assert counters.incr(key("a"), 60) == 1, "counted in the store again, for all processes"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_store_knows_neither_clients_nor_links_and_forgets_with_the_window(
    make_app: MakeApp, settings: Settings, redis_url: str
) -> None:
    app = make_app(settings.model_copy(update={"rate_limit_store": redis_url}))
    client = app.test_client()
    link = {"link": "http://localhost/r/some-token#some-key"}
    for path in ("/s/status", "/s/reveal", "/r/submit", "/sign-in"):
        client.post(path, data=link, environ_overrides={"REMOTE_ADDR": "203.0.113.77"})
    client.get("/s/some-token")
    with redis.Redis.from_url(redis_url) as store:
        names = [name.decode() for name in store.scan_iter()]
        assert len(names) >= 4
        assert all(0 < store.ttl(name) <= 3600 for name in names)
    assert not [name for name in names if "203.0.113" in name or "some" in name or "127.0.0" in name]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_readiness_tells_that_the_store_is_gone_and_takes_nobody_out_of_service(
    make_app: MakeApp, settings: Settings
) -> None:
    client = make_app(settings.model_copy(update={"rate_limit_store": "redis://127.0.0.1:1/0"})).test_client()
    before = client.get("/readyz")
    assert client.post("/s/status", data={"link": "x#y"}).status_code == 404
    after = client.get("/readyz")
    assert before.json is not None
    assert after.json == before.json | {"rate_counters": False}
    assert after.status_code == before.status_code
