"""The root of all named facts that Sharelink raises on purpose.

No error here knows an HTTP status: `sharelink.web.errors` holds the one table from fact to answer.
"""

from collections.abc import Mapping
from typing import ClassVar


class SharelinkError(Exception):
    """Something that went wrong in a way the caller must be told about.

    `code` is stable and may be logged; the text may not hold anything a person typed.
    """

    code: ClassVar[str] = "error"


class InvalidInput(SharelinkError):
    """One or more fields cannot be accepted; `fields` maps a field's name to a message for a person."""

    code = "invalid_input"

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("invalid input in: " + ", ".join(sorted(fields)))
        self.fields = dict(fields)


class StorageUnavailable(SharelinkError):
    """The database or the audit cannot be read or written now; nothing was changed, but see `OutcomeUnknown`."""

    code = "storage_unavailable"


class GivenUp(StorageUnavailable):
    """The transaction was undone as a whole, for a reason that may be gone by now: it may be done anew at once."""

    code = "given_up"


class OutcomeUnknown(StorageUnavailable):
    """The commit was asked for and its answer never came: the change was made as a whole, or not at all."""

    code = "outcome_unknown"


class PermissionDenied(SharelinkError):
    """The actor is known but may not do this."""

    code = "permission_denied"


class UnsafeStart(SharelinkError):
    """The service refuses to start; `problems` says every reason at once, never a value."""

    code = "unsafe_start"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
