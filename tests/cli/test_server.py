"""The built-in server survives what strangers send, keeps bodies in memory, and tells nothing about itself."""

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sharelink.cli.server import IDLE_SECONDS, waitress_options
from sharelink.settings import Settings
from tests.cli.programs import Running, environment, free_port, running, sharelink


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, int, Path]]:
    """Yield a program that serves, its port, and its folder for temporary files."""
    folder = tmp_path_factory.mktemp("served")
    temporary = folder / "temporary"
    temporary.mkdir()
    port = free_port()
    sharelink(folder, "keys", "create")
    with running(folder, "serve", PORT=str(port), TEMPORARY_DIRECTORY=str(temporary)) as service:
        service.wait_for("Sharelink serves")
        yield service, port, temporary


def answer_to(port: int, request: bytes, *, half_close: bool = False) -> bytes:
    """Send raw bytes and return all that comes back until the server closes, or hangs up on us."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection, suppress(ConnectionError):
        connection.sendall(request)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65_536):
            answer += part
    return answer


def is_refused_as_too_large(answer: bytes) -> bool:
    """A server that stops reading may hang up before its answer has been read."""
    return answer == b"" or answer.startswith(b"HTTP/1.1 413")


def test_bodies_never_reach_a_temporary_file_and_honest_ones_fit():
    settings = Settings()
    options = waitress_options(settings)
    assert settings.request_max_bytes <= options["max_request_body_size"] < options["inbuf_overflow"]
    assert options["max_request_body_size"] < options["outbuf_overflow"]


def test_forwarded_headers_reach_the_application_only_behind_a_proxy():
    assert waitress_options(Settings())["clear_untrusted_proxy_headers"]
    assert not waitress_options(Settings(trusted_proxy_hops=1))["clear_untrusted_proxy_headers"]


def test_the_server_does_not_name_itself(server):
    answer = answer_to(server[1], b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    for name in (b"waitress", b"werkzeug", b"python"):
        assert name not in answer.lower()


def post_of(size: int) -> bytes:
    head = f"POST /s/reveal HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\nConnection: close\r\n"
    return head.encode() + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + b"a" * size


def test_a_body_that_is_too_large_gets_an_answer_that_a_person_can_read(server):
    answer = answer_to(server[1], post_of(500_000))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"<html" in answer
    assert list(server[2].iterdir()) == []


def test_a_body_that_is_far_too_large_is_not_even_read(server):
    assert is_refused_as_too_large(answer_to(server[1], post_of(3_000_000)))
    assert list(server[2].iterdir()) == []


def test_a_chunked_body_without_end_is_refused(server):
    head = b"POST /s/reveal HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    body = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
    assert is_refused_as_too_large(answer_to(server[1], head + body * 20))
    assert list(server[2].iterdir()) == []


def test_a_body_that_was_cut_off_never_reaches_the_application(server):
    head = b"POST /s/reveal HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    request = head + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + b"a"
    assert answer_to(server[1], request, half_close=True) == b""


@pytest.mark.slow
def test_an_idle_connection_is_closed(server):
    began = time.monotonic()
    assert answer_to(server[1], b"POST /s/reveal HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n") == b""
    assert IDLE_SECONDS - 1 < time.monotonic() - began < IDLE_SECONDS + 6


def test_a_serving_process_dumps_no_core(server):
    assert resource.prlimit(server[0].program.pid, resource.RLIMIT_CORE) == (0, 0)


def test_wsgi_py_serves_an_installation_and_upgrades_its_embedded_database(tmp_path):
    sharelink(tmp_path, "keys", "create")
    script = "from wsgi import app; print(app.test_client().get('/readyz').text)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        env=environment({"INSTANCE_DIRECTORY": str(tmp_path / "instance")}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"migrations":true' in done.stdout
