"""A fleet loses nodes, its worker, PostgreSQL and Redis to `kill -9`, under load: nothing acknowledged is lost.

PostgreSQL runs with fsync and comes back by its own crash recovery; nodes and worker find it again by themselves. The
truth is the clients' journal, in a process that is not killed.
"""

import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest
from sqlalchemy import create_engine

from sharelink.actors import Actor
from sharelink.crypto.identifiers import id_text
from sharelink.errors import OutcomeUnknown
from sharelink.persistence.database import prepare_engine
from sharelink.persistence.postgresql import BoundedConnection
from sharelink.persistence.schema import upgrade
from sharelink.shares.states import EndReason, ShareState
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.installations import Installation, installed
from tests.attacks.servers import Server, wait_until
from tests.factories import Person, open_record, send_secret
from tests.reliability.checkpoints import Collector
from tests.reliability.clusters import Cluster, running_cluster
from tests.reliability.figures import Figures
from tests.reliability.fleets import Fleet, People, counted, revealed
from tests.reliability.journals import Journal
from tests.reliability.judging import Judge
from tests.reliability.killable_redis import KillableRedis, killable_redis
from tests.reliability.test_mixed_races import endings, rows_of

ROUNDS, SOAK_ROUNDS = 1, 10
RECOVERY_SECONDS = 20.0
WORK_SECONDS = 0.6
SOAK_FREEZES, FROZEN_SECONDS = 10, 12.0
"""Longer than PostgreSQL lets a transaction idle, and than others wait for a lock."""
LIMIT = 6
RETURN_SECONDS = 45.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as made:
        engine = create_engine(made.own_url)
        prepare_engine(engine)
        upgrade(engine)
        engine.dispose()
        yield made


