"""The shipped server alone against broken, slow, huge and rude clients, and against its own end."""

import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select

from sharelink.acts.sending import Sent
from sharelink.audit.models import AuditLeaf
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.shares.models import Share
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.crowds import Crowd
from tests.attacks.installations import Installation
from tests.attacks.servers import Server, shown_secret
from tests.audit.readings import verified
from tests.browsers import hidden_field
from tests.factories import Person, open_record, send_secret

BASE = "http://localhost"
SECRET = "survives rude clients"
FORM = "application/x-www-form-urlencoded"
MEBIBYTE = 1024 * 1024
pytestmark = pytest.mark.parametrize("installation", ["sqlite"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def server(installation: Installation, redis_address: str) -> Server:
    """Return a server that counts in Redis, so that the tests of ends and starts can have others beside it."""
    return installation.start(rate_limit_store=redis_address)[0]


@pytest.fixture
def sent(unit_of_work: UnitOfWork, staff: Person) -> Sent:
    return send_secret(unit_of_work, staff, SECRET, code=False)


def body_of(sent: Sent, **more: str) -> bytes:
    return urlencode({"link": sent.link.url(BASE)} | more).encode()


def head(length: object = None, path: str = "/s/reveal", extra: bytes = b"") -> bytes:
    lines = [f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n".encode(), extra]
    if length is not None:
        lines.append(f"Content-Length: {length}\r\n".encode())
    return b"".join([*lines, b"\r\n"])


def said_to(server: Server, *parts: bytes, close: bool = True) -> bytes:
    """Send bytes, end our half of the connection, and return whatever comes back before the other half ends."""
    with server.socket() as connection:
        with suppress(OSError):
            for part in parts:
                connection.sendall(part)
            if close:
                connection.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(OSError):
            while part := connection.recv(65536):
                answer += part
        return answer


def status_of(answer: bytes) -> int | None:
    """Return the status of the answer; None when the connection was just ended."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else None


def events(unit_of_work: UnitOfWork) -> int:
    """Return how many events there are about shares; the worker writes some about other things."""
    with unit_of_work.read() as work:
        return int(work.session.scalar(select(func.count()).where(AuditLeaf.type.startswith("share."))) or 0)


def assert_untouched(server: Server, unit_of_work: UnitOfWork, sent: Sent) -> None:
    """Make sure that the share was neither opened nor consumed: it opens now, and for the first time."""
    with unit_of_work.read() as work:
        assert work.session.scalar(select(Share.state).where(Share.id == sent.share_id)) == "sealed"
    with server.caller() as caller:
        assert "Not opened by anybody else" in caller.post("/s/status", {"link": sent.link.url(BASE)}).text
        assert shown_secret(caller.post("/s/reveal", {"link": sent.link.url(BASE)}).text) == SECRET


@pytest.mark.parametrize("path", ["/s/reveal", "/s/decline", "/s/status"])
def test_a_body_that_stops_short_does_nothing(server: Server, unit_of_work: UnitOfWork, sent: Sent, path: str) -> None:
    before = events(unit_of_work)
    body = body_of(sent, note="no")
    for part in (body[:1], body[:-1], body, body + b"&note=" + b"x" * 100):
        answer = said_to(server, head(1000, path), part)
        assert status_of(answer) in {None, 400}
        assert SECRET.encode() not in answer
    with server.socket() as connection:
        connection.sendall(head(len(body) + 1, path) + body)
        # Ended as a phone in a tunnel ends it.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert events(unit_of_work) == before
    assert_untouched(server, unit_of_work, sent)


def test_a_chunked_body_that_is_huge_endless_or_cut_off_does_nothing(
    server: Server, unit_of_work: UnitOfWork, sent: Sent
) -> None:
    before, memory = events(unit_of_work), server.memory_bytes()
    start, body = head(extra=b"Transfer-Encoding: chunked\r\n"), body_of(sent)
    whole = b"%x\r\n%s\r\n" % (len(body), body)
    filler = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    for parts in (
        (b"FFFFFFFFFFFF\r\n" + body,),
        (b"7fffffffffffffff\r\n" + body,),
        (b"-5\r\n" + body,),
        (b"xyz\r\n" + body,),
        (whole,),
        (whole, b"0\r\n"),
        (b"%x\r\n%s" % (len(body) + 5, body),),
        (b"%x;%s\r\n%s" % (len(body), b"e" * 70_000, body),),
        tuple(filler for _ in range(40)),
        (whole, *(filler for _ in range(200)), b"0\r\n\r\n"),
    ):
        answer = said_to(server, start, *parts)
        assert status_of(answer) in {None, 400, 413, 431}, answer[:200]
    assert events(unit_of_work) == before
    assert server.memory_bytes() - memory < 32 * MEBIBYTE
    assert_untouched(server, unit_of_work, sent)


def test_a_body_over_the_limit_is_413(server: Server, installation: Installation) -> None:
    most = installation.settings.request_max_bytes
    answer = said_to(server, head(most + 1), b"x" * (most + 1))
    assert status_of(answer) == 413
    assert b"too much" in answer
    # What is announced as far too large is not waited for.
    for length in (2 * MEBIBYTE, 10**12, 10**30):
        answer = said_to(server, head(length), b"link=x", close=False)
        assert status_of(answer) in {400, 413}


BROKEN: dict[str, bytes] = {
    "two-lengths": head(extra=b"Content-Length: 5\r\nContent-Length: 6\r\n") + b"BODY",
    "the-same-length-twice": head("5, 5") + b"BODY",
    "negative-length": head(-5) + b"BODY",
    "signed-length": head("+5") + b"BODY",
    "length-in-words": head("five") + b"BODY",
    "length-with-a-gap": head("1 0") + b"BODY",
    "no-length": head() + b"BODY",
    "length-and-chunks": head(5, extra=b"Transfer-Encoding: chunked\r\n") + b"5\r\nBODY",
    "unknown-encoding": head(extra=b"Transfer-Encoding: xchunked\r\n") + b"BODY",
    "two-encodings": head(extra=b"Transfer-Encoding: gzip, chunked\r\n") + b"5\r\nBODY",
    "space-before-colon": head(extra=b"Content-Length : 5\r\n") + b"BODY",
    "folded-header": head(extra=b"X-A: b\r\n c: d\r\n") + b"BODY",
    "header-without-colon": head(extra=b"nonsense\r\n") + b"BODY",
    "nul-in-a-header": head(extra=b"X-A: \0\r\n") + b"BODY",
    "bare-line-feeds": b"POST /s/reveal HTTP/1.1\nHost: x\nContent-Length: 4\n\nBODY",
    "no-path": b"POST  HTTP/1.1\r\nHost: x\r\n\r\n",
    "old-protocol": b"GET /s/x\r\n\r\n",
    "new-protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no-protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    "only-line-ends": b"\r\n" * 5_000,
    "many-headers": head(4, extra=b"".join(b"X-%d: y\r\n" % number for number in range(20_000))) + b"BODY",
    "one-huge-header": head(4, extra=b"X-A: " + b"y" * 300_000 + b"\r\n") + b"BODY",
    "huge-cookie": b"GET / HTTP/1.1\r\nHost: x\r\nCookie: sharelink_session=" + b"A" * 20_000 + b"\r\n\r\n",
    "strange-cookie": b"GET / HTTP/1.1\r\nHost: x\r\nCookie: sharelink_session=\xff\xfe; =; ;;\r\n\r\n",
    "huge-path": b"GET /s/" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "nul-in-a-path": b"GET /static/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "climbing-path": b"GET /static/../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "escaped-climbing-path": b"GET /static/%2e%2e/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes-in-a-path": b"GET /s/\xff\xfe%FF%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "strange-host": b"GET /sign-in HTTP/1.1\r\nHost: a b@c:99999:x/..\r\n\r\n",
    "strange-origin": head(4, extra=b"Origin: http://[\r\n") + b"BODY",
    "strange-type": b"POST /s/reveal HTTP/1.1\r\nHost: x\r\nContent-Type: \xff;;=\r\nContent-Length: 4\r\n\r\nBODY",
    "not-utf-8": head(8) + b"link=%FF",
    "raw-bytes": head(7) + b"link=\xff\xfe",
    "half-an-escape": head(6) + b"link=%",
    "surrogate": head(14) + b"link=%ED%A0%80",
    "body-with-get": b"GET /s/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nBODY",
    "expectation": head(4, extra=b"Expect: 100-continue\r\n") + b"BODY",
    "strange-expectation": head(4, extra=b"Expect: miracles\r\n") + b"BODY",
}


@pytest.mark.parametrize("request_bytes", BROKEN.values(), ids=BROKEN)
def test_a_broken_request_is_the_clients_fault_and_never_ours(server: Server, request_bytes: bytes) -> None:
    status = status_of(said_to(server, request_bytes))
    # 501 is what HTTP itself wants for a coding that a server does not know.
    assert status is None or status < 500 or status == 501, status
    with server.caller() as caller:
        assert caller.get("/healthz").status == 200


def test_no_answer_names_a_program_or_a_version(server: Server) -> None:
    with server.caller() as caller:
        for path in ("/s/x", "/sign-in", "/nowhere", "/healthz", "/static/favicon.svg"):
            answer = caller.get(path)
            assert not {"server", "x-powered-by", "via"} & {name.lower() for name, _value in answer.headers}, path
            for name in (b"waitress", b"werkzeug", b"flask", b"python", b"sqlalchemy"):
                assert name not in answer.body.lower()
    for broken in (b"GARBAGE\r\n\r\n", head(-5) + b"BODY", head(10**12)):
        assert b"waitress" not in said_to(server, broken).lower()


def test_a_nul_in_every_field_of_the_public_forms_does_nothing(
    server: Server, unit_of_work: UnitOfWork, sent: Sent
) -> None:
    before, link = events(unit_of_work), sent.link.url(BASE)
    with server.caller() as caller:
        for path, fields in (
            ("/s/status", {"link": link + "\0"}),
            ("/s/reveal", {"link": "\0" + link}),
            ("/s/decline", {"link": link, "note": "no\0"}),
            ("/s/stored", {"receipt": "\0"}),
            ("/s/displayed", {"receipt": "x" * 100_000}),
        ):
            assert caller.post(path, fields).status in {400, 404, 422}
    assert events(unit_of_work) <= before + 1, "at most the page was opened"


def test_a_second_request_hidden_in_the_body_of_the_first_is_not_carried_out(
    server: Server, unit_of_work: UnitOfWork, sent: Sent
) -> None:
    before, body = events(unit_of_work), body_of(sent)
    hidden = head(len(body)) + body
    both, twice = (
        b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 0\r\nContent-Length: %d\r\n",
    )
    for extra in (both % (len(hidden) + 5), both % 4, twice % (len(hidden) + 5)):
        answer = said_to(server, head(path="/s/status", extra=extra) + b"0\r\n\r\n" + hidden)
        assert SECRET.encode() not in answer
    assert events(unit_of_work) == before
    assert_untouched(server, unit_of_work, sent)


@pytest.mark.timeout(240)
def test_slow_and_idle_connections_keep_nobody_waiting_and_eat_no_memory(
    server: Server, unit_of_work: UnitOfWork, staff: Person
) -> None:
    record = open_record(unit_of_work, staff)
    shares = [send_secret(unit_of_work, staff, SECRET, custody_id=record, code=False) for _ in range(20)]
    memory, times = server.memory_bytes(), []
    with Crowd(server.port, slow=120, idle=150, request_head=head(100_000)):
        for sent in shares:
            link = {"link": sent.link.url(BASE)}
            with server.caller() as caller:
                for act in ("get", "status", "reveal"):
                    began_at = time.monotonic()
                    answer = caller.get(f"/s/{sent.link.token}") if act == "get" else caller.post(f"/s/{act}", link)
                    times.append(time.monotonic() - began_at)
                    assert answer.status == 200
        assert server.memory_bytes() - memory < 64 * MEBIBYTE
    assert sorted(times)[int(len(times) * 0.95)] < 3


def test_idle_connections_are_ended_by_the_server(server: Server) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(server.socket(timeout=40)) for _ in range(10)]
        for connection in idle[5:]:
            connection.sendall(head(100)[:30])
        for connection in idle:
            while connection.recv(65536):
                pass


@pytest.fixture
def another(installation: Installation, redis_address: str, tmp_path: Path) -> Iterator[Server]:
    """Yield a server of this test's own, with a folder for temporary files that goes away once it runs."""
    gone = tmp_path / "temporary"
    gone.mkdir()
    (server,) = installation.start(rate_limit_store=redis_address, temporary_directory=gone)
    gone.rmdir()
    yield server
    server.kill()


def test_the_largest_secret_is_sent_and_revealed_without_any_temporary_file(
    another: Server, unit_of_work: UnitOfWork, staff: Person
) -> None:
    secret = "\n" * 65_535 + "x"
    with another.caller() as caller:
        caller.sign_in(staff)
        form = {
            "csrf_token": hidden_field(caller.get("/send").text, "csrf_token"),
            "form_id": id_text(new_id()),
            "record": id_text(open_record(unit_of_work, staff)),
            # As browsers send line ends: 393 KB of form.
            "secret": secret.replace("\n", "\r\n"),
            "lifetime": "86400",
            "code_waiver_reason": "told by the test",
        }
        assert len(urlencode(form)) > 390_000
        caller.begin("/send", form)
        open_files = list(Path(f"/proc/{another.process.pid}/fd").glob("*")) if sys.platform == "linux" else []
        assert not [path for path in open_files if "(deleted)" in str(path.readlink())]
        caller.finish()
        page = caller.answer()
        assert page.status == 201, page.text
        link = hidden_link(page.text)
        assert shown_secret(caller.post("/s/reveal", {"link": link}).text) is None, "its creator cannot consume it"
    with another.caller() as caller:
        assert shown_secret(caller.post("/s/reveal", {"link": link}).text) == secret


def hidden_link(page: str) -> str:
    return page.partition('<textarea id="link"')[2].partition(">")[2].partition("</textarea>")[0].strip()


def test_the_process_leaves_no_core_dump(server: Server) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells the limits of another process")
    assert resource.prlimit(server.process.pid, resource.RLIMIT_CORE) == (0, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_stop_ends_in_order(
    another: Server, unit_of_work: UnitOfWork, sent: Sent, number: signal.Signals
) -> None:
    with another.caller() as busy, another.socket() as half:
        half.sendall(head(1000) + b"link=")
        busy.begin("/s/reveal", {"link": sent.link.url(BASE)})
        another.process.send_signal(number)
        assert another.process.wait(20) == 0
    assert "Traceback" not in another.said()
    assert verified(unit_of_work)[1] == []


def test_after_a_kill_the_service_is_back_within_five_seconds_and_nothing_unopened_is_lost(
    installation: Installation, server: Server, redis_address: str, unit_of_work: UnitOfWork, staff: Person
) -> None:
    run_kills(installation, redis_address, unit_of_work, staff, kills=3)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_after_each_of_60_kills_the_service_is_back_and_nothing_unopened_is_lost(
    installation: Installation, redis_address: str, unit_of_work: UnitOfWork, staff: Person
) -> None:
    run_kills(installation, redis_address, unit_of_work, staff, kills=60)


def run_kills(
    installation: Installation, redis_address: str, unit_of_work: UnitOfWork, staff: Person, kills: int
) -> None:
    """Kill a server while a reveal is on its way, start it again, and look at what became of every share."""
    record = open_record(unit_of_work, staff)
    restart_seconds = []
    (running,) = installation.start(rate_limit_store=redis_address)
    for number in range(kills):
        waiting, struck = (
            send_secret(unit_of_work, staff, SECRET, custody_id=record, code=code) for code in (True, False)
        )
        with running.caller() as caller:
            caller.begin("/s/reveal", {"link": struck.link.url(BASE)})
            caller.finish()
            # Somewhere within the few milliseconds that a reveal takes.
            time.sleep(number % 10 / 1000)
            running.kill()
            got = b""
            with suppress(OSError, ValueError):
                got = caller.answer().body
        began_at = time.monotonic()
        (running,) = installation.start(rate_limit_store=redis_address)
        restart_seconds.append(time.monotonic() - began_at)
        with running.caller() as caller:
            answer = caller.post("/s/reveal", {"link": waiting.link.url(BASE), "code": waiting.code or ""})
            assert shown_secret(answer.text) == SECRET
            again = shown_secret(caller.post("/s/reveal", {"link": struck.link.url(BASE)}).text)
            assert not (SECRET.encode() in got and again is not None), "it was shown twice"
        with unit_of_work.read() as work:
            row = work.session.execute(
                select(Share.state, Share.outer_ciphertext).where(Share.id == struck.share_id)
            ).one()
        assert tuple(row) == ("revealed", None)
    assert running.stop() == 0
    assert verified(unit_of_work)[1] == []
    # The quickest counts: on a busy machine every other program makes the rest slower.
    assert min(restart_seconds) < 5


def test_a_port_that_is_taken_is_told_in_one_sentence(server: Server, installation: Installation) -> None:
    (late,) = installation.launch(port=server.port)
    assert late.process.wait(60) == 1
    assert "Nothing can listen on 127.0.0.1" in late.said()
    assert "Traceback" not in late.said()


def test_settings_that_are_wrong_are_told_without_their_values(installation: Installation) -> None:
    canary = "redis-canary-4711"
    (late,) = installation.launch(rate_limit_store=canary, trusted_proxy_hops="many", log_level="loud")
    assert late.process.wait(60) == 1
    for name in ("SHARELINK_RATE_LIMIT_STORE", "SHARELINK_TRUSTED_PROXY_HOPS", "SHARELINK_LOG_LEVEL"):
        assert name in late.said()
    assert canary not in late.said()
