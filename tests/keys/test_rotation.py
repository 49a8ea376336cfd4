"""Versions of keys: staged, current, previous, retired; what each may do, and what keeps a key from being removed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from sharelink.actors import Actor
from sharelink.acts import rotating, sending
from sharelink.acts.receiving import look, reveal
from sharelink.audit.events import AuditEvent
from sharelink.audit.models import AuditCheckpoint, AuditLeaf
from sharelink.crypto.errors import KeyMissing, MasterKeyMissing
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.key_purposes import KeyName, KeyPurpose
from sharelink.crypto.keyring import Keyring
from sharelink.keys.errors import (
    KeyInUse,
    KeyNotLost,
    KeyNotRotated,
    KeysOfAnother,
    KeyStillNeeded,
    KeyVersionUnknown,
    SealingKeyRetired,
)
from sharelink.keys.live import LiveKeyring
from sharelink.keys.log_keys import LiveLogKeys
from sharelink.outbox.models import WebhookEndpoint
from sharelink.shares.errors import LinkUnavailable
from sharelink.shares.models import Share
from sharelink.shares.seals import SealedSecret
from sharelink.tlog.errors import ProofRejected
from sharelink.tlog.signed_notes import SignedNote
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser
from tests.factories import open_record, send_secret
from tests.fakes import MovableClock
from tests.keys.sealed_shares import live_count, seal_many, versions_in_use

MASTER_1, MASTER_2 = KeyName(KeyPurpose.MASTER, 1), KeyName(KeyPurpose.MASTER, 2)


@pytest.fixture
def unit_of_work(unit_of_work: UnitOfWork) -> UnitOfWork:
    """Return what makes units of work, in a process that looks at the keys each time."""
    unit_of_work.keys.refresh_seconds = 0.0
    return unit_of_work


def another_process(unit_of_work: UnitOfWork) -> UnitOfWork:
    """Return the same with a keyring of its own, as another process has it."""
    return replace(unit_of_work, keys=LiveKeyring(unit_of_work.keys.source, refresh_seconds=0.0))


def rotate(unit_of_work: UnitOfWork, purpose: KeyPurpose) -> KeyName:
    name = rotating.stage_next(unit_of_work, purpose).name
    rotating.activate(unit_of_work, name)
    return name


def rewrap(unit_of_work: UnitOfWork, purpose: KeyPurpose = KeyPurpose.MASTER) -> int:
    return sum(rotating.rewrap(unit_of_work, purpose, rest=lambda _seconds: None))


def events(unit_of_work: UnitOfWork) -> list[str]:
    with unit_of_work.read() as work:
        wanted = select(AuditLeaf.type).where(AuditLeaf.type.like("key.%")).order_by(AuditLeaf.index)
        return list(work.session.scalars(wanted))


def test_a_staged_key_is_taken_by_every_process_and_seals_nothing(unit_of_work, staff):
    other = another_process(unit_of_work)
    rotating.stage_next(unit_of_work, KeyPurpose.MASTER)
    send_secret(unit_of_work, staff)
    with other.read():
        assert sorted(other.keyring.keys[KeyPurpose.MASTER]) == [1, 2]
        assert other.keyring.current_master_version == 1
    assert versions_in_use(unit_of_work) == {1: 1}


def test_a_new_current_key_is_used_and_opened_by_every_process_without_a_restart(unit_of_work, staff):
    other = another_process(unit_of_work)
    rotate(unit_of_work, KeyPurpose.MASTER)
    sent = send_secret(other, staff, "from the other", code=False)
    assert versions_in_use(unit_of_work) == {2: 1}
    assert reveal(unit_of_work, Actor.public("203.0.113.7", "x"), sent.link, "").text == "from the other"


def test_a_process_that_does_not_look_again_would_not_open_it(unit_of_work, staff):
    blind = replace(unit_of_work, keys=LiveKeyring(unit_of_work.keys.source, refresh_seconds=3600))
    with blind.read():
        pass
    rotate(unit_of_work, KeyPurpose.MASTER)
    sent = send_secret(unit_of_work, staff, code=False)
    with pytest.raises(MasterKeyMissing):
        reveal(blind, Actor.public("203.0.113.7", "x"), sent.link, "")
    assert live_count(unit_of_work) == 1


def test_a_share_sealed_under_the_old_key_opens_after_rewrap_and_after_its_key_is_gone(unit_of_work, staff):
    coded, plain = send_secret(unit_of_work, staff, "with a code"), send_secret(unit_of_work, staff, "two", code=False)
    rotate(unit_of_work, KeyPurpose.MASTER)
    assert rewrap(unit_of_work) == 2
    assert rotating.retire(unit_of_work, MASTER_1)
    assert not (unit_of_work.keys.source.directory / MASTER_1.file_name).exists()
    visitor = Actor.public("203.0.113.7", "x")
    assert reveal(unit_of_work, visitor, coded.link, coded.code or "").text == "with a code"
    assert reveal(unit_of_work, visitor, plain.link, "").text == "two"
    assert list(another_process(unit_of_work).keyring.keys[KeyPurpose.MASTER]) == [2]
    assert events(unit_of_work)[len(KeyPurpose) + 1 :] == [
        "key.rotated",
        "key.rewrapped",
        "key.retired",
        "key.destroyed",
    ]


def test_a_key_that_shares_need_is_not_retired_and_it_is_said_how_many(unit_of_work, staff):
    record = open_record(unit_of_work, staff)
    seal_many(unit_of_work, staff, record, 3)
    rotate(unit_of_work, KeyPurpose.MASTER)
    with pytest.raises(KeyStillNeeded, match=r"4 still need master\.1"):
        rotating.retire(unit_of_work, MASTER_1)
    assert (unit_of_work.keys.source.directory / MASTER_1.file_name).exists()
    send_secret(unit_of_work, staff)
    assert AuditEvent.KEY_RETIRED.value not in events(unit_of_work)
    with pytest.raises(KeyInUse):
        rotating.retire(unit_of_work, MASTER_2)
    with pytest.raises(KeyVersionUnknown):
        rotating.retire(unit_of_work, KeyName(KeyPurpose.MASTER, 7))


def test_nothing_is_stored_under_a_key_that_was_retired_while_it_was_sealed(unit_of_work, staff, monkeypatch):
    def retire_meanwhile(*_arguments: object) -> None:
        monkeypatch.undo()
        rotate(unit_of_work, KeyPurpose.MASTER)
        rotating.retire(unit_of_work, MASTER_1)

    monkeypatch.setattr("sharelink.acts.sending._store", _after(retire_meanwhile))
    with pytest.raises(SealingKeyRetired):
        send_secret(unit_of_work, staff)
    assert versions_in_use(unit_of_work) == {}


def _after(first):
    real = sending._store

    def store(*arguments):
        first()
        return real(*arguments)

    return store


def test_whoever_retires_a_key_waits_for_a_share_that_is_being_stored_under_it(unit_of_work, staff, app):
    if app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite"):
        pytest.skip("SQLite has one writer: the two never overlap")
    send_secret(unit_of_work, staff)
    with unit_of_work.read() as work:
        row = dict(work.session.execute(select(Share.__table__)).mappings().one())
    rotate(unit_of_work, KeyPurpose.MASTER)
    outcome: list[BaseException | bool] = []

    def retire() -> None:
        with app.app_context():
            try:
                outcome.append(rotating.retire(unit_of_work, MASTER_1))
            except KeyStillNeeded as error:
                outcome.append(error)

    with unit_of_work.write(staff.actor) as work:
        work.shares.rows.hold_master_key(SealedSecret(row["seal_header"], row["outer_ciphertext"]))
        work.session.execute(Share.__table__.delete())
        work.session.execute(Share.__table__.insert(), row | {"id": new_id(), "form_id": new_id()})
        thread = threading.Thread(target=retire)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), "it did not wait for the share"
    thread.join(20)
    assert isinstance(outcome[0], KeyStillNeeded)


def test_a_rotation_that_was_killed_is_taken_up_where_it_was(unit_of_work):
    source = unit_of_work.keys.source
    source.create(MASTER_2)
    assert rotating.stage_next(unit_of_work, KeyPurpose.MASTER).name == MASTER_2
    assert rotating.stage_next(unit_of_work, KeyPurpose.MASTER).name == MASTER_2
    assert sorted(path.name for path in source.directory.glob("master.*")) == ["master.1.key", "master.2.key"]
    rotating.activate(unit_of_work, MASTER_2)
    assert rotating.activate(unit_of_work, MASTER_2) is None
    assert rotating.stage_next(unit_of_work, KeyPurpose.MASTER).name == KeyName(KeyPurpose.MASTER, 3)
    assert events(unit_of_work).count("key.rotated") == 1


def test_a_key_whose_removal_failed_is_removed_by_the_next_try(unit_of_work):
    rotate(unit_of_work, KeyPurpose.MASTER)
    path = unit_of_work.keys.source.directory / MASTER_1.file_name
    kept = path.read_bytes()
    rotating.retire(unit_of_work, MASTER_1)
    path.write_bytes(kept)
    assert rotating.retire(unit_of_work, MASTER_1)
    assert not path.exists()
    with pytest.raises(KeyVersionUnknown):
        rotating.retire(unit_of_work, MASTER_1)


def test_no_version_is_ever_used_for_two_keys(unit_of_work):
    rotate(unit_of_work, KeyPurpose.MASTER)
    rotate(unit_of_work, KeyPurpose.MASTER)
    for name in (MASTER_1, MASTER_2):
        rotating.retire(unit_of_work, name)
    assert rotate(unit_of_work, KeyPurpose.MASTER).version == 4


def test_a_row_that_changed_after_it_was_read_is_left_alone(unit_of_work, staff):
    record = open_record(unit_of_work, staff)
    shares = seal_many(unit_of_work, staff, record, 2)
    rotate(unit_of_work, KeyPurpose.MASTER)
    column = rotating.SEALED[KeyPurpose.MASTER]
    with unit_of_work.read() as work:
        rows, _position = column.batch(work.session, 2, rotating.Position(), 10)
    visitor = Actor.public("203.0.113.7", "x")
    assert reveal(unit_of_work, visitor, shares[0].link, "").text == shares[0].secret
    with unit_of_work.write(Actor.operator()) as work:
        assert column.replace(work.session, [(row, b"\0\2" + row.value[2:]) for row in rows]) == len(rows) - 1
    with unit_of_work.read() as work:
        wanted = select(Share.outer_ciphertext).where(Share.id == shares[0].share_id)
        assert work.session.scalars(wanted).one() is None


def test_what_does_not_open_stays_as_it_is_and_stops_nothing(unit_of_work, staff):
    record = open_record(unit_of_work, staff)
    shares = seal_many(unit_of_work, staff, record, 2)
    with unit_of_work.write(Actor.operator()) as work:
        work.session.execute(
            update(Share).where(Share.id == shares[0].share_id).values(outer_ciphertext=b"\0\1" + bytes(80)),
            execution_options={"synchronize_session": False},
        )
    rotate(unit_of_work, KeyPurpose.MASTER)
    assert rewrap(unit_of_work) == 2
    assert rotating.to_rewrap(unit_of_work, KeyPurpose.MASTER) == 1


def test_links_signed_by_the_older_token_key_work_until_they_are_too_old(unit_of_work, staff, clock: MovableClock):
    sent = send_secret(unit_of_work, staff)
    rotate(unit_of_work, KeyPurpose.TOKEN)
    newer = send_secret(unit_of_work, staff)
    visitor = Actor.public("203.0.113.7", "x")
    assert look(unit_of_work, visitor, sent.link).id == sent.share_id
    assert look(another_process(unit_of_work), visitor, newer.link).id == newer.share_id
    name = KeyName(KeyPurpose.TOKEN, 1)
    with pytest.raises(KeyStillNeeded, match="counts until"):
        rotating.retire(unit_of_work, name)
    clock.now += unit_of_work.share_limits.request_token_lifetime + timedelta(seconds=1)
    assert rotating.retire(unit_of_work, name)
    with pytest.raises(LinkUnavailable):
        look(unit_of_work, visitor, sent.link)


def test_authenticator_apps_work_under_a_new_factor_key_and_recovery_codes_keep_the_old_one(
    unit_of_work, staff, clock: MovableClock
):
    rotate(unit_of_work, KeyPurpose.FACTOR)
    assert rewrap(unit_of_work, KeyPurpose.FACTOR) == 1
    name = KeyName(KeyPurpose.FACTOR, 1)
    with unit_of_work.write(staff.actor) as work:
        account = work.accounts.administration.account(staff.account_id)
        assert work.factors.use_code(account, staff.code(clock.now))
    assert rotating.retire(unit_of_work, name)
    clock.move(minutes=5)
    with unit_of_work.write(staff.actor) as work:
        account = work.accounts.administration.account(staff.account_id)
        assert work.factors.use_code(account, staff.code(clock.now))


def test_a_factor_key_is_kept_while_recovery_codes_made_with_it_work(unit_of_work, staff, clock: MovableClock):
    with unit_of_work.write(staff.actor) as work:
        account = work.accounts.administration.account(staff.account_id)
        work.factors.recovery_codes.make(account.id)
    rotate(unit_of_work, KeyPurpose.FACTOR)
    rewrap(unit_of_work, KeyPurpose.FACTOR)
    name = KeyName(KeyPurpose.FACTOR, 1)
    with pytest.raises(KeyStillNeeded, match=r"10 still need factor\.1"):
        rotating.retire(unit_of_work, name)
    clock.move(minutes=1)
    with unit_of_work.write(staff.actor) as work:
        work.factors.recovery_codes.make(staff.account_id)
    assert rotating.retire(unit_of_work, name)


def test_webhooks_keep_their_secret_under_a_new_key(unit_of_work, staff):
    with unit_of_work.write(staff.actor) as work:
        added = work.endpoints.add("tickets", "https://203.0.113.9/hooks", allow_private=True)
    with unit_of_work.read() as work:
        before = work.endpoints.destination(added.id)
    rotate(unit_of_work, KeyPurpose.WEBHOOK)
    assert rewrap(unit_of_work, KeyPurpose.WEBHOOK) == 1
    assert rotating.retire(unit_of_work, KeyName(KeyPurpose.WEBHOOK, 1))
    with unit_of_work.read() as work:
        assert work.endpoints.destination(added.id) == before
        kept = work.session.scalars(select(WebhookEndpoint.sealed_secret)).one()
    assert kept[:2] == b"\0\2"


def test_a_form_that_was_open_during_a_rotation_can_still_be_sent(app, unit_of_work, staff, clock):
    browser = Browser.of(app)
    browser.sign_in(staff)
    token = browser.token("/account")
    rotate(unit_of_work, KeyPurpose.FORM)
    with unit_of_work.read():
        pass
    answer = browser.post("/sign-out", data={"csrf_token": token})
    assert answer.status_code in {200, 302, 303}
    with pytest.raises(KeyStillNeeded):
        rotating.retire(unit_of_work, KeyName(KeyPurpose.FORM, 1))


def test_two_keys_sign_the_log_until_the_older_is_retired_whose_signatures_then_still_count(unit_of_work, staff):
    send_secret(unit_of_work, staff)
    (old,) = unit_of_work.log_keys.public_keys
    with unit_of_work.read() as work:
        kept = work.session.scalars(select(AuditCheckpoint.note).order_by(AuditCheckpoint.size)).first()
    note = SignedNote.parse(str(kept).encode())
    rotate(unit_of_work, KeyPurpose.LOG)
    with unit_of_work.read():
        assert len(unit_of_work.log_keys.public_keys) == 2
    send_secret(unit_of_work, staff)
    assert rotating.retire(unit_of_work, KeyName(KeyPurpose.LOG, 1))
    with unit_of_work.read():
        assert old not in unit_of_work.log_keys.public_keys
    assert unit_of_work.log_keys.check(note).size
    (unit_of_work.keys.source.directory / "log.1.vkey").unlink()
    forgetful = LiveLogKeys(unit_of_work.log_keys.origin, another_process(unit_of_work).keys).current
    with pytest.raises(ProofRejected):
        forgetful.check(note)


def test_the_audit_key_is_not_replaced_and_it_is_said_why(unit_of_work):
    with pytest.raises(KeyNotRotated, match="pseudonyms"):
        rotating.stage_next(unit_of_work, KeyPurpose.AUDIT)


@contextmanager
def exchanged(unit_of_work: UnitOfWork, name: KeyName) -> Iterator[UnitOfWork]:
    """Yield the same installation with another key under a known name, as a wrong environment has it."""
    path = unit_of_work.keys.source.directory / name.file_name
    kept = path.read_bytes()
    path.unlink()
    unit_of_work.keys.source.create(name)
    try:
        yield another_process(unit_of_work)
    finally:
        path.write_bytes(kept)


def test_a_process_with_the_keys_of_another_installation_changes_nothing(unit_of_work):
    rotating.to_rewrap(unit_of_work, KeyPurpose.MASTER)
    with exchanged(unit_of_work, MASTER_1) as stranger:
        for act in (
            lambda: rotating.stage_next(stranger, KeyPurpose.MASTER),
            lambda: rotating.to_rewrap(stranger, KeyPurpose.MASTER),
            lambda: rotating.retire(stranger, MASTER_1),
        ):
            with pytest.raises(KeysOfAnother):
                act()
    assert events(unit_of_work) == ["key.created"] * len(KeyPurpose)


def test_a_lost_key_can_be_given_up_and_only_then(unit_of_work, staff):
    send_secret(unit_of_work, staff)
    rotate(unit_of_work, KeyPurpose.MASTER)
    with pytest.raises(KeyNotLost):
        rotating.retire(unit_of_work, MASTER_1, is_lost=True)
    (unit_of_work.keys.source.directory / MASTER_1.file_name).unlink()
    with pytest.raises(KeyMissing):
        unit_of_work.keys.source.read(MASTER_1)
    survivor = another_process(unit_of_work)
    with survivor.read() as work:
        assert work.key_versions.lacking(survivor.keyring) == [MASTER_1]
    assert not survivor.keys.agrees_with_source()
    rotating.retire(survivor, MASTER_1, is_lost=True)
    with survivor.read():
        assert survivor.keys.agrees_with_source()


def test_readiness_tells_of_a_key_that_is_staged_and_not_here(unit_of_work):
    rotating.stage_next(unit_of_work, KeyPurpose.MASTER)
    (unit_of_work.keys.source.directory / MASTER_2.file_name).rename(unit_of_work.keys.source.directory / "away")
    other = another_process(unit_of_work)
    with other.read():
        assert not other.keys.agrees_with_source()
    (unit_of_work.keys.source.directory / "away").rename(unit_of_work.keys.source.directory / MASTER_2.file_name)
    with other.read():
        assert other.keys.agrees_with_source()
    assert Keyring.load(other.keys.source).includes(other.keyring)
