"""One reveal, ever; a wrong code or key never consumes; gone means gone from the row."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, update

from sharelink.actors import Actor
from sharelink.acts import receiving, submitting
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.crypto.link_keys import new_link_key
from sharelink.crypto.link_tokens import TokenPurpose, sign_token
from sharelink.errors import InvalidInput
from sharelink.shares.errors import (
    ClientPaused,
    CodeRefused,
    LinkUnavailable,
    OwnShare,
    ShareDamaged,
    ShareEnded,
)
from sharelink.shares.links import OpenLink
from sharelink.shares.models import Share, ShareClient
from sharelink.shares.statements import MOST_OPENINGS
from sharelink.shares.states import ShareState
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded_types
from tests.factories import Person, ask_secret, send_secret
from tests.fakes import MovableClock
from tests.shares.lives import events, leaf_count, row, wrong_code

SECRET = "line one\n\ttab, \u200bzero width, \u202ertl, 😀 \ufeff end "


def test_the_recipient_gets_the_exact_text_once_and_nobody_gets_it_twice(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    sent = send_secret(unit_of_work, staff, SECRET)
    assert receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "").text == SECRET
    with pytest.raises(ShareEnded):
        receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "")
    assert events(unit_of_work, sent) == [
        "custody.opened",
        "share.created",
        "share.reveal_attempted",
        "share.revealed",
    ]


def test_a_share_without_a_code_opens_by_its_link_alone(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    sent = send_secret(unit_of_work, staff, SECRET, code=False)
    assert receiving.reveal(unit_of_work, visitor, sent.link, "").text == SECRET
    with pytest.raises(ShareEnded):
        receiving.reveal(unit_of_work, visitor, sent.link, "")


@pytest.mark.parametrize("code", [True, False])
def test_the_row_keeps_no_content_after_the_reveal(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, code: bool
) -> None:
    sent = send_secret(unit_of_work, staff, code=code)
    receiving.look(unit_of_work, visitor, sent.link)
    assert row(unit_of_work, sent).outer_ciphertext is not None
    receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "")
    ended = row(unit_of_work, sent)
    assert (ended.state, ended.outer_ciphertext) == (ShareState.REVEALED, None)
    with unit_of_work.read() as work:
        assert work.session.execute(select(func.count()).select_from(ShareClient)).scalar_one() == 0


def test_looking_consumes_nothing_and_is_one_event_per_client(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    sent = send_secret(unit_of_work, staff)
    for _ in range(3):
        assert receiving.look(unit_of_work, visitor, sent.link).state is ShareState.SEALED
    other = Actor.public("2001:db8::1", "Another browser")
    facts = receiving.look(unit_of_work, other, sent.link)
    assert facts.openings is not None
    assert facts.openings.by_others_at is not None
    receiving.look(unit_of_work, replace(other, ip="2001:db8::2"), sent.link)  # the same /64
    assert events(unit_of_work, sent).count("share.opened") == 2
    assert receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "").text


def test_openings_from_ever_new_networks_fill_neither_log_nor_table(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    sent, asked = send_secret(unit_of_work, staff), ask_secret(unit_of_work, staff)
    shares = (sent.share_id, asked.share_id)
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(
            insert(ShareClient),
            [
                {"share_id": share_id, "client": bytes(12) + number.to_bytes(4), "tries": 0, "tries_since_pause": 0}
                for share_id in shares
                for number in range(MOST_OPENINGS - 1)
            ],
        )
    for number in range(3):
        one = replace(visitor, ip=f"2001:db8:0:{number}::1")
        assert receiving.look(unit_of_work, one, sent.link).state is ShareState.SEALED
        assert submitting.look(unit_of_work, one, asked.submit_link).state is ShareState.AWAITING
    assert events(unit_of_work, sent).count("share.opened") == 1
    assert recorded_types(unit_of_work, id_text(asked.custody_id)).count("request.opened") == 1
    with unit_of_work.read() as work:
        assert work.session.scalar(select(func.count()).select_from(ShareClient)) == len(shares) * MOST_OPENINGS
    assert receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "").text


def test_a_wrong_key_or_token_is_one_fact_and_writes_nothing(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    sent = send_secret(unit_of_work, staff)
    used = send_secret(unit_of_work, staff)
    receiving.reveal(unit_of_work, visitor, used.link, used.code or "")
    before = leaf_count(unit_of_work)
    unknown = sign_token(unit_of_work.keyring.token_keys, TokenPurpose.OPEN, new_id(), unit_of_work.clock())
    for stranger in (
        OpenLink(sent.link.token, new_link_key()),
        OpenLink(used.link.token, new_link_key()),
        OpenLink(used.link.token, sent.link.link_key),
        OpenLink(unknown, sent.link.link_key),
        OpenLink("forged.token.here", sent.link.link_key),
    ):
        for act in (
            lambda link: receiving.look(unit_of_work, visitor, link),
            lambda link: receiving.reveal(unit_of_work, visitor, link, "ABCDEFGH"),
            lambda link: receiving.decline(unit_of_work, visitor, link, "ABCDEFGH", "no"),
        ):
            with pytest.raises(LinkUnavailable):
                act(stranger)
    assert leaf_count(unit_of_work) == before
    assert receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "").text


def test_a_wrong_code_is_counted_and_consumes_nothing(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    sent = send_secret(unit_of_work, staff)
    for left in (4, 3, 2):
        with pytest.raises(CodeRefused) as refused:
            receiving.reveal(unit_of_work, visitor, sent.link, wrong_code(sent))
        assert refused.value.tries_left == left
    assert receiving.reveal(unit_of_work, visitor, sent.link, (sent.code or "").lower()).text
    assert events(unit_of_work, sent).count("share.code_failed") == 3


def test_a_text_that_cannot_be_a_code_is_not_counted(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    sent = send_secret(unit_of_work, staff)
    for _ in range(20):
        with pytest.raises(InvalidInput):
            receiving.reveal(unit_of_work, visitor, sent.link, "short")
    assert receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "").text


def test_five_wrong_codes_pause_that_client_for_15_minutes_and_no_other(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    sent = send_secret(unit_of_work, staff)
    for _ in range(4):
        with pytest.raises(CodeRefused):
            receiving.reveal(unit_of_work, visitor, sent.link, wrong_code(sent))
    with pytest.raises(ClientPaused) as paused:
        receiving.reveal(unit_of_work, visitor, sent.link, wrong_code(sent))
    assert 899 <= paused.value.wait_seconds <= 901
    with pytest.raises(ClientPaused):
        receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "")
    clock.move(minutes=14, seconds=59)
    with pytest.raises(ClientPaused):
        receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "")
    other = Actor.public("203.0.113.8", None)
    assert receiving.reveal(unit_of_work, other, sent.link, sent.code or "").text


def test_a_paused_client_may_go_on_afterwards(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    sent = send_secret(unit_of_work, staff)
    for _ in range(5):
        with pytest.raises((CodeRefused, ClientPaused)):
            receiving.reveal(unit_of_work, visitor, sent.link, wrong_code(sent))
    clock.move(minutes=15, seconds=1)
    assert receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "").text


def test_ten_wrong_codes_in_all_lock_the_share_and_its_content_stays_sealed(
    unit_of_work: UnitOfWork, staff: Person
) -> None:
    sent = send_secret(unit_of_work, staff)
    for number in range(10):
        guesser = Actor.public(f"203.0.113.{10 + number // 4}", None)
        with pytest.raises((CodeRefused, ShareEnded)):
            receiving.reveal(unit_of_work, guesser, sent.link, wrong_code(sent))
    locked = row(unit_of_work, sent)
    assert locked.state is ShareState.LOCKED
    assert locked.outer_ciphertext is not None
    with pytest.raises(ShareEnded):
        receiving.reveal(unit_of_work, Actor.public("203.0.113.99", None), sent.link, sent.code or "")
    assert events(unit_of_work, sent).count("share.locked") == 1


def test_the_end_is_part_of_the_deciding_statement(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    for code in (True, False):
        sent = send_secret(unit_of_work, staff, lifetime=timedelta(seconds=60), code=code)
        with unit_of_work.read(visitor) as work:
            facts = work.shares.find(sent.link)
        clock.move(seconds=60)
        with pytest.raises(ShareEnded), unit_of_work.write(visitor) as work:
            work.shares.claim(facts)
        with pytest.raises(ShareEnded):
            receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "")
        assert receiving.look(unit_of_work, visitor, sent.link).state is ShareState.EXPIRED


def test_the_creator_sees_a_preview_and_consumes_nothing(unit_of_work: UnitOfWork, staff: Person) -> None:
    sent = send_secret(unit_of_work, staff)
    receiving.look(unit_of_work, staff.actor, sent.link)
    for act in (
        lambda: receiving.reveal(unit_of_work, staff.actor, sent.link, sent.code or ""),
        lambda: receiving.decline(unit_of_work, staff.actor, sent.link, sent.code or "", ""),
    ):
        with pytest.raises(OwnShare):
            act()
    assert row(unit_of_work, sent).state is ShareState.SEALED
    assert "share.opened" not in events(unit_of_work, sent)


def test_declining_burns_unread_and_needs_the_code(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    sent = send_secret(unit_of_work, staff)
    with pytest.raises(InvalidInput):
        receiving.decline(unit_of_work, visitor, sent.link, "", "not mine")
    with pytest.raises(CodeRefused):
        receiving.decline(unit_of_work, visitor, sent.link, wrong_code(sent), "not mine")
    assert row(unit_of_work, sent).state is ShareState.SEALED
    receiving.decline(unit_of_work, visitor, sent.link, sent.code or "", "not mine")
    burned = row(unit_of_work, sent)
    assert (burned.state, burned.outer_ciphertext, burned.end_note) == (ShareState.BURNED, None, "not mine")
    assert "share.revealed" not in events(unit_of_work, sent)


def test_the_page_and_the_recipient_acknowledge_once_each(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor
) -> None:
    sent = send_secret(unit_of_work, staff)
    receipt = receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "").receipt
    assert row(unit_of_work, sent).displayed_at is None
    for _ in range(2):
        receiving.acknowledge(unit_of_work, visitor, receipt, stored=False)
        receiving.acknowledge(unit_of_work, visitor, receipt, stored=True)
    assert events(unit_of_work, sent)[-2:] == ["share.displayed", "share.stored"]
    with pytest.raises(LinkUnavailable):
        receiving.acknowledge(unit_of_work, visitor, sent.link.token, stored=True)


def test_rows_swapped_between_shares_do_not_open(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    first = send_secret(unit_of_work, staff, "first", code=False)
    second = send_secret(unit_of_work, staff, "second", code=False)
    rows = {sent.share_id: row(unit_of_work, sent) for sent in (first, second)}
    with unit_of_work.write(Actor.operator()) as work:
        for mine, others in ((first, second), (second, first)):
            work.session.execute(
                update(Share)
                .where(Share.id == mine.share_id)
                .values(
                    outer_ciphertext=rows[others.share_id].outer_ciphertext,
                    seal_header=rows[others.share_id].seal_header,
                )
            )
    for sent in (first, second):
        with pytest.raises(ShareDamaged):
            receiving.reveal(unit_of_work, visitor, sent.link, "")
        assert row(unit_of_work, sent).state is ShareState.SEALED


def test_a_row_with_a_longer_life_written_into_it_does_not_open(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    sent = send_secret(unit_of_work, staff, lifetime=timedelta(hours=1), code=False)
    clock.move(hours=2)
    with unit_of_work.write(Actor.operator()) as work:
        work.session.execute(update(Share).values(expires_at=clock.now + timedelta(days=1)))
    with pytest.raises(ShareDamaged):
        receiving.reveal(unit_of_work, visitor, sent.link, "")


def test_the_sweeper_ends_what_is_due_and_only_that(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    short = send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    long = send_secret(unit_of_work, staff, lifetime=timedelta(hours=3))
    clock.move(hours=2)
    for expected in (1, 0):
        with unit_of_work.write(Actor.system()) as work:
            assert work.shares.expire_due(100) == expected
    assert (row(unit_of_work, short).state, row(unit_of_work, short).outer_ciphertext) == (ShareState.EXPIRED, None)
    assert row(unit_of_work, long).state is ShareState.SEALED
    assert events(unit_of_work, short)[-1] == "share.expired"
