"""PostgreSQL undoes a transaction, or cannot serve it: it is done anew inside, or answered 503; never 500, never half.

Everything here is provoked in a real server: deadlocks of two sessions, serialization failures, sessions that are ended
and statements that are cancelled in the middle of a request. A lock that is held too long, and a server that takes no
writes, are in `tests/attacks/test_no_audit_no_access.py`.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, text

from sharelink.acts.sending import Sent
from sharelink.crypto.identifiers import id_text
from sharelink.shares.states import ShareState
from sharelink.unit_of_work import TRIES
from tests.attacks import faults
from tests.attacks.callers import Answer
from tests.attacks.installations import Installation, installed
from tests.attacks.servers import Server, shown_secret, wait_until
from tests.audit.readings import verified
from tests.factories import Person, open_record, send_secret
from tests.reliability.figures import Figures
from tests.reliability.test_mixed_races import endings, rows_of
from tests.services import fresh_database

BASE = "http://localhost"
SECRET = "still once, whatever the database says"
CROWD, SOAK_CROWD = 8, 40
PATIENCE_SECONDS = 35.0
SEALED = (ShareState.SEALED, True, [])
REVEALED = (ShareState.REVEALED, False, ["revealed"])


@dataclass(repr=False)
class Scene:
    """One node on PostgreSQL, and sessions of the test's own beside it."""

    installation: Installation
    node: Server
    staff: Person
    record: bytes

    def send(self, *, code: bool = False) -> Sent:
        return send_secret(self.installation.unit_of_work, self.staff, SECRET, custody_id=self.record, code=code)

    def reveal(self, sent: Sent) -> Answer:
        with self.node.caller() as caller:
            return caller.post("/s/reveal", {"link": sent.link.url(BASE), "code": sent.code or ""})

    def revealing(self, sent: Sent) -> "Asking":
        return Asking(lambda: self.reveal(sent))

    def kept(self, sent: Sent) -> tuple[ShareState, bool, list[str]]:
        """Return the share's state, whether it has its ciphertext, and what ended it according to the log."""
        work = self.installation.unit_of_work
        return *rows_of(work)[sent.share_id], endings(work).get(id_text(sent.share_id), [])

    def assert_refused_unharmed(self, sent: Sent, answer: Answer) -> None:
        assert answer.status == 503
        assert int(answer.header("Retry-After")) > 0
        assert "Nothing was changed" in answer.text
        assert SECRET not in answer.text
        assert self.kept(sent) == SEALED
        assert shown_secret(self.reveal(sent).text) == SECRET

    def assert_whole(self) -> None:
        assert verified(self.installation.unit_of_work)[1] == []


class Asking:
    """A request whose answer is still to come."""

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._answers: list[Answer] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(ask()))
        self._thread.start()

    def answer(self) -> Answer:
        self._thread.join(60)
        return self._answers[0]


