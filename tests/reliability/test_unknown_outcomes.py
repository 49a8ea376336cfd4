"""The network between node and database breaks at a COMMIT: nobody is told what is not known, and nothing is shown.

The share is then sealed as before, or revealed without its plaintext; the record says which.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from sharelink.acts.sending import Sent
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.shares.states import ShareState
from tests.attacks.callers import Answer, Caller
from tests.attacks.installations import Installation, installed
from tests.attacks.servers import Server, shown_secret
from tests.audit.readings import verified
from tests.factories import Person, open_record, send_secret
from tests.reliability.figures import Figures
from tests.reliability.forwarder import Cut, Forwarder
from tests.reliability.test_mixed_races import endings, rows_of
from tests.services import fresh_database

BASE = "http://localhost"
SECRET = "only once, or not at all"
PATIENCE_SECONDS = 35.0


@dataclass(repr=False)
class Scene:
    """One node behind a network that can be cut, somebody who sends, and clients."""

    installation: Installation
    forwarder: Forwarder
    node: Server
    staff: Person
    record: bytes

    def send(self, *, code: bool) -> Sent:
        return send_secret(self.installation.unit_of_work, self.staff, SECRET, custody_id=self.record, code=code)

    def kept(self, share_id: bytes) -> tuple[ShareState, bool, list[str]]:
        """Return the share's state, whether it has its ciphertext, and what ended it according to the log."""
        work = self.installation.unit_of_work
        return *rows_of(work)[share_id], endings(work).get(id_text(share_id), [])


SEALED = (ShareState.SEALED, True, [])
REVEALED = (ShareState.REVEALED, False, ["revealed"])
BURNED = (ShareState.BURNED, False, ["burned"])


