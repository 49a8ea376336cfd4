"""The kinds of files, sign-ins and mismatches, and the limits that bind an import."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum


class ExportFormat(StrEnum):
    """What kind of file it was."""

    JSON = "json"
    CSV = "csv"


class SignInResult(StrEnum):
    """How a sign-in ended. The console's CSV has no word about it."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


RESULT_LABELS: Mapping[SignInResult, str] = {
    SignInResult.SUCCESS: "Signed in",
    SignInResult.FAILURE: "Failed",
    SignInResult.UNKNOWN: "Result not in the file",
}


class MismatchKind(StrEnum):
    """Where CloudTrail and the declared uses do not agree."""

    UNDECLARED = "undeclared"
    UNSEEN = "unseen"
    CONTRADICTED = "contradicted"


MISMATCH_LABELS: Mapping[MismatchKind, str] = {
    MismatchKind.UNDECLARED: "Sign-in outside of every declared use",
    MismatchKind.UNSEEN: "Use without a sign-in",
    MismatchKind.CONTRADICTED: "Checked in as not used, yet there was a sign-in",
}

TOLERANCE = timedelta(minutes=5)
"""How far a sign-in may lie outside of a use: people check out a little late, and clocks differ."""
ARRIVES_WITHIN = timedelta(minutes=15)
"""What is younger may still be missing from an export. It also makes a match final: no later use can reach so far back.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/how-cloudtrail-works.html speaks of five minutes on average.
"""

FILE_MAX_BYTES = 1_000_000
UNPACKED_MAX_BYTES = 64 * 1024 * 1024
EVENT_MAX_CHARACTERS = 512 * 1024
"""CloudTrail ends its own events at 256 KB."""
SIGN_INS_MAX = 20_000
"""More root sign-ins in one file are no export of honest use, and would not fit into one transaction."""
PROBLEMS_MAX = 20
"""So many rows are told at once; whoever mends them learns the rest at the next try."""
