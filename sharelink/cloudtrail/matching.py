"""Which sign-in falls into which use, and which time imports cover. Pure: knows no database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sharelink.cloudtrail.rows import SignIn
from sharelink.cloudtrail.states import TOLERANCE, SignInResult


@dataclass(frozen=True, slots=True)
class UseSpan:
    """When a use allowed to sign in: from its check-out to its check-in, and never beyond the declared window."""

    use_id: bytes
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Covered:
    """A time without a gap of which imports tell everything."""

    start: datetime
    end: datetime

    def holds(self, start: datetime, end: datetime) -> bool:
        """Tell whether a time lies wholly in this one."""
        return self.start <= start and end <= self.end


def match(sign_ins: Sequence[SignIn], spans: Iterable[UseSpan], seen: Iterable[bytes]) -> dict[str, bytes]:
    """Return the use of each sign-in that has one, by event id.

    Args:
        sign_ins: the oldest first.
        spans: the uses.
        seen: the uses that have a sign-in already. Where two uses overlap, one that has none yet comes first: nobody
            can tell which of two people used the one root user.
    """
    waiting = sorted(spans, key=lambda span: span.start, reverse=True)
    taken = set(seen)
    open_now: list[UseSpan] = []
    found: dict[str, bytes] = {}
    for sign_in in sign_ins:
        while waiting and waiting[-1].start - TOLERANCE <= sign_in.at:
            open_now.append(waiting.pop())
        open_now = [span for span in open_now if sign_in.at <= span.end + TOLERANCE]
        if not open_now:
            continue
        best = max(open_now, key=lambda span: (span.use_id not in taken, span.start))
        found[sign_in.event_id] = best.use_id
        if sign_in.result is not SignInResult.FAILURE:
            taken.add(best.use_id)
    return found


def merged(times: Iterable[tuple[datetime, datetime]]) -> tuple[Covered, ...]:
    """Return the times without overlaps, the oldest first; what touches becomes one."""
    found: list[Covered] = []
    for start, end in sorted(times):
        if found and start <= found[-1].end:
            found[-1] = Covered(found[-1].start, max(found[-1].end, end))
        else:
            found.append(Covered(start, end))
    return tuple(found)
