"""Facts about imports of sign-ins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sharelink.errors import SharelinkError


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One row of a file that cannot be taken: where it is, and why, for a person."""

    place: str
    text: str


class ExportRejected(SharelinkError):
    """Rows of the file cannot be taken, so none were. `problems` are the first of them."""

    code: ClassVar[str] = "export_rejected"

    def __init__(self, problems: Sequence[RowProblem]) -> None:
        super().__init__("rows of the file cannot be taken")
        self.problems = tuple(problems)


class NoAccountNumber(SharelinkError):
    """The record names no AWS account (any more), or another one than the file was read for."""

    code: ClassVar[str] = "no_account_number"


class MismatchNotFound(SharelinkError):
    """There is no such mismatch on this record (any more)."""

    code: ClassVar[str] = "mismatch_not_found"