@pytest.fixture(scope="module")
def installation(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(cluster.address(), tmp_path_factory.mktemp("installation")) as made:
        yield made


@pytest.fixture(scope="module")
def redis_store() -> Iterator[KillableRedis]:
    with killable_redis() as made:
        yield made


@pytest.fixture(scope="module")
def fleet(installation: Installation, redis_store: KillableRedis) -> Iterator[Fleet]:
    """Yield a fleet in which strangers may submit little, and people do all else as often as they like."""
    made = Fleet(installation, redis_store.url, {"trusted_proxy_hops": 1, "rate_limit_submit": f"{LIMIT} per hour"})
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def staff(installation: Installation) -> Person:
    return installation.person("Anna")


@pytest.fixture
def people(fleet: Fleet, staff: Person) -> People:
    """Return people on a record of their own."""
    made = People(fleet, staff, open_record(fleet.installation.unit_of_work, staff))
    made.sign_in(fleet.port())
    return made


def kill_all_and_judge(fleet: Fleet, cluster: Cluster, people: People, figures: Figures, rounds: int) -> None:
    judge, collector = Judge(fleet.installation, people), Collector(fleet.installation)
    recoveries: list[float] = []
    reveals = 0
    for _ in range(rounds):
        journal, before = Journal(), len(rows_of(fleet.installation.unit_of_work))
        with collector.collecting(), people.busy(journal) as wrong:
            for kill in random.sample([fleet.kill_node, fleet.kill_worker, cluster.kill], 3):
                time.sleep(random.uniform(0.5, 1.5) * WORK_SECONDS)
                kill()
            # For a while everybody hears 503, from the node that is left.
            time.sleep(0.3)
            cluster.start()
            back_at = time.monotonic()
            wait_until(
                lambda at=back_at: people.seconds_without_success(at) < RECOVERY_SECONDS or wrong.is_set(),
                RECOVERY_SECONDS,
                "the node did not find its database again",
            )
            recoveries.append(people.seconds_without_success(back_at))
            fleet.start()
            time.sleep(WORK_SECONDS)
        reveals += revealed(journal)
        judge.judge(journal, fleet.port(), before)
    assert people.answers.keys() <= {200, 201, 303, 409, 410, 503}, counted(people.answers)
    assert people.answers[503] > 0, "nobody noticed"
    figures.note("checkpoints collected meanwhile, all true of the log afterwards", collector.judge())
    figures.note("kills of a node, of the worker and of PostgreSQL, each", rounds)
    figures.note("reveals acknowledged", reveals)
    figures.note("answers", counted(people.answers))
    for name, count in sorted(judge.counts.items()):
        figures.note(name, count)
    figures.note(
        "PostgreSQL back to first success, p50 and worst", f"{median(recoveries):.1f} s, {max(recoveries):.1f} s"
    )


@pytest.mark.slow
def test_what_was_acknowledged_survives_the_end_of_node_worker_and_database(
    fleet: Fleet, cluster: Cluster, people: People, figures: Figures
) -> None:
    kill_all_and_judge(fleet, cluster, people, figures, ROUNDS)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_what_was_acknowledged_survives_the_end_of_node_worker_and_database_many_times(
    fleet: Fleet, cluster: Cluster, people: People, figures: Figures
) -> None:
    kill_all_and_judge(fleet, cluster, people, figures, SOAK_ROUNDS)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_nodes_that_freeze_under_load_and_wake_lose_and_repeat_nothing(
    fleet: Fleet, people: People, figures: Figures
) -> None:
    judge = Judge(fleet.installation, people)
    for _ in range(SOAK_FREEZES):
        journal, before = Journal(), len(rows_of(fleet.installation.unit_of_work))
        with people.busy(journal) as wrong:
            time.sleep(random.uniform(0.5, 1.5) * WORK_SECONDS)
            frozen = fleet.nodes[0].process
            frozen.send_signal(signal.SIGSTOP)
            time.sleep(FROZEN_SECONDS)
            frozen.send_signal(signal.SIGCONT)
            time.sleep(WORK_SECONDS)
            assert not wrong.is_set()
        judge.judge(journal, fleet.port(), before)
    assert people.answers.keys() <= {200, 201, 303, 409, 410, 503}, counted(people.answers)
    figures.note("nodes frozen under load", SOAK_FREEZES)
    figures.note("answers", counted(people.answers))
    for name, count in sorted(judge.counts.items()):
        figures.note(name, count)


def test_without_a_free_connection_everybody_hears_503_and_nothing_is_half_done(
    fleet: Fleet, cluster: Cluster, people: People
) -> None:
    journal = Journal()
    judge, before = Judge(fleet.installation, people), len(rows_of(fleet.installation.unit_of_work))
    with people.busy(journal):
        wait_until(lambda: len(journal.entries) >= 3, 30, "nobody works")
        with cluster.crowded_out():
            heard = people.answers[503]
            wait_until(lambda: people.answers[503] > heard, 30, "there was a connection after all")
        back_at = time.monotonic()
        wait_until(lambda: people.seconds_without_success(back_at) < RECOVERY_SECONDS, 30, "it did not recover")
    assert people.answers.keys() <= {200, 201, 303, 409, 410, 503}, counted(people.answers)
    judge.judge(journal, fleet.port(), before)


def lose_redis(fleet: Fleet, redis_store: KillableRedis, people: People, figures: Figures, rounds: int) -> None:
    """Kill and start Redis under load; strangers are held to their limit before, meanwhile and afterwards."""
    returns: list[float] = []
    for _ in range(rounds):
        journal, before = Journal(), len(rows_of(fleet.installation.unit_of_work))
        with people.busy(journal) as wrong:
            assert sum(let_through(fleet)) == LIMIT, "the nodes do not count together"
            redis_store.kill()
            # Each node counts for itself now.
            assert all(0 < passed <= LIMIT for passed in let_through(fleet))
            redis_store.start()
            begun_at = time.monotonic()
            wait_until(
                lambda: sum(let_through(fleet)) == LIMIT, RETURN_SECONDS, "the nodes do not count together again"
            )
            returns.append(time.monotonic() - begun_at)
            assert not wrong.is_set()
        Judge(fleet.installation, people).judge(journal, fleet.port(), before)
    assert people.answers.keys() <= {200, 201, 303, 409, 410}, counted(people.answers)
    figures.note("Redis killed and started", f"{rounds} times")
    figures.note("answers", counted(people.answers))
    spread = f"{median(returns):.1f} s, {max(returns):.1f} s"
    figures.note("from Redis's return until all nodes count together, p50 and worst", spread)


def let_through(fleet: Fleet) -> list[int]:
    """Let somebody new try more than they may at each node, side by side; return how often each let them."""
    address = f"198.51.{random.randrange(256)}.{random.randrange(256)}"

    def tries(node: Server) -> list[int]:
        with node.caller(address) as caller:
            return [caller.post("/r/submit", {"link": "https://localhost/r/x#y"}).status for _ in range(LIMIT + 2)]

    with ThreadPoolExecutor(len(fleet.nodes)) as pool:
        heard = list(pool.map(tries, fleet.nodes))
    assert {status for statuses in heard for status in statuses} <= {404, 429}
    return [statuses.count(404) for statuses in heard]


@pytest.mark.slow
def test_without_redis_everybody_is_served_and_strangers_are_limited(
    fleet: Fleet, redis_store: KillableRedis, people: People, figures: Figures
) -> None:
    lose_redis(fleet, redis_store, people, figures, 1)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_without_redis_everybody_is_served_and_strangers_are_limited_many_times(
    fleet: Fleet, redis_store: KillableRedis, people: People, figures: Figures
) -> None:
    lose_redis(fleet, redis_store, people, figures, 10)


def test_a_commit_that_no_standby_confirms_is_not_taken_for_one(
    installation: Installation, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no stand-by. A COMMIT waits for it until our limit, or until somebody at the server ends its wait."""
    unit_of_work = installation.unit_of_work
    staff = installation.person("Berta")
    record = open_record(unit_of_work, staff)
    waited, doubtful = (
        send_secret(unit_of_work, staff, "never shown", custody_id=record, code=False).share_id for _ in range(2)
    )
    monkeypatch.setattr(BoundedConnection, "answer_seconds", 2.0)
    cluster.demand_copies()
    begun_at = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        withdraw(unit_of_work, staff.actor, waited)
    assert time.monotonic() - begun_at < 10
    # Nobody can see what no stand-by has confirmed: for everybody else the share is as it was.
    assert rows_of(unit_of_work)[waited] == (ShareState.SEALED, True)
    assert endings(unit_of_work).get(id_text(waited), []) == []
    end_wait(cluster)
    assert rows_of(unit_of_work)[waited] == (ShareState.BURNED, False)
    assert endings(unit_of_work)[id_text(waited)] == ["burned"]
    monkeypatch.setattr(BoundedConnection, "answer_seconds", 60.0)
    threading.Thread(target=end_wait, args=(cluster,)).start()
    # PostgreSQL answers with a warning and COMMIT: a fail-over now would bring the share back.
    with pytest.raises(OutcomeUnknown):
        withdraw(unit_of_work, staff.actor, doubtful)
    cluster.demand_copies(of="")


def withdraw(unit_of_work: UnitOfWork, actor: Actor, share_id: bytes) -> None:
    with unit_of_work.write(actor) as work:
        work.shares.withdraw(share_id, EndReason.WITHDRAWN, "")


def end_wait(cluster: Cluster) -> None:
    """Let no COMMIT wait for the stand-by any more, as an operator does whose service stands still."""
    query = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    wait_until(lambda: cluster.execute(query), 30, "no COMMIT waits")
    wait_until(lambda: not cluster.execute(query), 30, "the wait did not end")
