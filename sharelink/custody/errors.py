"""Facts about custody records."""

from typing import ClassVar

from sharelink.custody.states import STATE_LABELS, CustodyState
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


class ActNotAllowed(SharelinkError):
    """The record's `state` does not allow this, or nobody goes from it to the state that was asked for."""

    code: ClassVar[str] = "act_not_allowed"

    def __init__(self, state: CustodyState) -> None:
        super().__init__(f"the record's state does not allow this: {STATE_LABELS[state]}")
        self.state = state


class ContactNotConfirmed(SharelinkError):
    """There is no such contact on this record, or nobody but who added it has confirmed it."""

    code: ClassVar[str] = "contact_not_confirmed"


class ContactNotFound(SharelinkError):
    """The record has no such contact (any more)."""

    code: ClassVar[str] = "contact_not_found"


class ItemNotFound(SharelinkError):
    """The record has no such item (any more)."""

    code: ClassVar[str] = "item_not_found"


class GroupsNotApart(SharelinkError):
    """Somebody would be both in the record's custodian group and in the group that keeps its second factor."""

    code: ClassVar[str] = "groups_not_apart"


class ProposalUnavailable(SharelinkError):
    """The proposal is unknown, decided, void or too old, or what it is about has changed since."""

    code: ClassVar[str] = "proposal_unavailable"


class ProposalWaits(SharelinkError):
    """The same was proposed before, and still waits for a second person."""

    code: ClassVar[str] = "proposal_waits"


class OwnProposal(SharelinkError):
    """The actor proposed this, and somebody else could confirm it."""

    code: ClassVar[str] = "own_proposal"


class CustodianNeeded(SharelinkError):
    """One of the two must be a custodian of the record's group."""

    code: ClassVar[str] = "custodian_needed"


class NothingToVerify(SharelinkError):
    """The record has no version of its secret, or that share is not one of its own."""

    code: ClassVar[str] = "nothing_to_verify"
