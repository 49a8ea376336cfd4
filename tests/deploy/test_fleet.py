"""The shipped proxy and nodes, live: what reaches a node is whole, nothing touches a disk, nothing is told."""

import http.client
import re
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import text

from sharelink.unit_of_work import UnitOfWork
from tests.attacks.callers import Answer
from tests.attacks.canaries import Watch, found_in, key_spellings, spellings
from tests.attacks.installations import Installation, installed
from tests.attacks.servers import shown_secret, wait_until
from tests.deploy.fleet import DEPLOY, TOKEN, Node, Proxy, fleet
from tests.factories import Person, send_secret
from tests.services import fresh_database

BASE = "http://localhost"
SECRET = "Kanarie-of-the-fleet-4711"
LARGEST_FORM = 65_536 * 6 + 16 * 1024


@pytest.fixture(scope="module")
def installation(
    postgresql_server: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("fleet")
    with fresh_database(postgresql_server, template=migrated_template) as url, installed(url, folder) as made:
        yield made


@pytest.fixture(scope="module")
def running(
    installation: Installation, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Proxy, list[Node]]]:
    folder = tmp_path_factory.mktemp("nodes")
    with fleet(installation.settings, folder, f"{redis_server.rpartition('/')[0]}/63") as made:
        yield made


@pytest.fixture
def proxy(running: tuple[Proxy, list[Node]]) -> Proxy:
    return running[0]


@pytest.fixture
def nodes(running: tuple[Proxy, list[Node]]) -> list[Node]:
    return running[1]


@pytest.fixture(scope="module")
def staff(installation: Installation) -> Person:
    return installation.person("Anna")


@pytest.fixture
def unit_of_work(installation: Installation) -> UnitOfWork:
    return installation.unit_of_work


@pytest.fixture
def form(unit_of_work: UnitOfWork, staff: Person) -> dict[str, str]:
    """Return the form that reveals a new share."""
    sent = send_secret(unit_of_work, staff, SECRET)
    return {"link": sent.link.url(BASE), "code": sent.code or ""}


def state(unit_of_work: UnitOfWork) -> str:
    """Return the state of the newest share."""
    with unit_of_work.read() as work:
        newest = "SELECT state FROM share ORDER BY created_at DESC LIMIT 1"
        return str(work.session.execute(text(newest)).scalar_one())


def test_the_shipped_files_are_what_nginx_accepts(proxy: Proxy) -> None:
    tested = subprocess.run(proxy.command("-t"), capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    assert "warn" not in tested.stderr
    assert (proxy.folder / "nginx.conf").read_bytes() == (DEPLOY / "nginx" / "nginx.conf").read_bytes()


def test_a_secret_goes_through_to_exactly_one_of_many_at_once(
    proxy: Proxy, form: dict[str, str], unit_of_work: UnitOfWork
) -> None:
    # More tries at once would pause the client, as if it guessed.
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _number: proxy.post("/s/reveal", form), range(4)))
    assert sorted(answer.status for answer in answers) == [200, 410, 410, 410]
    assert [shown_secret(answer.text) for answer in answers if answer.status == 200] == [SECRET]
    assert state(unit_of_work) == "revealed"
    for answer in answers:
        assert answer.header("Cache-Control") == "no-store"
        assert answer.header("Strict-Transport-Security")
        assert not answer.header("Content-Encoding")


def test_a_form_that_is_cut_off_reveals_nothing_at_the_node_and_does_not_get_there_through_the_proxy(
    proxy: Proxy, nodes: list[Node], form: dict[str, str], unit_of_work: UnitOfWork
) -> None:
    body = urlencode(form).encode()
    head = "POST /s/reveal HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    cut = f"{head}Content-Length: {len(body) + 500}\r\n\r\n".encode() + body
    for node in nodes:
        assert node.raw(cut).split(b"\r\n")[0] in {b"HTTP/1.1 400 Bad Request", b"HTTP/1.1 400 BAD REQUEST", b""}
    asked = [node.said().count("route=/s/") for node in nodes]
    with proxy.tls_socket() as connection:
        connection.sendall(cut)
        time.sleep(0.3)
    with proxy.tls_socket() as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\nffff\r\n".encode() + body)
    time.sleep(0.3)
    assert [node.said().count("route=/s/") for node in nodes] == asked
    assert state(unit_of_work) == "sealed"


