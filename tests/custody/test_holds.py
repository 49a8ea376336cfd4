"""A hold is lifted by two people, one of them a custodian of the record; alone only where nobody else could."""

from datetime import timedelta

import pytest

from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.acts import receiving, tending
from sharelink.acts.sending import Sent
from sharelink.custody.errors import NoHold
from sharelink.custody.hold_view import HoldView, active_hold_of, held_records
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person, make_person, send_secret
from tests.fakes import MovableClock
from tests.shares.lives import events, put_on_hold


def speak(unit_of_work: UnitOfWork, person: Person, sent: Sent, *, proven: bool = False) -> bool:
    """Say that the hold may go, as somebody who is signed in."""
    return tending.release_hold(unit_of_work, person.actor, sent.custody_id, is_proven=proven)


def view(unit_of_work: UnitOfWork, person: Person, sent: Sent) -> HoldView | None:
    with unit_of_work.read() as work:
        return active_hold_of(work.session, sent.custody_id, person.account_id, work.now)


def colleague(unit_of_work: UnitOfWork, name: str, role: Role, group: str | None = None) -> Person:
    email = f"{name.lower()}@example.com"
    return make_person(unit_of_work, f"{name} Example", email, {role}, [group] if group else [])


def test_a_custodian_and_a_second_person_lift_it_and_everything_goes_on(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    ben = colleague(unit_of_work, "Ben", Role.STAFF)
    sent = put_on_hold(unit_of_work, staff, visitor)
    waiting = send_secret(unit_of_work, staff, custody_id=sent.custody_id)
    assert not speak(unit_of_work, ben, sent)
    half = view(unit_of_work, staff, sent)
    assert half is not None
    assert (half.released_by, half.needs_custodian, half.viewer_has_released) == ((ben.name,), True, False)
    assert speak(unit_of_work, staff, sent)
    assert view(unit_of_work, staff, sent) is None
    assert events(unit_of_work, sent)[-3:] == [
        "custody.hold_release",
        "custody.hold_release",
        "custody.hold_lifted",
    ]
    assert receiving.reveal(unit_of_work, visitor, waiting.link, waiting.code or "").text
    with pytest.raises(NoHold):
        speak(unit_of_work, staff, sent)


def test_the_same_person_twice_is_one_person_and_one_event(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    colleague(unit_of_work, "Ben", Role.STAFF)
    sent = put_on_hold(unit_of_work, staff, visitor)
    for proven in (False, False, True):
        assert not speak(unit_of_work, staff, sent, proven=proven)
    clock.move(days=2)
    assert not speak(unit_of_work, staff, sent)
    assert events(unit_of_work, sent).count("custody.hold_release") == 1


@pytest.mark.parametrize(("role", "group"), [(Role.STAFF, None), (Role.CUSTODIAN, "Others")])
def test_two_people_who_are_no_custodians_of_the_record_do_not_lift_it(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, role: Role, group: str | None
) -> None:
    sent = put_on_hold(unit_of_work, staff, visitor)
    assert not speak(unit_of_work, colleague(unit_of_work, "Ben", Role.STAFF), sent)
    assert not speak(unit_of_work, colleague(unit_of_work, "Cleo", role, group), sent)
    assert speak(unit_of_work, staff, sent)


def test_the_word_of_somebody_whose_account_was_disabled_since_does_not_count(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    ben, cleo = colleague(unit_of_work, "Ben", Role.STAFF), colleague(unit_of_work, "Cleo", Role.STAFF)
    sent = put_on_hold(unit_of_work, staff, visitor)
    assert not speak(unit_of_work, ben, sent)
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.disable_account(ben.email)
    assert not speak(unit_of_work, staff, sent)
    half = view(unit_of_work, staff, sent)
    assert half is not None
    assert half.released_by == (staff.name,)
    assert speak(unit_of_work, cleo, sent)


def test_a_second_report_keeps_the_hold_and_asks_everybody_again(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    ben = colleague(unit_of_work, "Ben", Role.STAFF)
    other = send_secret(unit_of_work, staff, code=False)
    receiving.reveal(unit_of_work, visitor, other.link, "")
    sent = put_on_hold(unit_of_work, staff, visitor, other.custody_id)
    assert not speak(unit_of_work, ben, sent)
    receiving.report(unit_of_work, visitor, other.link)
    assert not speak(unit_of_work, staff, sent)
    assert speak(unit_of_work, ben, sent)


def test_the_only_person_lifts_it_at_once_when_freshly_proven(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    sent = put_on_hold(unit_of_work, staff, visitor)
    seen = view(unit_of_work, staff, sent)
    assert seen is not None
    assert seen.alone
    assert not speak(unit_of_work, staff, sent)
    assert speak(unit_of_work, staff, sent, proven=True)


def test_the_only_person_lifts_it_without_a_proof_after_a_day(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    sent = put_on_hold(unit_of_work, staff, visitor)
    clock.move(days=1, seconds=-1)
    assert not speak(unit_of_work, staff, sent)
    clock.move(seconds=1)
    assert speak(unit_of_work, staff, sent)


def test_who_is_left_because_others_were_just_disabled_is_not_alone(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    ben = colleague(unit_of_work, "Ben", Role.STAFF)
    sent = put_on_hold(unit_of_work, staff, visitor)
    clock.move(days=2)
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.disable_account(ben.email)
    for later in (timedelta(), timedelta(days=1, seconds=-1)):
        clock.now += later
        seen = view(unit_of_work, staff, sent)
        assert seen is not None
        assert not seen.alone
        assert not speak(unit_of_work, staff, sent, proven=True)
    clock.move(seconds=1)
    seen = view(unit_of_work, staff, sent)
    assert seen is not None
    assert seen.alone
    assert speak(unit_of_work, staff, sent)


def test_a_record_can_be_put_on_hold_again(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    sent = put_on_hold(unit_of_work, staff, visitor)
    assert speak(unit_of_work, staff, sent, proven=True)
    again = put_on_hold(unit_of_work, staff, visitor, sent.custody_id)
    seen = view(unit_of_work, staff, sent)
    assert seen is not None
    assert (seen.share_id, seen.released_by) == (again.share_id, ())


def test_held_records_are_listed_for_those_who_look_after_them(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    first = put_on_hold(unit_of_work, staff, visitor)
    clock.move(minutes=1)
    second = put_on_hold(unit_of_work, staff, visitor)
    with unit_of_work.read() as work:
        found = held_records(work.session, None)
        assert held_records(work.session, frozenset()) == ()
    assert [record.id for record in found] == [first.custody_id, second.custody_id]
    assert found[0].raised_at == clock.now - timedelta(minutes=1)
