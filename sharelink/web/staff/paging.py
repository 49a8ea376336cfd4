"""What lists and timelines of staff pages have in common: ids in addresses, and which page is asked for."""

from flask import request

from sharelink.crypto.identifiers import id_from_text
from sharelink.errors import SharelinkError

_PAGE_DIGITS_MAX = 7


def asked_page() -> int:
    """Return the number of the page that the address asks for, 1 or more; 1 for none, or for what is no number."""
    text = request.args.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) <= _PAGE_DIGITS_MAX else 1


def id_of(text: str, missing: type[SharelinkError]) -> bytes:
    """Return the id that a part of an address or form names.

    Raises:
        SharelinkError: the class `missing`: it is no id, so there can be no such thing.
    """
    try:
        return id_from_text(text)
    except ValueError:
        raise missing("this is no id") from None
