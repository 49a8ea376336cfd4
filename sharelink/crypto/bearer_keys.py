"""Keys that stand for somebody by mere possession: set-up links, invitations, sessions, devices, sign-ons, monitors.

The browser holds the key, the database only its hash: who reads the database cannot use any of them.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from enum import StrEnum

from sharelink.crypto.errors import LinkKeyRejected
from sharelink.crypto.link_keys import link_key_from_text, link_key_text, new_link_key

_REFERENCE_BYTES = 16


class BearerPurpose(StrEnum):
    """What a key is for; a key of one purpose is nothing for another."""

    SET_UP = "set-up"
    JOIN = "join"
    SESSION = "session"
    DEVICE = "device"
    SSO_STATE = "sso-state"
    SSO_BROWSER = "sso-browser"
    MONITOR = "monitor"


@dataclass(frozen=True, slots=True)
class BearerKey:
    """A fresh key: `text` for the browser, `hashed` for the database."""

    text: str = field(repr=False)
    hashed: bytes


def new_bearer_key(purpose: BearerPurpose) -> BearerKey:
    """Return a fresh key of 256 random bits."""
    key = new_link_key()
    return BearerKey(link_key_text(key), _hashed(purpose, key))


def bearer_key_hash(purpose: BearerPurpose, text: str) -> bytes | None:
    """Return the hash under which a key is kept, or None if `text` is not the one spelling of a key."""
    try:
        return _hashed(purpose, link_key_from_text(text))
    except LinkKeyRejected:
        return None


def _hashed(purpose: BearerPurpose, key: bytes) -> bytes:
    # The key has 256 random bits, so a plain hash gives nothing to guess at.
    return hashlib.sha256(f"sharelink/v1/{purpose}\0".encode("ascii") + key).digest()


def session_reference(audit_key: bytes, session_hash: bytes) -> str:
    """Return the name of a session in the audit: stable, and of no use to whoever reads it."""
    digest = hmac.digest(audit_key, b"sharelink/v1/session\0" + session_hash, "sha256")
    return base64.urlsafe_b64encode(digest[:_REFERENCE_BYTES]).rstrip(b"=").decode("ascii")
