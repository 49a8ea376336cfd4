"""Asks whether what clients saw of one share could have happened one step after the other (Wing and Gong's search).

Each operation must have taken effect between its call and its answer. An act with an access code takes effect in two
steps, as it does in the service: the try is counted, then the code is judged (docs/adr/0003). The search tries every
order of steps that the times allow; states that it has been in once are not searched again (Lowe's improvement).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sharelink.shares.attempts import TRIES_IN_ALL
from sharelink.shares.service import MORE_TRIES
from sharelink.shares.states import LIVE_STATES, TRANSITIONS, ShareState
from tests.reliability.histories import NEVER, Act, Heard, Operation


class ModelShare(NamedTuple):
    """A share as the promises describe it."""

    code_required: bool = False
    state: ShareState = ShareState.SEALED
    tries: int = 0
    tries_allowed: int = TRIES_IN_ALL

    def to(self, state: ShareState) -> "ModelShare":
        """Return the share in another state that it may be in next; what was counted is forgotten at the end."""
        assert state in TRANSITIONS[self.state]
        return self._replace(state=state, tries=self.tries if state in LIVE_STATES else 0)


class Step(NamedTuple):
    """The share after one step of an operation; `heard` is None when the operation goes on."""

    share: ModelShare
    heard: str | None


def is_linearizable(operations: Sequence[Operation], share: ModelShare | None = None) -> bool:
    """Tell whether some order of the operations, within their times, explains every answer.

    Args:
        operations: all operations on one share. Those without an answer may have happened or not.
        share: the share before the first of them; sealed and without a code by default.
    """
    return _search(operations, tuple(0 for _ in operations), share or ModelShare(), set())


_FINISHED = -1
_Progress = tuple[int, ...]


def _search(
    operations: Sequence[Operation], progress: _Progress, share: ModelShare, seen: set[tuple[_Progress, ModelShare]]
) -> bool:
    if (progress, share) in seen:
        return False
    seen.add((progress, share))
    open_ones = [number for number, steps in enumerate(progress) if steps != _FINISHED]
    if all(operations[number].returned_at == NEVER for number in open_ones):
        return True
    # Whatever began after the first of the open answers came after that operation.
    horizon = min(operations[number].returned_at for number in open_ones)
    for number in open_ones:
        operation = operations[number]
        if operation.invoked_at > horizon:
            continue
        for after in _steps(share, operation.act, progress[number]):
            if after.heard is not None and operation.heard not in {None, after.heard}:
                continue
            steps = progress[number] + 1 if after.heard is None else _FINISHED
            advanced = (*progress[:number], steps, *progress[number + 1 :])
            if _search(operations, advanced, after.share, seen):
                return True
    return False


def _steps(share: ModelShare, act: Act, done_steps: int) -> Iterator[Step]:
    """Yield what the next step of an act may do to a share."""
    match act:
        case Act.REVEAL | Act.DECLINE:
            end = ShareState.REVEALED if act is Act.REVEAL else ShareState.BURNED
            counted = _counted(share) if share.code_required and done_steps == 0 else None
            yield counted or _claimed(share, end)
        case Act.GUESS:
            yield _counted(share) if done_steps == 0 else _judged_wrong(share)
        case Act.WITHDRAW if share.state in LIVE_STATES:
            yield Step(share.to(ShareState.BURNED), Heard.DONE)
        case Act.WITHDRAW:
            yield Step(share, Heard.ENDED)
        case Act.UNLOCK if share.state is ShareState.LOCKED:
            more = share.tries_allowed + MORE_TRIES
            yield Step(share.to(ShareState.SEALED)._replace(tries_allowed=more), Heard.DONE)
        case Act.UNLOCK:
            yield Step(share, Heard.NOT_LOCKED)
        case Act.EXPIRE if share.state in LIVE_STATES:
            yield Step(share.to(ShareState.EXPIRED), Heard.DONE)
        case Act.LOOK:
            yield Step(share, share.state.value)


def _counted(share: ModelShare) -> Step:
    """Count one try, before anybody knows whether the code is right."""
    if share.state is not ShareState.SEALED:
        return Step(share, _refusal(share))
    if share.tries >= share.tries_allowed:
        return Step(share.to(ShareState.LOCKED), Heard.LOCKED)
    return Step(share._replace(tries=share.tries + 1), None)


def _judged_wrong(share: ModelShare) -> Step:
    if share.tries < share.tries_allowed:
        return Step(share, Heard.WRONG)
    return Step(share.to(ShareState.LOCKED) if share.state is ShareState.SEALED else share, Heard.LOCKED)


def _claimed(share: ModelShare, end: ShareState) -> Step:
    """Take the share: the one moment that has one winner."""
    if share.state is not ShareState.SEALED:
        return Step(share, _refusal(share))
    return Step(share.to(end), Heard.DONE)


def _refusal(share: ModelShare) -> str:
    return Heard.LOCKED if share.state is ShareState.LOCKED else Heard.ENDED
