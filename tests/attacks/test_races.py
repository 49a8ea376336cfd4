"""Many hands at one share, over three server processes that share a database: one gets it, ever (promise 1)."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from sharelink.accounts.models import Account
from sharelink.acts.sending import Sent
from sharelink.audit.models import AuditLeaf
from sharelink.clock import utc_now
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.models import CustodyRecord
from sharelink.persistence.database import Base
from sharelink.shares.models import Share, ShareClient
from sharelink.shares.states import ShareState
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.callers import Answer, Caller, Post, race
from tests.attacks.installations import Installation
from tests.attacks.servers import Server, shown_secret, wait_until
from tests.audit.readings import verified
from tests.browsers import hidden_field
from tests.factories import Person, open_record, send_secret

HANDS = 8
BASE = "http://localhost"
SECRET = "canary of the races"
ENDED, LOCKED, TOO_MANY, WRONG = 410, 423, 429, 422


@pytest.fixture(scope="module")
def servers(installation: Installation, redis_address: str) -> list[Server]:
    """Return three processes of one installation. They trust one proxy, so that each hand can be another client."""
    return installation.start(3, rate_limit_store=redis_address, trusted_proxy_hops=1)


def connections(servers: list[Server], addresses: list[str]) -> Iterator[list[Caller]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(servers[number % len(servers)].caller(address))
            for number, address in enumerate(addresses)
        ]


@pytest.fixture
def hands(servers: list[Server]) -> Iterator[list[Caller]]:
    """Yield eight clients with different addresses, spread over the servers."""
    yield from connections(servers, [f"203.0.113.{number}" for number in range(HANDS)])


@pytest.fixture
def one_client(servers: list[Server]) -> Iterator[list[Caller]]:
    """Yield eight connections of one client."""
    yield from connections(servers, ["198.51.100.7"] * HANDS)


@pytest.fixture(scope="module")
def record(unit_of_work: UnitOfWork, staff: Person) -> bytes:
    return open_record(unit_of_work, staff)


def reveal_of(sent: Sent, code: str = "") -> Post:
    return "/s/reveal", {"link": sent.link.url(BASE), "code": code or sent.code or ""}


def decline_of(sent: Sent) -> Post:
    return "/s/decline", {"link": sent.link.url(BASE), "code": sent.code or "", "note": "not mine"}


def wrong_code(sent: Sent) -> str:
    assert sent.code is not None
    return sent.code[:-1] + ("2" if sent.code[-1] != "2" else "3")


def winners(answers: list[Answer], secret: str) -> list[Answer]:
    """Return who got the secret; everybody else must hear an honest no, and not see it."""
    won = [answer for answer in answers if shown_secret(answer.text) is not None]
    for answer in answers:
        assert (answer.status == 200) is (answer in won)
        assert (secret in answer.text) is (answer in won)
        assert answer.status in {200, ENDED, LOCKED, TOO_MANY, WRONG}, answer.text
    return won


def rows(unit_of_work: UnitOfWork, shares: list[Sent]) -> dict[bytes, Share]:
    with unit_of_work.read() as work:
        wanted = select(Share).where(Share.id.in_([sent.share_id for sent in shares]))
        found = {row.id: row for row in work.session.scalars(wanted)}
        work.session.expunge_all()
        return found


def events(unit_of_work: UnitOfWork, sent: Sent) -> list[tuple[str, datetime]]:
    with unit_of_work.read() as work:
        wanted = select(AuditLeaf.type, AuditLeaf.at, AuditLeaf.leaf).where(AuditLeaf.rec == id_text(sent.custody_id))
        mine = f'"ref":"{id_text(sent.share_id)}"'.encode()
        return [(kind, at) for kind, at, leaf in work.session.execute(wanted) if mine in leaf]


def kinds(unit_of_work: UnitOfWork, sent: Sent) -> list[str]:
    return [kind for kind, _at in events(unit_of_work, sent)]


def kinds_in(unit_of_work: UnitOfWork, records: list[bytes]) -> list[str]:
    with unit_of_work.read() as work:
        wanted = select(AuditLeaf.type).where(AuditLeaf.rec.in_([id_text(record) for record in records]))
        return list(work.session.scalars(wanted))


def count_of(unit_of_work: UnitOfWork, table: type[Base]) -> int:
    with unit_of_work.read() as work:
        return int(work.session.scalar(select(func.count()).select_from(table)) or 0)


def assert_chains_whole(unit_of_work: UnitOfWork) -> None:
    verification, findings = verified(unit_of_work)
    assert findings == []
    assert verification.counts.events > 0


def run_reveal_races(unit_of_work: UnitOfWork, hands: list[Caller], staff: Person, races: int, with_code: int) -> None:
    """Let eight hands at each of `races` shares, `with_code` of them with an access code; check the end of each."""
    records = [open_record(unit_of_work, staff) for _ in range(4)]
    shares = []
    for number in range(races):
        secret = f"{SECRET} {number}."
        coded = number % max(1, races // max(1, with_code)) == 0 and number // max(1, races // with_code) < with_code
        sent = send_secret(unit_of_work, staff, secret, custody_id=records[number % 4], code=coded)
        shares.append(sent)
        won = winners(race(hands, [reveal_of(sent)] * HANDS), secret)
        assert len(won) == 1, f"{len(won)} winners"
        assert shown_secret(won[0].text) == secret
    ended = rows(unit_of_work, shares)
    assert {(row.state, row.outer_ciphertext) for row in ended.values()} == {(ShareState.REVEALED, None)}
    assert kinds_in(unit_of_work, records).count("share.revealed") == races
    assert_chains_whole(unit_of_work)


def test_of_eight_reveals_at_once_over_three_servers_one_gets_the_secret_in_each_of_40_races(
    unit_of_work: UnitOfWork, hands: list[Caller], staff: Person
) -> None:
    run_reveal_races(unit_of_work, hands, staff, races=40, with_code=5)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_of_eight_reveals_at_once_one_gets_the_secret_in_each_of_2000_races(
    unit_of_work: UnitOfWork, hands: list[Caller], staff: Person
) -> None:
    run_reveal_races(unit_of_work, hands, staff, races=2000, with_code=100)


@pytest.mark.parametrize("code", [False, True], ids=["no-code", "code"])
def test_a_reveal_and_a_decline_at_once_never_both_happen(
    unit_of_work: UnitOfWork, hands: list[Caller], staff: Person, record: bytes, code: bool
) -> None:
    revealed = declined = 0
    for number in range(12 if code else 30):
        sent = send_secret(unit_of_work, staff, f"{SECRET} {number}.", custody_id=record, code=code)
        posts = [reveal_of(sent) if (hand + number) % 2 else decline_of(sent) for hand in range(HANDS)]
        answers = race(hands, posts)
        good = [answer for answer in answers if answer.status == 200]
        shown = [answer for answer in answers if shown_secret(answer.text) is not None]
        assert len(good) == 1
        assert {answer.status for answer in answers} <= {200, ENDED}
        row = rows(unit_of_work, [sent])[sent.share_id]
        happened = kinds(unit_of_work, sent)
        assert row.outer_ciphertext is None
        if shown:
            revealed += 1
            assert (row.state, happened.count("share.revealed"), "share.burned" in happened) == ("revealed", 1, False)
        else:
            declined += 1
            assert (row.state, happened.count("share.burned"), "share.revealed" in happened) == ("burned", 1, False)
            assert not any(f"{SECRET} {number}." in answer.text for answer in answers)
    assert revealed + declined == (12 if code else 30)
    assert_chains_whole(unit_of_work)


def test_a_reveal_at_the_moment_of_expiry_is_a_reveal_before_it_or_none(
    unit_of_work: UnitOfWork, hands: list[Caller], staff: Person, record: bytes
) -> None:
    shares, shown, ahead = [], set(), timedelta(milliseconds=300)
    for number in range(14):
        sent = send_secret(
            unit_of_work,
            staff,
            f"{SECRET} {number}.",
            custody_id=record,
            code=False,
            lifetime=timedelta(seconds=1.2),
        )
        shares.append(sent)
        for hand in hands:
            hand.begin(*reveal_of(sent))
        wait_until(lambda sent=sent, ahead=ahead: utc_now() >= sent.expires_at - ahead, 10, "time stands still")
        for hand in hands:
            hand.finish()
        won = winners([hand.answer() for hand in hands], f"{SECRET} {number}.")
        assert len(won) <= 1
        # Closer to the end after a reveal, farther from it after none: the races gather where it is decided.
        if won:
            shown.add(sent.share_id)
            ahead = ahead / 2 - timedelta(milliseconds=2)
        else:
            ahead = ahead * 2 + timedelta(milliseconds=40)
    assert 0 < len(shown) < len(shares), "no race was close"
    wait_until(
        lambda: all(row.outer_ciphertext is None for row in rows(unit_of_work, shares).values()),
        15,
        "an expired share kept its content",
    )
    for sent in shares:
        row, happened = rows(unit_of_work, [sent])[sent.share_id], dict(events(unit_of_work, sent))
        assert row.state == ("revealed" if sent.share_id in shown else "expired")
        assert ("share.revealed" in happened) is (sent.share_id in shown)
        assert ("share.expired" in happened) is (sent.share_id not in shown)
        if sent.share_id in shown:
            assert happened["share.revealed"].astimezone(UTC) < row.expires_at
    assert_chains_whole(unit_of_work)


@pytest.mark.parametrize("new_record", [True, False], ids=["new-record", "old-record"])
def test_a_form_that_is_posted_eight_times_at_once_makes_one_share(
    unit_of_work: UnitOfWork, hands: list[Caller], staff: Person, record: bytes, new_record: bool
) -> None:
    shares, records = count_of(unit_of_work, Share), count_of(unit_of_work, CustodyRecord)
    hands[0].sign_in(staff)
    page = hands[0].get("/send").text
    for hand in hands[1:]:
        hand.cookies = hands[0].cookies
    group = page.partition('name="new_group"')[2].partition('value="')[2].partition('"')[0]
    for number in range(4):
        form = {
            "csrf_token": hidden_field(page, "csrf_token"),
            "form_id": id_text(new_id()),
            "record": "new" if new_record else id_text(record),
            "new_customer": f"Racing GmbH {number}",
            "new_kind": "credential",
            "new_group": group,
            "secret": SECRET,
            "lifetime": "86400",
            "code_on": "y",
        }
        answers = race(hands, [("/send", form)] * HANDS)
        assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert count_of(unit_of_work, Share) == shares + 4
    assert count_of(unit_of_work, CustodyRecord) == records + (4 if new_record else 0)
    assert_chains_whole(unit_of_work)


def test_wrong_codes_at_once_from_one_client_are_checked_five_times_and_no_more(
    unit_of_work: UnitOfWork, one_client: list[Caller], hands: list[Caller], staff: Person, record: bytes
) -> None:
    for _ in range(4):
        sent = send_secret(unit_of_work, staff, SECRET, custody_id=record)
        answers = race(one_client, [reveal_of(sent, wrong_code(sent))] * HANDS)
        answers += race(one_client, [reveal_of(sent, wrong_code(sent))] * HANDS)
        assert {answer.status for answer in answers} <= {WRONG, TOO_MANY}
        happened = kinds(unit_of_work, sent)
        assert happened.count("share.reveal_attempted") == 5
        assert happened.count("share.code_failed") == 5
        with unit_of_work.read() as work:
            tries = select(func.sum(ShareClient.tries)).where(ShareClient.share_id == sent.share_id)
            assert work.session.scalar(tries) == 5
        # Neither the right code helps a client that is paused, nor does the pause touch anybody else.
        assert one_client[0].post(*reveal_of(sent)).status == TOO_MANY
        assert shown_secret(hands[0].post(*reveal_of(sent)).text) == SECRET


def test_ten_wrong_codes_at_once_from_many_clients_lock_the_share_and_the_eleventh_is_not_checked(
    unit_of_work: UnitOfWork, hands: list[Caller], staff: Person, record: bytes
) -> None:
    for _ in range(4):
        sent = send_secret(unit_of_work, staff, SECRET, custody_id=record)
        for _ in range(3):
            answers = race(hands, [reveal_of(sent, wrong_code(sent))] * HANDS)
            assert {answer.status for answer in answers} <= {WRONG, LOCKED}
        happened = kinds(unit_of_work, sent)
        assert happened.count("share.reveal_attempted") == 10
        assert happened.count("share.code_failed") == 10
        assert happened.count("share.locked") == 1
        row = rows(unit_of_work, [sent])[sent.share_id]
        assert row.state == "locked"
        assert row.outer_ciphertext is not None
        assert hands[0].post(*reveal_of(sent)).status == LOCKED
    assert_chains_whole(unit_of_work)


def test_a_set_up_link_that_is_used_eight_times_at_once_makes_one_account(
    installation: Installation, unit_of_work: UnitOfWork, hands: list[Caller]
) -> None:
    key, accounts = installation.set_up_key(), count_of(unit_of_work, Account)
    token = hands[0].token("/set-up")
    posts = []
    for number, hand in enumerate(hands):
        hand.cookies = dict(hands[0].cookies)
        person = {"name": f"Racer {number}", "email": f"racer{number}@example.com"}
        posts.append(("/set-up", {"csrf_token": token, "key": key, "password": "tapioca violin marsh eleven"} | person))
    answers = race(hands, posts)
    assert sorted(answer.status for answer in answers) == [303] + [404] * 7
    assert sum("sharelink_session" in hand.cookies for hand in hands) == 1
    assert count_of(unit_of_work, Account) == accounts + 1
    assert_chains_whole(unit_of_work)