@pytest.mark.parametrize(
    ("name", "framing"),
    [
        ("chunks", "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
        ("two lengths", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
        ("no length", "\r\n"),
    ],
)
def test_a_node_takes_no_body_without_one_honest_length(nodes: list[Node], name: str, framing: str) -> None:
    head = "POST /s/status HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    answer = nodes[0].raw((head + framing).encode())
    assert re.match(rb"HTTP/1.1 (400|411|501) ", answer), (name, answer[:100])


def test_bodies_and_answers_of_any_size_touch_no_disk(proxy: Proxy, nodes: list[Node]) -> None:
    folders = [proxy.folder, *(node.folder for node in nodes)]
    kinds = {"Content-Type": "application/x-www-form-urlencoded"}
    sizes = {LARGEST_FORM - 100: {404, 422}, LARGEST_FORM + 100: {413}, 1_100_000: {413}, 1_200_000: {413}}
    with Watch(*folders) as watch:
        for size, expected in sizes.items():
            body = b"link=" + SECRET.encode() * ((size - 5) // len(SECRET))
            answer = proxy.request("POST", "/s/status", body, kinds)
            assert answer.status in expected, (size, answer.status)
        # What was typed comes back in the page: an answer of some hundred kilobytes.
        assert len(proxy.get("/static/css/base.css").body) > 1000
    assert not found_in(watch.seen, {"secret": spellings(SECRET)})
    assert [path for path in proxy.run.rglob("*") if path.is_file()] == [proxy.run / "nginx.pid"]


def test_what_a_client_claims_about_itself_is_not_believed(
    proxy: Proxy, form: dict[str, str], unit_of_work: UnitOfWork
) -> None:
    claims = {"X-Forwarded-For": "198.51.100.77", "X-Forwarded-Host": "evil.example.com", "X-Request-ID": "f" * 32}
    answer = proxy.post("/s/status", form, claims)
    assert answer.status == 200
    assert answer.header("X-Request-ID") != "f" * 32
    assert re.fullmatch("[0-9a-f]{32}", answer.header("X-Request-ID"))
    logged = f'"request_id":"{answer.header("X-Request-ID")}"'
    # The proxy writes its line after it has answered.
    wait_until(lambda: logged in proxy.said(), 10, "the proxy did not log the number that it gave")
    assert "evil.example.com" not in answer.text
    with unit_of_work.read() as work:
        told = work.session.execute(text("SELECT disclosure FROM audit_disclosure WHERE name = 'ip'")).scalars()
        assert not any("198.51.100.77" in line for line in told)


def test_figures_and_readiness_stay_inside(proxy: Proxy, nodes: list[Node]) -> None:
    shown = {"Authorization": f"Bearer {TOKEN}"}
    assert [proxy.get(path, shown).status for path in ("/metrics", "/readyz", "/healthz")] == [404, 404, 200]
    before = nodes[0].get("/metrics", shown).text
    for _ in range(12):
        assert nodes[0].get("/healthz").status == 200
    after = nodes[0].get("/metrics", shown).text
    # Two processes answered, each its share of these.
    count = re.compile(r'request_seconds_count\{endpoint="health.alive"\} ([0-9.]+)')
    numbers = [float(found[1]) if (found := count.search(page)) else 0.0 for page in (before, after)]
    assert numbers[1] - numbers[0] == 12
    assert 'sharelink_ready{part="database"} 1.0' in after


def test_slow_clients_do_not_keep_honest_ones_waiting(proxy: Proxy, form: dict[str, str]) -> None:
    slow: list[ssl.SSLSocket] = []
    try:
        for _ in range(60):
            connection = proxy.tls_socket()
            connection.sendall(b"POST /s/reveal HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400\r\n\r\nlink=")
            slow.append(connection)
        began = time.monotonic()
        assert proxy.post("/s/reveal", form).status == 200
        assert time.monotonic() - began < 5
    finally:
        for connection in slow:
            connection.close()


def during(work: Callable[[], None], proxy: Proxy) -> list[Answer]:
    """Ask for pages again and again while `work` is done; return the answers."""
    answers: list[Answer] = []
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        while not done.done():
            answers.append(proxy.get("/s/any"))
        done.result()
    return answers


def test_a_node_is_exchanged_without_anybody_noticing(proxy: Proxy, nodes: list[Node]) -> None:
    def exchange() -> None:
        nodes[1].stop()
        nodes[1].start()
        nodes[1].wait_until_up()

    answers = during(exchange, proxy)
    assert len(answers) > 5
    assert {answer.status for answer in answers} == {200}


def test_when_no_node_answers_nothing_is_told_and_nothing_is_logged(
    proxy: Proxy, nodes: list[Node], form: dict[str, str]
) -> None:
    for node in nodes:
        node.stop()
    token, key = form["link"].rpartition("/")[2].split("#")
    try:
        answers = [proxy.get(f"/s/{token}?q={SECRET}"), proxy.post("/s/reveal", form)]
    finally:
        for node in nodes:
            node.start()
    assert [(answer.status, answer.header("Retry-After")) for answer in answers] == [(503, "30")] * 2
    with suppress(http.client.HTTPException):
        proxy.request("BREW", f"/s/{token}", b"", {"Cookie": SECRET})
    canaries = {"secret": spellings(SECRET), "key": key_spellings(key), "token": spellings(token)}
    told = {"proxy": proxy.said().encode()} | {f"node {node.port}": node.said().encode() for node in nodes}
    assert all(told.values())
    assert not found_in(told, canaries)
    assert not [
        path for path in Path(proxy.folder).rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ]
    for node in nodes:
        node.wait_until_up()
    # The proxy leaves a node that did not answer alone for a second.
    wait_until(lambda: proxy.get("/healthz").status == 200, 20, "the proxy did not come back")
