"""Many hands at one request, over three server processes that share a database: one answer, read once (promise 1)."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from sharelink.acts.requesting import Asked
from sharelink.requests.models import SecretRequest
from sharelink.shares.models import Share
from sharelink.shares.states import ShareState
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.callers import Answer, Caller, Post, race
from tests.attacks.canaries import files_below, found_in, rows_of
from tests.attacks.installations import Installation
from tests.attacks.request_moves import BASE, LIMITS, cancellation, kinds_about, retrieval, submission
from tests.attacks.servers import Server, shown_answers
from tests.audit.readings import verified
from tests.factories import Person, ask_secret, open_record, submit_answer

HANDS = 8
CUSTODIANS = 4
RACES, SOAK_RACES = 20, 500
MIXED_RACES = 20
CANARY = "canary of the request races"
DONE, ENDED, CLOSED, HELD = 200, 410, 409, 423


@dataclass
class Arena:
    """Three servers; customers without an account and custodians who are signed in, spread over them."""

    unit_of_work: UnitOfWork
    staff: Person
    records: list[bytes]
    customers: list[Caller]
    custodians: list[tuple[Caller, Person]]
    tender: Caller
    token: str

    def ask(self, number: int) -> Asked:
        return ask_secret(self.unit_of_work, self.staff, custody_id=self.records[number % len(self.records)])

    def answered(self, number: int) -> tuple[Asked, str]:
        asked, text = self.ask(number), f"{CANARY} {number}."
        submit_answer(self.unit_of_work, asked.submit_link, text)
        return asked, text

    def retrievals(self, asked: Asked) -> list[Post]:
        return [retrieval(asked) for _caller, person in self.custodians]

    @property
    def custodians_callers(self) -> list[Caller]:
        return [caller for caller, _person in self.custodians]


@pytest.fixture(scope="module")
def servers(installation: Installation, redis_address: str) -> list[Server]:
    """Return three processes of one installation. They trust one proxy, so that each hand can be another client."""
    return installation.start(3, rate_limit_store=redis_address, trusted_proxy_hops=1, **LIMITS)


@pytest.fixture(scope="module")
def arena(
    installation: Installation, unit_of_work: UnitOfWork, staff: Person, servers: list[Server]
) -> Iterator[Arena]:
    with ExitStack() as stack:

        def caller(number: int, network: str) -> Caller:
            return stack.enter_context(servers[number % len(servers)].caller(f"{network}.{number}"))

        people = [staff, installation.person("Ben")]
        custodians = []
        for number in range(CUSTODIANS):
            hand, person = caller(number, "198.51.100"), people[number // 2]
            hand.sign_in(person)
            custodians.append((hand, person))
        tender = caller(CUSTODIANS, "198.51.100")
        tender.sign_in(staff)
        customers = [caller(number, "203.0.113") for number in range(HANDS)]
        records = [open_record(unit_of_work, staff) for _ in range(4)]
        yield Arena(unit_of_work, staff, records, customers, custodians, tender, tender.token("/account"))


def states_of(unit_of_work: UnitOfWork, requests: list[Asked]) -> dict[bytes, tuple[ShareState, bool, bool]]:
    """Return for each request its state, whether there is a ciphertext, and whether it says that it was answered."""
    with unit_of_work.read() as work:
        wanted = (
            select(Share.id, Share.state, Share.outer_ciphertext, SecretRequest.submitted_at)
            .join(SecretRequest, SecretRequest.share_id == Share.id)
            .where(Share.id.in_([asked.share_id for asked in requests]))
        )
        return {
            row.id: (row.state, row.outer_ciphertext is not None, row.submitted_at is not None)
            for row in work.session.execute(wanted)
        }


def assert_quiet(answers: list[Answer], *texts: str) -> None:
    """Make sure that nobody was shown any of the texts."""
    for answer in answers:
        assert shown_answers(answer.text) == []
        assert not any(text in answer.text for text in texts)


def assert_chains_whole(unit_of_work: UnitOfWork) -> None:
    verification, findings = verified(unit_of_work)
    assert findings == []
    assert verification.counts.events > 0


def run_submit_races(installation: Installation, arena: Arena, races: int) -> None:
    """Let eight customers answer each of `races` requests at once, each with another text."""
    ran: list[Asked] = []
    winning: dict[bytes, str] = {}
    losing: set[bytes] = set()
    for number in range(races):
        asked = arena.ask(number)
        texts = [f"{CANARY} {number}-{hand}." for hand in range(HANDS)]
        answers = race(arena.customers, [submission(asked, text) for text in texts])
        assert Counter(answer.status for answer in answers) == {DONE: 1, CLOSED: HANDS - 1}
        assert_quiet(answers, *texts)
        assert all("This was answered" in answer.text for answer in answers if answer.status == CLOSED)
        (winner,) = (text for text, answer in zip(texts, answers, strict=True) if answer.status == DONE)
        ran.append(asked)
        winning[asked.share_id] = winner
        losing |= {text.encode() for text in texts if text != winner}
    assert set(states_of(arena.unit_of_work, ran).values()) == {(ShareState.SEALED, True, True)}
    everywhere = files_below(installation.files) | rows_of(installation) | {"output": installation.said().encode()}
    assert found_in(everywhere, {"a text": losing | {text.encode() for text in winning.values()}}) == []
    for asked in ran[:: max(1, races // 10)]:
        assert kinds_about(arena.unit_of_work, asked).count("request.submitted") == 1
        shown = arena.custodians_callers[0].post(*retrieval(asked))
        assert shown_answers(shown.text) == [winning[asked.share_id]]
    assert_chains_whole(arena.unit_of_work)


def run_retrieval_races(arena: Arena, races: int) -> None:
    """Let four sessions of two custodians retrieve the answer to each of `races` requests at once."""
    ran = []
    for number in range(races):
        asked, text = arena.answered(number)
        answers = race(arena.custodians_callers, arena.retrievals(asked))
        won = [answer for answer in answers if shown_answers(answer.text)]
        assert [shown_answers(answer.text) for answer in won] == [[text]], f"{len(won)} winners"
        assert Counter(answer.status for answer in answers) == {DONE: 1, ENDED: CUSTODIANS - 1}
        assert_quiet([answer for answer in answers if answer not in won], text)
        ran.append(asked)
    assert set(states_of(arena.unit_of_work, ran).values()) == {(ShareState.REVEALED, False, True)}
    for asked in ran[:: max(1, races // 20)]:
        assert kinds_about(arena.unit_of_work, asked).count("request.retrieved") == 1
    assert_chains_whole(arena.unit_of_work)


def test_of_eight_answers_at_once_one_is_kept_and_the_others_are_nowhere_in_each_of_20_races(
    installation: Installation, arena: Arena
) -> None:
    run_submit_races(installation, arena, RACES)


def test_of_four_retrievals_at_once_one_gets_the_answer_in_each_of_20_races(arena: Arena) -> None:
    run_retrieval_races(arena, RACES)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_of_eight_answers_at_once_one_is_kept_in_each_of_500_races(installation: Installation, arena: Arena) -> None:
    run_submit_races(installation, arena, SOAK_RACES)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_of_four_retrievals_at_once_one_gets_the_answer_in_each_of_500_races(arena: Arena) -> None:
    run_retrieval_races(arena, SOAK_RACES)


Race = tuple[Asked, str, list[Caller], list[Post]]


def race_with_one_apart(callers: list[Caller], posts: list[Post], after_seconds: float) -> list[Answer]:
    """Let all callers post at the same moment, but the last of them so much later, or earlier if that is negative."""
    for caller, post in zip(callers, posts, strict=True):
        caller.begin(*post)
    groups = [callers[:-1], callers[-1:]]
    first, second = groups if after_seconds > 0 else reversed(groups)
    for caller in first:
        caller.finish()
    time.sleep(abs(after_seconds))
    for caller in second:
        caller.finish()
    return [caller.answer() for caller in callers]


def run_mixed_races(arena: Arena, first_kind: str, make: Callable[[int], Race]) -> Counter[tuple[str, ...]]:
    """Let others race against one act that comes at just the wrong moment; count what the events tell of the races.

    The last one comes earlier after each race in which `first_kind` happened, later after each in which it did not: the
    races gather where it is decided.
    """
    happened: Counter[tuple[str, ...]] = Counter()
    delay, step, was_late = 0.0, 0.04, False
    for number in range(MIXED_RACES):
        asked, text, callers, forms = make(number)
        answers = race_with_one_apart(callers, forms, delay)
        state, sealed, _answered = states_of(arena.unit_of_work, [asked])[asked.share_id]
        assert sealed is (state is ShareState.SEALED)
        shown = [answer for answer in answers if shown_answers(answer.text)]
        kinds = kinds_about(arena.unit_of_work, asked)
        assert len(shown) == kinds.count("request.retrieved") == (state is ShareState.REVEALED)
        assert not any(text in answer.text for answer in answers if answer not in shown)
        assert not {answer.status for answer in answers} - {DONE, 303, CLOSED, ENDED, HELD}
        happened[tuple(kind for kind in kinds if kind.startswith(("request.submitted", "request.retr", "share.")))] += 1
        is_late = first_kind in kinds
        step = step if is_late is was_late else max(step / 2, 0.002)
        delay, was_late = delay + (-step if is_late else step), is_late
    assert_chains_whole(arena.unit_of_work)
    assert len(happened) > 1, f"no race was close: {happened}"
    return happened


def test_an_answer_and_a_cancellation_at_once_never_leave_an_answer_behind(arena: Arena) -> None:
    def make(number: int) -> Race:
        asked, text = arena.ask(number), f"{CANARY} {number}."
        forms = [submission(asked, text)] * 3 + [cancellation(asked, arena.token)]
        return asked, text, [*arena.customers[:3], arena.tender], forms

    happened = run_mixed_races(arena, "request.submitted", make)
    # A cancellation erases an answer that came first; an answer never follows a cancellation.
    assert set(happened) == {("share.burned",), ("request.submitted", "share.burned")}


def test_a_retrieval_and_a_cancellation_at_once_never_both_happen(arena: Arena) -> None:
    def make(number: int) -> Race:
        asked, text = arena.answered(number)
        forms = [*arena.retrievals(asked)[:3], cancellation(asked, arena.token)]
        return asked, text, [*arena.custodians_callers[:3], arena.tender], forms

    happened = run_mixed_races(arena, "request.retrieved", make)
    assert set(happened) == {("request.submitted", "request.retrieved"), ("request.submitted", "share.burned")}


def test_a_retrieval_at_the_moment_of_a_report_is_before_the_hold_or_does_not_happen(arena: Arena) -> None:
    def make(number: int) -> Race:
        # Each on a record of its own: a hold is on all of a record.
        asked, text = ask_secret(arena.unit_of_work, arena.staff), f"{CANARY} {number}."
        submit_answer(arena.unit_of_work, asked.submit_link, text)
        forms = [*arena.retrievals(asked)[:3], ("/r/report", {"link": asked.submit_link.url(BASE)})]
        return asked, text, [*arena.custodians_callers[:3], arena.customers[number % HANDS]], forms

    happened = run_mixed_races(arena, "request.retrieved", make)
    answered, retrieved, reported = "request.submitted", "request.retrieved", "share.tamper_reported"
    assert set(happened) == {(answered, retrieved, reported), (answered, reported)}
