"""Guessing codes is limited like guessing passwords, and nobody is locked out of their own device by strangers."""

import pytest

from sharelink.accounts.devices import device_key_hash
from sharelink.accounts.queries import HalfSignedIn
from sharelink.accounts.sessions import BrowserKeys, StartedSession, session_key_hash
from sharelink.accounts.sign_in import MAX_ACCOUNT_CODE_FAILURES, MAX_ACCOUNT_PASSWORD_FAILURES, MAX_FAILURES
from sharelink.actors import Actor
from sharelink.acts.passkey_answers import ask_passkey
from sharelink.acts.signing_in import sign_in, sign_in_with_passkey, take_second_step
from sharelink.crypto.identifiers import id_text
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded
from tests.accounts.steps import enter, half_of, viewer_of, visitor_of
from tests.factories import Person, make_person
from tests.fakes import MovableClock
from tests.soft_passkeys import PARTY

WRONG = "wrong wrong wrong wrong"


def network(number: int) -> Actor:
    return Actor.public(f"203.0.113.{number}", None)


def wrong_code(person: Person, clock: MovableClock) -> str:
    near = {person.code(clock.now, steps) for steps in range(-2, 3)}
    return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in near)


def half_in(unit_of_work: UnitOfWork, actor: Actor, person: Person) -> HalfSignedIn:
    return half_of(unit_of_work, sign_in(unit_of_work, actor, person.email, person.password))


def device_of(started: StartedSession | None) -> BrowserKeys:
    assert started is not None
    assert started.device_key is not None
    return BrowserKeys(session_key_hash(started.key), device_key_hash(started.device_key))


def guess_passwords(unit_of_work: UnitOfWork, actor: Actor, person: Person, times: int) -> None:
    for _ in range(times):
        with unit_of_work.write(actor) as work:
            work.accounts.sign_ins.begin(person.email)


def guess_codes(unit_of_work: UnitOfWork, actor: Actor, person: Person, times: int) -> None:
    for _ in range(times):
        with unit_of_work.write(actor) as work:
            work.accounts.sign_ins.begin_code(person.account_id)


