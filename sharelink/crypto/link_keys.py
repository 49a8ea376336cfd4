"""Link keys: 32 random bytes that live only in the fragment of a link."""

import base64
import binascii
import hashlib
import secrets

from sharelink.crypto.errors import LinkKeyRejected

LINK_KEY_BYTES = 32
LINK_KEY_CHARACTERS = 43


def new_link_key() -> bytes:
    """Return a fresh link key of 256 random bits."""
    return secrets.token_bytes(LINK_KEY_BYTES)


def link_key_text(link_key: bytes) -> str:
    """Return the 43 characters of unpadded base64url that stand in the fragment."""
    return base64.urlsafe_b64encode(link_key).rstrip(b"=").decode("ascii")


def link_key_from_text(text: str) -> bytes:
    """Return the key that `text` spells.

    Raises:
        LinkKeyRejected: `text` is not the one canonical spelling of 32 bytes.
    """
    if len(text) != LINK_KEY_CHARACTERS:
        raise LinkKeyRejected("wrong length")
    try:
        link_key = base64.urlsafe_b64decode(text.encode("ascii") + b"=")
    except (binascii.Error, UnicodeEncodeError) as error:
        raise LinkKeyRejected("not base64url") from error
    if len(link_key) != LINK_KEY_BYTES or link_key_text(link_key) != text:
        raise LinkKeyRejected("not canonical")
    return link_key


def link_key_hash(share_id: bytes, link_key: bytes) -> bytes:
    """Return what the database keeps of a link key, so that whoever holds the whole link can be told the truth later.

    The key has 256 random bits, so a plain hash is no guessing oracle; the share's id binds it to its row.
    """
    return hashlib.sha256(b"sharelink/v1/link-key\0" + share_id + link_key).digest()
