"""Where the trail cannot be written, nothing happens: 503, a page for people, and everything works again afterwards."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import text

from sharelink.acts.sending import Sent
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.unit_of_work import UnitOfWork
from tests.attacks import faults
from tests.attacks.callers import Answer, Caller, Post
from tests.attacks.faults import Fault
from tests.attacks.installations import Installation
from tests.attacks.servers import Server, shown_secret
from tests.audit.readings import verified
from tests.browsers import hidden_field
from tests.factories import Person, open_record, send_secret

BASE = "http://localhost"
SECRET = "still here afterwards"
PATIENCE_SECONDS = 35.0

EVERYWHERE: dict[str, Fault] = {
    "event-table-renamed": faults.renamed("audit_leaf"),
    "personal-fields-renamed": faults.renamed("audit_disclosure"),
    "share-table-renamed": faults.renamed("share"),
    "head-lost": faults.head_lost,
    "locked": faults.locked,
}
SQLITE_ONLY: dict[str, Fault] = {"no-journal": faults.no_journal, "disk-full": faults.disk_full}
POSTGRESQL_ONLY: dict[str, Fault] = {"read-only": faults.read_only_database}


class Scene:
    """Shares that wait to be opened, a form that waits to be sent, and the clients who do it."""

    def __init__(self, unit_of_work: UnitOfWork, staff: Person, clients: list[Caller]) -> None:
        record = open_record(unit_of_work, staff)
        self.clients = clients
        self.plain, self.coded, self.declined, self.coded_declined, self.looked = (
            send_secret(unit_of_work, staff, SECRET, custody_id=record, code=code)
            for code in (False, True, False, True, True)
        )
        clients[0].sign_in(staff)
        self.form = {
            "csrf_token": hidden_field(clients[0].get("/send").text, "csrf_token"),
            "form_id": id_text(new_id()),
            "record": id_text(record),
            "secret": SECRET,
            "lifetime": "86400",
            "code_waiver_reason": "told by the test",
        }

    def acts(self) -> list[Post]:
        return [
            ("/send", self.form),
            ("/s/reveal", posted(self.plain)),
            ("/s/reveal", posted(self.coded)),
            ("/s/decline", posted(self.declined)),
            ("/s/decline", posted(self.coded_declined)),
            ("/s/status", posted(self.looked)),
        ]

    def try_all(self) -> list[Answer]:
        """Try every act at the same time; return the answers in the order of `acts`."""
        with ThreadPoolExecutor(len(self.clients)) as pool:
            return list(pool.map(lambda client, act: client.post(*act), self.clients, self.acts()))

    def assert_that_all_works(self) -> None:
        sent, plain, coded, declined, coded_declined, looked = self.try_all()
        assert sent.status == 201
        assert shown_secret(plain.text) == shown_secret(coded.text) == SECRET
        assert (declined.status, coded_declined.status, looked.status) == (200, 200, 200)


def posted(sent: Sent) -> dict[str, str]:
    return {"link": sent.link.url(BASE), "code": sent.code or "", "note": "not mine"}


@pytest.fixture(scope="module")
def server(installation: Installation) -> Server:
    return installation.start()[0]


@pytest.fixture
def scene(unit_of_work: UnitOfWork, staff: Person, server: Server) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(unit_of_work, staff, [stack.enter_context(server.caller()) for _ in range(6)])


def kept(installation: Installation) -> dict[str, list[Any]]:
    """Return every row that tells of a share or an event."""
    with faults.outside(installation) as connection:
        found = {
            table: sorted(map(repr, connection.execute(text(f"SELECT * FROM {table}"))))
            for table in ("share", "share_client", "custody_record")
        }
        leaves = "SELECT rec, rseq FROM audit_leaf WHERE event_type LIKE 'share.%' ORDER BY leaf_index"
        return found | {"events": list(connection.execute(text(leaves)))}


def assert_refused(answer: Answer) -> None:
    assert answer.status == 503
    assert "We cannot do this right now" in answer.text
    assert "Nothing was changed" in answer.text
    assert int(answer.header("Retry-After")) > 0
    assert SECRET not in answer.text


def assert_nothing_happens(installation: Installation, scene: Scene, fault: Fault) -> None:
    before = kept(installation)
    with fault(installation):
        began_at = time.monotonic()
        for answer in scene.try_all():
            assert_refused(answer)
        assert time.monotonic() - began_at < PATIENCE_SECONDS
        # The page of a link needs no database.
        assert scene.clients[1].get(f"/s/{scene.plain.link.token}").status == 200
    assert kept(installation) == before
    scene.assert_that_all_works()
    assert verified(installation.unit_of_work)[1] == []


@pytest.mark.parametrize("fault", EVERYWHERE.values(), ids=EVERYWHERE)
def test_nothing_happens_that_cannot_be_written_down(installation: Installation, scene: Scene, fault: Fault) -> None:
    assert_nothing_happens(installation, scene, fault)


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True, scope="module")
@pytest.mark.parametrize("fault", SQLITE_ONLY.values(), ids=SQLITE_ONLY)
def test_nothing_happens_while_sqlite_cannot_write_its_files(
    installation: Installation, scene: Scene, fault: Fault
) -> None:
    if fault is faults.disk_full and not sys.platform.startswith("linux"):
        pytest.skip("only Linux lets one process limit the files of another")
    assert_nothing_happens(installation, scene, fault)


@pytest.mark.parametrize("installation", ["postgresql"], indirect=True, scope="module")
@pytest.mark.parametrize("fault", POSTGRESQL_ONLY.values(), ids=POSTGRESQL_ONLY)
def test_nothing_happens_while_postgresql_takes_no_writes(
    installation: Installation, scene: Scene, fault: Fault
) -> None:
    assert_nothing_happens(installation, scene, fault)


def test_nothing_happens_while_the_epoch_keys_are_out_of_reach(installation: Installation, scene: Scene) -> None:
    before = kept(installation)
    with faults.no_keyring_folder(installation):
        answers = scene.try_all()
        # To look is possible: it opens nothing.
        assert answers.pop().status == 200
        for answer in answers:
            assert answer.status == 503
            assert SECRET not in answer.text
    after = kept(installation)
    assert after["share"] == before["share"]
    assert after["custody_record"] == before["custody_record"]
    scene.assert_that_all_works()


def test_a_code_that_was_right_but_could_not_be_written_down_consumed_nothing(
    installation: Installation, scene: Scene
) -> None:
    with faults.renamed("audit_leaf")(installation):
        assert_refused(scene.clients[1].post("/s/reveal", posted(scene.coded)))
    with faults.outside(installation) as connection:
        tries = connection.execute(
            text("SELECT count(*) FROM share_client WHERE share_id = :share"), {"share": scene.coded.share_id}
        ).scalar_one()
    assert tries == 0
    assert shown_secret(scene.clients[1].post("/s/reveal", posted(scene.coded)).text) == SECRET


def test_a_disk_too_full_for_log_lines_stops_nobody(installation: Installation, server: Server, scene: Scene) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux lets one process limit the files of another")
    before = server.output.stat().st_size
    with faults.disk_full(installation):
        assert scene.clients[0].get("/healthz").status == 200
        assert scene.clients[1].post("/s/status", {"link": "x#y"}).status == 404
    assert server.output.stat().st_size <= max(before, 1024)
