"""What can be asked for, what kinds of field there are, and what a custodian found out about an answer."""

from enum import StrEnum


class RequestTemplate(StrEnum):
    """What a customer is asked for."""

    AWS_ROOT = "aws_root"
    TEXT = "text"
    OWN = "own"


class FieldKind(StrEnum):
    """How a field is typed, and how long it may be."""

    PASSWORD = "password"  # noqa: S105 - a kind of field, not a password
    LINE = "line"
    TEXT = "text"
    CHOICE = "choice"


class Verdict(StrEnum):
    """What a custodian found when they used the answer."""

    WORKED = "worked"
    WRONG = "wrong"
