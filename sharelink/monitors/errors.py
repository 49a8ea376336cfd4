"""Named facts about monitors."""

from sharelink.errors import SharelinkError


class MonitorTokenNotFound(SharelinkError):
    """There is no such token, or it was revoked."""

    code = "monitor_token_not_found"


class MonitorRefused(SharelinkError):
    """Neither a token nor a signed-in auditor: the log is not shown, nor how long it is."""

    code = "monitor_refused"


class TileNotFound(SharelinkError):
    """The log has no such tile, or not yet."""

    code = "tile_not_found"
