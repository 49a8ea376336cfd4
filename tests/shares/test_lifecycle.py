"""Every other way of a share's life: withdrawn, unlocked, sent again, expired for good."""

from datetime import timedelta

import pytest

from sharelink.actors import Actor
from sharelink.acts import receiving, tending
from sharelink.acts.sending import Sent
from sharelink.audit.queries import RecordedEvent
from sharelink.crypto.identifiers import id_text
from sharelink.custody.share_detail import share_detail
from sharelink.errors import InvalidInput, StorageUnavailable
from sharelink.shares.errors import (
    AlreadyCreated,
    ClientPaused,
    CodeRefused,
    LinkUnavailable,
    ShareEnded,
    ShareHeld,
    ShareNotFound,
    ShareNotLocked,
    ShareReplaced,
)
from sharelink.shares.states import EndReason, ShareState
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded
from tests.factories import Person, send_secret
from tests.fakes import MovableClock
from tests.shares.lives import events, guess, leaf_count, lock, put_on_hold, row, wrong_code


@pytest.mark.parametrize("state", ["sealed", "locked", "held"])
def test_staff_withdraw_a_live_share_whatever_its_state_and_its_content_is_gone(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, state: str
) -> None:
    sent = send_secret(unit_of_work, staff)
    receiving.look(unit_of_work, visitor, sent.link)
    if state == "locked":
        lock(unit_of_work, sent)
    if state == "held":
        put_on_hold(unit_of_work, staff, visitor, sent.custody_id)
    tending.withdraw(unit_of_work, staff.actor, sent.share_id, " sent to\r\nthe wrong person ")
    ended = row(unit_of_work, sent)
    assert (ended.state, ended.end_reason, ended.outer_ciphertext) == (ShareState.BURNED, EndReason.WITHDRAWN, None)
    assert ended.end_note == "sent to\nthe wrong person"
    assert events(unit_of_work, sent)[-1] == "share.burned"
    with pytest.raises(ShareEnded):
        receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "")


@pytest.mark.parametrize("reason", ["", "  \r\n", "x" * 501, "a\0b"])
def test_withdrawing_needs_a_reason(unit_of_work: UnitOfWork, staff: Person, reason: str) -> None:
    sent = send_secret(unit_of_work, staff)
    with pytest.raises(InvalidInput) as refused:
        tending.withdraw(unit_of_work, staff.actor, sent.share_id, reason)
    assert set(refused.value.fields) == {"reason"}
    assert row(unit_of_work, sent).state is ShareState.SEALED


