"""The judge of histories is itself judged: it accepts what may happen, and rejects each way of going wrong."""

import pytest

from sharelink.shares.attempts import TRIES_IN_ALL
from sharelink.shares.states import ShareState
from tests.reliability.histories import NEVER, Act, Heard, Operation
from tests.reliability.linearizability import ModelShare, is_linearizable

NEARLY_LOCKED = ModelShare(code_required=True, tries=TRIES_IN_ALL - 1)
LOCKED = ModelShare(code_required=True, state=ShareState.LOCKED, tries=TRIES_IN_ALL)


def op(act: Act, invoked_at: float, returned_at: float, heard: str | None = Heard.DONE) -> Operation:
    return Operation(f"client {invoked_at}", act, invoked_at, returned_at, heard)


def looked(invoked_at: float, state: ShareState) -> Operation:
    return op(Act.LOOK, invoked_at, invoked_at + 1, state.value)


def test_one_reveal_of_two_at_once_is_accepted():
    assert is_linearizable([op(Act.REVEAL, 0, 5), op(Act.REVEAL, 1, 4, Heard.ENDED), looked(6, ShareState.REVEALED)])


def test_two_reveals_are_rejected():
    assert not is_linearizable([op(Act.REVEAL, 0, 5), op(Act.REVEAL, 1, 4)])


def test_a_reveal_and_a_burn_are_rejected():
    assert not is_linearizable([op(Act.REVEAL, 0, 5), op(Act.WITHDRAW, 1, 4)])
    assert not is_linearizable([op(Act.REVEAL, 0, 5), op(Act.DECLINE, 1, 4)])


def test_a_refusal_before_anybody_could_have_been_first_is_rejected():
    assert not is_linearizable([op(Act.REVEAL, 0, 1, Heard.ENDED), op(Act.REVEAL, 2, 3)])


def test_a_reveal_after_an_acknowledged_burn_is_rejected():
    assert not is_linearizable([op(Act.WITHDRAW, 0, 1), op(Act.REVEAL, 2, 3)])


def test_a_lost_reveal_is_rejected():
    assert not is_linearizable([op(Act.REVEAL, 0, 1), looked(2, ShareState.SEALED)])


def test_a_state_that_nothing_led_to_is_rejected():
    assert not is_linearizable([looked(0, ShareState.BURNED)])
    assert not is_linearizable([op(Act.REVEAL, 0, 5), looked(6, ShareState.BURNED)])


def test_an_operation_without_an_answer_may_have_happened_or_not():
    unheard = op(Act.REVEAL, 0, NEVER, None)
    assert is_linearizable([unheard, looked(1, ShareState.SEALED), looked(3, ShareState.REVEALED)])
    assert is_linearizable([unheard, op(Act.REVEAL, 1, 2)])
    assert not is_linearizable([unheard, looked(1, ShareState.REVEALED), looked(3, ShareState.SEALED)])
    assert not is_linearizable([unheard, looked(1, ShareState.REVEALED), op(Act.REVEAL, 3, 4)])


def test_an_expired_share_stays_expired():
    over = op(Act.EXPIRE, 2, NEVER)
    assert is_linearizable([over, op(Act.REVEAL, 3, 4, Heard.ENDED), looked(5, ShareState.EXPIRED)])
    assert is_linearizable([over, op(Act.REVEAL, 1, 4)])
    assert not is_linearizable([over, op(Act.REVEAL, 0, 1, Heard.ENDED)])
    assert not is_linearizable([over, op(Act.REVEAL, 3, 4, Heard.ENDED), looked(5, ShareState.SEALED)])


def test_the_last_wrong_code_locks_and_no_other():
    assert is_linearizable([op(Act.GUESS, 0, 1, Heard.LOCKED), looked(2, ShareState.LOCKED)], NEARLY_LOCKED)
    assert not is_linearizable([op(Act.GUESS, 0, 1, Heard.WRONG)], NEARLY_LOCKED)
    assert not is_linearizable([op(Act.GUESS, 0, 1, Heard.LOCKED)], ModelShare(code_required=True))


def test_two_tries_that_are_judged_after_both_were_counted_may_both_hear_that_it_is_locked():
    share = ModelShare(code_required=True, tries=TRIES_IN_ALL - 2)
    guesses = [op(Act.GUESS, 0, 5, Heard.LOCKED), op(Act.GUESS, 1, 4, Heard.LOCKED)]
    assert is_linearizable(guesses, share)
    assert not is_linearizable([guesses[0], op(Act.GUESS, 6, 7, Heard.LOCKED)], ModelShare(code_required=True))


def test_a_locked_share_is_revealed_only_after_an_unlock():
    assert is_linearizable([op(Act.UNLOCK, 0, 1), op(Act.REVEAL, 0.5, 3)], LOCKED)
    assert not is_linearizable([op(Act.REVEAL, 0, 1), op(Act.UNLOCK, 2, 3)], LOCKED)
    assert not is_linearizable([op(Act.UNLOCK, 0, 3), op(Act.UNLOCK, 1, 2)], LOCKED)


def test_an_unlock_gives_five_tries_and_not_six():
    unlock = op(Act.UNLOCK, 0, 1)
    wrong = [op(Act.GUESS, 2 * number, 2 * number + 1, Heard.WRONG) for number in range(1, 5)]
    assert is_linearizable([unlock, *wrong, op(Act.GUESS, 20, 21, Heard.LOCKED)], LOCKED)
    assert not is_linearizable([unlock, *wrong, op(Act.GUESS, 20, 21, Heard.WRONG)], LOCKED)


@pytest.mark.parametrize("count", [8, 12])
def test_many_operations_at_once_are_searched_quickly(count: int):
    refused = [op(Act.REVEAL, number, 100 + number, Heard.ENDED) for number in range(count)]
    assert is_linearizable([*refused, op(Act.REVEAL, 0, 200)])
    assert not is_linearizable(refused)
