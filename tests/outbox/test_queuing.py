"""Who is told of what: queued with the act, in its own transaction, as ids only."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from sharelink.actors import Actor
from sharelink.acts import receiving, tending
from sharelink.audit.events import AuditEvent
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.outbox.models import OutboxEntry
from sharelink.outbox.recipients import FINDERS
from sharelink.outbox.rules import APPROVER_TITLES, REQUEST_TITLES, RULES, UNTOLD, Told
from sharelink.outbox.states import Channel
from sharelink.settings import Settings
from tests.factories import ask_secret, make_person, open_record, send_secret, submit_answer
from tests.outbox.telling import LIST, entries, open_told_record, reveal, told


def test_every_event_is_told_to_somebody_or_to_nobody_on_purpose():
    assert set(AuditEvent) == set(RULES) | UNTOLD
    assert not set(RULES) & UNTOLD
    assert set(FINDERS) == set(Told)
    assert set(REQUEST_TITLES) | set(APPROVER_TITLES) <= set(RULES)
    assert all(rule.told and rule.title for rule in RULES.values())


def test_a_reveal_is_told_to_the_record_s_list_and_to_the_sender(unit_of_work, staff):
    sent = send_secret(unit_of_work, staff, custody_id=open_told_record(unit_of_work, staff))
    reveal(unit_of_work, sent)
    assert told(unit_of_work) == [
        ("custody.opened", "record_event"),
        ("share.created", "record_event"),
        ("share.opened", "personal"),
        ("share.opened", "record_event"),
        ("share.revealed", "personal"),
        ("share.revealed", "record_event"),
    ]
    personal = next(entry for entry in entries(unit_of_work) if entry.letter == "personal")
    assert (personal.audience_ref, personal.rec) == (staff.account_id, id_text(sent.custody_id))


def test_a_record_without_a_list_has_no_letters_to_one(unit_of_work, staff):
    reveal(unit_of_work, send_secret(unit_of_work, staff))
    assert told(unit_of_work) == [("share.opened", "personal"), ("share.revealed", "personal")]


def test_nobody_is_told_what_they_did_themselves(unit_of_work, staff):
    sent = send_secret(unit_of_work, staff)
    tending.withdraw(unit_of_work, staff.actor, sent.share_id, "a test")
    assert told(unit_of_work) == []
    colleague = make_person(unit_of_work, "Ben Example", "ben@example.com")
    tending.withdraw(unit_of_work, colleague.actor, send_secret(unit_of_work, staff).share_id, "a test")
    assert told(unit_of_work)[-1] == ("share.burned", "personal")


def test_an_act_that_is_undone_tells_nobody(unit_of_work, staff):
    custody_id = open_told_record(unit_of_work, staff)
    before = told(unit_of_work)

    def fail_after_an_act() -> None:
        with unit_of_work.write(staff.actor) as work:
            work.custody.archive(custody_id)
            raise RuntimeError("after the act")

    with pytest.raises(RuntimeError):
        fail_after_an_act()
    assert told(unit_of_work) == before


def test_the_end_of_time_is_told_once(unit_of_work, staff, clock):
    send_secret(unit_of_work, staff, lifetime=timedelta(hours=1))
    clock.move(hours=1)
    for _ in range(2):
        with unit_of_work.write(Actor.system()) as work:
            work.shares.expire_due(10)
    assert told(unit_of_work) == [("share.expired", "personal")]


def test_an_answer_is_told_to_whoever_asked(unit_of_work, staff):
    asked = ask_secret(unit_of_work, staff, custody_id=open_told_record(unit_of_work, staff))
    submit_answer(unit_of_work, asked.submit_link, "the answer")
    assert told(unit_of_work)[-2:] == [("request.submitted", "personal"), ("request.submitted", "record_event")]


def test_a_person_is_told_of_a_change_once_and_groups_are_not(unit_of_work, staff):
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.administration.end_sessions(staff.account_id)
    found = [entry for entry in entries(unit_of_work) if entry.letter == "account_notice"]
    assert {entry.audience_ref for entry in found} == {staff.account_id}
    assert len({entry.event_id for entry in found}) == len(found)


def test_without_a_mail_server_nothing_is_queued_for_mail(make_app, settings, unit_of_work, staff):
    silent = Settings(
        **settings.model_dump(exclude={name for name in Settings.model_fields if name.startswith("smtp_")})
    )
    app = make_app(silent)
    with app.app_context():
        quiet_work = app.extensions["sharelink"].unit_of_work
        send_secret(quiet_work, staff, custody_id=open_told_record(quiet_work, staff))
    assert told(unit_of_work) == []


def test_opening_the_page_again_and_again_fills_no_mailbox(unit_of_work, staff, clock):
    sent = send_secret(unit_of_work, staff, custody_id=open_told_record(unit_of_work, staff))
    for number in range(1, 30):
        receiving.look(unit_of_work, Actor.public(f"203.0.{number}.9", "A phone"), sent.link)
    assert told(unit_of_work).count(("share.opened", "record_event")) == 1
    clock.move(hours=1)
    receiving.look(unit_of_work, Actor.public("198.51.100.77", "A phone"), sent.link)
    assert told(unit_of_work).count(("share.opened", "record_event")) == 2


def test_webhooks_hear_of_records_and_of_nobody_s_account(unit_of_work, staff):
    with unit_of_work.write(staff.actor) as work:
        endpoint = work.endpoints.add("Tickets", "http://localhost:9/x", allow_private=True)
    open_record(unit_of_work, staff)
    make_person(unit_of_work, "Ben Example", "ben@example.com")
    found = [entry for entry in entries(unit_of_work) if entry.channel is Channel.WEBHOOK]
    assert [(entry.event_type, entry.audience_ref) for entry in found] == [("custody.opened", endpoint.id)]


def test_an_entry_holds_nothing_but_ids_and_names_of_kinds(unit_of_work, staff):
    custody_id = open_told_record(unit_of_work, staff, customer="Canary & Sons")
    sent = send_secret(unit_of_work, staff, custody_id=custody_id, label="canary label")
    reveal(unit_of_work, sent)
    with unit_of_work.read() as work:
        rows = work.session.execute(select(OutboxEntry.__table__)).all()
    everything = repr([tuple(row) for row in rows]).casefold()
    for personal in ("canary", staff.email, staff.name, LIST, sent.link.token, "203.0.113"):
        assert personal.casefold() not in everything


def test_a_sender_is_reminded_once_of_a_link_that_nobody_opened(unit_of_work, staff, clock):
    unopened, opened = send_secret(unit_of_work, staff), send_secret(unit_of_work, staff)
    asked = ask_secret(unit_of_work, staff)
    receiving.look(unit_of_work, Actor.public("203.0.113.9", "A phone"), opened.link)
    for hours in (47, 1, 24):
        clock.move(hours=hours)
        with unit_of_work.write(Actor.system()) as work:
            work.outbox.remind_of_unopened(100)
    reminded = [entry.obj_ref for entry in entries(unit_of_work) if entry.letter == "reminder"]
    assert sorted(reminded) == sorted([unopened.share_id, asked.share_id])


def test_many_failed_tries_are_told_and_a_few_are_not(unit_of_work, staff):
    def report(tries: int) -> None:
        with unit_of_work.write(Actor.system()) as work:
            work.audit.append(
                AuditEvent.AUTH_FAILED,
                rec=id_text(staff.account_id),
                actor=work.actor,
                now=work.now,
                obj=("account", staff.account_id),
                facts={"tries": tries},
            )

    report(4)
    assert told(unit_of_work) == []
    report(5)
    report(50)
    assert told(unit_of_work) == [("auth.failed", "account_notice")]


def test_a_failure_at_an_address_that_nobody_has_tells_nobody(unit_of_work):
    with unit_of_work.write(Actor.system()) as work:
        nobody = new_id()
        work.audit.append(
            AuditEvent.AUTH_NEW_DEVICE,
            rec=id_text(nobody),
            actor=work.actor,
            now=work.now,
            obj=("account", nobody),
        )
    assert told(unit_of_work) == []
