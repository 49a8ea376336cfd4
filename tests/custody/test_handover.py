"""A record goes its way step by step, each with its evidence, and no other way."""

from datetime import timedelta

import pytest

from sharelink.actors import Actor
from sharelink.acts import handing_over, receiving, tending
from sharelink.acts.submitting import submit
from sharelink.audit.queries import chain_page
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.calendar import calendar_of
from sharelink.custody.details import checked_details
from sharelink.custody.errors import ActNotAllowed, ContactNotConfirmed, NothingToVerify
from sharelink.custody.queries import record_group
from sharelink.custody.release import release_checklist
from sharelink.custody.states import ALLOWED_ACTS, TERMINAL_STATES, Act, CustodyState, RecordField, RecordKind, Scenario
from sharelink.custody.steps import steps_of
from sharelink.custody.versions import versions_of
from sharelink.errors import InvalidInput
from sharelink.requests.errors import RequestClosed
from sharelink.shares.errors import LinkUnavailable, ShareEnded, ShareHeld
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.filters import utc_text
from tests.custody import handovers
from tests.custody.handovers import Team, make_team, record_in, state_of
from tests.factories import Person, ask_secret, open_record, send_secret, submit_answer
from tests.fakes import MovableClock


@pytest.fixture
def team(unit_of_work: UnitOfWork, staff: Person) -> Team:
    """Return a custodian and a colleague."""
    return make_team(unit_of_work, staff)


def path(team: Team, record_id: bytes) -> list[str]:
    """Return the states that the record's steps led to."""
    with team.unit_of_work.read() as work:
        return [step.to_state.value for step in steps_of(work.session, record_id)]


def events(team: Team, record_id: bytes) -> list[str]:
    with team.unit_of_work.read() as work:
        return [event.type for event in reversed(chain_page(work.session, id_text(record_id), 1).events)]


@pytest.mark.parametrize("state", CustodyState)
def test_every_state_is_reached_and_allows_exactly_its_acts(team: Team, state: CustodyState) -> None:
    record_id = record_in(team, state)
    for act in Act:
        with team.unit_of_work.read() as work:
            if act in ALLOWED_ACTS[state]:
                work.custody.require(record_id, act)
            else:
                with pytest.raises(ActNotAllowed):
                    work.custody.require(record_id, act)


@pytest.mark.parametrize("state", sorted(TERMINAL_STATES))
def test_what_has_ended_takes_nothing_new(team: Team, state: CustodyState) -> None:
    record_id = record_in(team, state)
    for act in (
        lambda: send_secret(team.unit_of_work, team.custodian, custody_id=record_id),
        lambda: ask_secret(team.unit_of_work, team.custodian, custody_id=record_id),
        lambda: handovers.add_contact(team, record_id),
        lambda: handing_over.abandon(team.unit_of_work, team.custodian.actor, record_id, "again"),
        lambda: handovers.begin(team, record_id),
    ):
        with pytest.raises(ActNotAllowed):
            act()
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.custody.archive(record_id)


def test_the_customer_keeps_the_password_and_every_step_is_one_event_with_evidence(team: Team) -> None:
    record_id = record_in(team, CustodyState.RELEASED)
    assert path(team, record_id) == [
        "awaiting_secret",
        "received",
        "verified",
        "active",
        "release_pending",
        "released",
    ]
    told = events(team, record_id)
    assert told.count("custody.state_changed") == 5
    assert told[-1] == "custody.released"
    with team.unit_of_work.read() as work:
        steps = steps_of(work.session, record_id)
        (version,) = versions_of(work.session, record_id)
    assert all(step.evidence for step in steps)
    assert steps[1].by == "The customer, by their link"
    assert (version.origin.value, version.verified_at is not None) == ("customer", True)
    assert ("Acknowledged by", "Carla Customer") in steps[3].evidence
    assert ("Proposed by", team.custodian.name) in steps[3].evidence


