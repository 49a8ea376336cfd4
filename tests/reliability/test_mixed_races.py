"""Different acts at one share at once, over three server processes: each race could have happened in some order.

`tests/attacks/test_races.py` lets equal acts race; here what ends a share races against what else ends, locks or
unlocks it, and the history that the clients saw is judged as a whole.
"""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import select

from sharelink.actors import Actor
from sharelink.acts.sending import Sent
from sharelink.audit.models import AuditLeaf
from sharelink.clock import utc_now
from sharelink.crypto.identifiers import id_text
from sharelink.shares.attempts import TRIES_IN_ALL
from sharelink.shares.models import Share
from sharelink.shares.states import LIVE_STATES, ShareState
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.callers import Caller
from tests.attacks.installations import Installation, installation_on
from tests.attacks.servers import Server, wait_until
from tests.audit.readings import verified
from tests.factories import Person, open_record, send_secret
from tests.reliability import racing
from tests.reliability.figures import Figures
from tests.reliability.histories import NEVER, Act, Operation, Recorder
from tests.reliability.linearizability import ModelShare, is_linearizable

HANDS = 8
PROCESSES = 3
BATCH = 20
EXPIRY_GAP = timedelta(milliseconds=200)
RACES = {"reveal": 15, "withdraw": 25, "expiry": 20, "guess": 20}
SOAK_RACES = {"reveal": 1000, "withdraw": 1000, "expiry": 400, "guess": 600}
_ENDS = {"share.revealed": "revealed", "share.burned": "burned", "share.expired": "expired"}


