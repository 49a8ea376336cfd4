"""An incident is reported by the holder of the whole link alone, once, after the end, for thirty days."""

import pytest

from sharelink.actors import Actor
from sharelink.acts import receiving, tending
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.link_keys import new_link_key
from sharelink.crypto.link_tokens import TokenPurpose, sign_token
from sharelink.shares.errors import LinkUnavailable, ReportUnavailable, ShareHeld
from sharelink.shares.links import OpenLink
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person, send_secret
from tests.fakes import MovableClock
from tests.shares.lives import events, leaf_count, lock, row


@pytest.mark.parametrize("end", ["revealed", "declined", "withdrawn", "expired"])
def test_an_ended_share_is_reported_once_and_its_record_goes_on_hold(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock, end: str
) -> None:
    sent = send_secret(unit_of_work, staff, code=False)
    waiting = send_secret(unit_of_work, staff, code=False, custody_id=sent.custody_id)
    if end == "revealed":
        receiving.reveal(unit_of_work, visitor, sent.link, "")
    elif end == "declined":
        receiving.decline(unit_of_work, visitor, sent.link, "", "not mine")
    elif end == "withdrawn":
        tending.withdraw(unit_of_work, staff.actor, sent.share_id, "a mistake")
    else:
        clock.move(days=7, seconds=-1)
        waiting = send_secret(unit_of_work, staff, code=False, custody_id=sent.custody_id)
        clock.move(seconds=1)
        assert receiving.look(unit_of_work, visitor, sent.link).can_be_reported
    reported = receiving.report(unit_of_work, visitor, sent.link)
    assert reported.id == sent.share_id
    assert events(unit_of_work, sent)[-2:] == ["share.tamper_reported", "custody.held"]
    assert row(unit_of_work, sent).reported_at == clock.now
    seen = receiving.look(unit_of_work, visitor, sent.link)
    assert (seen.is_reported, seen.can_be_reported) == (True, False)
    before = leaf_count(unit_of_work)
    with pytest.raises(ReportUnavailable):
        receiving.report(unit_of_work, visitor, sent.link)
    with pytest.raises(ShareHeld):
        receiving.reveal(unit_of_work, visitor, waiting.link, "")
    assert leaf_count(unit_of_work) == before


@pytest.mark.parametrize("state", ["sealed", "locked"])
def test_a_live_share_is_not_reported(unit_of_work: UnitOfWork, staff: Person, visitor: Actor, state: str) -> None:
    sent = send_secret(unit_of_work, staff)
    if state == "locked":
        lock(unit_of_work, sent)
    with pytest.raises(ReportUnavailable):
        receiving.report(unit_of_work, visitor, sent.link)
    assert row(unit_of_work, sent).reported_at is None
    assert "custody.held" not in events(unit_of_work, sent)


def test_a_report_is_taken_for_thirty_days_after_the_end(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    first, second = (send_secret(unit_of_work, staff, code=False) for _ in range(2))
    for sent in (first, second):
        receiving.reveal(unit_of_work, visitor, sent.link, "")
    clock.move(days=30)
    assert receiving.report(unit_of_work, visitor, first.link)
    clock.move(seconds=1)
    assert not receiving.look(unit_of_work, visitor, second.link).can_be_reported
    with pytest.raises(ReportUnavailable):
        receiving.report(unit_of_work, visitor, second.link)


def test_only_the_holder_of_the_whole_link_reports(
    unit_of_work: UnitOfWork, staff: Person, visitor: Actor, clock: MovableClock
) -> None:
    sent = send_secret(unit_of_work, staff, code=False)
    receiving.reveal(unit_of_work, visitor, sent.link, "")
    unknown = sign_token(unit_of_work.keyring.token_keys, TokenPurpose.OPEN, new_id(), clock.now)
    before = leaf_count(unit_of_work)
    for link in (
        OpenLink(sent.link.token, new_link_key()),
        OpenLink(unknown, sent.link.link_key),
        OpenLink("forged.token.here", sent.link.link_key),
    ):
        with pytest.raises(LinkUnavailable):
            receiving.report(unit_of_work, visitor, link)
    assert row(unit_of_work, sent).reported_at is None
    assert leaf_count(unit_of_work) == before
