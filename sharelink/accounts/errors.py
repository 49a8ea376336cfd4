"""Facts about accounts."""

from sharelink.errors import SharelinkError


class SetUpLinkUnavailable(SharelinkError):
    """The set-up link is unknown, too old, replaced or used, or there is an administrator already."""

    code = "set_up_link_unavailable"


class LocalSignInOff(SharelinkError):
    """People sign in only by the provider here, and this account is not for break-glass."""

    code = "local_sign_in_off"


class AccountNotFound(SharelinkError):
    """There is no account with this e-mail address."""

    code = "account_not_found"


class AccountAlreadyDisabled(SharelinkError):
    """The account cannot be disabled because it is disabled."""

    code = "account_already_disabled"


class LastAdministrator(SharelinkError):
    """The account is the only administrator left, so it must stay."""

    code = "last_administrator"


class InvitationUnavailable(SharelinkError):
    """The invitation is unknown, too old, revoked, replaced or used, or whoever sent it may no longer invite."""

    code = "invitation_unavailable"


class GroupNotFound(SharelinkError):
    """There is no such group."""

    code = "group_not_found"


class AlreadySo(SharelinkError):
    """There is nothing to change: what was asked for is the case already."""

    code = "already_so"


class ChangeWaits(SharelinkError):
    """Another change of this account waits for a second administrator; it must be decided first."""

    code = "change_waits"


class ChangeUnavailable(SharelinkError):
    """The proposed change is unknown, decided or void, or what it was about has changed since."""

    code = "change_unavailable"


class OwnChange(SharelinkError):
    """Nobody approves what they proposed themselves."""

    code = "own_change"


class OwnFactors(SharelinkError):
    """Nobody resets their own factors as an administrator; one's own are changed on one's own page."""

    code = "own_factors"
