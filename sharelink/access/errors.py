"""Facts about access. Those below `AccessRefused` are written down on the record when somebody meets them."""

from typing import ClassVar

from sharelink.errors import SharelinkError


class UseNotFound(SharelinkError):
    """There is no such use."""

    code: ClassVar[str] = "use_not_found"


class AccessRefused(SharelinkError):
    """Somebody tried what the rules of access forbid. `code` is the reason that the record keeps."""

    code: ClassVar[str] = "access_refused"


class OwnUse(AccessRefused):
    """Nobody approves, denies or reviews a use of their own."""

    code: ClassVar[str] = "own_use"


class NotAnApprover(AccessRefused):
    """The person or contact may not decide about this use."""

    code: ClassVar[str] = "not_an_approver"


class UseChanged(AccessRefused):
    """The use is not what the digest says that was shown or approved."""

    code: ClassVar[str] = "use_changed"


class PolicyChanged(AccessRefused):
    """The record's policy is no longer the one under which the use was requested."""

    code: ClassVar[str] = "policy_changed"


class NotApproved(AccessRefused):
    """The use has not the approvals that it needs, or those who gave them may not any more."""

    code: ClassVar[str] = "not_approved"


class WindowClosed(AccessRefused):
    """The window of the use has not begun, or is over."""

    code: ClassVar[str] = "window_closed"


class NotItsUser(AccessRefused):
    """Only whoever declared the use begins it, as long as they are a custodian of the record."""

    code: ClassVar[str] = "not_its_user"


class UseNeeded(AccessRefused):
    """What is asked for happens only inside a use that is open now."""

    code: ClassVar[str] = "use_needed"


class AlreadyDecided(SharelinkError):
    """This person has decided about this use before; one person is one approval, however many groups they are in."""

    code: ClassVar[str] = "already_decided"


class UseMovedOn(SharelinkError):
    """The use is not in a state for this any more, or not yet. `state` is where it stands."""

    code: ClassVar[str] = "use_moved_on"

    def __init__(self, state: str) -> None:
        super().__init__(f"the use is {state}")
        self.state = state


class TooManyCodes(SharelinkError):
    """No more codes are mailed for this link."""

    code: ClassVar[str] = "too_many_codes"


class RecordHeld(AccessRefused):
    """The record is on hold: no use of it begins, and none of those that are open reaches a secret."""

    code: ClassVar[str] = "record_held"


class NobodyToApprove(SharelinkError):
    """The policy asks for approvals that nobody could give now, so a request would wait for ever."""

    code: ClassVar[str] = "nobody_to_approve"
