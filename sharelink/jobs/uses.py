"""Ends uses that did not begin in time, and marks those that are open beyond their window."""

from collections.abc import Callable

from structlog import get_logger

from sharelink.actors import Actor
from sharelink.unit_of_work import UnitOfWork

BATCH_USES = 50
MOST_BATCHES = 20

_log = get_logger("sharelink.jobs")


def expire_uses_once(unit_of_work: UnitOfWork, *, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Move on what is due, in short transactions, and return how many uses that were.

    Args:
        unit_of_work: what makes transactions.
        is_stopping: asked between transactions; what remains is left for the next time.

    Raises:
        StorageUnavailable: the transaction at hand was undone; those before it stand.
    """
    total = 0
    for _ in range(MOST_BATCHES):
        with unit_of_work.read() as work:
            # Mostly there is nothing: then nobody waits for the writer's turn.
            if not work.use_endings.is_something_due():
                break
        with unit_of_work.write(Actor.system()) as work:
            moved = work.use_endings.expire_due(BATCH_USES)
        total += moved
        if moved < BATCH_USES or is_stopping():
            break
    if total:
        _log.info("uses expired or overdue", count=total)
    return total