def test_the_right_password_is_no_way_to_guess_codes_for_ever(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    for _ in range(MAX_FAILURES):
        half = half_in(unit_of_work, visitor, staff)
        assert take_second_step(unit_of_work, visitor, half, wrong_code(staff, clock)) is None
    half = half_in(unit_of_work, visitor, staff)
    assert take_second_step(unit_of_work, visitor, half, staff.code(clock.now)) is None, "the right one is refused, too"
    clock.move(minutes=15)
    half = half_in(unit_of_work, visitor, staff)
    assert take_second_step(unit_of_work, visitor, half, staff.code(clock.now)) is not None


def test_guessing_recovery_codes_counts_the_same(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    with unit_of_work.write(staff.actor) as work:
        codes = work.factors.make_recovery_codes(work.accounts.administration.account(staff.account_id))
    half = half_in(unit_of_work, visitor, staff)
    for _ in range(MAX_FAILURES):
        assert take_second_step(unit_of_work, visitor, half, "2222-2222-2222") is None
    assert take_second_step(unit_of_work, visitor, half, codes[0]) is None
    with unit_of_work.read() as work:
        assert work.factors.recovery_codes.left(staff.account_id) == 10, "and it is not used up"


def test_codes_cannot_be_guessed_from_many_networks_either(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    for number in range(MAX_ACCOUNT_CODE_FAILURES):
        guess_codes(unit_of_work, network(number), staff, 1)
    half = half_in(unit_of_work, network(200), staff)
    assert take_second_step(unit_of_work, network(200), half, staff.code(clock.now)) is None


def test_passwords_cannot_be_guessed_from_many_networks_either(unit_of_work: UnitOfWork, staff: Person) -> None:
    for number in range(MAX_ACCOUNT_PASSWORD_FAILURES // 5):
        guess_passwords(unit_of_work, network(number), staff, 5)
    assert sign_in(unit_of_work, network(200), staff.email, staff.password) is None


def test_a_known_device_keeps_its_way_in_while_strangers_guess_from_its_own_network_and_everywhere(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    device = device_of(enter(unit_of_work, visitor, staff))
    guess_passwords(unit_of_work, visitor, staff, MAX_FAILURES)
    guess_codes(unit_of_work, visitor, staff, MAX_FAILURES)
    for number in range(20, 20 + MAX_ACCOUNT_PASSWORD_FAILURES // 5):
        guess_passwords(unit_of_work, network(number), staff, 5)
        guess_codes(unit_of_work, network(number), staff, 5)
    assert sign_in(unit_of_work, visitor, staff.email, staff.password) is None
    started = sign_in(unit_of_work, visitor, staff.email, staff.password, device)
    half = half_of(unit_of_work, started)
    assert take_second_step(unit_of_work, visitor, half, staff.code(clock.now), device) is not None


def test_a_passkey_is_never_paused(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    guess_passwords(unit_of_work, visitor, staff, 3 * MAX_FAILURES)
    guess_codes(unit_of_work, visitor, staff, 3 * MAX_FAILURES)
    answer = staff.passkey.get(ask_passkey(unit_of_work, visitor, PARTY, None))
    assert sign_in_with_passkey(unit_of_work, visitor, PARTY, answer) is not None


def test_a_known_device_is_no_place_to_guess(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    device = device_of(enter(unit_of_work, visitor, staff))
    for _ in range(MAX_FAILURES):
        assert sign_in(unit_of_work, visitor, staff.email, WRONG, device) is None
    assert sign_in(unit_of_work, visitor, staff.email, staff.password, device) is None


def test_a_device_of_somebody_else_is_a_stranger(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    eve = make_person(unit_of_work, "Eve Example", "eve@example.com")
    device = device_of(enter(unit_of_work, visitor, eve))
    guess_passwords(unit_of_work, visitor, staff, MAX_FAILURES)
    assert sign_in(unit_of_work, visitor, staff.email, staff.password, device) is None


def test_a_devices_key_is_new_with_each_sign_in_and_the_old_one_is_worth_nothing(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    older = device_of(enter(unit_of_work, visitor, staff))
    newer = device_of(enter(unit_of_work, visitor, staff, browser=older))
    assert older.device_hash != newer.device_hash
    guess_passwords(unit_of_work, visitor, staff, MAX_FAILURES)
    assert sign_in(unit_of_work, visitor, staff.email, staff.password, older) is None
    assert sign_in(unit_of_work, visitor, staff.email, staff.password, newer) is not None


def test_a_device_that_several_people_use_stays_known_to_all_of_them(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com")
    first = device_of(enter(unit_of_work, visitor, staff))
    second = device_of(enter(unit_of_work, visitor, ben, browser=first))
    guess_passwords(unit_of_work, visitor, staff, MAX_FAILURES)
    assert sign_in(unit_of_work, visitor, staff.email, staff.password, second) is not None


def test_a_device_is_forgotten_after_half_a_year(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    device = device_of(enter(unit_of_work, visitor, staff))
    clock.move(days=180)
    guess_passwords(unit_of_work, visitor, staff, MAX_FAILURES)
    assert sign_in(unit_of_work, visitor, staff.email, staff.password, device) is None


def test_a_new_device_is_an_event_and_a_known_one_is_none(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    device = device_of(enter(unit_of_work, visitor, staff))
    enter(unit_of_work, visitor, staff, browser=device)
    events = [event.type for event in recorded(unit_of_work, id_text(staff.account_id))]
    assert events.count("auth.succeeded") == 2
    assert events.count("auth.new_device") == 1


def test_wrong_codes_are_told_apart_from_wrong_passwords_in_the_accounts_chain(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    sign_in(unit_of_work, visitor, staff.email, WRONG)
    half = half_in(unit_of_work, visitor, staff)
    for _ in range(2):
        take_second_step(unit_of_work, visitor, half, wrong_code(staff, clock))
    clock.move(minutes=2)
    with unit_of_work.write(Actor.system()) as work:
        work.accounts.sign_ins.report_failures()
    failed = [one for one in recorded(unit_of_work, id_text(staff.account_id)) if one.type == "auth.failed"]
    assert {(one.reason, one.facts["tries"]) for one in failed} == {("not_proven", 1), ("wrong_code", 2)}


@pytest.mark.parametrize("typed", ["", "12345", "no code", "1" * 500, "\0", "\ud800"])
def test_what_is_no_code_is_refused_without_being_counted(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock, typed: str
) -> None:
    half = half_in(unit_of_work, visitor, staff)
    for _ in range(MAX_FAILURES):
        assert take_second_step(unit_of_work, visitor, half, typed) is None
    assert take_second_step(unit_of_work, visitor, half, staff.code(clock.now)) is not None


def test_one_password_opens_one_session(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    half = half_in(unit_of_work, visitor, staff)
    assert take_second_step(unit_of_work, visitor, half, staff.code(clock.now)) is not None
    assert take_second_step(unit_of_work, visitor, half, staff.code(clock.now, 1)) is None


def test_a_session_that_waits_is_over_after_ten_minutes(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    started = sign_in(unit_of_work, visitor, staff.email, staff.password)
    half = half_of(unit_of_work, started)
    clock.move(minutes=10)
    assert visitor_of(unit_of_work, started) is None
    assert take_second_step(unit_of_work, visitor, half, staff.code(clock.now)) is None


def test_a_new_start_ends_what_the_browser_had_before(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    before = enter(unit_of_work, visitor, staff)
    assert before is not None
    sign_in(unit_of_work, visitor, staff.email, staff.password, BrowserKeys(session_key_hash(before.key)))
    assert viewer_of(unit_of_work, before) is None
