"""The states of a use, the answers to it, and the lengths of time that bind it."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum


class UseState(StrEnum):
    """Where a declared use stands."""

    REQUESTED = "requested"
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CHECKED_OUT = "checked_out"
    OVERDUE = "overdue"
    CHECKED_IN = "checked_in"
    REVIEWED = "reviewed"


WAITING_STATES = frozenset({UseState.REQUESTED, UseState.APPROVED})
"""Not begun yet, and still able to begin."""
OPEN_STATES = frozenset({UseState.CHECKED_OUT, UseState.OVERDUE})
"""Begun, and not checked in yet."""

STATE_LABELS: Mapping[UseState, str] = {
    UseState.REQUESTED: "Waits for approval",
    UseState.APPROVED: "Ready to check out",
    UseState.DENIED: "Denied",
    UseState.WITHDRAWN: "Withdrawn",
    UseState.EXPIRED: "Never begun",
    UseState.CHECKED_OUT: "In use",
    UseState.OVERDUE: "Overdue",
    UseState.CHECKED_IN: "Checked in",
    UseState.REVIEWED: "Reviewed",
}


class Verdict(StrEnum):
    """What somebody who may decide says about a requested use."""

    APPROVED = "approved"
    DENIED = "denied"


class UseOutcome(StrEnum):
    """What came of a use, said at check-in."""

    DONE = "done"
    NOT_DONE = "not_done"
    NOT_USED = "not_used"


OUTCOME_LABELS: Mapping[UseOutcome, str] = {
    UseOutcome.DONE: "Done as declared",
    UseOutcome.NOT_DONE: "Signed in, but not done",
    UseOutcome.NOT_USED: "Not used at all",
}


class Finding(StrEnum):
    """What a review of a use found."""

    AS_DECLARED = "as_declared"
    CONCERN = "concern"


FINDING_LABELS: Mapping[Finding, str] = {
    Finding.AS_DECLARED: "As declared",
    Finding.CONCERN: "A concern remains",
}

APPROVAL_LIFETIME = timedelta(hours=24)
"""An approval is good for so long, and never longer than the window (CUSTODY.md section 4)."""
START_AHEAD_MAX = timedelta(hours=12)
"""How far ahead a window may begin: with an approval given at once, more than half of its lifetime must be left."""
WINDOW_MIN = timedelta(minutes=5)
RETRIEVAL_WINDOW = timedelta(hours=1)
"""The window of a use that is declared and checked out in one step."""
REVIEW_LIFETIME = timedelta(hours=24)
"""A break-glass use is reviewed within this time."""
LONELY_WAIT = timedelta(days=1)
"""Where nobody else could review a use, its user may after this time, or at once when freshly proven."""

LINK_LIFETIME = timedelta(hours=24)
"""The longest life of an approver's link."""
CODE_LIFETIME = timedelta(minutes=10)
CODE_TRIES = 5
CODES_PER_LINK = 5
"""So many codes are mailed for one link at most: nobody fills a customer's mailbox through us."""
