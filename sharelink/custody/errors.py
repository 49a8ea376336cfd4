"""Facts about custody records."""

from typing import ClassVar

from sharelink.errors import SharelinkError


class RecordNotFound(SharelinkError):
    """There is no record with this id."""

    code: ClassVar[str] = "record_not_found"


class RecordArchived(SharelinkError):
    """The record is archived: it must be restored before anything else is done with it."""

    code: ClassVar[str] = "record_archived"


class RecordChangedMeanwhile(SharelinkError):
    """Somebody saved other details since the form was shown; nothing was overwritten.

    `version` is the newest version, which a person may overwrite knowingly.
    """

    code: ClassVar[str] = "record_changed_meanwhile"

    def __init__(self, version: int) -> None:
        super().__init__("the record was changed meanwhile")
        self.version = version


class NoHold(SharelinkError):
    """The record is not on hold (any more)."""

    code: ClassVar[str] = "no_hold"


class LiveSharesRemain(SharelinkError):
    """The record has links that can still be opened, so it cannot be archived; `count` says how many."""

    code: ClassVar[str] = "live_shares_remain"

    def __init__(self, count: int) -> None:
        super().__init__("links of this record can still be opened")
        self.count = count
