"""Sending the log to its second sink, as well as that is possible: no act waits for it, and none is refused over it."""

from collections.abc import Callable

from structlog import get_logger

from sharelink.actors import Actor
from sharelink.settings_witnessing import SinkAddress
from sharelink.sinks.delivery import SinkFailed, probe, send_leaves
from sharelink.unit_of_work import UnitOfWork

BATCH_LEAVES = 500
MOST_BATCHES = 50

_log = get_logger("sharelink.jobs")


def _never() -> bool:
    return False


def send_log_once(unit_of_work: UnitOfWork, address: SinkAddress, *, is_stopping: Callable[[], bool] = _never) -> int:
    """Send the leaves that were not sent yet; return how many.

    Args:
        unit_of_work: what makes transactions.
        address: the sink.
        is_stopping: asked between batches; what remains is sent the next time.

    Raises:
        StorageUnavailable: the database could not do its work; what was in hand is sent again.
    """
    total = 0
    for _ in range(MOST_BATCHES):
        with unit_of_work.read() as work:
            if is_stopping() or not work.sinks.is_due(address):
                break
        with unit_of_work.write(Actor.system()) as work:
            leaves = work.sinks.take(address, BATCH_LEAVES)
        if not leaves:
            break
        try:
            send_leaves(address, log_host(unit_of_work), leaves)
        except SinkFailed as failed:
            _failed(unit_of_work, address, failed.code)
            break
        with unit_of_work.write(Actor.system()) as work:
            was_failing = work.sinks.is_failing(address)
            work.sinks.sent(address, leaves[-1].index + 1)
        if was_failing:
            _log.info("the second sink of the audit log works again")
        total += len(leaves)
    return total


def probe_sink(unit_of_work: UnitOfWork, address: SinkAddress) -> str | None:
    """Try the sink; return in one word why it cannot be written, or None if it can."""
    try:
        probe(address, log_host(unit_of_work), unit_of_work.clock())
    except SinkFailed as failed:
        return failed.code
    return None


def log_host(unit_of_work: UnitOfWork) -> str:
    """Return the host in whose name the log is signed."""
    return unit_of_work.log_keys.origin.partition("/")[0]


def _failed(unit_of_work: UnitOfWork, address: SinkAddress, code: str) -> None:
    with unit_of_work.write(Actor.system()) as work:
        is_first = work.sinks.failed(address, code)
    if is_first:
        _log.error("the second sink of the audit log cannot be written", code=code)
