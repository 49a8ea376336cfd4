"""Notices when this machine's clock jumps: the monotonic clock, which cannot be set, tells how much time really passed.

A jump forward expires shares, as their end says, but it must not destroy keys, which nobody could undo. So a jump is an
event and pauses the destruction of epoch keys until the clock has run steadily for a day.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from structlog import get_logger

from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent, Outcome
from sharelink.persistence.clocks import CLOCK_TOLERANCE
from sharelink.persistence.heartbeats import CLOCK_JUMP, SWEEPER, beat, last_beat_at
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work

STEADY_LIFETIME = timedelta(days=1)

_log = get_logger("sharelink.jobs")


@dataclass(slots=True)
class ClockWatch:
    """Compares the wall clock with a monotonic one (seconds), look by look."""

    unit_of_work: UnitOfWork
    monotonic: Callable[[], float] = time.monotonic
    _last: tuple[datetime, float] | None = field(default=None)

    def look(self) -> timedelta | None:
        """Record a jump since the last look, or since the last sign of life before the start; return it, or None.

        Before the first look only a clock set back can be told from a service that was simply not running.
        """
        ticks = self.monotonic()
        with self.unit_of_work.read() as work:
            now = work.now
            before = last_beat_at(work.session, SWEEPER) if self._last is None else None
        jump = timedelta()
        if self._last is not None:
            last_now, last_ticks = self._last
            jump = (now - last_now) - timedelta(seconds=ticks - last_ticks)
        elif before is not None and now < before:
            jump = now - before
        if abs(jump) <= CLOCK_TOLERANCE:
            self._last = (now, ticks)
            return None
        _log.warning("the clock jumped", seconds=round(jump.total_seconds()))
        with self.unit_of_work.write(Actor.system()) as work:
            beat(work.session, CLOCK_JUMP, work.now)
            work.audit.append(
                AuditEvent.SYSTEM_CLOCK_JUMP,
                rec=SYSTEM_CHAIN,
                actor=work.actor,
                now=work.now,
                outcome=Outcome.FAILURE,
                facts={"seconds": round(jump.total_seconds())},
            )
        # Only now: a jump that could not be written is seen again by the next look.
        self._last = (now, ticks)
        return jump


def clock_is_steady(work: Work) -> bool:
    """Tell whether the last jump, if there was one, lies at least `STEADY_LIFETIME` back, and not in the future."""
    jumped_at = last_beat_at(work.session, CLOCK_JUMP)
    return jumped_at is None or work.now >= jumped_at + STEADY_LIFETIME
