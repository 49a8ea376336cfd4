"""Random 128-bit ids and their one text form."""

import base64
import binascii
import secrets

ID_BYTES = 16


def new_id() -> bytes:
    """Return 16 random bytes: unguessable, and with room for every object there will ever be."""
    return secrets.token_bytes(ID_BYTES)


def new_salt() -> bytes:
    """Return 16 random bytes that make the digest of a guessable value say nothing about it."""
    return secrets.token_bytes(16)


def id_text(identifier: bytes) -> str:
    """Return the 22 characters of unpadded base64url that name `identifier` in URLs, leaves and pages."""
    return base64.urlsafe_b64encode(identifier).rstrip(b"=").decode("ascii")


def id_from_text(text: str) -> bytes:
    """Return the 16 bytes that `text` names.

    Raises:
        ValueError: `text` is not the canonical form of any id. Python's decoder is lax (it skips foreign characters
            and ignores stray bits), so the result is encoded again and compared.
    """
    try:
        identifier = base64.urlsafe_b64decode(text.encode("ascii") + b"==")
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not an id") from error
    if len(identifier) != ID_BYTES or id_text(identifier) != text:
        raise ValueError("not an id")
    return identifier
