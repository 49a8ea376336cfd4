"""Facts about statements and the links to them."""

from typing import ClassVar

from sharelink.errors import SharelinkError


class StatementLinkEnded(SharelinkError):
    """The link was right once: it was revoked, its time is over, or its holder is no contact of the record any more."""

    code: ClassVar[str] = "statement_link_ended"


class StatementLinkNotFound(SharelinkError):
    """There is no such link on this record."""

    code: ClassVar[str] = "statement_link_not_found"


class NotTheCustomer(SharelinkError):
    """Somebody who is signed in here looks at a customer's link: they may read, not answer in the customer's place."""

    code: ClassVar[str] = "not_the_customer"
