"""What lists say about shares, and what asks for its creator's attention."""

from datetime import timedelta

from sharelink.accounts.permissions import Reach
from sharelink.actors import Actor
from sharelink.acts.receiving import decline, look, report, reveal
from sharelink.custody.share_lines import MyWork, ShareLine, my_work, shares_of_record
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person, make_person, open_record, send_secret
from tests.fakes import MovableClock


def work_of(unit_of_work: UnitOfWork, person: Person) -> MyWork:
    with unit_of_work.read() as work:
        return my_work(work.session, person.account_id, work.now, Reach(everywhere=False, group_ids=frozenset()))


def lines(unit_of_work: UnitOfWork, record_id: bytes) -> tuple[ShareLine, ...]:
    with unit_of_work.read() as work:
        return shares_of_record(work.session, record_id, work.now)


def line(unit_of_work: UnitOfWork, record_id: bytes) -> ShareLine:
    (only,) = lines(unit_of_work, record_id)
    return only


def test_a_new_share_waits_and_names_its_record(unit_of_work: UnitOfWork, staff: Person):
    record_id = open_record(unit_of_work, staff, "Acme")
    send_secret(unit_of_work, staff, custody_id=record_id, label="Root password")
    share = line(unit_of_work, record_id)
    assert (share.label, share.customer, share.created_by) == ("Root password", "Acme", staff.name)
    assert (share.state, share.state_label, share.tone) == ("sealed", "Not opened yet", "plain")
    assert share.first_opened_at is None
    assert work_of(unit_of_work, staff).unopened == (share,)


def test_a_share_whose_page_was_opened_says_so_while_it_waits(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
):
    sent = send_secret(unit_of_work, staff)
    clock.move(minutes=5)
    look(unit_of_work, visitor, sent.link)
    share = line(unit_of_work, sent.custody_id)
    assert share.first_opened_at == clock.now
    assert share.state_label == "Opened, not revealed"
    assert work_of(unit_of_work, staff).unopened == (share,)


def test_a_share_with_less_than_a_day_left_is_ending_soon_and_in_no_other_list(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
):
    sent = send_secret(unit_of_work, staff, lifetime=timedelta(days=2))
    clock.move(hours=24, seconds=-1)
    assert len(work_of(unit_of_work, staff).unopened) == 1
    clock.move(seconds=1)
    mine = work_of(unit_of_work, staff)
    assert [share.id for share in mine.ending_soon] == [sent.share_id]
    assert mine.unopened == mine.revealed == mine.declined == ()


def test_a_share_past_its_end_is_expired_even_before_the_sweeper_came(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
):
    sent = send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    clock.move(hours=1)
    share = line(unit_of_work, sent.custody_id)
    assert (share.state, share.state_label, share.ended_at) == ("expired", "Expired unread", sent.expires_at)
    assert work_of(unit_of_work, staff) == MyWork()


def test_a_revealed_share_is_unconfirmed_until_it_was_shown_and_stored(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
):
    sent = send_secret(unit_of_work, staff, code=False)
    receipt = reveal(unit_of_work, visitor, sent.link, "").receipt
    assert line(unit_of_work, sent.custody_id).state_label == "Revealed, delivery unconfirmed"
    for stored, label in ((False, "Revealed and shown"), (True, "Revealed, recipient stored it")):
        with unit_of_work.write(visitor) as work:
            work.shares.acknowledge(work.shares.share_of_receipt(receipt), stored=stored)
        assert line(unit_of_work, sent.custody_id).state_label == label
    mine = work_of(unit_of_work, staff)
    assert [share.id for share in mine.revealed] == [sent.share_id]
    assert mine.unopened == ()
    clock.move(days=14)
    assert work_of(unit_of_work, staff).revealed == ()


def test_a_declined_share_shows_the_note(unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock):
    sent = send_secret(unit_of_work, staff, code=False)
    decline(unit_of_work, visitor, sent.link, "", "I did not expect this")
    share = line(unit_of_work, sent.custody_id)
    assert (share.state_label, share.tone) == ("Declined by the recipient", "bad")
    assert share.end_note == "I did not expect this"
    assert work_of(unit_of_work, staff).declined == (share,)
    clock.move(days=14)
    assert work_of(unit_of_work, staff).declined == ()


def test_a_locked_share_asks_for_attention(unit_of_work: UnitOfWork, staff: Person):
    sent = send_secret(unit_of_work, staff)
    with unit_of_work.write(staff.actor) as work:
        facts = work.shares.find(sent.link)
        work.attempts._lock(facts)
    share = line(unit_of_work, sent.custody_id)
    assert (share.state_label, share.tone) == ("Locked after wrong codes", "bad")
    assert work_of(unit_of_work, staff) == MyWork(locked=(share,))


def test_a_reported_share_is_in_its_own_list_and_the_live_ones_of_its_record_are_on_hold(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
):
    sent = send_secret(unit_of_work, staff, code=False)
    send_secret(unit_of_work, staff, code=False, custody_id=sent.custody_id)
    reveal(unit_of_work, visitor, sent.link, "")
    report(unit_of_work, visitor, sent.link)
    mine = work_of(unit_of_work, staff)
    assert [share.id for share in mine.reported] == [sent.share_id]
    assert mine.revealed == ()
    assert [(share.state_label, share.tone) for share in mine.unopened] == [("On hold", "warn")]
    clock.move(days=14)
    assert work_of(unit_of_work, staff).reported == ()


def test_what_was_sent_again_says_so(unit_of_work: UnitOfWork, staff: Person):
    old = send_secret(unit_of_work, staff)
    send_secret(unit_of_work, staff, custody_id=old.custody_id, replaces_id=old.share_id)
    told = {share.state_label: share.is_replaced for share in lines(unit_of_work, old.custody_id)}
    assert told == {"Replaced unread": True, "Not opened yet": False}


def test_other_peoples_shares_are_not_my_work(unit_of_work: UnitOfWork, staff: Person):
    send_secret(unit_of_work, staff)
    other = make_person(unit_of_work, "Ben", "ben@example.com")
    assert work_of(unit_of_work, other) == MyWork()


def test_a_record_lists_only_its_own_shares_newest_first(unit_of_work: UnitOfWork, staff: Person, clock: MovableClock):
    record_id = open_record(unit_of_work, staff)
    for label in ("first", "second", "third"):
        send_secret(unit_of_work, staff, custody_id=record_id, label=label, code=False)
        clock.move(seconds=1)
    send_secret(unit_of_work, staff, label="elsewhere", code=False)
    assert [share.label for share in lines(unit_of_work, record_id)] == ["third", "second", "first"]
    with unit_of_work.read() as work:
        newest = shares_of_record(work.session, record_id, work.now, limit=2)
    assert [share.label for share in newest] == ["third", "second"]
