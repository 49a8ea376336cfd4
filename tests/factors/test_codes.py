"""Codes of authenticator apps and recovery codes: each works once, for one account, and the database shows none."""

import threading
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select, update

from sharelink.accounts.models import Account
from sharelink.actors import Actor
from sharelink.acts.rotating import activate, stage_next
from sharelink.crypto.errors import FactorKeyMissing, SealBroken
from sharelink.crypto.factor_secrets import (
    new_recovery_code,
    normalised_recovery_code,
    seal_shared_secret,
    unseal_shared_secret,
    written_recovery_code,
)
from sharelink.crypto.key_purposes import KeyName, KeyPurpose
from sharelink.factors.models import AuthenticatorApp, RecoveryCode
from sharelink.factors.one_time_codes import app_address, matching_step, normalised_one_time_code, secret_text
from sharelink.keys.live import LiveKeyring
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from sharelink.work import Work
from tests.factories import Person, make_person
from tests.fakes import MovableClock


def account_of(work: Work, person: Person) -> Account:
    return work.accounts.administration.account(person.account_id)


def use_code(unit_of_work: UnitOfWork, person: Person, code: str) -> bool:
    with unit_of_work.write(person.actor) as work:
        return work.factors.use_code(account_of(work, person), code)


def use_recovery_code(unit_of_work: UnitOfWork, person: Person, code: str) -> bool:
    with unit_of_work.write(person.actor) as work:
        return work.factors.use_recovery_code(account_of(work, person), code)


def make_codes(unit_of_work: UnitOfWork, person: Person) -> tuple[str, ...]:
    with unit_of_work.write(person.actor) as work:
        return work.factors.make_recovery_codes(account_of(work, person))


def test_a_code_works_once(unit_of_work: UnitOfWork, staff: Person, clock: MovableClock) -> None:
    code = staff.code(clock.now)
    assert use_code(unit_of_work, staff, code)
    assert not use_code(unit_of_work, staff, code)
    clock.move(seconds=30)
    assert not use_code(unit_of_work, staff, code), "within the tolerance, but used"
    assert use_code(unit_of_work, staff, staff.code(clock.now))


def test_after_a_code_no_older_one_works(unit_of_work: UnitOfWork, staff: Person, clock: MovableClock) -> None:
    assert use_code(unit_of_work, staff, staff.code(clock.now, 1))
    assert not use_code(unit_of_work, staff, staff.code(clock.now))
    assert not use_code(unit_of_work, staff, staff.code(clock.now, -1))


