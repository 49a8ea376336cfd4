"""Facts about requests."""

from sharelink.errors import InvalidInput, SharelinkError
from sharelink.shares.errors import ShareDamaged


class RequestClosed(SharelinkError):
    """Nothing can be submitted (any more): it was answered, its time is over, or it was taken back."""

    code = "request_closed"


class RequestKeySwapped(SharelinkError):
    """The stored public key is not the one that the submit link names. Nothing was sealed; it is an incident."""

    code = "request_key_swapped"


class StraySpace(InvalidInput):
    """Fields begin or end with white space, and nobody has said yet that it belongs to them."""

    code = "stray_space"

    def __init__(self, names: list[str]) -> None:
        super().__init__(dict.fromkeys(names, "It begins or ends with white space. Does that belong to it?"))
        self.names = names


class AnswerDamaged(ShareDamaged):
    """The stored answer does not open with the right link: it was changed, or not made with the submit link."""

    code = "answer_damaged"


class NotAnswered(SharelinkError):
    """There is nothing to retrieve yet."""

    code = "not_answered"


class RequestNotAwaiting(SharelinkError):
    """Only a request that still waits for its answer can be reminded of."""

    code = "request_not_awaiting"


class NotJudgeable(SharelinkError):
    """The answer was not retrieved, or somebody has said already how it went."""

    code = "not_judgeable"
