"""Requests that come byte by byte, at the shipped server with its real patience; the quick proof is in tests/cli."""

import time
from contextlib import ExitStack

import pytest

from tests.attacks.installations import Installation
from tests.attacks.test_server import head


@pytest.mark.soak
@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
@pytest.mark.timeout(240)
def test_requests_that_dawdle_are_ended_by_the_shipped_server(installation: Installation) -> None:
    (server,) = installation.start()
    with ExitStack() as stack:
        slow = [stack.enter_context(server.socket(timeout=1)) for _ in range(10)]
        waiting, began_at = list(slow), time.monotonic()
        for number, connection in enumerate(slow):
            connection.sendall(head(100_000) if number % 2 else head(100_000)[:30])
        while waiting and time.monotonic() - began_at < 60:
            time.sleep(1)
            for connection in list(waiting):
                try:
                    connection.sendall(b"x")
                    connection.setblocking(False)
                    if connection.recv(1) == b"":
                        waiting.remove(connection)
                except BlockingIOError:
                    connection.settimeout(1)
                except OSError:
                    waiting.remove(connection)
        assert not waiting
        assert 15 < time.monotonic() - began_at < 40
