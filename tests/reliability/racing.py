"""Races at one share over several servers, written down as a history of what each client heard."""

import select
from collections.abc import Sequence
from dataclasses import dataclass

from sharelink.acts.sending import Sent
from sharelink.crypto.identifiers import id_text
from tests.attacks.callers import Answer, Caller, Post
from tests.attacks.servers import shown_secret
from tests.reliability.histories import Act, Heard, Recorder

BASE = "http://localhost"
ANSWER_SECONDS = 60.0
_DONE = {Act.REVEAL: 200, Act.DECLINE: 200, Act.WITHDRAW: 303, Act.UNLOCK: 303}
_REFUSED = {410: Heard.ENDED, 422: Heard.WRONG, 423: Heard.LOCKED}


@dataclass(frozen=True)
class Move:
    """One client's part in a race."""

    act: Act
    caller: Caller
    post: Post


def reveal(caller: Caller, sent: Sent) -> Move:
    return Move(Act.REVEAL, caller, ("/s/reveal", {"link": sent.link.url(BASE), "code": sent.code or ""}))


def guess(caller: Caller, sent: Sent) -> Move:
    """Try a code that differs from the right one in its last symbol."""
    assert sent.code is not None
    wrong = sent.code[:-1] + ("2" if sent.code[-1] != "2" else "3")
    return Move(Act.GUESS, caller, ("/s/reveal", {"link": sent.link.url(BASE), "code": wrong}))


def decline(caller: Caller, sent: Sent) -> Move:
    fields = {"link": sent.link.url(BASE), "code": sent.code or "", "note": "not mine"}
    return Move(Act.DECLINE, caller, ("/s/decline", fields))


def withdraw(caller: Caller, share_id: bytes, token: str) -> Move:
    """Burn the share as its sender; `token` is the one against forged forms."""
    fields = {"csrf_token": token, "reason": "sent to the wrong person"}
    return Move(Act.WITHDRAW, caller, (f"/shares/{id_text(share_id)}/withdraw", fields))


def unlock(caller: Caller, share_id: bytes, token: str) -> Move:
    return Move(Act.UNLOCK, caller, (f"/shares/{id_text(share_id)}/unlock", {"csrf_token": token}))


def heard(act: Act, answer: Answer, secret: str) -> Heard:
    """Return what an answer says; the secret may be in the one that reveals it, and in no other."""
    shown = shown_secret(answer.text)
    if answer.status == _DONE.get(act):
        assert (shown == secret) is (act is Act.REVEAL)
        return Heard.DONE
    assert secret not in answer.text
    if answer.status == 409 and act in {Act.WITHDRAW, Act.UNLOCK}:
        return Heard.NOT_LOCKED if act is Act.UNLOCK else Heard.ENDED
    assert answer.status in _REFUSED, f"{act}: {answer.status}"
    return _REFUSED[answer.status]


def run(moves: Sequence[Move], secret: str) -> Recorder:
    """Let all moves arrive at the same moment; return the history of the race."""
    recorder = Recorder()
    for move in moves:
        move.caller.begin(*move.post)
    waiting: dict[int, tuple[int, Move, float]] = {}
    for number, move in enumerate(moves):
        waiting[move.caller.fileno()] = (number, move, recorder.invoke())
        move.caller.finish()
    while waiting:
        ready, _, _ = select.select(list(waiting), [], [], ANSWER_SECONDS)
        assert ready, "a server does not answer"
        for descriptor in ready:
            number, move, invoked_at = waiting.pop(descriptor)
            answer = move.caller.answer()
            recorder.answered(f"{number}", move.act, invoked_at, heard(move.act, answer, secret))
    return recorder
