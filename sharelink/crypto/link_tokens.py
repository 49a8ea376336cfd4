"""Link tokens: an object's random id, signed for one purpose (itsdangerous).

The signature is a cheap filter and a binding to a purpose. It is not the secret: tokens lie in logs of proxies.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from itsdangerous import BadData, TimestampSigner
from itsdangerous.encoding import base64_decode, base64_encode

from sharelink.crypto.errors import TokenRejected
from sharelink.crypto.identifiers import id_from_text, id_text

_MAX_TOKEN_CHARACTERS = 128


class TokenPurpose(StrEnum):
    """One salt per purpose, so that a token made for one never passes for another (ASVS 9.2.2)."""

    OPEN = "sharelink/v1/open"
    SUBMIT = "sharelink/v1/submit"
    RETRIEVE = "sharelink/v1/retrieve"
    ACKNOWLEDGE = "sharelink/v1/acknowledge"
    JOIN = "sharelink/v1/join"
    STATEMENT = "sharelink/v1/statement"
    APPROVE = "sharelink/v1/approve"


class _SignerAt(TimestampSigner):
    """A signer whose clock stands still at the moment of the unit of work."""

    def __init__(self, keys: Sequence[bytes], purpose: TokenPurpose, now: datetime) -> None:
        super().__init__(list(keys), salt=purpose.value, key_derivation="hmac", digest_method=hashlib.sha256)
        self._now_seconds = int(now.timestamp())

    def get_timestamp(self) -> int:
        """Return the given moment instead of the wall clock's."""
        return self._now_seconds


def sign_token(keys: Sequence[bytes], purpose: TokenPurpose, identifier: bytes, now: datetime) -> str:
    """Return the token of `identifier` for `purpose`, signed with the last (newest) of `keys`."""
    return _SignerAt(keys, purpose, now).sign(id_text(identifier)).decode("ascii")


def verify_token(
    keys: Sequence[bytes], purpose: TokenPurpose, token: str, now: datetime, max_age: timedelta
) -> tuple[bytes, datetime]:
    """Return the id inside `token` and the second in which it was signed.

    Raises:
        TokenRejected: forged, for another purpose, older than `max_age`, from the future, or spelled differently from
            the one that was signed. itsdangerous alone accepts several spellings of one signature (measured).
    """
    if len(token) > _MAX_TOKEN_CHARACTERS or not token.isascii():
        raise TokenRejected("not a token")
    try:
        text, signed_at = _SignerAt(keys, purpose, now).unsign(
            token, max_age=int(max_age.total_seconds()), return_timestamp=True
        )
        signature = token.rsplit(".", 1)[1]
        if base64_encode(base64_decode(signature)).decode("ascii") != signature:
            raise TokenRejected("not canonical")
        return id_from_text(text.decode("ascii")), signed_at.astimezone(UTC)
    except (BadData, ValueError, OverflowError) as error:
        raise TokenRejected("not a token") from error
