"""Tokens that are not quite, not any more, or not at all those of a live link; more than ten thousand of them."""

import base64
import hashlib
import string
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from itsdangerous import Signer, TimestampSigner

from sharelink.crypto.identifiers import id_text, new_id
from sharelink.crypto.link_tokens import TokenPurpose, sign_token

_IN_PLACE = "ABMZaz059-_."
_STRANGE = (
    "=",
    "~",
    "+",
    "/",
    "%",
    "%41",
    " ",
    "\t",
    "\0",
    "\n",
    "'",
    '"',
    "<",
    "{{1}}",
    "é",
    "А",
    "０",
    "😀",
    "\u200b",
    "\u202e",
    "ﬀ",
    "İ",
)
MEBIBYTE = 1024 * 1024


def false_tokens(
    token: str, purpose: TokenPurpose, identifier: bytes, keys: Sequence[bytes], now: datetime
) -> Iterator[str]:
    """Yield tokens that must all be refused, made from the good `token` of `identifier` for `purpose`."""
    known = {token}
    for false in (*_altered(token), *_resigned(purpose, identifier, keys, now), *_absurd(token)):
        if false not in known:
            known.add(false)
            yield false


def _altered(token: str) -> Iterator[str]:
    for place, character in enumerate(token):
        yield from (token[:place] + other + token[place + 1 :] for other in (*_IN_PLACE, *_STRANGE))
        yield from (token[:place] + other + token[place:] for other in _STRANGE[:4])
        yield from (token[:place], token[place + 1 :], token[:place] + token[place + 1 :])
        yield token[:place] + character.swapcase() + token[place + 1 :]
    # The bits that are left over in the last character of each part: another spelling of the same bytes.
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    yield from (token[:-1] + other for other in alphabet)


def _resigned(purpose: TokenPurpose, identifier: bytes, keys: Sequence[bytes], now: datetime) -> Iterator[str]:
    name = id_text(identifier)
    for other in TokenPurpose:
        if other is not purpose:
            yield sign_token(keys, other, identifier, now)
            yield sign_token(keys, other, new_id(), now)
    # A key that was taken out of the keyring, a short one, none; and the right key used in another way.
    for key in (bytes(32), b"", hashlib.sha256(b"an old key").digest(), keys[-1][:-1], keys[-1] + b"\0"):
        yield sign_token([key], purpose, identifier, now)
    for digest in (hashlib.sha1, hashlib.sha512, hashlib.md5):
        signer = TimestampSigner(keys[-1], salt=purpose.value, key_derivation="hmac", digest_method=digest)
        yield signer.sign(name).decode()
    for derivation in ("concat", "django-concat", "none"):
        signer = TimestampSigner(keys[-1], salt=purpose.value, key_derivation=derivation, digest_method=hashlib.sha256)
        yield signer.sign(name).decode()
    yield Signer(keys[-1], salt=purpose.value, key_derivation="hmac", digest_method=hashlib.sha256).sign(name).decode()
    # From the future, and from before anything could be this old.
    for moment in (now + timedelta(days=1), now + timedelta(days=40_000), now - timedelta(days=4_000)):
        yield sign_token(keys, purpose, identifier, moment)


def _absurd(token: str) -> Iterator[str]:
    name, stamp, signature = token.split(".")
    yield from (
        f"{name}.{signature}", f"{stamp}.{name}.{signature}", f"{signature}.{stamp}.{name}", f"{name}..{signature}",
        f"{name}.{stamp}.", f".{stamp}.{signature}", f"{token}.{signature}", f"{token}.", f".{token}", token * 2,
        f"{name}.{stamp}.{signature}=", f"{name}==.{stamp}.{signature}", token.lower(), token.upper(), token[::-1],
        base64.urlsafe_b64encode(token.encode()).decode(), token.encode().hex(), "null", "undefined", "-1", "0", "NaN",
        "...", "....", "-.-.-", "status", "reveal", "..", "../../etc/passwd", "%2e%2e", "[]", "{}", "token[]", "*",
        "A" * 127, "A" * 128, "A" * 129, "." * 128, "A" * 2_048, "A" * 100_000, "A" * MEBIBYTE, "é" * MEBIBYTE,
        token + "\0" * 1_000, "𝟘" * 43, "ａ" * 43, "́" * 128, "\u2028" * 64, "\ufeff" + token, token + "\u00ad",
    )  # fmt: skip
