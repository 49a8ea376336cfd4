"""Keys that lie on the disk or in the environment only as another service's ciphertext (a key management service).

The text of such a key is `kms:` and the ciphertext as base64url. It is unwrapped once, when the process starts or meets
a new version, and never written down in clear.
"""

import base64
import binascii
from typing import Protocol

from sharelink.crypto.errors import KeyWrappingFailed
from sharelink.crypto.key_purposes import KeyName

WRAPPED_PREFIX = "kms:"


class KeyWrapping(Protocol):
    """Somebody who wraps a key so that nobody else can unwrap it, each key for its own name."""

    def wrap(self, name: KeyName, key: bytes) -> bytes:
        """Return the ciphertext of `key`.

        Raises:
            KeyWrappingFailed: it could not be had; the text says why and holds no value.
        """

    def unwrap(self, name: KeyName, wrapped: bytes) -> bytes:
        """Return the key.

        Raises:
            KeyWrappingFailed: it was wrapped for another name or by another key, or could not be asked for.
        """


def wrapped_text(wrapped: bytes) -> str:
    """Return how a wrapped key is written down."""
    return WRAPPED_PREFIX + base64.urlsafe_b64encode(wrapped).decode("ascii")


def wrapped_from_text(text: str) -> bytes:
    """Return the ciphertext in a text that begins with `kms:`.

    Raises:
        KeyWrappingFailed: it is not base64url.
    """
    try:
        return base64.b64decode(text.removeprefix(WRAPPED_PREFIX), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise KeyWrappingFailed("is not a wrapped key in base64url") from None
