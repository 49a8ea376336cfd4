"""From the outbox to a real mail server: threaded, truthful about what became of it, at least once."""

from datetime import timedelta

from sqlalchemy import update

from sharelink.accounts.models import Account
from sharelink.actors import Actor
from sharelink.acts import tending
from sharelink.crypto.identifiers import id_text
from sharelink.custody.models import CustodyRecord
from sharelink.jobs.deliveries import Post, deliver_once
from sharelink.outbox.claims import LEASE, MOST_TRIES, wait_after
from sharelink.outbox.models import OutboxEntry
from sharelink.outbox.queries import failed_deliveries, mailed_to, told_about
from sharelink.settings import Settings
from tests.attacks.servers import free_port
from tests.factories import send_secret
from tests.mail_server import text_of
from tests.outbox.telling import LIST, entries, open_told_record, reveal


def reference_of(unit_of_work, custody_id):
    with unit_of_work.read() as work:
        return work.session.get_one(CustodyRecord, custody_id).reference


def test_the_letters_of_a_record_are_one_thread_with_its_reference(unit_of_work, staff, deliver, mail, settings):
    custody_id = open_told_record(unit_of_work, staff)
    sent = send_secret(unit_of_work, staff, custody_id=custody_id, label="Root password")
    reveal(unit_of_work, sent)
    assert deliver() == 6
    letters = mail.letters_to(LIST)
    reference = reference_of(unit_of_work, custody_id)
    assert len(letters) == 4
    assert all(letter["Subject"].startswith(f"[{reference}] ") for letter in letters)
    assert len({letter["References"] for letter in letters}) == 1
    assert len({letter["Message-ID"] for letter in letters}) == 4
    assert {letter["In-Reply-To"] for letter in letters} == {letters[0]["References"]}
    assert {letter["Auto-Submitted"] for letter in letters} == {"auto-generated"}
    assert {letter["X-Envelope-From"] for letter in letters} == {"sharelink@example.com"}
    revealed = next(letter for letter in letters if "Secret revealed" in letter["Subject"])
    assert revealed["Subject"] == f"[{reference}] Secret revealed: Root password"
    for kind in ("plain", "html"):
        body = text_of(revealed, kind)
        assert "Secret revealed" in body
        assert f"{settings.base_url}/shares/{id_text(sent.share_id)}" in body
        assert "Example GmbH" in body
    (personal,) = [letter for letter in mail.letters_to(staff.email) if "revealed" in letter["Subject"]]
    assert personal["References"] == revealed["References"]
    assert {entry.state for entry in entries(unit_of_work)} == {"accepted"}
    assert deliver() == 0


def test_what_the_server_refuses_for_good_is_refused_and_told_so(unit_of_work, staff, deliver, mail):
    custody_id = open_told_record(unit_of_work, staff, to="refused@example.com")
    assert deliver() == 1
    assert mail.letters == []
    (entry,) = entries(unit_of_work)
    assert (entry.state, entry.last_error, entry.attempts) == ("refused", "recipient_refused", 1)
    with unit_of_work.read() as work:
        (failed,) = failed_deliveries(work.session, 1).lines
    assert failed.to == f"Distribution list of {reference_of(unit_of_work, custody_id)}"
    assert failed.error == "the mail server refused the address"


def test_what_the_server_puts_off_is_tried_again_with_longer_waits_and_given_up_in_the_end(
    unit_of_work, staff, deliver, clock
):
    open_told_record(unit_of_work, staff, to="later@example.com")
    waits = []
    while (entry := entries(unit_of_work)[0]).state == "queued":
        waits.append(entry.next_at - clock.now)
        clock.now = entry.next_at
        assert deliver() == 1
    assert (entry.state, entry.attempts, entry.last_error) == ("dead", MOST_TRIES, "recipient_refused")
    assert timedelta(seconds=20) < waits[1] < timedelta(seconds=40)
    assert sum(waits, timedelta()) > timedelta(hours=12)
    assert max(waits) <= timedelta(hours=2.5)
    assert deliver() == 0


def test_a_failed_delivery_can_be_tried_again(unit_of_work, staff, deliver, mail):
    custody_id = open_told_record(unit_of_work, staff, to="refused@example.com")
    deliver()
    refused_id = entries(unit_of_work)[0].id
    with unit_of_work.write(staff.actor) as work:
        work.session.execute(update(CustodyRecord).where(CustodyRecord.id == custody_id).values(distribution_list=LIST))
        work.outbox.try_again(refused_id)
    deliver()
    assert len(mail.letters_to(LIST)) == 1
    assert [entry.state for entry in entries(unit_of_work)] == ["accepted"]


def test_while_the_server_is_away_everything_waits_and_one_try_answers_for_the_round(
    unit_of_work, staff, settings, mail, clock
):
    for _ in range(5):
        open_told_record(unit_of_work, staff)
    away = Settings(**settings.model_dump() | {"smtp_port": free_port()})
    assert deliver_once(unit_of_work, Post.of(away)) == 5
    assert {(entry.state, entry.last_error) for entry in entries(unit_of_work)} == {("queued", "unreachable")}
    clock.move(minutes=1)
    deliver_once(unit_of_work, Post.of(settings))
    assert len(mail.letters_to(LIST)) == 5