def test_what_has_ended_is_not_withdrawn_and_keeps_its_end(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    revealed, declined, expired = (send_secret(unit_of_work, staff, code=False) for _ in range(3))
    receiving.reveal(unit_of_work, visitor, revealed.link, "")
    receiving.decline(unit_of_work, visitor, declined.link, "", "not mine")
    clock.move(days=7)
    receiving.look(unit_of_work, visitor, expired.link)
    before = leaf_count(unit_of_work)
    for sent, state in (
        (revealed, ShareState.REVEALED),
        (declined, ShareState.BURNED),
        (expired, ShareState.EXPIRED),
    ):
        with pytest.raises(ShareEnded):
            tending.withdraw(unit_of_work, staff.actor, sent.share_id, "too late")
        assert row(unit_of_work, sent).state is state
    assert row(unit_of_work, declined).end_reason is EndReason.DECLINED
    assert leaf_count(unit_of_work) == before


def test_unlocking_gives_exactly_five_more_tries_to_anybody_and_is_audited(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    sent = send_secret(unit_of_work, staff)
    lock(unit_of_work, sent)
    tending.unlock(unit_of_work, staff.actor, sent.share_id)
    unlocked = [event for event in recorded_of(unit_of_work, sent) if event.type == "share.unlocked"]
    assert [(event.personal["actor_name"], event.facts) for event in unlocked] == [(staff.name, {"more_tries": 5})]
    guess(unit_of_work, sent, 4)
    assert row(unit_of_work, sent).state is ShareState.SEALED
    guess(unit_of_work, sent, 1)
    assert row(unit_of_work, sent).state is ShareState.LOCKED
    tending.unlock(unit_of_work, staff.actor, sent.share_id)
    assert receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "").text


def test_whoever_locked_it_by_a_slip_may_type_the_right_code_at_once_after_the_unlocking(
    unit_of_work: UnitOfWork, staff: Person
) -> None:
    paused, last = Actor.public("203.0.113.1", None), Actor.public("203.0.113.2", None)
    for guesser in (paused, last):
        sent = send_secret(unit_of_work, staff)
        for number in range(10):
            with pytest.raises((CodeRefused, ClientPaused, ShareEnded)):
                receiving.reveal(unit_of_work, paused if number < 5 else last, sent.link, wrong_code(sent))
        assert row(unit_of_work, sent).state is ShareState.LOCKED
        tending.unlock(unit_of_work, staff.actor, sent.share_id)
        assert receiving.reveal(unit_of_work, guesser, sent.link, sent.code or "").text


def test_one_client_may_use_all_five_tries_and_then_the_share_is_locked(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    sent = send_secret(unit_of_work, staff)
    lock(unit_of_work, sent)
    tending.unlock(unit_of_work, staff.actor, sent.share_id)
    for _ in range(5):
        with pytest.raises((CodeRefused, ShareEnded)):
            receiving.reveal(unit_of_work, visitor, sent.link, wrong_code(sent))
    assert row(unit_of_work, sent).state is ShareState.LOCKED
    assert events(unit_of_work, sent).count("share.locked") == 2


def test_only_a_locked_share_whose_time_is_not_over_is_unlocked(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    fresh = send_secret(unit_of_work, staff)
    locked = send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    lock(unit_of_work, locked)
    clock.move(hours=1)
    for sent in (fresh, locked):
        with pytest.raises(ShareNotLocked):
            tending.unlock(unit_of_work, staff.actor, sent.share_id)
    assert row(unit_of_work, fresh).tries_allowed == row(unit_of_work, locked).tries_allowed == 10


def test_sending_again_burns_the_old_one_first_and_links_both(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    old = send_secret(unit_of_work, staff, "old")
    new = send_secret(unit_of_work, staff, "new", custody_id=old.custody_id, replaces_id=old.share_id)
    burned = row(unit_of_work, old)
    assert (burned.state, burned.end_reason, burned.outer_ciphertext) == (ShareState.BURNED, EndReason.REPLACED, None)
    assert events(unit_of_work, old)[-2:] == ["share.burned", "share.created"]
    with unit_of_work.read() as work:
        before, after = (share_detail(work.session, sent.share_id, work.now) for sent in (old, new))
    assert (before.replaced_by, after.replaces) == (after.line.id_text, before.line.id_text)
    assert recorded_of(unit_of_work, new)[-1].facts["replaces"] == before.line.id_text
    with pytest.raises(ShareEnded):
        receiving.reveal(unit_of_work, visitor, old.link, old.code or "")
    assert receiving.reveal(unit_of_work, visitor, new.link, new.code or "").text == "new"


def test_sending_again_what_has_ended_changes_nothing_of_its_end(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    old = send_secret(unit_of_work, staff, code=False)
    receiving.reveal(unit_of_work, visitor, old.link, "")
    send_secret(unit_of_work, staff, custody_id=old.custody_id, replaces_id=old.share_id)
    assert (row(unit_of_work, old).state, row(unit_of_work, old).end_reason) == (ShareState.REVEALED, None)
    assert "share.burned" not in events(unit_of_work, old)


def test_a_new_link_that_cannot_be_made_leaves_the_old_one_alive(unit_of_work: UnitOfWork, staff: Person) -> None:
    old, other = send_secret(unit_of_work, staff), send_secret(unit_of_work, staff)
    before = leaf_count(unit_of_work)
    with pytest.raises(ShareNotFound):
        send_secret(unit_of_work, staff, custody_id=other.custody_id, replaces_id=old.share_id)
    with pytest.raises(ShareNotFound):
        send_secret(unit_of_work, staff, custody_id=old.custody_id, replaces_id=bytes(16))
    with pytest.raises(InvalidInput):
        send_secret(unit_of_work, staff, "", custody_id=old.custody_id, replaces_id=old.share_id)
    with pytest.raises(AlreadyCreated):
        send_secret(
            unit_of_work,
            staff,
            custody_id=old.custody_id,
            replaces_id=old.share_id,
            form_id=row(unit_of_work, other).form_id,
        )
    assert row(unit_of_work, old).state is ShareState.SEALED
    assert leaf_count(unit_of_work) == before


def test_the_end_of_the_old_link_is_undone_when_the_new_one_fails_after_it(
    unit_of_work: UnitOfWork, staff: Person
) -> None:
    old = send_secret(unit_of_work, staff)
    with pytest.raises(StorageUnavailable), unit_of_work.write(staff.actor) as work:
        work.shares.replace(old.share_id, old.custody_id)
        raise StorageUnavailable("the new one cannot be stored")
    assert row(unit_of_work, old).state is ShareState.SEALED
    assert row(unit_of_work, old).outer_ciphertext is not None


def test_a_share_is_sent_again_once_only(unit_of_work: UnitOfWork, staff: Person) -> None:
    old = send_secret(unit_of_work, staff)
    new = send_secret(unit_of_work, staff, custody_id=old.custody_id, replaces_id=old.share_id)
    with pytest.raises(ShareReplaced):
        send_secret(unit_of_work, staff, custody_id=old.custody_id, replaces_id=old.share_id)
    assert row(unit_of_work, new).state is ShareState.SEALED
    send_secret(unit_of_work, staff, custody_id=old.custody_id, replaces_id=new.share_id)
    assert row(unit_of_work, new).end_reason is EndReason.REPLACED


@pytest.mark.parametrize("code", [True, False])
def test_an_end_that_somebody_saw_is_final_even_when_the_clock_goes_back(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock, code: bool
) -> None:
    looked, tried = (send_secret(unit_of_work, staff, lifetime=timedelta(hours=1), code=code) for _ in range(2))
    clock.move(hours=1)
    assert receiving.look(unit_of_work, visitor, looked.link).state is ShareState.EXPIRED
    with pytest.raises(ShareEnded):
        receiving.reveal(unit_of_work, visitor, tried.link, tried.code or "")
    clock.move(hours=-1)
    for sent in (looked, tried):
        assert receiving.look(unit_of_work, visitor, sent.link).state is ShareState.EXPIRED
        assert row(unit_of_work, sent).outer_ciphertext is None
        assert events(unit_of_work, sent)[-1] == "share.expired"
        with pytest.raises(ShareEnded):
            receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "")


def test_a_jump_forward_expires(unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock) -> None:
    sent = send_secret(unit_of_work, staff, lifetime=timedelta(days=30))
    clock.move(days=365)
    # After the longest life and ninety days the token is like any other stranger's.
    with pytest.raises(LinkUnavailable):
        receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "")
    clock.move(days=-300)
    with pytest.raises(ShareEnded):
        receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "")


@pytest.mark.parametrize("code", [True, False])
def test_a_held_share_is_neither_revealed_nor_declined_and_loses_nothing(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock, code: bool
) -> None:
    sent = send_secret(unit_of_work, staff, code=code, lifetime=timedelta(days=2))
    elsewhere = send_secret(unit_of_work, staff, code=code)
    put_on_hold(unit_of_work, staff, visitor, sent.custody_id)
    before = leaf_count(unit_of_work)
    for act in (
        lambda: receiving.reveal(unit_of_work, visitor, sent.link, sent.code or ""),
        lambda: receiving.decline(unit_of_work, visitor, sent.link, sent.code or "", "not mine"),
    ):
        with pytest.raises(ShareHeld):
            act()
    assert leaf_count(unit_of_work) == before
    assert row(unit_of_work, sent).outer_ciphertext is not None
    assert receiving.look(unit_of_work, visitor, sent.link).is_held
    assert receiving.reveal(unit_of_work, visitor, elsewhere.link, elsewhere.code or "").text
    clock.move(days=2)
    with unit_of_work.write(Actor.system()) as work:
        assert work.shares.expire_due(100) == 1


def test_a_hold_that_comes_between_the_code_and_the_reveal_decides(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    sent = send_secret(unit_of_work, staff)
    with unit_of_work.write(visitor) as work:
        facts = work.attempts.begin(sent.link).facts
    put_on_hold(unit_of_work, staff, visitor, sent.custody_id)
    with pytest.raises(ShareHeld), unit_of_work.write(visitor) as work:
        work.shares.claim(facts)
    assert row(unit_of_work, sent).outer_ciphertext is not None


def recorded_of(unit_of_work: UnitOfWork, sent: Sent) -> list[RecordedEvent]:
    return recorded(unit_of_work, id_text(sent.custody_id))
