"""A request from the asking to the verdict, through the acts that the views call."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from sharelink.actors import Actor
from sharelink.acts import receiving, requesting, retrieving, submitting, tending
from sharelink.acts.requesting import Asked
from sharelink.audit.models import AuditLeaf
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.request_detail import RequestDetail, request_detail
from sharelink.errors import InvalidInput
from sharelink.requests.errors import NotJudgeable, RequestClosed, RequestNotAwaiting
from sharelink.requests.models import SecretRequest
from sharelink.requests.states import RequestTemplate, Verdict
from sharelink.shares.errors import (
    AlreadyCreated,
    LinkUnavailable,
    OwnShare,
    ReportUnavailable,
    ShareEnded,
    ShareHeld,
    ShareReplaced,
)
from sharelink.shares.models import Share
from sharelink.shares.states import EndReason, ShareState
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded, recorded_types
from tests.factories import Person, ask_secret, open_record, submit_answer
from tests.fakes import MovableClock

SECRET = "correct horse battery staple"
VISITOR = Actor.public("203.0.113.9", "A phone")


def detail_of(unit_of_work: UnitOfWork, asked: Asked) -> RequestDetail:
    with unit_of_work.read() as work:
        return request_detail(work.session, asked.share_id, work.now)


def row_of(unit_of_work: UnitOfWork, asked: Asked) -> Share:
    with unit_of_work.read() as work:
        return work.session.execute(select(Share).where(Share.id == asked.share_id)).scalar_one()


def taken(unit_of_work: UnitOfWork, person: Person, asked: Asked) -> list[str]:
    """Retrieve without the web in front: the password is the view's and the act's business, tested with them."""
    with unit_of_work.write(person.actor) as work:
        facts, fields = work.requests.open_answer(asked.retrieval_link)
        work.requests.claim(facts, "take_into_custody", "T-1")
    return [field.value for field in fields]


def test_a_new_request_waits_and_keeps_nothing_that_opens(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff, label="Root password")
    share = row_of(unit_of_work, asked)
    assert (share.state, share.outer_ciphertext, share.seal_header) == (ShareState.AWAITING, None, None)
    with unit_of_work.read() as work:
        columns = [
            value
            for table in (SecretRequest.__table__, Share.__table__)
            for value in work.session.execute(select(*table.columns)).one()
        ]
    for secret in (asked.retrieval_link.retrieval_key, asked.submit_link.submit_key):
        assert not any(isinstance(value, bytes) and secret in value for value in columns)


def test_an_answer_is_sealed_on_arrival_and_opens_once_with_the_retrieval_link(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    asked = ask_secret(unit_of_work, staff, retrieve_lifetime=timedelta(days=3))
    facts = submit_answer(unit_of_work, asked.submit_link, SECRET)
    assert (facts.state, facts.submitted_at, facts.expires_at) == (
        ShareState.SEALED,
        clock(),
        clock() + timedelta(days=3),
    )
    assert taken(unit_of_work, staff, asked) == [SECRET]
    share = row_of(unit_of_work, asked)
    assert (share.state, share.outer_ciphertext) == (ShareState.REVEALED, None)
    with pytest.raises(ShareEnded):
        taken(unit_of_work, staff, asked)
    assert recorded_types(unit_of_work, id_text(asked.custody_id))[1:] == [
        "request.created",
        "request.submitted",
        "request.retrieved",
    ]


def test_only_the_first_answer_counts(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    with pytest.raises(RequestClosed):
        submit_answer(unit_of_work, asked.submit_link, "a second answer")
    assert taken(unit_of_work, staff, asked) == [SECRET]


def test_an_answer_with_a_mistake_changes_nothing(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    for wrong in ("", " \n", "x" * 20_001, " stray"):
        with pytest.raises(InvalidInput):
            submit_answer(unit_of_work, asked.submit_link, wrong)
    assert row_of(unit_of_work, asked).state is ShareState.AWAITING
    submit_answer(unit_of_work, asked.submit_link, SECRET)


def test_whoever_asks_does_not_answer(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    with pytest.raises(OwnShare):
        submitting.submit(unit_of_work, staff.actor, asked.submit_link, {"field-0": SECRET}, space_is_meant=False)
    assert row_of(unit_of_work, asked).state is ShareState.AWAITING


def test_the_time_to_submit_ends_by_itself_and_a_clock_set_back_revives_nothing(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    asked = ask_secret(unit_of_work, staff, submit_lifetime=timedelta(days=1))
    clock.move(days=1)
    with pytest.raises(RequestClosed):
        submit_answer(unit_of_work, asked.submit_link, SECRET)
    clock.move(days=-1)
    with pytest.raises(RequestClosed):
        submit_answer(unit_of_work, asked.submit_link, SECRET)
    assert detail_of(unit_of_work, asked).line.state_label == "Not answered in time"


def test_the_sweeper_ends_what_was_not_answered_and_what_was_not_retrieved(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    unanswered, unread = ask_secret(unit_of_work, staff), ask_secret(unit_of_work, staff)
    submit_answer(unit_of_work, unread.submit_link, SECRET)
    clock.move(days=8)
    with unit_of_work.write(Actor.system()) as work:
        assert work.shares.expire_due(10) == 2
    assert detail_of(unit_of_work, unanswered).line.state_label == "Not answered in time"
    assert detail_of(unit_of_work, unread).line.state_label == "Answer expired unread"
    assert row_of(unit_of_work, unread).outer_ciphertext is None


def test_an_answer_has_its_own_time_however_late_it_comes(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    asked = ask_secret(unit_of_work, staff, submit_lifetime=timedelta(days=7), retrieve_lifetime=timedelta(days=7))
    clock.move(days=6)
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    clock.move(days=6)
    assert taken(unit_of_work, staff, asked) == [SECRET]


def test_a_cancelled_request_takes_no_answer_and_erases_one_that_waits(unit_of_work: UnitOfWork, staff: Person) -> None:
    waiting, answered = ask_secret(unit_of_work, staff), ask_secret(unit_of_work, staff)
    submit_answer(unit_of_work, answered.submit_link, SECRET)
    for asked in (waiting, answered):
        tending.withdraw(unit_of_work, staff.actor, asked.share_id, "no longer needed")
        assert row_of(unit_of_work, asked).outer_ciphertext is None
    with pytest.raises(RequestClosed):
        submit_answer(unit_of_work, waiting.submit_link, SECRET)
    with pytest.raises(ShareEnded):
        taken(unit_of_work, staff, answered)


def test_the_event_of_an_end_says_whether_there_was_an_answer(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    custody_id = open_record(unit_of_work, staff)
    asked = [ask_secret(unit_of_work, staff, custody_id=custody_id) for _number in range(4)]
    for answered in asked[::2]:
        submit_answer(unit_of_work, answered.submit_link, SECRET)
    for cancelled in asked[:2]:
        tending.withdraw(unit_of_work, staff.actor, cancelled.share_id, "no longer needed")
    clock.move(days=8)
    for overdue in asked[2:]:
        with unit_of_work.write(Actor.system()) as work:
            work.shares.expire(overdue.share_id)
    ends = {"share.burned", "share.expired"}
    told = [event.facts["answered"] for event in recorded(unit_of_work, id_text(custody_id)) if event.type in ends]
    assert told == [True, False, True, False]


def test_the_event_of_the_showing_says_that_it_was_a_request(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    with unit_of_work.write(staff.actor) as work:
        facts, _fields = work.requests.open_answer(asked.retrieval_link)
        receipt = work.requests.claim(facts, "take_into_custody", "T-1")
    receiving.acknowledge(unit_of_work, staff.actor, receipt, stored=False)
    assert recorded(unit_of_work, id_text(asked.custody_id))[-1].facts == {"kind": "request"}


def test_on_hold_nothing_is_retrieved_and_nothing_is_lost(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    submitting.report(unit_of_work, VISITOR, asked.submit_link)
    with pytest.raises(ShareHeld):
        taken(unit_of_work, staff, asked)
    tending.release_hold(unit_of_work, staff.actor, asked.custody_id, is_proven=True)
    assert taken(unit_of_work, staff, asked) == [SECRET]


def test_only_an_answered_request_can_be_reported_and_only_once(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    with pytest.raises(ReportUnavailable):
        submitting.report(unit_of_work, VISITOR, asked.submit_link)
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    submitting.report(unit_of_work, VISITOR, asked.submit_link)
    with pytest.raises(ReportUnavailable):
        submitting.report(unit_of_work, VISITOR, asked.submit_link)


def test_the_receipt_names_the_event_and_the_key_and_nothing_of_the_answer(
    unit_of_work: UnitOfWork, staff: Person
) -> None:
    asked = ask_secret(unit_of_work, staff)
    with pytest.raises(LinkUnavailable):
        submitting.receipt(unit_of_work, VISITOR, asked.submit_link)
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    kept = submitting.receipt(unit_of_work, VISITOR, asked.submit_link)
    assert kept.field_labels == ("Confidential text",)
    assert kept.key_fingerprint in asked.submit_link.url("")
    with unit_of_work.read() as work:
        leaf = work.session.execute(select(AuditLeaf.leaf).where(AuditLeaf.type == "request.submitted")).scalar_one()
    assert f'"id":"{kept.event_id}"' in leaf.decode()


def test_one_form_makes_one_request(unit_of_work: UnitOfWork, staff: Person) -> None:
    form_id, custody_id = new_id(), open_record(unit_of_work, staff)
    asked = ask_secret(unit_of_work, staff, form_id=form_id, custody_id=custody_id)
    with pytest.raises(AlreadyCreated) as caught:
        ask_secret(unit_of_work, staff, form_id=form_id, custody_id=custody_id)
    assert caught.value.share_id == asked.share_id


def test_asking_again_ends_the_old_links_and_joins_the_two(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff, template=RequestTemplate.OWN, own_fields=(("PIN", "password", True),))
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    again = requesting.ask_again(unit_of_work, staff.actor, detail_of(unit_of_work, asked), new_id())
    old, new = detail_of(unit_of_work, asked), detail_of(unit_of_work, again)
    assert (old.line.state, old.line.end_reason, old.replaced_by) == (
        ShareState.BURNED,
        EndReason.REPLACED,
        id_text(again.share_id),
    )
    assert (new.replaces, new.fields, new.message) == (id_text(asked.share_id), old.fields, "")
    with pytest.raises(ShareEnded):
        taken(unit_of_work, staff, asked)
    with pytest.raises(ShareReplaced):
        requesting.ask_again(unit_of_work, staff.actor, old, new_id())
    submit_answer(unit_of_work, again.submit_link, "1234")
    assert taken(unit_of_work, staff, again) == ["1234"]


def test_a_wrong_answer_is_rejected_and_asked_for_again_with_a_message(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    early = detail_of(unit_of_work, asked)
    with pytest.raises(NotJudgeable):
        requesting.ask_again(unit_of_work, staff.actor, early, new_id(), rejecting="The sign-in failed.")
    assert row_of(unit_of_work, asked).state is ShareState.SEALED, "a refused rejection must not burn the answer"
    taken(unit_of_work, staff, asked)
    with pytest.raises(InvalidInput):
        requesting.ask_again(unit_of_work, staff.actor, detail_of(unit_of_work, asked), new_id(), rejecting=" ")
    again = requesting.ask_again(
        unit_of_work, staff.actor, detail_of(unit_of_work, asked), new_id(), rejecting="The sign-in failed."
    )
    old = detail_of(unit_of_work, asked)
    assert (old.verdict, old.verdict_note, old.line.state_label) == (
        Verdict.WRONG,
        "The sign-in failed.",
        "Retrieved, was wrong",
    )
    assert submitting.look(unit_of_work, VISITOR, again.submit_link).message == "The sign-in failed."


def test_a_working_answer_is_noted_once_with_its_place(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    with pytest.raises(NotJudgeable):
        retrieving.accept(unit_of_work, staff.actor, detail_of(unit_of_work, asked), "Vault 7")
    taken(unit_of_work, staff, asked)
    with pytest.raises(InvalidInput):
        retrieving.accept(unit_of_work, staff.actor, detail_of(unit_of_work, asked), " ")
    retrieving.accept(unit_of_work, staff.actor, detail_of(unit_of_work, asked), "Vault 7")
    judged = detail_of(unit_of_work, asked)
    assert (judged.verdict, judged.vault_reference, judged.can_be_judged, judged.can_be_asked_again) == (
        Verdict.WORKED,
        "Vault 7",
        False,
        False,
    )
    with pytest.raises(NotJudgeable):
        retrieving.accept(unit_of_work, staff.actor, judged, "Vault 8")


def test_a_reminder_comes_due_and_is_noted(unit_of_work: UnitOfWork, staff: Person, clock: MovableClock) -> None:
    asked = ask_secret(unit_of_work, staff, remind_after=timedelta(days=3))
    assert not detail_of(unit_of_work, asked).is_reminder_due
    clock.move(days=3)
    assert detail_of(unit_of_work, asked).is_reminder_due
    tending.note_reminder(unit_of_work, staff.actor, detail_of(unit_of_work, asked))
    assert not detail_of(unit_of_work, asked).is_reminder_due
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    with pytest.raises(RequestNotAwaiting):
        tending.note_reminder(unit_of_work, staff.actor, detail_of(unit_of_work, asked))


def test_only_other_clients_opening_is_an_event_and_once(unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    for actor in (staff.actor, VISITOR, VISITOR, Actor.public("198.51.100.77", "A scanner")):
        submitting.look(unit_of_work, actor, asked.submit_link)
    assert recorded_types(unit_of_work, id_text(asked.custody_id)).count("request.opened") == 2


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"purpose": ""}, "purpose"),
        ({"purpose": "x" * 2_001}, "purpose"),
        ({"label": "x" * 121}, "label"),
        ({"submit_lifetime": timedelta(days=31)}, "submit_lifetime"),
        ({"retrieve_lifetime": timedelta(0)}, "retrieve_lifetime"),
        ({"remind_after": timedelta(days=7)}, "remind_after"),
        ({"template": RequestTemplate.AWS_ROOT}, "template"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_beside_its_field(
    unit_of_work: UnitOfWork, staff: Person, changed: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        ask_secret(unit_of_work, staff, **changed)  # type: ignore[arg-type]  # one of several kinds
    assert set(caught.value.fields) == {field}
