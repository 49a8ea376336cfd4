"""What one stored event must satisfy by itself. Pure, and quick: a log has millions of them."""

import base64
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from sharelink.audit.findings import Finding, FindingKind
from sharelink.audit.leaves import (
    LEAF_VERSION,
    UncanonicalValue,
    disclosed_field,
    disclosure_digests,
    leaf_time,
    pseudonym,
    spelled_canonically,
)
from sharelink.times import from_microseconds

_FIELDS = frozenset(
    {"v", "id", "t", "type", "rec", "rseq", "prev", "actor", "obj", "outcome", "reason", "purpose"} | {"_sd_alg", "_sd"}
)
_REPEATED = ("rec", "rseq", "type", "t")
"""What columns repeat of a leaf, so that it can be looked for."""

_SALT_END = 36
"""A disclosure begins with brackets, quotes and 16 bytes of salt: 27 bytes of JSON, 36 characters of base64url."""


_TEXTS: frozenset[type] = frozenset({str})


Disclosed = tuple[int, str, str, str]
"""A personal field: the index of its event, its name, the disclosure, and its digest."""


BEFORE_ALL, AFTER_ALL = -(2**62), 2**62
"""No event has such a number; somebody may have given it to one all the same."""


class MalformedLeaf(Exception):
    """The stored bytes are no event; `kind` says in which way."""

    def __init__(self, kind: FindingKind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class StoredEvent(NamedTuple):
    """A row as the database holds it. Whoever changed it may have changed the type of a value, too."""

    leaf_index: int
    rec: object
    rseq: object
    type: object
    at_microseconds: object
    leaf: bytes
    leaf_hash: object


def stored_bytes(value: object) -> bytes:
    """Return what a column of bytes holds: SQLite's text functions make texts of them, whose letters count the same."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return value if isinstance(value, bytes) else b""


def parsed_leaf(leaf: bytes) -> dict[str, Any]:
    """Return the fields of a leaf whose bytes are the canonical ones.

    Raises:
        MalformedLeaf: they are not, or they are no event of this version.
    """
    try:
        fields = spelled_canonically(leaf)
    except (UncanonicalValue, orjson.JSONEncodeError) as error:
        text = f"the stored event holds what canonical JSON cannot: {error}"
        raise MalformedLeaf(FindingKind.LEAF_NOT_CANONICAL, text) from error
    except ValueError as error:
        raise MalformedLeaf(FindingKind.LEAF_MALFORMED, "the stored event is not a JSON object") from error
    if fields is None:
        raise MalformedLeaf(FindingKind.LEAF_NOT_CANONICAL, "the stored event is not in its canonical form")
    if not fields.keys() >= _FIELDS:
        raise MalformedLeaf(FindingKind.LEAF_MALFORMED, "the stored event lacks fields")
    if not isinstance(fields["type"], str):
        raise MalformedLeaf(FindingKind.LEAF_MALFORMED, "the event's type is no text")
    if fields["v"] != LEAF_VERSION or fields["_sd_alg"] != "sha-256":
        raise MalformedLeaf(FindingKind.LEAF_MALFORMED, "the event's version is unknown")
    digests = fields["_sd"]
    if not isinstance(digests, list) or not _TEXTS.issuperset(map(type, digests)):
        raise MalformedLeaf(FindingKind.LEAF_MALFORMED, "the event's digests are no texts")
    return fields


def check_columns(stored: StoredEvent, fields: dict[str, Any]) -> list[Finding]:
    """Return a finding for each column that repeats a field of the leaf wrongly."""
    at = stored.at_microseconds
    columns = (stored.rec, stored.rseq, stored.type, _time_text(at) if isinstance(at, int) else "")
    told = (fields["rec"], fields["rseq"], fields["type"], fields["t"])
    if columns == told:
        return []
    return [
        Finding(FindingKind.COLUMN_DIFFERS, stored.leaf_index, f"the column for {name} says something else")
        for name, value, by_event in zip(_REPEATED, columns, told, strict=True)
        if by_event != value
    ]


def with_digests(rows: Sequence[tuple[int, object, object]]) -> list[Disclosed]:
    """Return rows of personal fields with the digests by which leaves commit to them."""
    # Whoever changed a row may have put bytes or letters there, of which no disclosure ever consisted.
    texts = [text if type(text) is str and text.isascii() else "" for _index, _name, text in rows]
    return [
        (index, str(name), text, digest)
        for (index, name, _text), text, digest in zip(rows, texts, disclosure_digests(texts), strict=True)
    ]


def check_disclosures(index: int, digests: Sequence[str], disclosed: Sequence[Disclosed]) -> list[Finding]:
    """Return a finding for each personal field that is not one of those that the leaf commits to, under its name."""
    findings: list[Finding] = []
    for _index, name, text, digest in disclosed:
        if digest not in digests:
            foreign = f"the personal field {name} is not the one that was logged"
            findings.append(Finding(FindingKind.DISCLOSURE_FOREIGN, index, foreign))
        elif not text.startswith(_name_in_base64(name), _SALT_END) and _name_inside(text) != name:
            renamed = f"the personal field {name} was logged under another name"
            findings.append(Finding(FindingKind.DISCLOSURE_RENAMED, index, renamed))
    return findings


def check_actor(stored: StoredEvent, fields: dict[str, Any], account_id: object, pseudonym_key: bytes) -> list[Finding]:
    """Return a finding if the account beside the leaf is not the one whose pseudonym the leaf has."""
    actor = fields["actor"]
    ref = actor.get("ref") if isinstance(actor, dict) else None
    rec = str(stored.rec)
    if isinstance(account_id, bytes) and rec.isascii() and _pseudonym(pseudonym_key, rec, account_id) == ref:
        return []
    text = "the account beside the event is not the one that acted"
    return [Finding(FindingKind.ACTOR_DIFFERS, stored.leaf_index, text)]


_pseudonym = lru_cache(maxsize=4096)(pseudonym)


def _name_inside(text: str) -> str | None:
    try:
        return disclosed_field(text)[0]
    except (ValueError, TypeError):
        # No disclosure, and yet in an event: somebody has written both.
        return None


@lru_cache(maxsize=1024)
def _name_in_base64(name: str) -> str:
    """Return the characters of base64url that a name, and the quote after it, have in every disclosure of that name."""
    raw = name.encode("utf-8") + b'"'
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")[: len(raw) * 8 // 6]


@lru_cache(maxsize=64)
def _second_text(seconds: int) -> str:
    return leaf_time(from_microseconds(seconds * 1_000_000))[:-4]


def _time_text(at_microseconds: int) -> str:
    seconds, rest = divmod(at_microseconds, 1_000_000)
    try:
        return f"{_second_text(seconds)}{rest // 1000:03d}Z"
    except (ValueError, OverflowError, OSError):
        return ""