@pytest.fixture(scope="module")
def scene(
    postgresql_server: str, migrated_template: str, redis_address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("installation")
    with (
        fresh_database(postgresql_server, template=migrated_template) as url,
        installed(url, folder) as made,
    ):
        (node,) = made.start(rate_limit_store=redis_address, command=("serve", "--no-worker"))
        staff = made.person("Anna")
        yield Scene(made, node, staff, open_record(made.unit_of_work, staff))


def waiting_sessions(connection: Connection) -> list[int]:
    """Return the sessions of the service that wait for a lock at this moment."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND wait_event_type = 'Lock'"
    )
    return [row.pid for row in connection.execute(text(query))]


@contextmanager
def head_locked(scene: Scene) -> Iterator[Connection]:
    """Hold the row that numbers all events: whoever writes waits with its other locks in hand."""
    with faults.outside(scene.installation) as connection:
        connection.execute(text("BEGIN"))
        connection.execute(text("SELECT size FROM audit_head FOR UPDATE"))
        try:
            yield connection
        finally:
            connection.execute(text("ROLLBACK"))


def one_waits(scene: Scene) -> int:
    """Return the one session of the service that waits for a lock, as soon as there is one."""
    with faults.outside(scene.installation) as observer:
        wait_until(lambda: waiting_sessions(observer), 20, "nobody waits")
        return waiting_sessions(observer)[0]


def test_a_deadlock_is_survived_inside(scene: Scene) -> None:
    sent = scene.send()
    with head_locked(scene) as rival:
        # Whoever waits a second looks for a deadlock and gives up; the rival does not look.
        rival.execute(text("SET deadlock_timeout = '60s'"))
        asking = scene.revealing(sent)
        one_waits(scene)
        # The service holds the share and wants the head; the rival holds the head and now wants the share.
        rival.execute(text("SELECT id FROM share WHERE id = :share FOR UPDATE"), {"share": sent.share_id})
    answer = asking.answer()
    assert shown_secret(answer.text) == SECRET
    assert scene.kept(sent) == REVEALED
    assert "DeadlockDetected" in scene.node.said()
    assert scene.reveal(sent).status == 410
    scene.assert_whole()


def test_a_session_that_is_ended_in_the_middle_of_a_request_is_replaced(scene: Scene) -> None:
    sent = scene.send()
    with head_locked(scene) as other:
        asking = scene.revealing(sent)
        other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": one_waits(scene)})
    assert shown_secret(asking.answer().text) == SECRET
    assert scene.kept(sent) == REVEALED
    scene.assert_whole()


def test_a_statement_that_is_cancelled_changes_nothing(scene: Scene) -> None:
    """A cancelled statement and one that took too long are one and the same error: 57014."""
    sent = scene.send()
    with head_locked(scene) as other:
        asking = scene.revealing(sent)
        other.execute(text("SELECT pg_cancel_backend(:pid)"), {"pid": one_waits(scene)})
        answer = asking.answer()
    scene.assert_refused_unharmed(sent, answer)


@contextmanager
def failing(scene: Scene, code: str) -> Iterator[Callable[[], int]]:
    """Let every reveal fail with an SQLSTATE; yield what tells how often it was tried."""
    with faults.outside(scene.installation) as connection:
        # A sequence counts on when the transaction is undone.
        connection.execute(text("CREATE SEQUENCE tries_seen"))
        connection.execute(
            text(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" PERFORM nextval('tries_seen'); RAISE EXCEPTION 'provoked' USING ERRCODE = '{code}'; END $$"
            )
        )
        connection.execute(
            text(
                "CREATE TRIGGER fail BEFORE UPDATE ON share FOR EACH ROW"
                " WHEN (NEW.state = 'revealed') EXECUTE FUNCTION fail()"
            )
        )
        try:
            yield lambda: int(connection.execute(text("SELECT last_value FROM tries_seen")).scalar_one())
        finally:
            connection.execute(text("DROP TRIGGER fail ON share"))
            connection.execute(text("DROP FUNCTION fail"))
            connection.execute(text("DROP SEQUENCE tries_seen"))


@pytest.mark.parametrize("coded", [False, True], ids=["plain", "code"])
@pytest.mark.parametrize(
    ("code", "tries"),
    [("40001", TRIES), ("40P01", TRIES), ("57014", 1), ("53200", 1)],
    ids=["serialization", "deadlock", "cancelled", "no-memory"],
)
def test_what_is_given_up_each_time_is_tried_a_few_times_and_then_refused(
    scene: Scene, code: str, tries: int, coded: bool
) -> None:
    sent = scene.send(code=coded)
    with failing(scene, code) as tried:
        answer = scene.reveal(sent)
        assert tried() == tries
    with faults.outside(scene.installation) as connection:
        counted = connection.execute(
            text("SELECT coalesce(sum(tries), 0) FROM share_client WHERE share_id = :id"), {"id": sent.share_id}
        ).scalar_one()
    # The try at the code was counted once, in a transaction before; it is not counted again with each repetition.
    assert counted == int(coded)
    scene.assert_refused_unharmed(sent, answer)


@contextmanager
def strictest_isolation(scene: Scene) -> Iterator[None]:
    """Let every transaction be serializable: writers who meet at the head of the log fail for real."""
    with faults.outside(scene.installation) as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()

        def isolate(level: str) -> None:
            connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_isolation = "{level}"'))
            others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            connection.execute(text(f"SELECT pg_terminate_backend(pid) {others}"))

        isolate("serializable")
        try:
            yield
        finally:
            isolate("read committed")


def reveal_together(scene: Scene, count: int) -> Counter[int]:
    shares = [scene.send() for _ in range(count)]
    before = scene.node.said().count("done anew")
    with strictest_isolation(scene):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(scene.reveal, shares))
        for sent, answer in zip(shares, answers, strict=True):
            assert answer.status in {200, 503}
            assert (shown_secret(answer.text) == SECRET) is (answer.status == 200)
            assert scene.kept(sent) == (REVEALED if answer.status == 200 else SEALED)
    assert scene.node.said().count("done anew") > before, "no transaction failed: nothing was provoked"
    for sent, answer in zip(shares, answers, strict=True):
        assert scene.reveal(sent).status == (410 if answer.status == 200 else 200)
    scene.assert_whole()
    return Counter(answer.status for answer in answers)


def test_serialization_failures_are_done_anew_or_refused(scene: Scene) -> None:
    assert reveal_together(scene, CROWD)[200] > 0


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_many_serialization_failures_are_done_anew_or_refused(scene: Scene, figures: Figures) -> None:
    figures.note("answers among serialization failures", dict(reveal_together(scene, SOAK_CROWD)))


@pytest.mark.soak
def test_a_statement_that_never_ends_is_ended_by_its_limit(scene: Scene, figures: Figures) -> None:
    sent = scene.send()
    with faults.outside(scene.installation) as connection:
        connection.execute(
            text(
                "CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " PERFORM pg_sleep(120); RETURN NEW; END $$"
            )
        )
        connection.execute(text("CREATE TRIGGER sleep BEFORE UPDATE ON share FOR EACH ROW EXECUTE FUNCTION sleep()"))
        try:
            begun_at = time.monotonic()
            answer = scene.reveal(sent)
            seconds = time.monotonic() - begun_at
        finally:
            connection.execute(text("DROP TRIGGER sleep ON share"))
    figures.note("a statement without an end: answered after", f"{seconds:.1f} s")
    assert seconds < PATIENCE_SECONDS
    scene.assert_refused_unharmed(sent, answer)