def test_evidence_is_told_in_words(team: Team, clock: MovableClock) -> None:
    verified_at = clock.now
    record_id = record_in(team, CustodyState.RELEASED)
    with team.unit_of_work.read() as work:
        begun, received, verified, _active, _pending, released = (
            dict(step.evidence) for step in steps_of(work.session, record_id)
        )
    assert begun["Contact"] == "Carla Customer"
    assert begun["Scenario"] == "The customer keeps the password and submits it"
    assert received == {"Version of the secret": "1", "Origin": "Submitted by the customer"}
    assert verified["Signed in at"] == utc_text(verified_at)
    assert released["Checked"] == "Root password, MFA device, Root mailbox, our copies destroyed"


def test_a_sign_in_in_the_minute_of_the_opening_counts(team: Team, clock: MovableClock) -> None:
    clock.move(seconds=30)
    record_id = record_in(team, CustodyState.RECEIVED)
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.handover.verify(record_id, work.now.replace(second=0, microsecond=0))
    assert state_of(team, record_id) is CustodyState.VERIFIED


def test_the_password_is_changed_and_sent(team: Team) -> None:
    record_id = open_record(team.unit_of_work, team.custodian, kind=RecordKind.AWS_ROOT)
    contact_id = handovers.confirmed_contact(team, record_id)
    handovers.begin(team, record_id, Scenario.CHANGE, contact_id)
    asked = ask_secret(team.unit_of_work, team.custodian, custody_id=record_id)
    submit_answer(team.unit_of_work, asked.submit_link, "the old one")
    assert state_of(team, record_id) is CustodyState.AWAITING_SECRET
    sent = send_secret(team.unit_of_work, team.custodian, custody_id=record_id)
    assert state_of(team, record_id) is CustodyState.RECEIVED
    send_secret(team.unit_of_work, team.custodian, custody_id=record_id)
    with team.unit_of_work.read() as work:
        newer, first = versions_of(work.session, record_id)
    assert (first.share_id, first.retired_at is not None, newer.number) == (sent.share_id, True, 2)
    assert events(team, record_id).count("credential.version_added") == 1


def test_a_plain_credential_needs_no_contact_and_has_no_aws_words(team: Team) -> None:
    record_id = open_record(team.unit_of_work, team.custodian)
    handovers.begin(team, record_id)
    handovers.receive(team, record_id)
    handovers.verify(team, record_id)
    handovers.activate(team, record_id)
    with team.unit_of_work.read() as work:
        labels = " ".join(line.label for line in release_checklist(work.session, record_id))
        planned = [line.kind.value for line in calendar_of(work.session, record_id, work.now)]
    assert "MFA" not in labels
    assert "ailbox" not in labels
    assert planned == ["review"]
    handovers.propose_release(team, record_id)
    handovers.confirm(team, record_id)
    handovers.complete_release(team, record_id)
    assert state_of(team, record_id) is CustodyState.RELEASED


def test_a_handover_of_root_begins_only_with_a_confirmed_contact_of_this_record(team: Team) -> None:
    record_id = open_record(team.unit_of_work, team.custodian, kind=RecordKind.AWS_ROOT)
    other = open_record(team.unit_of_work, team.custodian, kind=RecordKind.AWS_ROOT)
    elsewhere = handovers.confirmed_contact(team, other)
    unconfirmed = handovers.add_contact(team, record_id)
    for contact_id in (None, unconfirmed, elsewhere, new_id()):
        with pytest.raises(ContactNotConfirmed):
            handovers.begin(team, record_id, contact_id=contact_id)
    assert path(team, record_id) == []