def test_a_wrong_password_or_a_foreign_certificate_keeps_letters_waiting(unit_of_work, staff, settings, mail, clock):
    open_told_record(unit_of_work, staff)
    wrong = Settings(**settings.model_dump() | {"smtp_password": "wrong"})
    deliver_once(unit_of_work, Post.of(wrong))
    assert [(entry.state, entry.last_error) for entry in entries(unit_of_work)] == [("queued", "sign_in_refused")]
    clock.move(minutes=1)
    untrusted = Settings(**settings.model_dump() | {"smtp_ca_file": None})
    deliver_once(unit_of_work, Post.of(untrusted))
    assert [(entry.state, entry.last_error) for entry in entries(unit_of_work)] == [("queued", "tls")]
    assert mail.letters == []


def test_what_a_dead_worker_had_in_hand_is_sent_when_its_lease_ends(unit_of_work, staff, deliver, mail, clock):
    open_told_record(unit_of_work, staff)
    with unit_of_work.write(Actor.system()) as work:
        (lost,) = work.claims.take(20)
    assert deliver() == 0
    clock.move(seconds=LEASE.total_seconds())
    assert deliver() == 1
    (letter,) = mail.letters
    assert letter["Message-ID"] == f"<{id_text(lost.id)}@example.com>"
    with unit_of_work.write(Actor.system()) as work:
        # The dead one's late word counts for nothing.
        work.claims.refused(lost, "late")
    assert [entry.state for entry in entries(unit_of_work)] == ["accepted"]


def test_a_repeat_has_the_same_message_id(unit_of_work, staff, deliver, mail, clock):
    open_told_record(unit_of_work, staff)
    deliver()
    clock.move(seconds=LEASE.total_seconds())
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(update(OutboxEntry).values(state="queued", accepted_at=None))
    deliver()
    first, second = mail.letters
    assert first["Message-ID"] == second["Message-ID"]


def test_a_worker_that_is_stopping_gives_back_what_it_has_not_begun(unit_of_work, staff, settings, mail):
    for _ in range(3):
        open_told_record(unit_of_work, staff)
    asked = iter([False, False, True, True, True, True])
    deliver_once(unit_of_work, Post.of(settings), is_stopping=lambda: next(asked))
    states = sorted((entry.state, entry.attempts) for entry in entries(unit_of_work))
    assert states == [("accepted", 1), ("queued", 0), ("queued", 0)]


def test_a_letter_for_somebody_who_left_is_not_sent(unit_of_work, staff, deliver, mail, clock):
    reveal(unit_of_work, send_secret(unit_of_work, staff))
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(update(Account).values(disabled_at=clock.now))
    deliver()
    assert mail.letters == []
    assert {entry.state for entry in entries(unit_of_work)} == {"void"}


def test_a_reminder_that_is_late_is_not_sent(unit_of_work, staff, deliver, mail, clock):
    sent, other = send_secret(unit_of_work, staff, label="Kept"), send_secret(unit_of_work, staff, label="Taken back")
    clock.move(hours=48)
    with unit_of_work.write(Actor.system()) as work:
        assert work.outbox.remind_of_unopened(100) == 2
    tending.withdraw(unit_of_work, staff.actor, other.share_id, "a test")
    deliver()
    (letter,) = mail.letters_to(staff.email)
    assert letter["Subject"].endswith("Nobody has opened your link yet: Kept")
    with unit_of_work.read() as work:
        assert [line.state for line in told_about(work.session, sent.share_id)] == ["accepted"]
        assert len(mailed_to(work.session, staff.account_id)) == 2


def test_letters_about_an_account_go_to_its_owner_without_a_reference(unit_of_work, staff, deliver, mail):
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.administration.end_sessions(staff.account_id)
    deliver()
    (letter,) = mail.letters_to(staff.email)
    assert letter["Subject"] == "An administrator signed you out everywhere (Example Reseller)"
    assert letter["References"] is None
    assert "/account/security" in text_of(letter)


def test_what_is_settled_is_forgotten_after_three_months_and_what_failed_is_not(unit_of_work, staff, deliver, clock):
    open_told_record(unit_of_work, staff)
    open_told_record(unit_of_work, staff, to="refused@example.com")
    deliver()
    clock.move(days=91)
    with unit_of_work.write(Actor.system()) as work:
        work.claims.forget_old()
    assert [entry.state for entry in entries(unit_of_work)] == ["refused"]


def test_waits_are_scattered(unit_of_work, staff):
    for _ in range(8):
        open_told_record(unit_of_work, staff)
    with unit_of_work.write(Actor.system()) as work:
        waits = {wait_after(work.claims.take(1)[0]) for _ in range(8)}
    assert len(waits) == 8
