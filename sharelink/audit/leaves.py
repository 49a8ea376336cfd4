"""The exact bytes of an audit leaf (canonical JSON) and its disclosures (form of RFC 9901).

Nothing here knows a database: what goes in are values, what comes out are bytes.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import orjson

LEAF_VERSION = 1
MAX_LEAF_BYTES = 65_535
"""An entry bundle carries the length of an entry in 16 bits (C2SP tlog-tiles)."""

_MAX_EXACT_INTEGER = 2**53 - 1
_SCALARS: frozenset[type] = frozenset({str, int, bool, type(None)})
_DIGEST_CHARACTERS = 43
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER

JsonValue = str | int | bool | None | dict[str, Any] | list[Any]


class UncanonicalValue(ValueError):
    """A value that canonical JSON could not carry unchanged: a float, a huge integer, half a character."""


def canonical_json(value: Mapping[str, JsonValue]) -> bytes:
    """Return RFC 8785 canonical JSON of `value`, as UTF-8.

    orjson writes those bytes for ASCII keys and for strings, booleans, null and integers below 2^53; anything else is
    refused rather than written wrongly.

    Raises:
        UncanonicalValue: `value` holds something outside of that.
    """
    _check(value)
    try:
        return orjson.dumps(value, option=_CANONICAL)
    except orjson.JSONEncodeError as error:
        raise UncanonicalValue("half of a character") from error


@dataclass(frozen=True, slots=True)
class UnplacedLeaf:
    """A leaf that is checked and complete but for its place in a chain, which only the holder of the head knows."""

    fields: dict[str, JsonValue]

    @classmethod
    def of(cls, fields: dict[str, JsonValue]) -> Self:
        """Return the leaf of `fields`, which lack `rseq` and `prev`.

        Raises:
            UncanonicalValue: as `canonical_json`.
        """
        canonical_json(fields)
        return cls(fields)

    def placed(self, rseq: int, previous: bytes | None) -> bytes:
        """Return its canonical JSON at the place `rseq`, counted from 0, after the leaf with the hash `previous`."""
        prev = None if previous is None else binascii.b2a_base64(previous, newline=False).decode("ascii")
        return orjson.dumps(self.fields | {"rseq": rseq, "prev": prev}, option=_CANONICAL)


def spelled_canonically(leaf: bytes) -> dict[str, JsonValue] | None:
    """Return the JSON object in `leaf`, if these are its canonical bytes; None if it has others.

    Raises:
        ValueError: it is no JSON, or no object.
    """
    value = orjson.loads(leaf)
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of all that is no leaf, this is one
    # A float has a spelling that survives, too; leaves have none.
    if orjson.dumps(value, option=_CANONICAL) != leaf or not _is_plain(value):
        return None
    if not leaf.isascii():
        _check(value)
    return value


def _is_plain(value: dict[str, Any]) -> bool:
    for inner in value.values():
        kind = type(inner)
        if kind in _SCALARS or (kind is list and _SCALARS.issuperset(map(type, inner))):
            continue
        if kind is not dict or not _is_plain(inner):
            return False
    return True


def _check(value: object) -> None:
    if isinstance(value, bool | str | None):
        return
    if isinstance(value, int):
        if abs(value) > _MAX_EXACT_INTEGER:
            raise UncanonicalValue("an integer of 2^53 or more")
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise UncanonicalValue("a key that is not ASCII text")
            _check(inner)
        return
    if isinstance(value, list):
        for inner in value:
            _check(inner)
        return
    raise UncanonicalValue(type(value).__name__)


def leaf_time(at: datetime) -> str:
    """Return `at` in UTC as RFC 3339 with milliseconds, the only form of time in a leaf."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def disclosure(name: str, value: str, salt: bytes) -> str:
    """Return the disclosure of one personal field: unpadded base64url of the JSON [salt, name, value]."""
    content = json.dumps([_unpadded(salt), name, value], separators=(",", ":"), ensure_ascii=False)
    return _unpadded(content.encode("utf-8"))


def disclosure_digest(disclosed: str) -> str:
    """Return what the leaf holds instead of the field: unpadded base64url of SHA-256 over the disclosure's ASCII."""
    return disclosure_digests([disclosed])[0]


def disclosure_digests(disclosed: Sequence[str]) -> list[str]:
    """Return the `disclosure_digest` of each, at once: a log has several of them for each event."""
    # 32 bytes and a zero byte are eleven groups of base64, of which the first 43 characters are the digest's own.
    raw = b"".join([hashlib.sha256(text.encode("ascii")).digest() + b"\0" for text in disclosed])
    spelled = binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE).decode("ascii")
    return [spelled[at : at + _DIGEST_CHARACTERS] for at in range(0, len(spelled), _DIGEST_CHARACTERS + 1)]


def disclosed_field(disclosed: str) -> tuple[str, str]:
    """Return name and value that a disclosure made by `disclosure` carries."""
    content = base64.urlsafe_b64decode(disclosed + "=" * (-len(disclosed) % 4))
    _salt, name, value = json.loads(content)
    return str(name), str(value)


def pseudonym(key: bytes, rec: str, account_id: bytes) -> str:
    """Return the name of an account inside one chain: stable there, unlinkable between chains without `key`."""
    digest = hmac.digest(key, b"sharelink/v1/pseudonym\0" + rec.encode("ascii") + b"\0" + account_id, "sha256")
    return _unpadded(digest[:16])


def _unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
