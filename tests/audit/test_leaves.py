"""The exact bytes of a leaf."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sharelink.audit.leaves import (
    UncanonicalValue,
    canonical_json,
    disclosed_field,
    disclosure,
    disclosure_digest,
    leaf_time,
    pseudonym,
)


def test_keys_are_sorted_and_nothing_is_spaced_or_escaped_without_need():
    assert canonical_json({"b": [1, True, None], "a": 'ü\n"/\x01'}) == (
        '{"a":"ü\\n\\"/\\u0001","b":[1,true,null]}'.encode()
    )


def test_the_bytes_do_not_depend_on_the_order_in_which_fields_were_added():
    assert canonical_json({"a": {"y": 1, "x": 2}, "b": 0}) == canonical_json({"b": 0, "a": {"x": 2, "y": 1}})


@pytest.mark.parametrize("value", [1.5, 2**53, -(2**53), float("nan"), "\ud800", {"ä": 1}, {1: 1}, b"x", (1,)])
def test_what_canonical_json_cannot_carry_is_refused_at_any_depth(value: object):
    with pytest.raises(UncanonicalValue):
        canonical_json({"a": [{"b": value}]})  # type: ignore[dict-item]  # what the type forbids must be refused as well


def test_the_largest_exact_integers_are_carried():
    assert canonical_json({"a": 2**53 - 1, "b": -(2**53) + 1}) == b'{"a":9007199254740991,"b":-9007199254740991}'


def test_a_time_is_utc_with_milliseconds_cut_not_rounded():
    at = datetime(2026, 11, 23, 13, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))
    assert leaf_time(at) == "2026-11-23T12:00:00.999Z"
    assert leaf_time(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000Z"


@pytest.mark.parametrize("value", ["Anna", "", "شركة 🦊", 'a"b\\c', "line\nbreak"])
def test_a_disclosure_gives_back_the_field_and_matches_its_digest_only(value: str):
    disclosed = disclosure("actor_name", value, b"s" * 16)
    assert disclosed_field(disclosed) == ("actor_name", value)
    assert "=" not in disclosed
    digest = base64.urlsafe_b64encode(hashlib.sha256(disclosed.encode()).digest()).decode().rstrip("=")
    assert disclosure_digest(disclosed) == digest
    assert disclosure_digest(disclosure("actor_name", value, b"t" * 16)) != digest


def test_the_salt_is_part_of_the_disclosure():
    disclosed = disclosure("ip", "203.0.113.7", bytes(16))
    salt, name, value = json.loads(base64.urlsafe_b64decode(disclosed + "=" * (-len(disclosed) % 4)))
    assert (salt, name, value) == ("A" * 22, "ip", "203.0.113.7")


def test_an_account_has_one_name_per_chain_and_another_in_every_other():
    account = b"a" * 16
    assert pseudonym(b"k" * 32, "chain", account) == pseudonym(b"k" * 32, "chain", account)
    assert pseudonym(b"k" * 32, "chain", account) != pseudonym(b"k" * 32, "other", account)
    assert pseudonym(b"k" * 32, "chain", account) != pseudonym(b"l" * 32, "chain", account)
