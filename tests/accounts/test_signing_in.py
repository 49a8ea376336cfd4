"""Signing in: one answer for every failure, counted guesses that lock nobody out, and sessions that really end."""

import threading
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import func, select, update

from sharelink.accounts.models import Account, SignInAttempt, StaffSession
from sharelink.accounts.passwords import NO_PASSWORD, compare_password
from sharelink.accounts.queries import find_visitor
from sharelink.accounts.sessions import session_key_hash
from sharelink.accounts.sign_in import MAX_FAILURES
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.acts.signing_in import change_password, sign_in
from sharelink.audit.queries import RecordedEvent
from sharelink.crypto.identifiers import id_text
from sharelink.errors import InvalidInput
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.accounts.records import recorded, recorded_types
from tests.accounts.steps import enter, viewer_of
from tests.asked_database import statements
from tests.factories import Person, make_person
from tests.fakes import MovableClock

GOOD_PASSWORD = "tapioca violin marsh eleven"


def guess(unit_of_work: UnitOfWork, actor: Actor, email: str, times: int = 1) -> None:
    for _ in range(times):
        with unit_of_work.write(actor) as work:
            work.accounts.sign_ins.begin(email)


def test_the_right_password_starts_a_session_of_its_own(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    first = enter(unit_of_work, visitor, staff, email=" ANNA@example.com ")
    second = enter(unit_of_work, visitor, staff)
    assert first is not None
    assert second is not None
    assert first.key != second.key
    for started in (first, second):
        viewer = viewer_of(unit_of_work, started)
        assert viewer is not None
        assert viewer.account_id == staff.account_id


def test_nothing_in_the_database_opens_a_session(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    started = enter(unit_of_work, visitor, staff)
    assert started is not None
    with unit_of_work.read() as work:
        (kept,) = work.session.scalars(select(StaffSession.key_hash)).all()
    assert session_key_hash(id_text(kept)) != kept
    event_of_it = next(one for one in recorded(unit_of_work, id_text(staff.account_id)) if one.type == "auth.succeeded")
    assert event_of_it.personal["ip"] == "203.0.113.7"
    for kept_text in (started.key, id_text(kept)):
        assert kept_text not in repr(event_of_it)
    assert started.key not in repr(started)


@pytest.mark.parametrize(
    "email", ["nobody@example.com", "", "a\0b", "\ud800@example.com", "x" * 9999, "anna@example.com"]
)
def test_a_wrong_password_and_an_unknown_address_are_one_and_the_same(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, email: str
) -> None:
    assert sign_in(unit_of_work, visitor, email, "wrong wrong wrong wrong") is None


def test_known_unknown_and_paused_run_the_same_statements(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    def statements_of(email: str) -> list[str]:
        with statements(unit_of_work.engine) as seen:
            assert sign_in(unit_of_work, visitor, email, "wrong wrong wrong wrong") is None
        return seen

    unknown, known = statements_of("nobody@example.com"), statements_of(staff.email)
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.create_account("Ben Example", "ben@example.com", [Role.STAFF], [], NO_PASSWORD)
    without = statements_of("ben@example.com")
    guess(unit_of_work, visitor, staff.email, MAX_FAILURES)
    paused = statements_of(staff.email)
    assert unknown == known == paused == without
    assert unknown


@pytest.mark.parametrize("typed", ["", "\0", "wrong wrong wrong wrong"])
def test_no_password_opens_an_account_that_has_none(unit_of_work: UnitOfWork, visitor: Actor, typed: str) -> None:
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.create_account("Ben Example", "ben@example.com", [Role.STAFF], [], NO_PASSWORD)
    assert sign_in(unit_of_work, visitor, "ben@example.com", typed) is None


def test_ten_wrong_tries_pause_this_network_and_nobody_else(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    elsewhere = Actor.public("198.51.100.20", None)
    guess(unit_of_work, visitor, staff.email, MAX_FAILURES - 1)
    assert sign_in(unit_of_work, visitor, staff.email, "wrong wrong wrong wrong") is None
    assert enter(unit_of_work, visitor, staff) is None, "the right one is refused as well"
    assert enter(unit_of_work, elsewhere, staff) is not None
    clock.move(minutes=14)
    assert enter(unit_of_work, visitor, staff) is None
    clock.move(minutes=1)
    assert enter(unit_of_work, visitor, staff) is not None


def test_tries_during_the_pause_do_not_make_it_longer(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    guess(unit_of_work, visitor, staff.email, MAX_FAILURES)
    clock.move(minutes=14, seconds=59)
    guess(unit_of_work, visitor, staff.email, MAX_FAILURES)
    clock.move(seconds=1)
    assert enter(unit_of_work, visitor, staff) is not None


def test_a_whole_ipv6_network_is_one_guesser(unit_of_work: UnitOfWork, staff: Person) -> None:
    for number in range(MAX_FAILURES):
        guess(unit_of_work, Actor.public(f"2001:db8:1:2::{number:x}", None), staff.email)
    assert enter(unit_of_work, Actor.public("2001:db8:1:2:ffff::1", None), staff) is None
    assert enter(unit_of_work, Actor.public("2001:db8:1:3::1", None), staff) is not None


def test_the_right_password_forgives_the_wrong_ones_before_it(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    for _ in range(3):
        guess(unit_of_work, visitor, staff.email, MAX_FAILURES - 1)
        assert enter(unit_of_work, visitor, staff) is not None


def test_failed_tries_become_one_event_per_account_and_minute(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    chain = id_text(staff.account_id)

    def told_now() -> list[RecordedEvent]:
        return [one for rec in ("system", chain) for one in recorded(unit_of_work, rec) if one.type == "auth.failed"]

    guess(unit_of_work, visitor, staff.email, 4)
    guess(unit_of_work, visitor, "what I typed by mistake: my password", 2)
    guess(unit_of_work, Actor.public("198.51.100.20", None), "nobody@example.com", 3)
    assert told_now() == [], "the tries may still turn out right"
    clock.move(minutes=2)
    with unit_of_work.write(Actor.system()) as work:
        work.accounts.sign_ins.report_failures()
    told = told_now()
    assert {(one.rec, one.object_ref, one.facts["tries"]) for one in told} == {
        (chain, chain, 4),
        ("system", None, 5),
    }
    (known,) = (one for one in told if one.object_ref)
    assert known.personal["ip"] == "203.0.113.7"
    assert known.facts["first_at"] == "2026-11-23T12:00:00.000Z"
    assert "by mistake" not in repr(told)
    guess(unit_of_work, visitor, staff.email)
    assert len(told_now()) == 2, "each is told once"


def test_reported_tries_are_erased_once_they_no_longer_count(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    guess(unit_of_work, visitor, staff.email, 3)
    clock.move(minutes=20)
    with unit_of_work.write(Actor.system()) as work:
        work.accounts.sign_ins.report_failures()
    with unit_of_work.read() as work:
        assert work.session.scalar(select(func.count()).select_from(SignInAttempt)) == 0


def test_a_successful_try_is_not_reported_as_failed(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    assert enter(unit_of_work, visitor, staff) is not None
    clock.move(minutes=5)
    guess(unit_of_work, visitor, "nobody@example.com")
    assert "auth.failed" not in recorded_types(unit_of_work, id_text(staff.account_id))


def test_an_old_hash_is_made_again_at_sign_in(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    older = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash(staff.password)
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(update(Account).values(password_hash=older))
    assert enter(unit_of_work, visitor, staff) is not None
    with unit_of_work.read() as work:
        (renewed,) = work.session.scalars(select(Account.password_hash)).all()
    assert renewed != older
    assert compare_password(renewed, staff.password).matches


def test_an_account_that_is_disabled_while_the_password_is_checked_stays_out(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    make_person(unit_of_work, "Ben Example", "ben@example.com")
    with unit_of_work.write(visitor) as work:
        challenge = work.accounts.sign_ins.begin(staff.email)
    proof = compare_password(challenge.password_hash, staff.password)
    assert proof.matches
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.disable_account(staff.email)
    with unit_of_work.write(visitor) as work:
        assert work.accounts.sign_ins.confirm(challenge, proof) is None


def test_a_session_ends_when_nobody_uses_it(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    started = enter(unit_of_work, visitor, staff)
    clock.move(minutes=29, seconds=59)
    assert viewer_of(unit_of_work, started) is not None
    clock.move(seconds=1)
    assert viewer_of(unit_of_work, started) is None


def test_a_session_ends_after_twelve_hours_however_much_it_is_used(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    started = enter(unit_of_work, visitor, staff)
    for _ in range(12 * 4 - 1):
        clock.move(minutes=15)
        viewer = viewer_of(unit_of_work, started)
        assert viewer is not None
        with unit_of_work.write(Actor.system()) as work:
            work.accounts.sessions.touch(viewer.session_hash)
    clock.move(minutes=15)
    assert viewer_of(unit_of_work, started) is None


def test_signing_in_erases_the_sessions_that_are_over(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    enter(unit_of_work, visitor, staff)
    clock.move(minutes=31)
    enter(unit_of_work, visitor, staff)
    with unit_of_work.read() as work:
        assert work.session.scalar(select(func.count()).select_from(StaffSession)) == 1


def test_signing_out_ends_one_session_and_is_one_event(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    ended = enter(unit_of_work, visitor, staff)
    other = enter(unit_of_work, visitor, staff)
    viewer = viewer_of(unit_of_work, ended)
    assert viewer is not None
    for _ in range(2):
        with unit_of_work.write(staff.actor) as work:
            work.accounts.sessions.end(viewer.session_hash, staff.account_id)
    assert viewer_of(unit_of_work, ended) is None
    assert viewer_of(unit_of_work, other) is not None
    assert recorded_types(unit_of_work, id_text(staff.account_id)).count("auth.session_ended") == 1


def test_a_new_password_ends_every_other_session_at_once(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    here = enter(unit_of_work, visitor, staff)
    elsewhere = enter(unit_of_work, visitor, staff)
    viewer = viewer_of(unit_of_work, here)
    assert viewer is not None
    renewed = change_password(unit_of_work, staff.actor, viewer, current=staff.password, new=GOOD_PASSWORD)
    assert viewer_of(unit_of_work, here) is None
    assert viewer_of(unit_of_work, elsewhere) is None
    assert viewer_of(unit_of_work, renewed) is not None
    assert enter(unit_of_work, visitor, staff) is None
    assert enter(unit_of_work, visitor, staff, password=GOOD_PASSWORD) is not None
    chain = recorded(unit_of_work, id_text(staff.account_id))
    assert [one.facts for one in chain if one.type == "auth.password_changed"] == [{"sessions_ended": 1}]


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("wrong wrong wrong wrong", GOOD_PASSWORD, "current"),
        (None, "too short", "new"),
        (None, "Anna Example Anna", "new"),
    ],
)
def test_a_refused_new_password_changes_nothing(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, current: str | None, new: str, field: str
) -> None:
    started = enter(unit_of_work, visitor, staff)
    viewer = viewer_of(unit_of_work, started)
    assert viewer is not None
    with pytest.raises(InvalidInput) as refused:
        change_password(unit_of_work, staff.actor, viewer, current=current or staff.password, new=new)
    assert set(refused.value.fields) == {field}
    assert viewer_of(unit_of_work, started) is not None
    assert enter(unit_of_work, visitor, staff) is not None


def test_guesses_in_parallel_are_all_counted(app: Flask) -> None:
    unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
    with app.app_context():
        make_person(unit_of_work, "Anna Example", "anna@example.com")
    guesser = Actor.public("203.0.113.7", None)

    def guess_thrice() -> None:
        with app.app_context():
            guess(unit_of_work, guesser, "anna@example.com", 3)

    guessers = [threading.Thread(target=guess_thrice) for _ in range(4)]
    for thread in guessers:
        thread.start()
    for thread in guessers:
        thread.join()
    with app.app_context(), unit_of_work.write(guesser) as work:
        assert work.accounts.sign_ins.begin("anna@example.com").is_paused


def test_a_session_of_a_disabled_account_is_worth_nothing_even_if_it_were_left(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    started = enter(unit_of_work, visitor, staff)
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(update(Account).values(disabled_at=work.now))
    assert viewer_of(unit_of_work, started) is None


def test_a_paused_try_is_refused_by_the_service_itself(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    guess(unit_of_work, visitor, staff.email, MAX_FAILURES)
    with unit_of_work.write(visitor) as work:
        challenge = work.accounts.sign_ins.begin(staff.email)
    proof = compare_password(challenge.password_hash, staff.password)
    assert proof.matches
    with unit_of_work.write(visitor) as work:
        assert work.accounts.sign_ins.confirm(challenge, proof) is None


def test_a_session_that_was_seen_a_moment_ago_is_not_written_again(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    started = enter(unit_of_work, visitor, staff)
    signed_in_at = clock.now
    for seconds, expected in ((59, signed_in_at), (1, signed_in_at + timedelta(seconds=60))):
        clock.move(seconds=seconds)
        viewer = viewer_of(unit_of_work, started)
        assert viewer is not None
        with unit_of_work.write(Actor.system()) as work:
            work.accounts.sessions.touch(viewer.session_hash)
        seen = viewer_of(unit_of_work, started)
        assert seen is not None
        assert seen.last_seen_at == expected


def test_a_session_is_not_looked_at_by_its_hash(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    with unit_of_work.read() as work:
        assert find_visitor(work.connection, b"", work.now, timedelta(minutes=30)) is None
    assert session_key_hash("") is None
    assert session_key_hash("not a key") is None
