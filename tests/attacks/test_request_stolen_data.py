"""What a thief can do to a request with the database, every server key and the submit link: neither read nor forge."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from flask import Flask

from sharelink.actors import Actor
from sharelink.acts import receiving
from sharelink.acts.requesting import Asked
from sharelink.crypto.errors import EpochKeyMissing, MasterKeyMissing, SealBroken
from sharelink.crypto.header import SealHeader, SealKind
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.link_keys import link_key_hash, new_link_key
from sharelink.crypto.link_tokens import TokenPurpose, sign_token
from sharelink.crypto.padding import pad
from sharelink.crypto.request_keys import (
    key_fingerprint,
    request_public_key,
    request_submit_key,
    submit_key_hash,
    unseal_answer,
)
from sharelink.crypto.sealing import ServerKeys, epoch_day_of, seal_server, unseal_server
from sharelink.jobs.sweeper import destroy_epochs_once
from sharelink.requests.errors import AnswerDamaged, RequestKeySwapped
from sharelink.requests.links import RetrievalLink, SubmitLink
from sharelink.shares.epochs import end_of
from sharelink.shares.errors import LinkUnavailable, ShareDamaged, ShareEnded
from sharelink.shares.seals import SealedSecret
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.attacks.request_moves import kept_of, kinds_about, put, retrieval, submission
from tests.attacks.test_stolen_data import everything_stored, flips, keyring_bytes, row_of, windows
from tests.browsers import Browser
from tests.factories import Person, ask_secret, make_person, send_secret, submit_answer
from tests.fakes import MovableClock

SECRET = "what the thief wants"
FORGED = b'{"v": 1, "fields": [{"label": "x", "kind": "text", "value": "the thief\'s own", "differs": false}]}'
CONTEXT = b"sharelink/v1/request\0"
GRACE = timedelta(hours=1)
ML_KEM_BYTES = 1184
SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
SEAL = ("seal_header", "outer_ciphertext")


@pytest.fixture
def unit_of_work(app: Flask) -> Iterator[UnitOfWork]:
    """Yield what makes units of work on a database of each test's own, by the movable clock."""
    with app.app_context():
        made: UnitOfWork = app.extensions[EXTENSION].unit_of_work
        yield made


@pytest.fixture
def staff(unit_of_work: UnitOfWork) -> Person:
    return make_person(unit_of_work, "Anna Example", "anna@example.com")


@pytest.fixture
def answered(unit_of_work: UnitOfWork, staff: Person) -> Asked:
    """Return a request whose answer waits."""
    asked = ask_secret(unit_of_work, staff)
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    return asked


def taken(unit_of_work: UnitOfWork, person: Person, link: RetrievalLink) -> list[str]:
    """Retrieve as the act does once it knows who is there."""
    with unit_of_work.write(person.actor) as work:
        facts, fields = work.requests.open_answer(link)
        work.requests.claim(facts, "take_into_custody", "T-1")
    return [field.value for field in fields]


def assert_refused(unit_of_work: UnitOfWork, staff: Person, asked: Asked) -> None:
    """Make sure that the stored answer does not open, and that nothing was used up by trying."""
    before, kinds = kept_of(unit_of_work, asked), kinds_about(unit_of_work, asked)
    with pytest.raises(AnswerDamaged):
        taken(unit_of_work, staff, asked.retrieval_link)
    assert kept_of(unit_of_work, asked) == before
    assert kinds_about(unit_of_work, asked) == kinds


def server_keys(unit_of_work: UnitOfWork, until: datetime) -> ServerKeys:
    """Return what a thief of the whole keyring has for an answer that ends at `until`."""
    version, day = unit_of_work.keyring.current_master_version, epoch_day_of(until)
    return ServerKeys(version, unit_of_work.keyring.master(version), day, unit_of_work.epoch_keys.ensure(day))


def inner_of(unit_of_work: UnitOfWork, row: dict[str, Any]) -> bytes:
    return (
        SealedSecret(row["seal_header"], row["outer_ciphertext"])
        .opened_by_server(unit_of_work.keyring, unit_of_work.epoch_keys)
        .inner
    )


