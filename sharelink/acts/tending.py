"""What staff do with a share that is on its way: withdraw it, unlock it; and lift the hold on a record."""

from sharelink.actors import Actor
from sharelink.custody.request_detail import RequestDetail
from sharelink.errors import InvalidInput
from sharelink.shares.states import EndReason
from sharelink.unit_of_work import UnitOfWork

REASON_MAX_CHARACTERS = 500


def withdraw(unit_of_work: UnitOfWork, actor: Actor, share_id: bytes, reason: str) -> bytes:
    """Burn a live share unread; return its record's id.

    Raises:
        InvalidInput: the reason is missing or too long.
        ShareEnded: it had ended already.
    """
    reason = reason.replace("\r\n", "\n").strip()
    if not reason:
        raise InvalidInput({"reason": "Say why; the reason is kept on the record."})
    if len(reason) > REASON_MAX_CHARACTERS or "\0" in reason:
        raise InvalidInput({"reason": f"Use at most {REASON_MAX_CHARACTERS} ordinary characters."})
    return unit_of_work.carry_out(actor, lambda work: work.shares.withdraw(share_id, EndReason.WITHDRAWN, reason))


def unlock(unit_of_work: UnitOfWork, actor: Actor, share_id: bytes) -> None:
    """Allow five more tries at a locked share.

    Raises:
        ShareNotLocked: it is not locked, or its time is over.
    """
    unit_of_work.carry_out(actor, lambda work: work.shares.unlock(share_id))


def note_reminder(unit_of_work: UnitOfWork, actor: Actor, request: RequestDetail) -> None:
    """Record that somebody has reminded the customer.

    Raises:
        RequestNotAwaiting: there is nothing left to remind of.
    """
    with unit_of_work.write(actor) as work:
        work.requests.note_reminder(request.line.id, request.line.custody_id)


def release_hold(unit_of_work: UnitOfWork, actor: Actor, custody_id: bytes, *, is_proven: bool) -> bool:
    """Say that the hold on a record may go; return whether that lifted it. A suspended record is then active again.

    A fresh proof of who one is counts only where one person may lift a hold alone, because there is nobody else; see
    `Holds.release`.

    Raises:
        NoHold: the record is not on hold.
    """
    with unit_of_work.write(actor) as work:
        work.handover.take_turn(custody_id)
        is_lifted = work.holds.release(custody_id, is_proven=is_proven)
        if is_lifted:
            work.handover.resume(custody_id)
        return is_lifted
