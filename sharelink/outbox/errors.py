"""Named facts about what is told."""

from sharelink.errors import SharelinkError


class DeliveryNotFailed(SharelinkError):
    """There is no such entry, or it was neither refused nor given up: only those can be tried again."""

    code = "delivery_not_failed"


class EndpointNotFound(SharelinkError):
    """There is no such webhook, or it was removed."""

    code = "endpoint_not_found"