@pytest.mark.parametrize(("steps_later", "works"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_half_a_minute_of_a_wrong_clock_is_forgiven_and_no_more(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock, steps_later: int, works: bool
) -> None:
    assert use_code(unit_of_work, staff, staff.code(clock.now, steps_later)) is works


def test_a_code_of_somebody_else_is_worth_nothing(unit_of_work: UnitOfWork, staff: Person, clock: MovableClock) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com")
    assert not use_code(unit_of_work, staff, ben.code(clock.now))


def test_of_two_who_send_one_code_at_once_one_comes_in(app: Flask, clock: MovableClock) -> None:
    unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
    with app.app_context():
        person = make_person(unit_of_work, "Anna Example", "anna@example.com")
    start, outcomes = threading.Barrier(4), []

    def race() -> None:
        with app.app_context():
            start.wait()
            outcomes.append(use_code(unit_of_work, person, person.code(clock.now)))

    racers = [threading.Thread(target=race) for _ in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(outcomes) == [False, False, False, True]


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "１２３４５６", "-12345", "1" * 1000, "0x1234"]
)
def test_what_cannot_be_a_code_is_told_apart(typed: str) -> None:
    assert normalised_one_time_code(typed) is None


def test_white_space_in_a_code_is_forgiven(staff: Person, clock: MovableClock) -> None:
    code = staff.code(clock.now)
    assert matching_step(staff.app_secret, f" {code[:3]}\u00a0{code[3:]}\n", clock.now) is not None


def test_the_address_for_the_app_names_service_and_person() -> None:
    address = app_address(bytes(20), email="anna@example.com", issuer="Example: Reseller")
    assert address.startswith("otpauth://totp/Example%20%20Reseller:anna%40example.com?secret=AAAA")


def test_the_secret_of_an_app_is_sealed_to_its_account(unit_of_work: UnitOfWork, staff: Person) -> None:
    with unit_of_work.read() as work:
        (kept,) = work.session.scalars(select(AuthenticatorApp.sealed_secret)).all()
    assert staff.app_secret not in kept
    assert secret_text(staff.app_secret).encode() not in kept
    keys = unit_of_work.keyring.factor_keys
    assert unseal_shared_secret(keys, staff.account_id, kept) == staff.app_secret
    for account_id, changed in ((bytes(16), kept), (staff.account_id, kept[:-1] + b"x"), (staff.account_id, kept[:9])):
        with pytest.raises(SealBroken):
            unseal_shared_secret(keys, account_id, changed)


def test_a_row_moved_to_another_account_opens_nothing(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com")
    with unit_of_work.write(Actor.system()) as work:
        rows = {row.account_id: row.sealed_secret for row in work.session.scalars(select(AuthenticatorApp))}
        work.session.execute(
            update(AuthenticatorApp)
            .where(AuthenticatorApp.account_id == staff.account_id)
            .values(sealed_secret=rows[ben.account_id])
        )
    with pytest.raises(SealBroken):
        use_code(unit_of_work, staff, ben.code(clock.now))


def test_secrets_survive_a_new_key_and_a_missing_one_is_told() -> None:
    old = {1: bytes(range(32))}
    kept = seal_shared_secret(old, b"a" * 16, b"s" * 20)
    both = old | {2: bytes(range(32, 64))}
    assert unseal_shared_secret(both, b"a" * 16, kept) == b"s" * 20
    assert seal_shared_secret(both, b"a" * 16, b"s" * 20)[:2] == b"\0\2"
    with pytest.raises(FactorKeyMissing):
        unseal_shared_secret({2: both[2]}, b"a" * 16, kept)


def test_a_recovery_code_works_once_and_the_count_goes_down(unit_of_work: UnitOfWork, staff: Person) -> None:
    codes = make_codes(unit_of_work, staff)
    assert len(set(codes)) == 10
    assert use_recovery_code(unit_of_work, staff, f" {codes[3].lower()} ")
    assert not use_recovery_code(unit_of_work, staff, codes[3])
    with unit_of_work.read() as work:
        assert work.factors.recovery_codes.left(staff.account_id) == 9


def test_a_recovery_code_of_somebody_else_or_of_an_older_set_is_worth_nothing(
    unit_of_work: UnitOfWork, staff: Person
) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com")
    older, of_ben = make_codes(unit_of_work, staff), make_codes(unit_of_work, ben)
    make_codes(unit_of_work, staff)
    for code in (older[0], of_ben[0], "", "AAAA-AAAA-AAAA"):
        assert not use_recovery_code(unit_of_work, staff, code)
    assert use_recovery_code(unit_of_work, ben, of_ben[0])


def test_the_database_shows_no_recovery_code(unit_of_work: UnitOfWork, staff: Person) -> None:
    codes = make_codes(unit_of_work, staff)
    with unit_of_work.read() as work:
        kept = b"".join(work.session.scalars(select(RecoveryCode.code_hash)))
    for code in codes:
        assert code.replace("-", "").encode() not in kept


def with_a_new_factor_key(unit_of_work: UnitOfWork) -> UnitOfWork:
    stage_next(unit_of_work, KeyPurpose.FACTOR)
    activate(unit_of_work, KeyName(KeyPurpose.FACTOR, 2))
    newer = LiveKeyring(unit_of_work.keys.source)
    assert list(newer.keyring.factor_keys) == [1, 2]
    return replace(unit_of_work, keys=newer)


def test_recovery_codes_survive_a_new_factor_key(unit_of_work: UnitOfWork, staff: Person) -> None:
    codes = make_codes(unit_of_work, staff)
    assert use_recovery_code(with_a_new_factor_key(unit_of_work), staff, codes[0])


def test_an_app_survives_a_new_factor_key(unit_of_work: UnitOfWork, staff: Person, clock: MovableClock) -> None:
    assert use_code(with_a_new_factor_key(unit_of_work), staff, staff.code(clock.now))


def test_a_recovery_code_is_read_back_as_people_write_it() -> None:
    code = new_recovery_code()
    assert normalised_recovery_code(written_recovery_code(code).lower()) == code
    for wrong in ("", code[:-1], code + "A", "1" * 12, "O" * 12, "A" * 10_000):
        assert normalised_recovery_code(wrong) is None
