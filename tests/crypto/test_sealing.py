"""The two seals: what opens them, and everything that must not."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from sharelink.crypto.errors import SealBroken
from sharelink.crypto.header import HEADER_BYTES, CodeCost, SealHeader, SealKind
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.link_keys import new_link_key
from sharelink.crypto.sealing import ServerKeys, seal_link, seal_server, server_key_names, unseal_link, unseal_server

CHEAP = CodeCost(memory_kib=8 * 1024, passes=1, lanes=1)
SECRET = "pässword with 😀 and \u202eturn".encode()
CODE = "ABCDEFGH"


def a_header(code_cost: CodeCost | None = None) -> SealHeader:
    return SealHeader(SealKind.SEND, code_cost, datetime(2026, 12, 1, 8, 30, tzinfo=UTC), new_id(), new_id())


def server_keys(version: int = 1) -> ServerKeys:
    return ServerKeys(version, new_link_key(), date(2026, 12, 1), new_link_key())


def test_link_key_and_server_keys_together_open_what_they_sealed() -> None:
    header, link_key, keys = a_header(), new_link_key(), server_keys()
    outer = seal_server(seal_link(SECRET, link_key, None, header), keys, header)
    assert unseal_link(unseal_server(outer, keys, header), link_key, None, header) == SECRET


def test_the_outer_bytes_name_their_keys() -> None:
    header, keys = a_header(), server_keys(version=7)
    outer = seal_server(seal_link(SECRET, new_link_key(), None, header), keys, header)
    assert server_key_names(outer) == (7, date(2026, 12, 1))


def test_all_server_keys_without_the_link_key_open_nothing() -> None:
    header, keys = a_header(), server_keys()
    outer = seal_server(seal_link(SECRET, new_link_key(), None, header), keys, header)
    inner = unseal_server(outer, keys, header)
    assert SECRET not in inner
    with pytest.raises(SealBroken):
        unseal_link(inner, new_link_key(), None, header)


@pytest.mark.parametrize("field", ["master_key", "epoch_key"])
def test_the_link_without_either_server_key_opens_nothing(field: str) -> None:
    header, link_key, keys = a_header(), new_link_key(), server_keys()
    outer = seal_server(seal_link(SECRET, link_key, None, header), keys, header)
    without = replace(keys, **{field: new_link_key()})
    with pytest.raises(SealBroken):
        unseal_server(outer, without, header)


def test_a_wrong_code_opens_nothing_and_the_right_one_does() -> None:
    header, link_key = a_header(CHEAP), new_link_key()
    inner = seal_link(SECRET, link_key, CODE, header)
    for wrong in ("ABCDEFGJ", "", "abcdefgh", CODE + "2"):
        with pytest.raises(SealBroken):
            unseal_link(inner, link_key, wrong, header)
    with pytest.raises(SealBroken):
        unseal_link(inner, link_key, None, header)
    assert unseal_link(inner, link_key, CODE, header) == SECRET


def test_every_flipped_byte_of_the_inner_and_outer_bytes_is_refused() -> None:
    header, link_key, keys = a_header(), new_link_key(), server_keys()
    inner = seal_link(SECRET, link_key, None, header)
    outer = seal_server(inner, keys, header)
    for position in range(len(inner)):
        changed = inner[:position] + bytes([inner[position] ^ 1]) + inner[position + 1 :]
        with pytest.raises(SealBroken):
            unseal_link(changed, link_key, None, header)
    for position in range(len(outer)):
        changed = outer[:position] + bytes([outer[position] ^ 1]) + outer[position + 1 :]
        with pytest.raises(SealBroken):
            unseal_server(changed, keys, header)


def test_every_flipped_byte_of_the_header_is_refused_by_both_layers() -> None:
    header, link_key, keys = a_header(), new_link_key(), server_keys()
    inner = seal_link(SECRET, link_key, None, header)
    outer = seal_server(inner, keys, header)
    raw = header.to_bytes()
    assert len(raw) == HEADER_BYTES == 60
    for position in range(len(raw)):
        changed = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
        try:
            other = SealHeader.from_bytes(changed)
        except SealBroken:
            continue
        with pytest.raises(SealBroken):
            unseal_server(outer, keys, other)
        with pytest.raises(SealBroken):
            unseal_link(inner, link_key, None, other)


def test_cut_off_bytes_are_refused() -> None:
    header, link_key, keys = a_header(), new_link_key(), server_keys()
    inner = seal_link(SECRET, link_key, None, header)
    outer = seal_server(inner, keys, header)
    for length in range(0, len(inner), 7):
        with pytest.raises(SealBroken):
            unseal_link(inner[:length], link_key, None, header)
    for length in range(0, len(outer), 7):
        with pytest.raises(SealBroken):
            unseal_server(outer[:length], keys, header)


def test_the_same_secret_is_never_sealed_to_the_same_bytes() -> None:
    header, link_key, keys = a_header(), new_link_key(), server_keys()
    sealed = {seal_server(seal_link(SECRET, link_key, None, header), keys, header) for _ in range(50)}
    assert len(sealed) == 50


def test_short_secrets_cannot_be_told_apart_by_length() -> None:
    header, link_key = a_header(), new_link_key()
    lengths = {len(seal_link(b"x" * length, link_key, None, header)) for length in range(1, 253)}
    assert len(lengths) == 1


def test_a_header_that_orders_a_costly_derivation_is_refused_before_it_is_run() -> None:
    for cost in (CodeCost(4 * 1024 * 1024, 1, 1), CodeCost(46 * 1024, 1_000, 1), CodeCost(46 * 1024, 1, 200)):
        with pytest.raises(SealBroken):
            SealHeader.from_bytes(a_header(cost).to_bytes())


def test_a_header_keeps_every_field_exactly() -> None:
    header = replace(a_header(CHEAP), expires_at=datetime(2026, 12, 1, 8, 30, 0, 123456, tzinfo=UTC))
    assert SealHeader.from_bytes(header.to_bytes()) == header
    later = replace(header, expires_at=header.expires_at + timedelta(microseconds=1))
    assert later.to_bytes() != header.to_bytes()
