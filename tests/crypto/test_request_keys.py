"""The key pair of a request: only the retrieval key opens, and only whoever has the submit key seals what opens."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite
from hypothesis import given
from hypothesis import strategies as st

from sharelink.crypto.errors import SealBroken
from sharelink.crypto.header import SealHeader, SealKind
from sharelink.crypto.padding import pad
from sharelink.crypto.request_keys import (
    PUBLIC_KEY_BYTES,
    fingerprint_matches,
    key_fingerprint,
    request_public_key,
    request_submit_key,
    seal_answer,
    submit_key_hash,
    unseal_answer,
)

RETRIEVAL_KEY = bytes(range(32))
HEADER = SealHeader(SealKind.REQUEST, None, datetime(2026, 12, 1, tzinfo=UTC), b"s" * 16, b"c" * 16)
PUBLIC_KEY = request_public_key(RETRIEVAL_KEY, HEADER.share_id)
SUBMIT_KEY = request_submit_key(RETRIEVAL_KEY, HEADER.share_id)


@given(answer=st.binary(max_size=2_000))
def test_the_retrieval_key_opens_what_the_submit_link_sealed(answer: bytes) -> None:
    assert unseal_answer(seal_answer(answer, PUBLIC_KEY, SUBMIT_KEY, HEADER), RETRIEVAL_KEY, HEADER) == answer


def test_keys_are_derived_from_the_retrieval_key_and_the_share_and_from_nothing_else() -> None:
    assert len(PUBLIC_KEY) == PUBLIC_KEY_BYTES
    assert request_public_key(RETRIEVAL_KEY, HEADER.share_id) == PUBLIC_KEY
    others = {
        request_public_key(RETRIEVAL_KEY, b"t" * 16),
        request_public_key(bytes(32), HEADER.share_id),
        PUBLIC_KEY,
    }
    assert len(others) == 3
    assert len({SUBMIT_KEY, request_submit_key(RETRIEVAL_KEY, b"t" * 16), RETRIEVAL_KEY}) == 3


def test_short_answers_have_one_length() -> None:
    lengths = {len(seal_answer(b"x" * length, PUBLIC_KEY, SUBMIT_KEY, HEADER)) for length in (0, 1, 100, 252)}
    assert len(lengths) == 1


@pytest.mark.parametrize(
    "header",
    [
        replace(HEADER, share_id=b"x" * 16),
        replace(HEADER, custody_id=b"x" * 16),
        replace(HEADER, expires_at=datetime(2026, 12, 2, tzinfo=UTC)),
        replace(HEADER, kind=SealKind.SEND),
    ],
    ids=["share", "record", "end", "kind"],
)
def test_an_answer_belongs_to_one_share_record_end_and_kind(header: SealHeader) -> None:
    inner = seal_answer(b"an answer", PUBLIC_KEY, SUBMIT_KEY, HEADER)
    with pytest.raises(SealBroken):
        unseal_answer(inner, RETRIEVAL_KEY, header)


def test_every_flipped_byte_is_refused() -> None:
    inner = seal_answer(b"an answer", PUBLIC_KEY, SUBMIT_KEY, HEADER)
    for position in range(0, len(inner), 7):
        broken = bytearray(inner)
        broken[position] ^= 1
        with pytest.raises(SealBroken):
            unseal_answer(bytes(broken), RETRIEVAL_KEY, HEADER)


@pytest.mark.parametrize("length", [0, 1, 1119, 1120, 1135])
def test_cut_off_bytes_are_refused(length: int) -> None:
    inner = seal_answer(b"an answer", PUBLIC_KEY, SUBMIT_KEY, HEADER)
    with pytest.raises(SealBroken):
        unseal_answer(inner[:length], RETRIEVAL_KEY, HEADER)


def test_the_submit_key_is_part_of_the_seal() -> None:
    """Whoever has the public key and the header, but not the submit link, cannot make an answer that opens."""
    suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    key = MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(PUBLIC_KEY[:1184]), X25519PublicKey.from_public_bytes(PUBLIC_KEY[1184:])
    )
    context = b"sharelink/v1/request\0" + HEADER.to_bytes() + key_fingerprint(PUBLIC_KEY)
    for guess in (b"", bytes(32), submit_key_hash(HEADER.share_id, SUBMIT_KEY), secrets.token_bytes(32)):
        with pytest.raises(SealBroken):
            unseal_answer(suite.encrypt(pad(b"forged"), key, context + guess), RETRIEVAL_KEY, HEADER)
    honest = suite.encrypt(pad(b"honest"), key, context + SUBMIT_KEY)
    assert unseal_answer(honest, RETRIEVAL_KEY, HEADER) == b"honest"


def test_the_fingerprint_tells_a_swapped_key() -> None:
    swapped = request_public_key(secrets.token_bytes(32), HEADER.share_id)
    assert fingerprint_matches(PUBLIC_KEY, key_fingerprint(PUBLIC_KEY))
    assert not fingerprint_matches(swapped, key_fingerprint(PUBLIC_KEY))
    halves_swapped = swapped[:1184] + PUBLIC_KEY[1184:]
    assert not fingerprint_matches(halves_swapped, key_fingerprint(PUBLIC_KEY))


def test_only_the_submit_key_matches_its_hash_and_only_for_its_share() -> None:
    kept = submit_key_hash(HEADER.share_id, SUBMIT_KEY)
    assert submit_key_hash(HEADER.share_id, SUBMIT_KEY) == kept
    assert submit_key_hash(b"t" * 16, SUBMIT_KEY) != kept
    assert submit_key_hash(HEADER.share_id, bytes(32)) != kept


@pytest.mark.parametrize("public_key", [b"", PUBLIC_KEY[:-1], PUBLIC_KEY + b"x"], ids=["none", "short", "long"])
def test_what_is_no_public_key_seals_nothing(public_key: bytes) -> None:
    with pytest.raises(SealBroken):
        seal_answer(b"an answer", public_key, SUBMIT_KEY, HEADER)
