"""Where the trail cannot be written, nobody asks, answers or retrieves: 503, nothing changed; then all works again."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from sharelink.crypto.identifiers import id_text, new_id
from sharelink.persistence.database import db
from sharelink.unit_of_work import UnitOfWork
from tests.attacks import faults
from tests.attacks.callers import Answer, Caller, Post
from tests.attacks.faults import Fault
from tests.attacks.installations import Installation
from tests.attacks.request_moves import BASE, LIMITS, retrieval, submission, whole_database
from tests.attacks.servers import Server, shown_answers
from tests.attacks.test_no_audit_no_access import PATIENCE_SECONDS
from tests.audit.readings import verified
from tests.browsers import Browser
from tests.factories import Person, ask_secret, make_person, open_record, submit_answer

SECRET = "still here afterwards"
OWN_TABLES = (
    "worker_heartbeat",
    "sign_in_attempt",
    "staff_session",
    "audit_head",
    "audit_leaf",
    "audit_disclosure",
    "audit_actor",
    "audit_checkpoint",
    "noise_tally",
    "account",
)
"""What the worker and the sign-in write by themselves; events about requests are looked at one by one."""

EVERYWHERE: dict[str, Fault] = {
    "event-table-renamed": faults.renamed("audit_leaf"),
    "request-table-renamed": faults.renamed("secret_request"),
    "head-lost": faults.head_lost,
    "locked": faults.locked,
}
SQLITE_ONLY: dict[str, Fault] = {"no-journal": faults.no_journal}
POSTGRESQL_ONLY: dict[str, Fault] = {"read-only": faults.read_only_database}


class Scene:
    """A question, an answer and a retrieval that are about to happen, and who does it."""

    def __init__(self, unit_of_work: UnitOfWork, staff: Person, clients: list[Caller]) -> None:
        self.clients, self.staff = clients, staff
        record = open_record(unit_of_work, staff)
        self.waiting, self.answered = (ask_secret(unit_of_work, staff, custody_id=record) for _ in range(2))
        submit_answer(unit_of_work, self.answered.submit_link, SECRET)
        for client in clients[:2]:
            client.sign_in(staff)
        self.form = {
            "csrf_token": clients[0].token("/account"),
            "form_id": id_text(new_id()),
            "record": id_text(record),
            "template": "text",
            "purpose": "told by the test",
            "submit_lifetime": "86400",
            "retrieve_lifetime": "86400",
        }

    def acts(self) -> list[Post]:
        return [("/request", self.form), retrieval(self.answered), submission(self.waiting, SECRET)]

    def try_all(self) -> list[Answer]:
        with ThreadPoolExecutor(len(self.clients)) as pool:
            return list(pool.map(lambda client, act: client.post(*act), self.clients, self.acts()))

    def assert_that_all_works(self) -> None:
        made, retrieved, submitted = self.try_all()
        assert (made.status, submitted.status) == (201, 200)
        assert shown_answers(retrieved.text) == [SECRET]
        shown = self.clients[1].post(*retrieval(self.waiting))
        assert shown_answers(shown.text) == [SECRET]


@pytest.fixture(scope="module")
def server(installation: Installation) -> Server:
    return installation.start(**LIMITS)[0]


@pytest.fixture
def scene(unit_of_work: UnitOfWork, staff: Person, server: Server) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(unit_of_work, staff, [stack.enter_context(server.caller()) for _ in range(3)])


def kept(installation: Installation) -> dict[str, Any]:
    """Return all rows that only people's acts write, and every event about requests."""
    rows: dict[str, Any] = dict(whole_database(installation, *OWN_TABLES))
    leaves = whole_database(installation)["audit_leaf"]
    return rows | {"events": [leaf for leaf in leaves if "request." in leaf or "share." in leaf]}


def assert_nothing_happens(installation: Installation, scene: Scene, fault: Fault) -> None:
    before = kept(installation)
    with fault(installation):
        began_at = time.monotonic()
        for answer in scene.try_all():
            assert answer.status == 503
            assert "Nothing was changed" in answer.text
            assert int(answer.header("Retry-After")) > 0
            assert SECRET not in answer.text
        assert time.monotonic() - began_at < PATIENCE_SECONDS
        # The pages of links need no database.
        for path in (f"/r/{scene.waiting.submit_link.token}", f"/retrieve/{scene.answered.retrieval_link.token}"):
            assert scene.clients[2].get(path).status == 200
    assert kept(installation) == before
    scene.assert_that_all_works()
    assert verified(installation.unit_of_work)[1] == []


@pytest.mark.parametrize("fault", EVERYWHERE.values(), ids=EVERYWHERE)
def test_nobody_asks_answers_or_retrieves_what_cannot_be_written_down(
    installation: Installation, scene: Scene, fault: Fault
) -> None:
    assert_nothing_happens(installation, scene, fault)


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True, scope="module")
@pytest.mark.parametrize("fault", SQLITE_ONLY.values(), ids=SQLITE_ONLY)
def test_nothing_happens_while_sqlite_cannot_write_its_files(
    installation: Installation, scene: Scene, fault: Fault
) -> None:
    assert_nothing_happens(installation, scene, fault)


@pytest.mark.parametrize("installation", ["postgresql"], indirect=True, scope="module")
@pytest.mark.parametrize("fault", POSTGRESQL_ONLY.values(), ids=POSTGRESQL_ONLY)
def test_nothing_happens_while_postgresql_takes_no_writes(
    installation: Installation, scene: Scene, fault: Fault
) -> None:
    assert_nothing_happens(installation, scene, fault)


def test_nothing_is_answered_or_retrieved_while_the_epoch_keys_are_out_of_reach(
    installation: Installation, scene: Scene
) -> None:
    before = kept(installation)
    with faults.no_keyring_folder(installation):
        for client, act in zip(scene.clients[1:], scene.acts()[1:], strict=True):
            answer = client.post(*act)
            assert answer.status == 503
            assert SECRET not in answer.text
    assert kept(installation) == before
    scene.assert_that_all_works()


def test_a_report_that_cannot_be_written_down_puts_no_hold(installation: Installation, scene: Scene) -> None:
    before = kept(installation)
    form = {"link": scene.answered.submit_link.url(BASE)}
    with faults.renamed("audit_leaf")(installation):
        assert scene.clients[2].post("/r/report", form).status == 503
    assert kept(installation) == before
    scene.assert_that_all_works()


def test_nothing_that_could_fail_lies_between_the_commit_and_the_answer(app: Flask) -> None:
    """After the commit a database that fails would make a lie of "nothing was changed", or lose the answer."""
    with app.app_context():
        unit_of_work = app.extensions["sharelink"].unit_of_work
        person = make_person(unit_of_work, "Anna Example", "anna@example.com")
        asked = ask_secret(unit_of_work, person)
        engine = db.engine
    customer, custodian = Browser.of(app), Browser.of(app)
    custodian.sign_in(person)
    happened: list[str] = []

    def note_statement(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        happened.append(statement)

    def note_commit(_connection: object) -> None:
        happened.append("COMMIT")

    event.listen(engine, "before_cursor_execute", note_statement)
    event.listen(engine, "commit", note_commit)
    try:
        for browser, (path, form) in ((customer, submission(asked, SECRET)), (custodian, retrieval(asked))):
            happened.clear()
            assert browser.post(path, data=form).status_code == 200
            assert happened[-1] == "COMMIT", f"{path} asks the database after its commit"
    finally:
        event.remove(engine, "before_cursor_execute", note_statement)
        event.remove(engine, "commit", note_commit)
