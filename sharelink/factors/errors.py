"""Facts about second factors."""

from sharelink.errors import SharelinkError


class PasskeyRefused(SharelinkError):
    """A passkey's answer is malformed, forged, too late, for another purpose, or used before."""

    code = "passkey_refused"


class PasskeysUnavailable(SharelinkError):
    """The service is reached by a number instead of a name, and browsers offer no passkeys there."""

    code = "passkeys_unavailable"


class FactorNotFound(SharelinkError):
    """There is no such factor on this account (any more)."""

    code = "factor_not_found"


class LastFactor(SharelinkError):
    """The account's only second factor stays until there is another one."""

    code = "last_factor"


class PasswordFirst(SharelinkError):
    """An app's code is asked for after a password only, and the account has none."""

    code = "password_first"


class EnrolmentOver(SharelinkError):
    """The account has a second factor by now, so a password alone adds none."""

    code = "enrolment_over"
