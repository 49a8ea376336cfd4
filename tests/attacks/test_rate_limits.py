"""Too fast is told so, in words, and uses nothing up; nobody escapes by a header, a second process or a dead Redis."""

import re
import time
from collections.abc import Iterator

import pytest
import redis
from sqlalchemy import func, select

from sharelink.acts.sending import Sent
from sharelink.audit.models import AuditLeaf
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.callers import Answer
from tests.attacks.installations import Installation
from tests.attacks.servers import Server, shown_secret
from tests.factories import Person, open_record, send_secret
from tests.services import private_redis

BASE = "http://localhost"
SECRET = "not used up"
LIMIT = 3
SMALL = "3 per hour"

pytestmark = pytest.mark.parametrize("installation", ["sqlite"], indirect=True, scope="module")


@pytest.fixture
def sent(unit_of_work: UnitOfWork, staff: Person) -> Sent:
    return send_secret(unit_of_work, staff, SECRET, code=False)


def posted(sent: Sent) -> dict[str, str]:
    return {"link": sent.link.url(BASE)}


def events_of_shares(unit_of_work: UnitOfWork) -> int:
    with unit_of_work.read() as work:
        return int(work.session.scalar(select(func.count()).where(AuditLeaf.type.startswith("share."))) or 0)


def start_alone(installation: Installation, **changes: object) -> Iterator[Server]:
    """Yield a server that stops afterwards, so that the next one may count in memory."""
    (server,) = installation.start(**changes)
    yield server
    assert server.stop() == 0, server.said()[-2000:]


@pytest.fixture
def strict(installation: Installation, sent: Sent) -> Iterator[Server]:
    """Yield a server that allows three of everything in an hour."""
    limits = {f"rate_limit_{name}": SMALL for name in ("status", "reveal", "sign_in", "create")}
    yield from start_alone(installation, **limits)


def assert_too_fast(answer: Answer) -> None:
    assert answer.status == 429
    assert 60 < int(answer.header("Retry-After")) <= 3600, "the person would come back in vain"
    assert "too fast" in answer.text
    assert "Nothing was changed or used up" in answer.text
    assert SECRET not in answer.text


def test_status_reveal_and_decline_are_limited_and_use_nothing_up(
    strict: Server, unit_of_work: UnitOfWork, sent: Sent
) -> None:
    before = events_of_shares(unit_of_work)
    with strict.caller() as caller:
        for path in ("/s/status", "/s/reveal"):
            for _ in range(LIMIT):
                assert caller.post(path, {"link": "x#y"}).status == 404
            assert_too_fast(caller.post(path, posted(sent)))
        # A decline and a reveal are counted together, or one would be the way around the other.
        assert_too_fast(caller.post("/s/decline", posted(sent) | {"note": "no"}))
        # To read the page of the link, and to be alive, nobody has to wait.
        for _ in range(2 * LIMIT):
            assert caller.get(f"/s/{sent.link.token}").status == 200
            assert caller.get("/s/status").status == 200
    assert events_of_shares(unit_of_work) == before


def test_after_the_wait_the_share_still_opens(installation: Installation, sent: Sent) -> None:
    for server in start_alone(installation, rate_limit_reveal="2 per 3 second"):
        with server.caller() as caller:
            answers = [caller.post("/s/reveal", {"link": "x#y"}) for _ in range(8)]
            assert answers[-1].status == 429
            assert 1 <= int(answers[-1].header("Retry-After")) <= 3
            time.sleep(int(answers[-1].header("Retry-After")))
            assert shown_secret(caller.post("/s/reveal", posted(sent)).text) == SECRET


def test_sign_in_is_limited(strict: Server, staff: Person) -> None:
    with strict.caller() as caller:
        wrong = {"email": staff.email, "password": "not the password at all"}
        for _ in range(LIMIT):
            assert caller.submit("/sign-in", wrong, form_page="/sign-in").status == 422
        right = {"email": staff.email, "password": staff.password}
        assert_too_fast(caller.submit("/sign-in", right, form_page="/sign-in"))
        assert "sharelink_session" not in caller.cookies


