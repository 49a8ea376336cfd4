"""Facts about accounts."""

from sharelink.errors import SharelinkError


class SetUpLinkUnavailable(SharelinkError):
    """The set-up link is unknown, too old, replaced or used, or there is an administrator already."""

    code = "set_up_link_unavailable"


class AccountNotFound(SharelinkError):
    """There is no account with this e-mail address."""

    code = "account_not_found"


class AccountAlreadyDisabled(SharelinkError):
    """The account cannot be disabled because it is disabled."""

    code = "account_already_disabled"


class LastAdministrator(SharelinkError):
    """The account is the only administrator left, so it must stay."""

    code = "last_administrator"