def test_no_step_is_taken_without_its_evidence(team: Team, clock: MovableClock) -> None:
    received, active = record_in(team, CustodyState.RECEIVED), record_in(team, CustodyState.ACTIVE)
    pending, closing = record_in(team, CustodyState.RELEASE_PENDING), record_in(team, CustodyState.CLOSING)
    actor, make = team.custodian.actor, team.unit_of_work
    for field, act in (
        ("signed_in_at", lambda work: work.handover.verify(received, None)),
        ("signed_in_at", lambda work: work.handover.verify(received, clock.now + timedelta(minutes=1))),
        ("signed_in_at", lambda work: work.handover.verify(received, clock.now - timedelta(days=1))),
        ("reason", lambda work: work.handover.suspend(active, " \n ")),
        ("reason", lambda work: work.handover.mark_compromised(active, "")),
        ("approved_by", lambda work: work.handover.propose_release(active, "", "by letter")),
        ("channel", lambda work: work.handover.propose_release(active, "Carla", "")),
        ("copies", lambda work: work.handover.complete_release(pending, [], "Carla", "by letter")),
        ("closure_reference", lambda work: work.handover.close(closing, "")),
    ):
        with pytest.raises(InvalidInput) as refused, make.write(actor) as work:
            act(work)
        assert field in refused.value.fields
    assert [state_of(team, record) for record in (received, active, pending, closing)] == [
        CustodyState.RECEIVED,
        CustodyState.ACTIVE,
        CustodyState.RELEASE_PENDING,
        CustodyState.CLOSING,
    ]


def test_a_release_is_complete_only_when_every_item_is_ticked(team: Team) -> None:
    record_id = record_in(team, CustodyState.RELEASE_PENDING)
    with team.unit_of_work.read() as work:
        keys = [line.key for line in release_checklist(work.session, record_id)]
    assert keys == ["kind-password", "kind-mfa_device", "kind-mailbox", "copies"]
    for left_out in keys:
        with pytest.raises(InvalidInput) as refused:
            handing_over.complete_release(
                team.unit_of_work,
                team.custodian.actor,
                record_id,
                [key for key in keys if key != left_out],
                confirmed_by="Carla",
                channel="by letter",
            )
        assert set(refused.value.fields) == {left_out}
    handovers.complete_release(team, record_id)


@pytest.mark.parametrize(
    "end", [CustodyState.RELEASED, CustodyState.CLOSED, CustodyState.COMPROMISED, CustodyState.ABANDONED]
)
def test_the_end_burns_what_is_still_open(team: Team, visitor: Actor, end: CustodyState) -> None:
    before = {
        CustodyState.RELEASED: CustodyState.RELEASE_PENDING,
        CustodyState.CLOSED: CustodyState.CLOSING,
        CustodyState.COMPROMISED: CustodyState.ACTIVE,
        CustodyState.ABANDONED: CustodyState.AWAITING_SECRET,
    }[end]
    actor, make = team.custodian.actor, team.unit_of_work
    record_id = record_in(team, CustodyState.ACTIVE if before is not CustodyState.AWAITING_SECRET else before)
    sent = send_secret(make, team.custodian, custody_id=record_id, code=False)
    asked = ask_secret(make, team.custodian, custody_id=record_id)
    if end is CustodyState.RELEASED:
        handovers.propose_release(team, record_id)
        handovers.confirm(team, record_id)
        handovers.complete_release(team, record_id)
    elif end is CustodyState.CLOSED:
        handovers.propose_closing(team, record_id)
        handovers.confirm(team, record_id)
        handing_over.close(make, actor, record_id, "AWS case 1")
    elif end is CustodyState.COMPROMISED:
        handing_over.mark_compromised(make, actor, record_id, "Found in a chat")
    else:
        handing_over.abandon(make, actor, record_id, "They chose another way")
    with pytest.raises(ShareEnded):
        receiving.reveal(make, visitor, sent.link, "")
    with pytest.raises((RequestClosed, LinkUnavailable)):
        submit(make, visitor, asked.submit_link, {"field-0": "late"}, space_is_meant=False)
    assert state_of(team, record_id) is end


def test_a_compromised_secret_is_followed_by_a_new_version(team: Team) -> None:
    record_id = record_in(team, CustodyState.COMPROMISED)
    with team.unit_of_work.read() as work:
        contact = work.session.connection().exec_driver_sql("SELECT id FROM custody_contact").scalar_one()
    handovers.begin(team, record_id, contact_id=bytes(contact))
    handovers.receive(team, record_id)
    with team.unit_of_work.read() as work:
        newer, first = versions_of(work.session, record_id)
    assert (newer.number, first.retired_at is not None, newer.verified_at) == (2, True, None)


