"""Strangers' vain tries: counted in memory, told by at most one event a minute and kind, written off their requests.

An event for each try would let anybody grow the audit for ever, and make refusals differ in time. So a refusal only
counts. A minute after the first one a thread of the process hands the counts to the database, and there, once a minute
over all processes, they become one event of each kind. A crash loses the counts of a minute at most, never an event.
"""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from enum import StrEnum

from sqlalchemy.exc import SQLAlchemyError
from structlog import get_logger

from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent, Outcome
from sharelink.errors import SharelinkError
from sharelink.persistence.noise_tallies import add_noise, mark_told, untold_noise
from sharelink.unit_of_work import UnitOfWork

NOISE_SECONDS = 60.0
_LIMIT_PREFIX = "rate_limit."

_log = get_logger("sharelink.noise")


class Refusal(StrEnum):
    """Why a stranger was refused."""

    LINK = "link"
    BODY = "body"
    ORIGIN = "origin"
    HOST = "host"
    FORM = "form"


class Noise:
    """What strangers did in vain since the last handing over, in one process.

    Args:
        unit_of_work: what makes transactions.
        context: makes the context in which they run, outside of any request.
        writes_itself: whether counts are handed over by a thread of this process; else only by `hand_over`.
    """

    def __init__(
        self, unit_of_work: UnitOfWork, context: Callable[[], AbstractContextManager[object]], *, writes_itself: bool
    ) -> None:
        self._unit_of_work = unit_of_work
        self._context = context
        self._writes_itself = writes_itself
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._timer: threading.Timer | None = None

    def refused(self, why: Refusal) -> None:
        """Count one refusal."""
        self._count(why.value)

    def limited(self, purpose: str) -> None:
        """Count one request that came too fast; `purpose` is one of the names of limits."""
        self._count(_LIMIT_PREFIX + purpose)

    def hand_over(self) -> None:
        """Give the counts to the database, and write the events that are due. A failure keeps the counts."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            self._timer = None
        if not counts:
            return
        try:
            with self._context(), self._unit_of_work.write(Actor.system()) as work:
                for kind, count in sorted(counts.items()):
                    add_noise(work.session, kind, count)
            with self._context():
                tell_noise(self._unit_of_work)
        except (SharelinkError, SQLAlchemyError) as error:
            _log.warning("noise could not be written", cause=type(error).__name__)
            with self._lock:
                self._counts += counts
                self._wait()

    def end(self) -> None:
        """Hand over what there is, when the process ends."""
        self._writes_itself = False
        self.hand_over()

    def _count(self, kind: str) -> None:
        with self._lock:
            self._counts[kind] += 1
            self._wait()

    def _wait(self) -> None:
        if self._timer is None and self._writes_itself:
            # Only while there is noise, and begun in the process that met it: a server may have forked before.
            self._timer = threading.Timer(NOISE_SECONDS, self.hand_over)
            self._timer.daemon = True
            self._timer.start()


def tell_noise(unit_of_work: UnitOfWork) -> int:
    """Turn what is untold into events, at most one a minute and kind; return how many. Needs an application."""
    last_minute = timedelta(seconds=NOISE_SECONDS)
    with unit_of_work.read() as work:
        if not untold_noise(work.session, work.now - last_minute):
            return 0
    with unit_of_work.write(Actor.system()) as work:
        untold = untold_noise(work.session, work.now - last_minute, lock=True)
        for kind, count in untold.items():
            is_limit = kind.startswith(_LIMIT_PREFIX)
            name = "purpose" if is_limit else "refused"
            work.audit.append(
                AuditEvent.RATELIMIT_TRIPPED if is_limit else AuditEvent.STRANGERS_REFUSED,
                rec=SYSTEM_CHAIN,
                actor=work.actor,
                now=work.now,
                outcome=Outcome.REFUSED,
                facts={name: kind.removeprefix(_LIMIT_PREFIX), "count": count},
            )
            mark_told(work.session, kind, work.now)
    return len(untold)
