"""How a link to a statement reaches the contact, and where the link stands."""

from enum import StrEnum


class LinkDelivery(StrEnum):
    """Who could see the link when it was made: who saw it could also answer in the contact's place."""

    SHOWN = "shown"
    MAILED = "mailed"


class LinkState(StrEnum):
    """Where a link stands now."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"
