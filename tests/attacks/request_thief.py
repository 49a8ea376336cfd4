"""What a thief has who took the database, every server key and the submit link of a request."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PublicKey,
    Suite,
)
from flask import Flask

from sharelink.acts.requesting import Asked
from sharelink.crypto.header import SealHeader, SealKind
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.padding import pad
from sharelink.crypto.sealing import ServerKeys, epoch_day_of, seal_server
from sharelink.requests.errors import AnswerDamaged
from sharelink.requests.links import RetrievalLink
from sharelink.shares.seals import SealedSecret
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.attacks.request_moves import kept_of, kinds_about, put
from tests.factories import Person, ask_secret, make_person, submit_answer

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