def test_sending_is_limited_and_a_refused_form_can_be_sent_later(
    strict: Server, unit_of_work: UnitOfWork, staff: Person
) -> None:
    record = id_text(open_record(unit_of_work, staff))
    with strict.caller() as caller:
        caller.sign_in(staff)
        answers = [
            caller.submit(
                "/send",
                {
                    "form_id": id_text(new_id()),
                    "record": record,
                    "secret": SECRET,
                    "lifetime": "86400",
                    "code_waiver_reason": "told by the test",
                },
                form_page="/send",
            )
            for _ in range(LIMIT + 1)
        ]
    assert [answer.status for answer in answers[:LIMIT]] == [201] * LIMIT
    assert_too_fast(answers[LIMIT])
    assert re.search(r"/s/[A-Za-z0-9_.-]{60,}#", answers[LIMIT].text) is None


def reveals_of(server: Server, addresses: list[str | None]) -> list[int]:
    statuses = []
    with server.caller() as caller:
        for address in addresses:
            headers = {} if address is None else {"X-Forwarded-For": address}
            statuses.append(caller.post("/s/reveal", {"link": "x#y"}, headers).status)
    return statuses


def test_a_forwarded_address_is_not_believed_unless_a_proxy_is_set(strict: Server) -> None:
    claims: list[str | None] = [f"203.0.113.{number}" for number in range(LIMIT + 2)]
    assert reveals_of(strict, claims) == [404] * LIMIT + [429] * 2


@pytest.mark.parametrize("hops", [1, 2])
def test_a_forwarded_address_is_believed_for_exactly_the_hops_that_are_set(
    installation: Installation, hops: int
) -> None:
    trusted = ", 10.0.0.1" * (hops - 1)
    for server in start_alone(installation, rate_limit_reveal=SMALL, trusted_proxy_hops=hops):
        for number in range(3):
            assert reveals_of(server, [f"203.0.113.{number}{trusted}"] * (LIMIT + 1)) == [404] * LIMIT + [429]
        # What the client itself claims stands further left, and changes nothing.
        claims = [f"192.0.2.{number}, 203.0.113.0{trusted}" for number in range(5)]
        assert reveals_of(server, [*claims, "198.51.100.1, " * 50 + f"203.0.113.0{trusted}"]) == [429] * 6
        # One /64 is one client.
        inside = [f"2001:db8:1:2::{number:x}{trusted}" for number in range(LIMIT + 1)]
        assert reveals_of(server, list(inside)) == [404] * LIMIT + [429]


def test_a_second_process_is_refused_while_requests_are_counted_in_memory(installation: Installation) -> None:
    for first in start_alone(installation):
        (second,) = installation.launch()
        assert second.process.wait(30) == 1
        assert "serves this installation already" in second.said()
        assert "Traceback" not in second.said()
        assert reveals_of(first, [None]) == [404]


def test_when_redis_dies_requests_are_still_counted_and_nobody_meets_an_error(
    installation: Installation, sent: Sent
) -> None:
    with private_redis() as url:
        (server,) = installation.start(rate_limit_store=url, rate_limit_reveal="5 per hour")
        assert reveals_of(server, [None] * 2) == [404] * 2
        with redis.Redis.from_url(url) as client:
            client.shutdown(nosave=True)
        began_at = time.monotonic()
        statuses = reveals_of(server, [None] * 9)
        assert statuses == [404] * 5 + [429] * 4
        assert time.monotonic() - began_at < 20
        with server.caller() as caller:
            assert caller.post("/s/status", posted(sent)).status == 200
    assert server.stop() == 0


def test_when_redis_never_lived_the_server_counts_by_itself(installation: Installation) -> None:
    for server in start_alone(installation, rate_limit_store="redis://127.0.0.1:1/0", rate_limit_reveal=SMALL):
        assert reveals_of(server, [None] * (LIMIT + 1)) == [404] * LIMIT + [429]


def test_a_flood_from_one_client_leaves_the_others_alone(installation: Installation, sent: Sent) -> None:
    for server in start_alone(installation, rate_limit_reveal=SMALL, trusted_proxy_hops=1):
        assert reveals_of(server, ["203.0.113.5"] * 40)[LIMIT:] == [429] * (40 - LIMIT)
        with server.caller("203.0.113.6") as other:
            assert shown_secret(other.post("/s/reveal", posted(sent)).text) == SECRET
