"""What the built-in server adds to waitress: an end to dawdling, short patience in a crowd, headers on its refusals."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from waitress import wasyncore
from waitress.server import create_server

from sharelink.cli import connections
from sharelink.cli.connections import Connection
from sharelink.web.security_headers import headers_of_every_answer

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
LARGE = b"x" * 8_000_000
"""More than the system keeps for a connection."""
DRIP_SECONDS = 0.1


def said(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/large":
        start_response("200 OK", [("Content-Length", str(len(LARGE)))])
        return [LARGE]
    if environ["PATH_INFO"] == "/host":
        start_response("200 OK", [("Content-Length", str(len(environ["HTTP_HOST"])))])
        return [environ["HTTP_HOST"].encode()]
    length = len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(str(length))))])
    return [str(length).encode()]


@pytest.fixture
def https(request: pytest.FixtureRequest) -> bool:
    return bool(getattr(request, "param", False))


@pytest.fixture
def port(server: Any) -> int:
    return int(server.effective_port)


@pytest.fixture
def server(https: bool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield waitress with our connections, which lose their patience soon."""
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 1.0)
    server: Any = create_server(
        said, host="127.0.0.1", port=0, channel_timeout=60, cleanup_interval=1, threads=2, ident=""
    )
    server.channel_class = Connection.served(https=https)
    thread = threading.Thread(target=lambda: _run(server), daemon=True)
    thread.start()
    yield server
    server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map))
    thread.join(5)
    server.task_dispatcher.shutdown()


def _run(server: Any) -> None:
    with suppress(OSError, ValueError):
        server.run()


def seconds_until_ended(port: int, start: bytes, drip: bytes, most_seconds: float = 8.0) -> float | None:
    """Send `start`, then `drip` again and again; return how long that went well, None if longer than we waited."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(start)
        began_at = time.monotonic()
        connection.setblocking(False)
        while time.monotonic() - began_at < most_seconds:
            time.sleep(DRIP_SECONDS)
            try:
                connection.send(drip)
                if connection.recv(100) == b"":
                    return time.monotonic() - began_at
            except BlockingIOError:
                continue
            except OSError:
                return time.monotonic() - began_at
    return None


@pytest.mark.parametrize("start", [HEAD, b"", b"POST / HT", HEAD + b"x" * 500], ids=["body", "first", "head", "middle"])
def test_a_request_that_comes_byte_by_byte_is_ended(port: int, start: bytes) -> None:
    ended_after = seconds_until_ended(port, start, b"x")
    assert ended_after is not None
    assert 0.9 < ended_after < 5


def test_a_large_form_on_a_slow_line_arrives(port: int) -> None:
    body = b"x" * 24_000
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(HEAD.replace(b"1000", b"24000"))
        for start in range(0, len(body), 1000):
            connection.sendall(body[start : start + 1000])
            time.sleep(DRIP_SECONDS)
        assert connection.recv(1000).endswith(b"24000")


def get(path: bytes, host: bytes = b"x") -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"


def answers(port: int, request: bytes, enough: Callable[[bytes], bool]) -> bytes:
    """Return what comes back until it is enough, or until the connection ends."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        with suppress(OSError):
            while not enough(answer) and (part := connection.recv(1_000_000)):
                answer += part
    return answer


def test_requests_that_were_sent_ahead_are_answered_in_their_order(port: int) -> None:
    hosts = [f"host-{number}".encode() for number in range(connections.MOST_WAITING + 1)]
    answer = answers(port, b"".join(get(b"/host", host) for host in hosts), lambda said: hosts[-1] in said)
    found = [answer.find(host) for host in hosts]
    assert min(found) >= 0
    assert found == sorted(found)
    assert answer.count(b"200 OK") == len(hosts)


def test_whoever_sends_many_ahead_is_not_served(port: int) -> None:
    began_at = time.monotonic()
    assert answers(port, get(b"/large") * 100, lambda said: said.count(b"200 OK") > 1).count(b"200 OK") <= 1
    assert time.monotonic() - began_at < 5


def test_one_answer_at_a_time_waits_for_whoever_does_not_read(server: Any) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect(("127.0.0.1", int(server.effective_port)))
        connection.sendall(get(b"/large") * (connections.MOST_WAITING + 1))
        time.sleep(0.7)
        (channel,) = server.active_channels.values()
        assert 0 < channel.total_outbufs_len <= len(LARGE) + 1000
        time.sleep(3.5)
        assert not server.active_channels, "who reads nothing is not waited for"


def test_a_host_in_the_request_line_outdoes_the_header(port: int) -> None:
    said = answers(port, get(b"http://evil.example/host", b"localhost"), lambda said: said.endswith(b"example"))
    assert said.endswith(b"evil.example")


def test_in_a_crowd_idle_and_slow_ones_make_room_at_once(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CROWDED_CONNECTIONS", 6)
    monkeypatch.setattr(connections, "CROWDED_SECONDS", 0.3)
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 60.0)
    with ExitStack() as stack:
        for number in range(8):
            rude = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            rude.sendall(HEAD if number % 2 else b"")
        began_at = time.monotonic()
        assert rude.recv(100) == b""
        assert time.monotonic() - began_at < 5


@pytest.mark.parametrize("https", [False, True], ids=["http", "https"], indirect=True)
def test_what_never_reaches_the_application_is_refused_with_the_headers_of_every_answer(port: int, https: bool) -> None:
    for request in (
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: y\0\r\n: z\r\n\r\n",
        HEAD.replace(b"1000", b"-1"),
        HEAD.replace(b"1000", b"9" * 30),
        b"GET / HTTP/1.1\r\nX: " + b"y" * 300_000 + b"\r\n\r\n",
        HEAD.replace(b"Content-Length: 1000", b"Transfer-Encoding: gzip"),
        HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            with suppress(OSError):
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            with suppress(OSError):
                while part := connection.recv(65536):
                    answer += part
        head, _, body = answer.decode().partition("\r\n\r\n")
        status, *lines = head.split("\r\n")
        assert int(status.split()[1]) in {400, 413, 431, 501}, request[:60]
        headers = dict(line.split(": ", 1) for line in lines)
        assert {name: headers.get(name) for name in headers_of_every_answer(https=https)} == headers_of_every_answer(
            https=https
        )
        assert headers["Cache-Control"] == "no-store"
        assert headers["Connection"] == "close"
        assert "Server" not in headers
        assert "waitress" not in body
        assert "yyy" not in body
