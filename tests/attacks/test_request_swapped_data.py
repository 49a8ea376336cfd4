"""Stored answers that were moved, changed or kept: none of them opens, and none is used up."""

from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import pytest

from sharelink.actors import Actor
from sharelink.acts import receiving
from sharelink.acts.requesting import Asked
from sharelink.crypto.errors import EpochKeyMissing, MasterKeyMissing, SealBroken
from sharelink.crypto.header import SealHeader, SealKind
from sharelink.crypto.sealing import ServerKeys, epoch_day_of, seal_server, unseal_server
from sharelink.jobs.sweeper import destroy_epochs_once
from sharelink.requests.errors import AnswerDamaged
from sharelink.requests.links import RetrievalLink
from sharelink.shares.epochs import end_of
from sharelink.shares.errors import LinkUnavailable, ShareDamaged, ShareEnded
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.request_moves import kept_of, put
from tests.attacks.request_thief import (
    CONTEXT,
    GRACE,
    SEAL,
    SECRET,
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
from tests.attacks.test_stolen_data import everything_stored, flips, keyring_bytes, row_of, windows
from tests.factories import Person, ask_secret, send_secret, submit_answer
from tests.fakes import MovableClock

__all__ = ["answered", "staff", "unit_of_work"]


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