@dataclass
class Arena:
    """Three servers, eight visitors and two people of staff; every race that they ran."""

    unit_of_work: UnitOfWork
    sender: Person
    record: bytes
    visitors: list[Caller]
    tenders: list[Caller]
    token: str
    histories: list[tuple[Sent, Recorder, ModelShare]] = field(default_factory=list)

    def send(self, secret: str, *, code: bool = False, lifetime: timedelta = timedelta(days=1)) -> Sent:
        return send_secret(self.unit_of_work, self.sender, secret, custody_id=self.record, code=code, lifetime=lifetime)

    def run(self, sent: Sent, secret: str, moves: list[racing.Move], share: ModelShare | None = None) -> Recorder:
        """Run one race in a random order of the hands."""
        random.shuffle(moves)
        recorder = racing.run(moves, secret)
        self.histories.append((sent, recorder, share or ModelShare()))
        return recorder


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Yield an installation on which all kinds of races are run."""
    yield from installation_on(request, tmp_path_factory.mktemp("installation"))


@pytest.fixture(scope="module")
def staff(installation: Installation) -> Person:
    return installation.person("Anna")


@pytest.fixture(scope="module")
def servers(installation: Installation, redis_address: str) -> list[Server]:
    return installation.start(PROCESSES, rate_limit_store=redis_address, trusted_proxy_hops=1)


@pytest.fixture
def arena(installation: Installation, staff: Person, servers: list[Server]) -> Iterator[Arena]:
    with ExitStack() as stack:

        def callers(count: int, network: str) -> list[Caller]:
            return [
                stack.enter_context(servers[number % PROCESSES].caller(f"{network}.{number}"))
                for number in range(count)
            ]

        visitors, tenders = callers(HANDS, "203.0.113"), callers(2, "198.51.100")
        tenders[0].sign_in(staff)
        token = tenders[0].token("/account")
        for tender in tenders:
            tender.cookies = tenders[0].cookies
        record = open_record(installation.unit_of_work, staff)
        yield Arena(installation.unit_of_work, staff, record, visitors, tenders, token)


def race_reveals(arena: Arena, count: int) -> None:
    for number in range(count):
        secret = f"canary {number}."
        sent = arena.send(secret)
        arena.run(sent, secret, [racing.reveal(hand, sent) for hand in arena.visitors])


def race_withdrawals(arena: Arena, count: int) -> None:
    for number in range(count):
        secret = f"canary {number}."
        sent = arena.send(secret)
        moves = [racing.reveal(hand, sent) for hand in arena.visitors[: number % 5 + 1]]
        moves += [racing.decline(arena.visitors[-1], sent)] if number % 3 == 0 else []
        moves += [racing.withdraw(hand, sent.share_id, arena.token) for hand in arena.tenders]
        arena.run(sent, secret, moves)


def race_expiry(arena: Arena, count: int) -> None:
    """Reveal and withdraw around the moment at which a share ends."""
    for first in range(0, count, BATCH):
        begin = utc_now() + timedelta(seconds=2)
        numbers = range(first, min(first + BATCH, count))
        shares = [(f"canary {number}.", begin + (number - first + 1) * EXPIRY_GAP) for number in numbers]
        sent_ones = [(secret, arena.send(secret, lifetime=end - utc_now())) for secret, end in shares]
        for number, (secret, sent) in enumerate(sent_ones):
            moves = [racing.reveal(hand, sent) for hand in arena.visitors[:4]]
            moves += [racing.withdraw(arena.tenders[0], sent.share_id, arena.token)] if number % 4 == 0 else []
            moment = sent.expires_at - timedelta(milliseconds=random.uniform(-5, 80))
            wait_until(lambda moment=moment: utc_now() >= moment, 10, "time stands still")
            recorder = arena.run(sent, secret, moves)
            # The shortest way from wall clock to monotonic clock; a millisecond for what lies between the two looks.
            over_at = recorder.invoke() + (sent.expires_at - utc_now()).total_seconds() - 0.001
            late = [entry for entry in recorder.operations if entry.invoked_at > over_at + 0.002]
            assert not [entry for entry in late if entry.act is Act.REVEAL and entry.heard == "done"]
            recorder.operations.append(Operation("time", Act.EXPIRE, over_at, NEVER))


def race_guesses(arena: Arena, count: int) -> None:
    """Wrong codes, the right one, an unlock and now and then a withdrawal, at a share with at most one try left."""
    for number in range(count):
        secret = f"canary {number}."
        sent = arena.send(secret, code=True)
        tries = TRIES_IN_ALL - number % 2
        use_up_tries(arena.unit_of_work, sent, tries)
        state = ShareState.LOCKED if tries == TRIES_IN_ALL else ShareState.SEALED
        moves = [racing.guess(hand, sent) for hand in arena.visitors[:4]]
        moves += [racing.reveal(hand, sent) for hand in arena.visitors[4 : 4 + number % 3]]
        moves += [racing.unlock(arena.tenders[0], sent.share_id, arena.token)]
        if number % 5 == 0:
            moves += [racing.withdraw(arena.tenders[1], sent.share_id, arena.token)]
        arena.run(sent, secret, moves, ModelShare(code_required=True, state=state, tries=tries))


def use_up_tries(unit_of_work: UnitOfWork, sent: Sent, tries: int) -> None:
    """Count tries as a reveal does before it judges the code; one more than there are locks the share."""
    for number in range(tries + (tries == TRIES_IN_ALL)):
        with unit_of_work.write(Actor.public(f"192.0.2.{number}", None)) as work:
            work.attempts.begin(sent.link)


RUNNERS: dict[str, Callable[[Arena, int], None]] = {
    "reveal": race_reveals,
    "withdraw": race_withdrawals,
    "expiry": race_expiry,
    "guess": race_guesses,
}


def judge(arena: Arena, figures: Figures, kind: str) -> None:
    """Check each race: its history has an explanation, its end has one event, and the chains are whole."""
    rows, happened = rows_of(arena.unit_of_work), endings(arena.unit_of_work)
    outcomes: Counter[str] = Counter()
    for sent, recorder, share in arena.histories:
        state, has_ciphertext = rows[sent.share_id]
        assert has_ciphertext is (state in LIVE_STATES)
        assert happened[id_text(sent.share_id)] == ([] if state in LIVE_STATES else [state.value])
        now = recorder.invoke()
        history = [*recorder.operations, Operation("database", Act.LOOK, now, now + 1, state.value)]
        if state is ShareState.EXPIRED and not any(entry.act is Act.EXPIRE for entry in history):
            pytest.fail("a share expired before its time")
        assert is_linearizable(history, share), "\n".join(map(str, history))
        outcomes[state.value] += 1
    verification, findings = verified(arena.unit_of_work)
    assert findings == []
    figures.note(f"races, {kind} and others", f"{len(arena.histories)} ({dict(outcomes)})")
    figures.note("operations judged", sum(len(recorder.operations) for _, recorder, _ in arena.histories))
    figures.note("events verified", verification.counts.events)


def rows_of(unit_of_work: UnitOfWork) -> dict[bytes, tuple[ShareState, bool]]:
    with unit_of_work.read() as work:
        rows = work.session.execute(select(Share.id, Share.state, Share.outer_ciphertext))
        return {row.id: (row.state, row.outer_ciphertext is not None) for row in rows}


def endings(unit_of_work: UnitOfWork) -> dict[str, list[str]]:
    """Return for each share by the text of its id what ended it, according to the log."""
    found: dict[str, list[str]] = defaultdict(list)
    with unit_of_work.read() as work:
        wanted = select(AuditLeaf.type, AuditLeaf.leaf).where(AuditLeaf.type.in_(list(_ENDS)))
        for kind, leaf in work.session.execute(wanted):
            found[json.loads(leaf)["obj"]["ref"]].append(_ENDS[kind])
    return found


@pytest.mark.parametrize("kind", RUNNERS)
def test_every_race_over_three_servers_has_an_order_that_explains_it(arena: Arena, figures: Figures, kind: str) -> None:
    RUNNERS[kind](arena, RACES[kind])
    judge(arena, figures, kind)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", RUNNERS)
def test_every_race_of_the_long_run_has_an_order_that_explains_it(arena: Arena, figures: Figures, kind: str) -> None:
    RUNNERS[kind](arena, SOAK_RACES[kind])
    judge(arena, figures, kind)
