"""Guessing an access code ends after five tries of a client and ten in all, in all processes and through restarts."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import func, select

from sharelink.acts import tending
from sharelink.acts.sending import Sent
from sharelink.crypto.access_codes import new_access_code
from sharelink.crypto.link_keys import link_key_text, new_link_key
from sharelink.shares.models import ShareClient
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.callers import Answer, Caller, Post, race
from tests.attacks.installations import Installation
from tests.attacks.servers import Server, shown_secret
from tests.attacks.test_races import kinds, reveal_of, wrong_code
from tests.factories import Person, send_secret

SECRET = "nobody guessed it"
OPENED, LOCKED, PAUSED, WRONG, UNKNOWN = 200, 423, 429, 422, 404
PAUSE_SECONDS = 15 * 60
BASE = "http://localhost"


class TwoServers:
    """Two processes of one installation behind one proxy; either can be started anew."""

    def __init__(self, installation: Installation, redis_address: str) -> None:
        self.settings = {"rate_limit_store": redis_address, "trusted_proxy_hops": 1}
        self.installation = installation
        self.servers: list[Server] = installation.start(2, **self.settings)

    def restart(self) -> None:
        """End the first as an operator does, and start another."""
        assert self.servers[0].stop() == 0
        self.servers[0] = self.installation.start(**self.settings)[0]

    def post(self, number: int, address: str, post: Post) -> Answer:
        """Post from an address, to one server or the other."""
        with self.servers[number % 2].caller(address) as caller:
            return caller.post(*post)


@pytest.fixture(scope="module")
def two(installation: Installation, redis_address: str) -> TwoServers:
    return TwoServers(installation, redis_address)


@pytest.fixture
def sent(unit_of_work: UnitOfWork, staff: Person) -> Sent:
    return send_secret(unit_of_work, staff, SECRET)


def guess(sent: Sent) -> Post:
    """Return a try with a code that a guesser might think of, which is not the right one."""
    code = new_access_code()
    return reveal_of(sent, code if code != sent.code else wrong_code(sent))


def tries(unit_of_work: UnitOfWork, sent: Sent) -> int:
    with unit_of_work.read() as work:
        wanted = select(func.sum(ShareClient.tries)).where(ShareClient.share_id == sent.share_id)
        return int(work.session.scalar(wanted) or 0)


def test_five_tries_of_one_network_pause_it_in_every_process_and_through_restarts_and_nobody_else(
    two: TwoServers, unit_of_work: UnitOfWork, sent: Sent
) -> None:
    mine = [f"2001:db8:77:1:{number:x}::{number:x}" for number in range(1, 9)]
    answers = [two.post(number, mine[number], guess(sent)) for number in range(5)]
    assert [answer.status for answer in answers] == [WRONG] * 4 + [PAUSED]
    assert PAUSE_SECONDS - 60 < int(answers[-1].header("Retry-After")) <= PAUSE_SECONDS + 1
    two.restart()
    for number in range(4):
        # Not even the right code is tried for it, and the tries of a paused client cost the others nothing.
        assert two.post(number, mine[number + 4], reveal_of(sent)).status == PAUSED
    assert tries(unit_of_work, sent) == 5
    neighbour = two.post(1, "2001:db8:77:2::1", reveal_of(sent))
    assert shown_secret(neighbour.text) == SECRET


def test_ten_tries_in_all_lock_the_share_through_restarts_and_an_unlocking_gives_five_more_and_no_sixth(
    two: TwoServers, unit_of_work: UnitOfWork, staff: Person, sent: Sent
) -> None:
    statuses = [two.post(number, f"198.51.100.{number % 5}", guess(sent)).status for number in range(10)]
    assert statuses == [WRONG] * 9 + [LOCKED]
    two.restart()
    assert two.post(0, "192.0.2.1", reveal_of(sent)).status == LOCKED
    tending.unlock(unit_of_work, staff.actor, sent.share_id)
    with ExitStack() as stack:
        hands = list(callers(stack, two, 8))
        for _ in range(2):
            assert {answer.status for answer in race(hands, [guess(sent) for _ in hands])} <= {WRONG, LOCKED}
    assert kinds(unit_of_work, sent).count("share.code_failed") == 15
    assert tries(unit_of_work, sent) == 15
    assert two.post(0, "192.0.2.1", reveal_of(sent)).status == LOCKED
    tending.unlock(unit_of_work, staff.actor, sent.share_id)
    assert shown_secret(two.post(1, "192.0.2.1", reveal_of(sent)).text) == SECRET


def callers(stack: ExitStack, two: TwoServers, count: int) -> Iterator[Caller]:
    for number in range(count):
        yield stack.enter_context(two.servers[number % 2].caller(f"203.0.113.{100 + number}"))


def test_one_client_cannot_lock_the_rightful_one_out_whatever_it_claims_to_be(
    two: TwoServers, unit_of_work: UnitOfWork, sent: Sent
) -> None:
    for number in range(24):
        # What stands to the left of the proxy's word is the client's own invention.
        claimed = f"10.0.{number}.1, 198.51.100.200"
        assert two.post(number, claimed, guess(sent)).status in {WRONG, PAUSED}
    assert tries(unit_of_work, sent) == 5
    assert shown_secret(two.post(0, "192.0.2.2", reveal_of(sent)).text) == SECRET


def test_whoever_has_only_the_token_locks_nothing_and_uses_up_nobodys_tries(
    two: TwoServers, unit_of_work: UnitOfWork, sent: Sent
) -> None:
    link = f"{BASE}/s/{sent.link.token}#"
    for number in range(24):
        post = ("/s/reveal", {"link": link + link_key_text(new_link_key()), "code": sent.code or ""})
        assert two.post(number, f"198.51.100.{number}", post).status == UNKNOWN
    assert tries(unit_of_work, sent) == 0
    assert shown_secret(two.post(0, "192.0.2.3", reveal_of(sent)).text) == SECRET


def test_there_is_no_way_around_the_count(two: TwoServers, unit_of_work: UnitOfWork, sent: Sent) -> None:
    """Declining asks for the code, too, and is counted with the reveals; what cannot be a code is not counted."""
    decline = ("/s/decline", {"link": sent.link.url(BASE), "code": wrong_code(sent), "note": "no"})
    for code in ("", "short", "0O0O-1I1I", "ABCD-EFGHJ", "' or 1=1--", "ABCDEFG\0"):
        answer = two.post(0, "198.51.100.9", ("/s/reveal", {"link": sent.link.url(BASE), "code": code}))
        assert answer.status in {WRONG, 400}
    assert tries(unit_of_work, sent) == 0
    statuses = [two.post(number, "198.51.100.9", (decline, guess(sent))[number % 2]).status for number in range(5)]
    assert statuses == [WRONG] * 4 + [PAUSED]
    # Another spelling of the link is the same share, and the same count.
    spelled = {"link": sent.link.url("https://elsewhere.example/a/b"), "code": sent.code or ""}
    assert two.post(0, "198.51.100.9", ("/s/reveal", spelled)).status == PAUSED
    assert tries(unit_of_work, sent) == 5
