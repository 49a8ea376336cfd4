"""Whether two kinds of requests can be told apart by how long answers take, as a stranger on the network would."""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from random import Random

from tests.attacks.callers import Answer, Caller, Post

WARM_UP_ROUNDS = 25


def auc(these: Sequence[float], those: Sequence[float]) -> float:
    """Return how probable it is that one of `these` is larger than one of `those`; 0.5 tells nothing at all.

    The area under the curve of the best guesser by one threshold (Mann and Whitney's U); ties count half.
    """
    ordered = sorted(those)
    wins = sum(bisect_left(ordered, each) + bisect_right(ordered, each) for each in these)
    return wins / (2 * len(these) * len(ordered))


def interleaved(
    caller: Caller, classes: Mapping[str, Callable[[], Post]], rounds: int, seed: int = 0
) -> tuple[dict[str, list[float]], set[tuple[object, ...]]]:
    """Return seconds per answer of each class, asked in a new order in every round, and all different answers.

    A fresh request for every sample: a kept one could be answered from some cache.
    """
    chance, order = Random(seed), list(classes)
    seconds: dict[str, list[float]] = {name: [] for name in classes}
    answers: set[tuple[object, ...]] = set()
    for number in range(rounds + WARM_UP_ROUNDS):
        chance.shuffle(order)
        # All of a round first: to make one takes longer than another, and the server's rest before it would tell.
        for name, (path, fields) in [(name, classes[name]()) for name in order]:
            caller.begin(path, fields)
            began = time.perf_counter()
            caller.finish()
            answer = caller.answer()
            took = time.perf_counter() - began
            answers.add(whole(answer))
            if number >= WARM_UP_ROUNDS:
                seconds[name].append(took)
    return seconds, answers


def whole(answer: Answer) -> tuple[object, ...]:
    """Return all of an answer but the second in which it was given, and the random number of its request."""
    headers = sorted((name, value) for name, value in answer.headers if name.lower() not in {"date", "x-request-id"})
    return answer.status, tuple(headers), answer.body