def forge(unit_of_work: UnitOfWork, asked: Asked, public_key: bytes, info: bytes, header: SealHeader) -> None:
    """Put an answer of one's own into the database, in every way as the service would have put it."""
    key = MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public_key[:ML_KEM_BYTES]),
        X25519PublicKey.from_public_bytes(public_key[ML_KEM_BYTES:]),
    )
    inner = SUITE.encrypt(pad(FORGED), key, info)
    put(
        unit_of_work,
        asked.share_id,
        state="sealed",
        seal_header=header.to_bytes(),
        outer_ciphertext=seal_server(inner, server_keys(unit_of_work, header.expires_at), header),
        expires_at=header.expires_at,
        submitted_at=unit_of_work.clock(),
        submitted_event=new_id(),
    )


def header_for(unit_of_work: UnitOfWork, asked: Asked, kind: SealKind = SealKind.REQUEST) -> SealHeader:
    return SealHeader(kind, None, unit_of_work.clock() + timedelta(days=7), asked.share_id, asked.custody_id)


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


def test_an_answer_moved_to_another_request_opens_for_neither(
    unit_of_work: UnitOfWork, staff: Person, answered: Asked
) -> None:
    mine = ask_secret(unit_of_work, staff, custody_id=answered.custody_id)
    submit_answer(unit_of_work, mine.submit_link, "mine")
    own, victims = kept_of(unit_of_work, mine), kept_of(unit_of_work, answered)
    assert own["expires_at"] == victims["expires_at"]
    header = SealHeader.from_bytes(own["seal_header"])
    keys = server_keys(unit_of_work, own["expires_at"])
    resealed = seal_server(inner_of(unit_of_work, victims), keys, header)
    seal = {name: victims[name] for name in SEAL}
    keys_of_the_victim = {name: victims[name] for name in ("public_key", "submit_key_hash")}
    for change in (
        seal,
        {"outer_ciphertext": victims["outer_ciphertext"]},
        {"seal_header": victims["seal_header"]},
        {"outer_ciphertext": resealed},
        {"outer_ciphertext": resealed} | keys_of_the_victim,
        seal | keys_of_the_victim,
    ):
        put(unit_of_work, mine.share_id, **change)
        assert_refused(unit_of_work, staff, mine)
        put(unit_of_work, mine.share_id, **{name: own[name] for name in change})
    # With the victim's hash of the link key as well, the victim's custodians still find only their own row.
    with pytest.raises(LinkUnavailable):
        taken(unit_of_work, staff, RetrievalLink(answered.retrieval_link.token, mine.retrieval_link.retrieval_key))
    assert taken(unit_of_work, staff, answered.retrieval_link) == [SECRET]
    assert taken(unit_of_work, staff, mine.retrieval_link) == ["mine"]


def test_a_longer_life_written_into_the_row_does_not_make_the_answer_live_longer(
    unit_of_work: UnitOfWork, staff: Person, answered: Asked
) -> None:
    row = kept_of(unit_of_work, answered)
    later = row["expires_at"] + timedelta(days=3)
    header = SealHeader(SealKind.REQUEST, None, later, answered.share_id, answered.custody_id)
    resealed = seal_server(inner_of(unit_of_work, row), server_keys(unit_of_work, later), header)
    for change in (
        {"expires_at": later},
        {"expires_at": later, "seal_header": header.to_bytes()},
        {"expires_at": later, "seal_header": header.to_bytes(), "outer_ciphertext": resealed},
    ):
        put(unit_of_work, answered.share_id, **change)
        assert_refused(unit_of_work, staff, answered)
        put(unit_of_work, answered.share_id, **{name: row[name] for name in change})
    assert taken(unit_of_work, staff, answered.retrieval_link) == [SECRET]


