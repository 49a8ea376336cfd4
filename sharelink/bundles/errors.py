"""Facts about bundles and receipts."""

from typing import ClassVar

from sharelink.errors import SharelinkError


class NoReceipt(SharelinkError):
    """Nothing has happened yet that a receipt could attest."""

    code: ClassVar[str] = "no_receipt"