@pytest.fixture(scope="module")
def scene(
    postgresql_server: str, migrated_template: str, redis_address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("installation")
    with (
        fresh_database(postgresql_server, template=migrated_template) as url,
        Forwarder(url) as forwarder,
        installed(url, folder) as made,
    ):
        through = forwarder.url.render_as_string(hide_password=False)
        (node,) = made.start(database_url=through, rate_limit_store=redis_address, command=("serve", "--no-worker"))
        staff = made.person("Anna")
        yield Scene(made, forwarder, node, staff, open_record(made.unit_of_work, staff))


def posted(sent: Sent) -> dict[str, str]:
    return {"link": sent.link.url(BASE), "code": sent.code or "", "note": "not mine"}


def assert_nobody_is_told(answer: Answer) -> None:
    assert answer.status == 503
    assert "We cannot tell whether that was done" in answer.text
    assert "Nothing was changed" not in answer.text
    assert int(answer.header("Retry-After")) > 0
    assert SECRET not in answer.text


@pytest.mark.parametrize("code", [False, True], ids=["plain", "code"])
@pytest.mark.parametrize("cut", Cut)
def test_a_reveal_whose_commit_nobody_heard_of_shows_nothing_then_and_at_most_once_later(
    scene: Scene, cut: Cut, code: bool
) -> None:
    sent = scene.send(code=code)
    with scene.node.caller() as caller:
        # With a code, the try is counted in a transaction of its own before.
        was_met = scene.forwarder.cut_next(cut, commits_before=int(code))
        assert_nobody_is_told(caller.post("/s/reveal", posted(sent)))
        assert was_met.is_set()
        assert scene.kept(sent.share_id) == (SEALED if cut is Cut.BEFORE_COMMIT else REVEALED)
        again = caller.post("/s/reveal", posted(sent))
        assert shown_secret(again.text) == (SECRET if cut is Cut.BEFORE_COMMIT else None)
        assert again.status == (200 if cut is Cut.BEFORE_COMMIT else 410)
        assert caller.post("/s/reveal", posted(sent)).status == 410
    assert scene.kept(sent.share_id) == REVEALED
    assert verified(scene.installation.unit_of_work)[1] == []


def test_the_record_says_that_nobody_confirmed_such_a_reveal(scene: Scene) -> None:
    sent = scene.send(code=False)
    with scene.node.caller() as caller:
        scene.forwarder.cut_next(Cut.AFTER_COMMIT)
        assert_nobody_is_told(caller.post("/s/reveal", posted(sent)))
        caller.sign_in(scene.staff)
        page = caller.get(f"/shares/{id_text(sent.share_id)}").text
    assert "delivery unconfirmed" in page.lower()


@pytest.mark.parametrize("cut", Cut)
def test_a_decline_whose_commit_nobody_heard_of_burned_the_share_or_did_not(scene: Scene, cut: Cut) -> None:
    sent = scene.send(code=False)
    with scene.node.caller() as caller:
        scene.forwarder.cut_next(cut)
        assert_nobody_is_told(caller.post("/s/decline", posted(sent)))
        assert scene.kept(sent.share_id) == (SEALED if cut is Cut.BEFORE_COMMIT else BURNED)
        assert caller.post("/s/decline", posted(sent)).status == (200 if cut is Cut.BEFORE_COMMIT else 410)
    assert scene.kept(sent.share_id) == BURNED


@pytest.mark.parametrize("cut", Cut)
def test_a_send_whose_commit_nobody_heard_of_makes_at_most_one_share(scene: Scene, cut: Cut) -> None:
    before = rows_of(scene.installation.unit_of_work).keys()
    with scene.node.caller() as caller:
        caller.sign_in(scene.staff)
        form = {
            "csrf_token": caller.token("/account"),
            "form_id": id_text(new_id()),
            "record": id_text(scene.record),
            "secret": SECRET,
            "lifetime": "86400",
            "code_waiver_reason": "told by the test",
        }
        scene.forwarder.cut_next(cut)
        assert_nobody_is_told(caller.post("/send", form))
        made = rows_of(scene.installation.unit_of_work).keys() - before
        assert len(made) == (0 if cut is Cut.BEFORE_COMMIT else 1)
        # Whoever sends the same form again gets their link, or is told that its share is there.
        assert caller.post("/send", form).status == (201 if cut is Cut.BEFORE_COMMIT else 409)
    assert len(rows_of(scene.installation.unit_of_work).keys() - before) == 1


@pytest.mark.soak
@pytest.mark.parametrize("cut", Cut)
def test_a_network_that_goes_silent_holds_nobody_for_long(scene: Scene, cut: Cut, figures: Figures) -> None:
    """Neither end hears of the loss: only the node's own limit ends the wait. Everybody else is served meanwhile."""
    sent, other = scene.send(code=False), scene.send(code=False)
    answers: list[tuple[Answer, float]] = []
    with scene.node.caller() as caller, scene.node.caller() as bystander:
        was_met = scene.forwarder.cut_next(cut, silent=True)
        waiting = threading.Thread(target=lambda: answers.append(timed_reveal(caller, sent)))
        waiting.start()
        assert was_met.wait(20)
        assert shown_secret(bystander.post("/s/reveal", posted(other)).text) == SECRET
        waiting.join(60)
        ((answer, seconds),) = answers
        assert_nobody_is_told(answer)
        assert seconds < PATIENCE_SECONDS
        figures.note(f"a silent loss {cut.value}: answered after", f"{seconds:.1f} s")
        # The server still holds the transaction that was never committed, until its own limit ends it.
        status = bystander.post("/s/reveal", posted(sent)).status
        assert status == (200 if cut is Cut.BEFORE_COMMIT else 410)
    assert scene.kept(sent.share_id) == REVEALED
    assert verified(scene.installation.unit_of_work)[1] == []


def timed_reveal(caller: Caller, sent: Sent) -> tuple[Answer, float]:
    begun_at = time.monotonic()
    return caller.post("/s/reveal", posted(sent)), time.monotonic() - begun_at
