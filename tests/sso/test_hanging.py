"""A provider that hangs, silent or a byte at a time, is cut off and answered with a page, and gathers no threads."""

import gc
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sharelink.sso import openid
from sharelink.sso.errors import ProviderUnavailable
from sharelink.sso.patience import Patience
from tests.browsers import Browser
from tests.sso.conftest import Organisation

# Of a connection that ends in the middle, http.client leaves a part to the garbage collector, which warns.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = HEAD + b"Content-Length: 100000\r\n\r\n"


@contextmanager
def hanging(start: bytes, drip: bytes) -> Iterator[int]:
    """Yield the port of a server that answers `start`, and `drip` again and again, and never comes to an end."""
    is_over = threading.Event()
    callers: list[threading.Thread] = []

    def drip_on(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(4096)
                connection.sendall(start)
                while not is_over.wait(0.05):
                    connection.sendall(drip)
            except OSError:
                return

    def accept(listener: socket.socket) -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            callers.append(threading.Thread(target=drip_on, args=(connection,)))
            callers[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept, args=(listener,))
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            is_over.set()
            listener.shutdown(socket.SHUT_RDWR)
            for thread in (accepting, *callers):
                thread.join()


@pytest.fixture(autouse=True)
def everything_left_behind_ends_here() -> Iterator[None]:
    """Wait for the threads that were left behind, and collect their connections, before another test begins."""
    yield
    for thread in threading.enumerate():
        if thread.name == "provider":
            thread.join()
    gc.collect()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for longer than a second in all; one read may take longer."""
    monkeypatch.setattr(openid, "PATIENCE_SECONDS", 1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("start", "drip"), [(b"", b""), (HEAD, b"X: y\r\n"), (BODY, b" ")], ids=["silent", "in its head", "in its body"]
)
def test_a_provider_that_hangs_is_cut_off_and_answered_with_a_page(
    organisation: Callable[..., Organisation], start: bytes, drip: bytes
) -> None:
    with hanging(start, drip) as port:
        org = organisation(sso_issuer=f"http://127.0.0.1:{port}")
        began_at = time.monotonic()
        answer = Browser.of(org.app).get("/sign-in/sso", follow_redirects=True)
        assert time.monotonic() - began_at < 4
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert answer.headers["Retry-After"] == "30"


def test_one_read_has_a_limit_of_its_own(
    organisation: Callable[..., Organisation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openid, "TIMEOUT_SECONDS", 0.5)
    with hanging(b"", b"") as port:
        org = organisation(sso_issuer=f"http://127.0.0.1:{port}")
        began_at = time.monotonic()
        assert Browser.of(org.app).get("/sign-in/sso", follow_redirects=True).status_code == 503
        assert time.monotonic() - began_at < 4


@pytest.mark.usefixtures("impatient")
def test_a_provider_that_hangs_on_the_way_back_signs_nobody_in(
    organisation: Callable[..., Organisation],
) -> None:
    org = organisation()
    browser = Browser.of(org.app)
    with hanging(HEAD, b"X: y\r\n") as port:
        org.tell("staff", token_endpoint=f"http://127.0.0.1:{port}/token")
        answer = browser.get(org.leave(browser))
    assert answer.headers["Location"] == "/sign-in/sso/failed?why=unavailable"
    assert browser.get("/").status_code == 303


def test_a_token_answer_that_does_not_end_is_cut_off_by_its_length(org: Organisation) -> None:
    org.tell("staff", long_token_answer=True)
    browser = Browser.of(org.app)
    answer = browser.get(org.leave(browser))
    assert answer.headers["Location"] == "/sign-in/sso/failed?why=unavailable"


def test_whoever_waits_in_vain_holds_up_only_so_many() -> None:
    patience, may_end = Patience(0.05, 2), threading.Event()
    for _ in range(2):
        with pytest.raises(ProviderUnavailable, match="too long"):
            patience.wait_for(may_end.wait)
    with pytest.raises(ProviderUnavailable, match="too many"):
        patience.wait_for(lambda: json.dumps({}))
    may_end.set()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            assert patience.wait_for(lambda: "heard") == "heard"
            break
        except ProviderUnavailable:
            time.sleep(0.01)
    else:
        raise AssertionError("the places were not given back")


def test_what_is_raised_on_the_way_is_raised_to_whoever_waits() -> None:
    def fail() -> None:
        raise ProviderUnavailable("as told")

    with pytest.raises(ProviderUnavailable, match="as told"):
        Patience(5, 1).wait_for(fail)
