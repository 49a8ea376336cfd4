"""`kill -9` in the middle of submissions and retrievals: an acknowledged answer is kept, and none is shown twice.

The truth is what the clients heard, in the process of the test, which is not killed.
"""

import http.client
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack

import pytest

from sharelink.acts.requesting import Asked
from sharelink.shares.states import ShareState
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.callers import Answer, Caller, Post
from tests.attacks.installations import Installation
from tests.attacks.request_moves import LIMITS, kept_of, kinds_about, retrieval, submission
from tests.attacks.servers import Server, shown_answers
from tests.audit.readings import verified
from tests.factories import Person, ask_secret, submit_answer
from tests.reliability.figures import Figures

KILLS, SOAK_KILLS = 4, 60
EACH = 3
LONGEST_SECONDS = 0.25
"""By then the slowest of what was sent has been answered. Half of the kills come within the first few milliseconds."""


class Crash:
    """One kill of a server at which customers submit and custodians retrieve at that moment."""

    def __init__(self, unit_of_work: UnitOfWork, staff: Person, record: bytes, number: int) -> None:
        self.unit_of_work, self.staff = unit_of_work, staff
        self.waiting, self.answered = (
            [ask_secret(unit_of_work, staff, custody_id=record) for _ in range(EACH)] for _ in range(2)
        )
        self.texts = {
            asked.share_id: f"canary {number}-{place}" for place, asked in enumerate([*self.waiting, *self.answered])
        }
        for asked in self.answered:
            submit_answer(unit_of_work, asked.submit_link, self.texts[asked.share_id])

    def strike(self, server: Server, cookies: dict[str, str]) -> list[Answer | None]:
        """Send everything, kill the server somewhere in between, and return what was heard of it."""
        posts: list[Post] = [submission(asked, self.texts[asked.share_id]) for asked in self.waiting]
        posts += [retrieval(asked) for asked in self.answered]
        with ExitStack() as stack:
            callers = [stack.enter_context(server.caller()) for _ in posts]
            for place, (caller, post) in enumerate(zip(callers, posts, strict=True)):
                caller.cookies = dict(cookies) if place >= EACH else {}
                caller.begin(*post)
            for caller in callers:
                caller.finish()
            time.sleep(random.uniform(0, random.choice((0.02, LONGEST_SECONDS))))
            server.kill()
            return [_heard(caller) for caller in callers]

    def judge(self, heard: Sequence[Answer | None], caller: Caller) -> Counter[str]:
        """Compare what was heard with what the service says after its restart; use up what is left."""
        counts: Counter[str] = Counter()
        for asked, answer in zip(self.waiting, heard[:EACH], strict=True):
            counts[self._judge_submission(asked, answer, caller)] += 1
        for asked, answer in zip(self.answered, heard[EACH:], strict=True):
            counts[self._judge_retrieval(asked, answer, caller)] += 1
        return counts

    def _judge_submission(self, asked: Asked, answer: Answer | None, caller: Caller) -> str:
        state, kinds = kept_of(self.unit_of_work, asked)["state"], kinds_about(self.unit_of_work, asked)
        assert kinds.count("request.submitted") == (state is ShareState.SEALED)
        if answer is not None:
            assert answer.status == 200
            assert state is ShareState.SEALED, "an acknowledged answer was lost"
        told = "submission: acknowledged" if answer else f"submission: unheard, then {state.value}"
        if state is ShareState.AWAITING:
            submit_answer(self.unit_of_work, asked.submit_link, self.texts[asked.share_id])
        assert self._shown(asked, caller) == [self.texts[asked.share_id]]
        assert self._shown(asked, caller) == []
        return told

    def _judge_retrieval(self, asked: Asked, answer: Answer | None, caller: Caller) -> str:
        row, kinds = kept_of(self.unit_of_work, asked), kinds_about(self.unit_of_work, asked)
        state = row["state"]
        assert (row["outer_ciphertext"] is None) is (state is ShareState.REVEALED)
        assert kinds.count("request.retrieved") == (state is ShareState.REVEALED)
        if answer is not None:
            assert shown_answers(answer.text) == [self.texts[asked.share_id]]
            assert state is ShareState.REVEALED, "it was shown before it was committed"
        again = self._shown(asked, caller)
        assert again == ([] if state is ShareState.REVEALED else [self.texts[asked.share_id]])
        assert self._shown(asked, caller) == []
        return "retrieval: shown" if answer else f"retrieval: unheard, then {state.value}"

    def _shown(self, asked: Asked, caller: Caller) -> list[str]:
        answer = caller.post(*retrieval(asked))
        assert answer.status in {200, 410}
        return shown_answers(answer.text)


def _heard(caller: Caller) -> Answer | None:
    try:
        return caller.answer()
    except (OSError, http.client.HTTPException):
        return None


def run_kills(installation: Installation, staff: Person, record: bytes, figures: Figures, kills: int) -> None:
    counts: Counter[str] = Counter()
    (server,) = installation.start(**LIMITS)
    with server.caller() as caller:
        caller.sign_in(staff)
        cookies = caller.cookies
    for number in range(kills):
        crash = Crash(installation.unit_of_work, staff, record, number)
        heard = crash.strike(server, cookies)
        (server,) = installation.start(**LIMITS)
        with server.caller() as caller:
            caller.cookies = dict(cookies)
            counts += crash.judge(heard, caller)
    assert server.stop() == 0
    assert verified(installation.unit_of_work)[1] == []
    assert sum(counts.values()) == kills * EACH * 2
    assert any(name.startswith("submission: unheard") or "retrieval: unheard" in name for name in counts), (
        "no kill came in between"
    )
    figures.note("kills", kills)
    for name, count in sorted(counts.items()):
        figures.note(name, count)


@pytest.mark.slow
def test_an_acknowledged_answer_survives_a_few_kills_and_none_is_shown_twice(
    installation: Installation, staff: Person, record: bytes, figures: Figures
) -> None:
    run_kills(installation, staff, record, figures, KILLS)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_an_acknowledged_answer_survives_many_kills_and_none_is_shown_twice(
    installation: Installation, staff: Person, record: bytes, figures: Figures
) -> None:
    run_kills(installation, staff, record, figures, SOAK_KILLS)