def test_a_sends_seal_in_a_request_and_a_requests_seal_in_a_send_do_not_open(
    unit_of_work: UnitOfWork, staff: Person, answered: Asked
) -> None:
    visitor = Actor.public("203.0.113.9", "A phone")
    sent = send_secret(unit_of_work, staff, "sent", custody_id=answered.custody_id, code=False)
    send_row, request_row = row_of(unit_of_work, sent), kept_of(unit_of_work, answered)
    assert send_row["expires_at"] == request_row["expires_at"]
    keys = server_keys(unit_of_work, request_row["expires_at"])
    for kind in SealKind:
        header = SealHeader(kind, None, request_row["expires_at"], answered.share_id, answered.custody_id)
        for seal in (
            {name: send_row[name] for name in SEAL},
            {"seal_header": header.to_bytes(), "outer_ciphertext": send_row["outer_ciphertext"]},
            {
                "seal_header": header.to_bytes(),
                "outer_ciphertext": seal_server(inner_of(unit_of_work, send_row), keys, header),
            },
        ):
            put(unit_of_work, answered.share_id, **seal)
            assert_refused(unit_of_work, staff, answered)
        header = SealHeader(kind, None, send_row["expires_at"], sent.share_id, sent.custody_id)
        for seal in (
            {name: request_row[name] for name in SEAL},
            {
                "seal_header": header.to_bytes(),
                "outer_ciphertext": seal_server(inner_of(unit_of_work, request_row), keys, header),
            },
        ):
            put(unit_of_work, sent.share_id, **seal)
            with pytest.raises(ShareDamaged):
                receiving.reveal(unit_of_work, visitor, sent.link, "")
    put(unit_of_work, answered.share_id, **{name: request_row[name] for name in SEAL})
    put(unit_of_work, sent.share_id, **{name: send_row[name] for name in SEAL})
    assert receiving.reveal(unit_of_work, visitor, sent.link, "").text == "sent"
    assert taken(unit_of_work, staff, answered.retrieval_link) == [SECRET]


def test_a_true_answer_in_a_header_of_the_other_kind_is_refused(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    header, link = header_for(unit_of_work, asked, SealKind.SEND), asked.submit_link
    info = CONTEXT + header.to_bytes() + link.fingerprint + link.submit_key
    forge(unit_of_work, asked, kept_of(unit_of_work, asked)["public_key"], info, header)
    assert_refused(unit_of_work, staff, asked)


def test_every_changed_byte_of_a_sealed_answer_is_refused_and_consumes_nothing(
    unit_of_work: UnitOfWork, staff: Person, answered: Asked
) -> None:
    original = kept_of(unit_of_work, answered)
    for column, step in (("seal_header", 1), ("outer_ciphertext", 17)):
        spoiled = [*list(flips(original[column]))[::step], b"", original[column][:-1], original[column] + b"\0"]
        for changed in spoiled:
            put(unit_of_work, answered.share_id, **{column: changed})
            with pytest.raises((AnswerDamaged, MasterKeyMissing)):
                taken(unit_of_work, staff, answered.retrieval_link)
        put(unit_of_work, answered.share_id, **{column: original[column]})
    assert kept_of(unit_of_work, answered) == original
    assert taken(unit_of_work, staff, answered.retrieval_link) == [SECRET]


def test_an_old_copy_of_an_answer_opens_until_the_epoch_key_dies_and_never_after(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock, tmp_path: Path
) -> None:
    asked = ask_secret(unit_of_work, staff, retrieve_lifetime=timedelta(hours=1))
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    copy = kept_of(unit_of_work, asked)
    day = epoch_day_of(copy["expires_at"])
    assert copy["expires_at"] == clock.now.astimezone(UTC) + timedelta(hours=1)
    old = {name: copy[name] for name in ("state", "ended_at", "outer_ciphertext")}
    assert taken(unit_of_work, staff, asked.retrieval_link) == [SECRET]
    assert kept_of(unit_of_work, asked)["outer_ciphertext"] is None
    with pytest.raises(ShareEnded):
        taken(unit_of_work, staff, asked.retrieval_link)
    # What we promise begins with the death of the key, and we say so: until then a copy opens.
    put(unit_of_work, asked.share_id, **old)
    assert taken(unit_of_work, staff, asked.retrieval_link) == [SECRET]

    def clock_of_the_database(_session: object) -> datetime:
        return clock.now

    submitted_at = clock.now
    clock.now = end_of(day) + GRACE
    assert destroy_epochs_once(unit_of_work, GRACE, read_database_clock=clock_of_the_database) == 1
    assert list((tmp_path / "keyring" / "epochs").iterdir()) == []
    clock.now = submitted_at
    put(unit_of_work, asked.share_id, **old)
    assert_refused(unit_of_work, staff, asked)
    # Nor by hand, with every key that is left, and both links.
    with pytest.raises(EpochKeyMissing):
        inner_of(unit_of_work, copy)
    header, master = SealHeader.from_bytes(copy["seal_header"]), unit_of_work.keyring.master(1)
    keys = [asked.retrieval_link.retrieval_key, asked.submit_link.submit_key, master, bytes(32)]
    for candidate in windows(chain(everything_stored(unit_of_work), keyring_bytes(tmp_path / "keyring"), keys)):
        with pytest.raises(SealBroken):
            unseal_server(copy["outer_ciphertext"], ServerKeys(1, master, day, candidate), header)
