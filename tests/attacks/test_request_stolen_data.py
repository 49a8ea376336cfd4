"""What a thief can do to a request with the database, every server key and the submit link: neither read nor forge."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import (
    MLKEM768X25519PrivateKey,
)

from sharelink.acts.requesting import Asked
from sharelink.crypto.errors import SealBroken
from sharelink.crypto.header import SealHeader
from sharelink.crypto.link_keys import link_key_hash, new_link_key
from sharelink.crypto.link_tokens import TokenPurpose, sign_token
from sharelink.crypto.request_keys import (
    key_fingerprint,
    request_public_key,
    request_submit_key,
    submit_key_hash,
    unseal_answer,
)
from sharelink.requests.errors import RequestKeySwapped
from sharelink.requests.links import SubmitLink
from sharelink.shares.errors import LinkUnavailable
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.request_moves import kept_of, kinds_about, put, retrieval, submission
from tests.attacks.request_thief import (
    CONTEXT,
    ML_KEM_BYTES,
    SECRET,
    SUITE,
    answered,
    assert_refused,
    forge,
    header_for,
    inner_of,
    server_keys,
    staff,
    taken,
    unit_of_work,
)
from tests.attacks.test_stolen_data import everything_stored, keyring_bytes, windows
from tests.browsers import Browser
from tests.factories import Person, ask_secret, submit_answer

__all__ = ["answered", "staff", "unit_of_work"]


def test_database_and_all_keys_and_the_submit_link_open_nothing(
    unit_of_work: UnitOfWork, answered: Asked, tmp_path: Path
) -> None:
    row, link = kept_of(unit_of_work, answered), answered.submit_link
    header, inner = SealHeader.from_bytes(row["seal_header"]), inner_of(unit_of_work, row)
    assert inner_of(unit_of_work, row), "the thief takes off the outer seal"
    keys = list(keyring_bytes(tmp_path / "keyring"))
    assert len(keys) >= 11, "the thief has five keys and an epoch key"
    # Whoever has all of it finds the key of no link in it ...
    found = windows(chain(everything_stored(unit_of_work), keys))
    assert answered.retrieval_link.retrieval_key not in found
    assert link.submit_key not in found
    # ... and nothing in it is a private half, nor what one is derived from.
    own = [value for value in row.values() if isinstance(value, bytes)]
    parts = [link.submit_key, link.fingerprint, link.submit_key + link.fingerprint, bytes(64), b"\xff" * 64, inner[:64]]
    near = windows(iter([*keys, *parts, *(value for value in own if len(value) <= 64)]))
    kem_half, curve_half = row["public_key"][:ML_KEM_BYTES], row["public_key"][ML_KEM_BYTES:]
    for candidate in near | {request_submit_key(link.submit_key, answered.share_id)}:
        curve = X25519PrivateKey.from_private_bytes(candidate)
        kem = MLKEM768PrivateKey.from_seed_bytes(candidate + candidate)
        assert curve.public_key().public_bytes_raw() != curve_half
        assert kem.public_key().public_bytes_raw() != kem_half
        with pytest.raises(SealBroken):
            unseal_answer(inner, candidate, header)
        info = CONTEXT + header.to_bytes() + link.fingerprint + link.submit_key
        with pytest.raises((InvalidTag, ValueError)):
            SUITE.decrypt(inner, MLKEM768X25519PrivateKey(kem, curve), info)
    # The thief's way is right: with the one thing that is in no database it opens.
    assert SECRET.encode() in unseal_answer(inner, answered.retrieval_link.retrieval_key, header)


def guesses(unit_of_work: UnitOfWork, asked: Asked, row: dict[str, Any], header: SealHeader) -> Iterator[bytes]:
    """Yield every `info` that a thief without the submit link could come up with."""
    fingerprint, raw = key_fingerprint(row["public_key"]), header.to_bytes()
    keyring = unit_of_work.keyring
    known = [
        b"",
        bytes(32),
        fingerprint,
        row["submit_key_hash"],
        row["link_key_hash"],
        asked.share_id * 2,
        asked.custody_id * 2,
        keyring.audit_key,
        keyring.client_key,
        keyring.form_key,
        *keyring.token_keys,
        keyring.master(keyring.current_master_version),
        server_keys(unit_of_work, header.expires_at).epoch_key,
        row["public_key"][:32],
        row["public_key"][-32:],
    ]
    known += [request_submit_key(key, asked.share_id) for key in known if len(key) == 32]
    for key in known:
        yield CONTEXT + raw + fingerprint + key
    yield from (b"", CONTEXT, raw, CONTEXT + raw, CONTEXT + fingerprint, CONTEXT + raw + row["public_key"])


def test_database_and_all_keys_cannot_forge_an_answer(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    row, header = kept_of(unit_of_work, asked), header_for(unit_of_work, asked)
    tried = 0
    for info in guesses(unit_of_work, asked, row, header):
        forge(unit_of_work, asked, row["public_key"], info, header)
        assert_refused(unit_of_work, staff, asked)
        tried += 1
    assert tried > 30
    # The forger's way is right: with the submit link, and nothing else, it opens.
    link = asked.submit_link
    right = CONTEXT + header.to_bytes() + link.fingerprint + link.submit_key
    forge(unit_of_work, asked, row["public_key"], right, header)
    assert taken(unit_of_work, staff, asked.retrieval_link) == ["the thief's own"]


def test_a_forged_answer_to_a_key_pair_of_the_thiefs_own_is_refused(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked, own = ask_secret(unit_of_work, staff), new_link_key()
    header = header_for(unit_of_work, asked)
    public_key, submit_key = request_public_key(own, asked.share_id), request_submit_key(own, asked.share_id)
    info = CONTEXT + header.to_bytes() + key_fingerprint(public_key) + submit_key
    forge(unit_of_work, asked, public_key, info, header)
    put(
        unit_of_work,
        asked.share_id,
        public_key=public_key,
        submit_key_hash=submit_key_hash(asked.share_id, submit_key),
    )
    assert_refused(unit_of_work, staff, asked)


def test_a_forged_answer_is_answered_over_http_with_503_and_consumes_nothing(
    unit_of_work: UnitOfWork, staff: Person, staff_client: Browser
) -> None:
    asked = ask_secret(unit_of_work, staff)
    row, header = kept_of(unit_of_work, asked), header_for(unit_of_work, asked)
    forge(unit_of_work, asked, row["public_key"], CONTEXT + header.to_bytes() + asked.submit_link.fingerprint, header)
    before, kinds = kept_of(unit_of_work, asked), kinds_about(unit_of_work, asked)
    path, form = retrieval(asked)
    answer = staff_client.post(path, data=form)
    assert answer.status_code == 503
    assert "not made with the customer" in answer.text
    assert "the thief" not in answer.text
    assert kept_of(unit_of_work, asked) == before
    assert kinds_about(unit_of_work, asked) == kinds


@pytest.mark.parametrize("kind", ["another-key", "one-half", "no-key", "of-another-request"])
def test_a_swapped_public_key_is_refused_before_anything_is_sealed_and_is_an_incident(
    unit_of_work: UnitOfWork, staff: Person, client: Browser, kind: str
) -> None:
    asked, own = ask_secret(unit_of_work, staff), new_link_key()
    true_key = kept_of(unit_of_work, asked)["public_key"]
    thiefs = request_public_key(own, asked.share_id)
    swapped = {
        "another-key": thiefs,
        "one-half": true_key[:ML_KEM_BYTES] + thiefs[ML_KEM_BYTES:],
        "no-key": bytes(len(thiefs)),
        "of-another-request": kept_of(unit_of_work, ask_secret(unit_of_work, staff))["public_key"],
    }[kind]
    # Everything else is as if the request had been made with the thief's key; but the customer's link was sent before.
    put(unit_of_work, asked.share_id, public_key=swapped, link_key_hash=link_key_hash(asked.share_id, own))
    path, form = submission(asked, SECRET)
    answer = client.post(path, data=form)
    assert answer.status_code == 409
    assert "not safe" in answer.text
    assert SECRET not in answer.text
    row = kept_of(unit_of_work, asked)
    assert (row["state"], row["seal_header"], row["outer_ciphertext"], row["submitted_at"]) == (
        "awaiting",
        None,
        None,
        None,
    )
    assert kinds_about(unit_of_work, asked) == ["request.created", "request.key_mismatch"]
    with unit_of_work.read() as work:
        assert work.requests.find(asked.submit_link).is_held
    # Put right again, it takes the answer; the hold stays.
    put(unit_of_work, asked.share_id, public_key=true_key)
    assert client.post(path, data=form).status_code == 200


def test_a_link_with_another_fingerprint_seals_nothing(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    right = asked.submit_link
    with pytest.raises(RequestKeySwapped):
        submit_answer(unit_of_work, SubmitLink(right.token, right.submit_key, bytes(32)), SECRET)
    assert kept_of(unit_of_work, asked)["state"] == "awaiting"


def test_a_swapped_submit_key_lets_the_thief_submit_but_nobody_reads_it(
    unit_of_work: UnitOfWork, staff: Person
) -> None:
    asked, own = ask_secret(unit_of_work, staff), new_link_key()
    put(unit_of_work, asked.share_id, submit_key_hash=submit_key_hash(asked.share_id, own))
    with pytest.raises(LinkUnavailable):
        submit_answer(unit_of_work, asked.submit_link, SECRET)
    token = sign_token(unit_of_work.keyring.token_keys, TokenPurpose.SUBMIT, asked.share_id, unit_of_work.clock())
    submit_answer(unit_of_work, SubmitLink(token, own, asked.submit_link.fingerprint), "the thief's own")
    assert_refused(unit_of_work, staff, asked)