def test_one_person_suspends_and_two_resume(team: Team, visitor: Actor) -> None:
    record_id = record_in(team, CustodyState.ACTIVE)
    sent = send_secret(team.unit_of_work, team.custodian, custody_id=record_id, code=False)
    handing_over.suspend(team.unit_of_work, team.second.actor, record_id, "Something is odd")
    with pytest.raises(ShareHeld):
        receiving.reveal(team.unit_of_work, visitor, sent.link, "")
    assert not tending.release_hold(team.unit_of_work, team.second.actor, record_id, is_proven=True)
    assert state_of(team, record_id) is CustodyState.SUSPENDED
    assert tending.release_hold(team.unit_of_work, team.custodian.actor, record_id, is_proven=False)
    assert state_of(team, record_id) is CustodyState.ACTIVE
    assert receiving.reveal(team.unit_of_work, visitor, sent.link, "").text


def test_a_secret_from_before_the_handover_counts_when_somebody_says_so(team: Team) -> None:
    record_id = open_record(team.unit_of_work, team.custodian)
    asked = ask_secret(team.unit_of_work, team.custodian, custody_id=record_id)
    open_one = ask_secret(team.unit_of_work, team.custodian, custody_id=record_id)
    submit_answer(team.unit_of_work, asked.submit_link, "the password")
    handovers.begin(team, record_id)
    for share_id in (open_one.share_id, new_id()):
        with pytest.raises(NothingToVerify), team.unit_of_work.write(team.custodian.actor) as work:
            work.handover.receive_earlier(record_id, share_id)
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.handover.receive_earlier(record_id, asked.share_id)
    assert state_of(team, record_id) is CustodyState.RECEIVED


def test_a_secret_that_came_another_way_needs_a_word_and_may_be_changed_later(team: Team) -> None:
    record_id = open_record(team.unit_of_work, team.custodian)
    handovers.begin(team, record_id)
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.handover.receive_elsewhere(record_id, "Set together in a meeting")
    handovers.verify(team, record_id)
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.handover.rotate(record_id, "A custodian has left")
    with team.unit_of_work.read() as work:
        newer, first = versions_of(work.session, record_id)
    assert (newer.number, newer.verified_at is not None, first.retired_at is not None) == (2, True, True)
    assert state_of(team, record_id) is CustodyState.VERIFIED


def test_the_kind_of_a_record_is_settled_when_the_handover_has_begun(team: Team) -> None:
    record_id = record_in(team, CustodyState.AWAITING_SECRET)
    plain = checked_details("credential", {RecordField.CUSTOMER: "Example GmbH"})
    with pytest.raises(InvalidInput) as refused, team.unit_of_work.write(team.custodian.actor) as work:
        record = work.custody.locked(record_id)
        work.custody.edit(record_id, record.version, plain, record.group_id)
    assert set(refused.value.fields) == {"kind"}


def test_a_record_whose_handover_has_begun_is_given_away_by_its_custodians_only(team: Team) -> None:
    record_id = record_in(team, CustodyState.AWAITING_SECRET)
    typed = {RecordField.CUSTOMER: "Example GmbH", RecordField.AWS_ACCOUNT_ID: "123456789012"}
    same = checked_details("aws_root", typed | {RecordField.ROOT_EMAIL: "root@example.com"})
    with team.unit_of_work.write(team.custodian.actor) as work:
        other_group = work.accounts.groups.found_or_made("Another group")
        version = work.custody.locked(record_id).version
    with pytest.raises(InvalidInput) as refused, team.unit_of_work.write(team.second.actor) as work:
        work.custody.edit(record_id, version, same, other_group)
    assert set(refused.value.fields) == {"group"}
    with team.unit_of_work.write(team.custodian.actor) as work:
        work.custody.edit(record_id, version, same, other_group)
    with team.unit_of_work.read() as work:
        assert record_group(work.session, record_id) == other_group
