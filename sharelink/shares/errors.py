"""Facts about links and shares."""

from sharelink.errors import SharelinkError, StorageUnavailable


class LinkUnavailable(SharelinkError):
    """There is nothing for this visitor: the one fact for unknown, forged, and somebody else's links (promise 7)."""

    code = "link_unavailable"


class ShareEnded(SharelinkError):
    """The holder of the whole link cannot have the secret (any more): it ended or is locked. Its page tells which."""

    code = "share_ended"


class ShareHeld(SharelinkError):
    """The share's record is on hold: nothing is revealed or declined for now, and nothing is lost."""

    code = "share_held"


class ShareNotFound(SharelinkError):
    """There is no share with this id."""

    code = "share_not_found"


class ShareNotLocked(SharelinkError):
    """Only a locked share can be unlocked, and this one is none (any more)."""

    code = "share_not_locked"


class ShareReplaced(SharelinkError):
    """This share was sent anew before; its page names the new one."""

    code = "share_replaced"


class ReportUnavailable(SharelinkError):
    """This share cannot be reported: it is still live, was reported before, or ended too long ago."""

    code = "report_unavailable"


class ShareDamaged(StorageUnavailable):
    """The stored bytes do not open although the link is right; nothing was consumed."""

    code = "share_damaged"


class CodeRefused(SharelinkError):
    """The access code is wrong. Nothing was consumed; `tries_left` is what this client has before it is paused."""

    code = "code_refused"

    def __init__(self, tries_left: int) -> None:
        super().__init__("the access code was refused")
        self.tries_left = tries_left


class ClientPaused(SharelinkError):
    """This client gave too many wrong codes; it may try again after `wait_seconds`."""

    code = "client_paused"

    def __init__(self, wait_seconds: int) -> None:
        super().__init__("too many wrong codes")
        self.wait_seconds = wait_seconds


class OwnShare(SharelinkError):
    """The browser is signed in as the share's creator, who may look at a preview but not consume."""

    code = "own_share"


class AlreadyCreated(SharelinkError):
    """The same form was sent before; the share exists and its link was shown then."""

    code = "already_created"

    def __init__(self, share_id: bytes, custody_id: bytes) -> None:
        super().__init__("this form has made its share already")
        self.share_id = share_id
        self.custody_id = custody_id
