"""What was decided at a moment is committed at about that moment, before the end of what it is about, or not at all."""

from datetime import timedelta

import pytest

from sharelink.actors import Actor
from sharelink.acts import receiving
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.errors import GivenUp
from sharelink.shares.errors import ShareEnded
from sharelink.shares.states import ShareState
from sharelink.unit_of_work import LONGEST_LIFETIME, TRIES, UnitOfWork, Work
from tests.factories import Person, ask_secret, open_record, send_secret, submit_answer
from tests.fakes import MovableClock
from tests.shares.lives import events, leaf_count, row


def note_something(work: Work) -> None:
    work.audit.append(AuditEvent.SYSTEM_STARTED, rec=SYSTEM_CHAIN, actor=work.actor, now=work.now)


def test_a_reveal_that_would_be_committed_after_the_end_is_undone_and_then_refused(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    sent = send_secret(unit_of_work, staff, lifetime=timedelta(seconds=10), code=False)
    facts = receiving.look(unit_of_work, visitor, sent.link)

    def claim_slowly(work: Work) -> None:
        work.shares.claim(facts)
        # The process was frozen here: the statement has decided, and nobody else would expire the share now.
        clock.move(seconds=10)

    with pytest.raises(ShareEnded):
        unit_of_work.carry_out(visitor, claim_slowly)
    assert row(unit_of_work, sent).state is ShareState.SEALED
    assert "share.revealed" not in events(unit_of_work, sent)
    with pytest.raises(ShareEnded):
        receiving.reveal(unit_of_work, visitor, sent.link, "")
    assert row(unit_of_work, sent).state is ShareState.EXPIRED


def test_a_retrieval_is_held_to_the_same(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    asked = ask_secret(unit_of_work, staff, custody_id=open_record(unit_of_work, staff))
    submit_answer(unit_of_work, asked.submit_link, "an answer")
    with unit_of_work.read(staff.actor) as work:
        facts = work.requests.find(asked.retrieval_link)
    with pytest.raises(GivenUp), unit_of_work.write(staff.actor) as work:
        work.requests.claim(facts, "billing", "")
        clock.now = facts.expires_at
    with unit_of_work.read(staff.actor) as work:
        assert work.requests.find(asked.retrieval_link).state is not ShareState.REVEALED


def test_whatever_was_decided_long_ago_is_not_committed(unit_of_work: UnitOfWork, clock: MovableClock) -> None:
    before = leaf_count(unit_of_work)
    with pytest.raises(GivenUp), unit_of_work.write(Actor.system()) as work:
        note_something(work)
        clock.now += LONGEST_LIFETIME + timedelta(microseconds=1)
    assert leaf_count(unit_of_work) == before


def test_what_waited_for_others_no_longer_than_that_is_committed(unit_of_work: UnitOfWork, clock: MovableClock) -> None:
    before = leaf_count(unit_of_work)
    with unit_of_work.write(Actor.system()) as work:
        note_something(work)
        clock.now += LONGEST_LIFETIME
    assert leaf_count(unit_of_work) == before + 1


def test_a_step_that_is_done_anew_leaves_nothing_of_its_first_tries(
    unit_of_work: UnitOfWork, clock: MovableClock
) -> None:
    before = leaf_count(unit_of_work)
    moments = []

    def succeed_at_last(work: Work) -> int:
        moments.append(work.now)
        note_something(work)
        if len(moments) < TRIES:
            clock.now += LONGEST_LIFETIME * 2
        return len(moments)

    assert unit_of_work.carry_out(Actor.system(), succeed_at_last) == TRIES
    assert leaf_count(unit_of_work) == before + 1
    assert len(set(moments)) == TRIES, "each try has a moment of its own"


def test_nothing_is_done_anew_for_ever(unit_of_work: UnitOfWork, clock: MovableClock) -> None:
    before, tries = leaf_count(unit_of_work), []

    def never_succeed(work: Work) -> None:
        tries.append(work.now)
        note_something(work)
        clock.now += LONGEST_LIFETIME * 2

    with pytest.raises(GivenUp):
        unit_of_work.carry_out(Actor.system(), never_succeed)
    assert len(tries) == TRIES
    assert leaf_count(unit_of_work) == before
