"""Attacks on what leaves: no link, key, code or secret of a share in it, and nobody writes headers or HTML."""

import html
import re
from datetime import timedelta

from sqlalchemy import update

from sharelink.actors import Actor
from sharelink.acts import receiving
from sharelink.crypto.link_keys import link_key_text
from sharelink.custody.models import CustodyRecord
from sharelink.shares.models import Share
from tests.attacks.canaries import code_spellings, found_in, key_spellings, spellings
from tests.factories import ask_secret, send_secret, submit_answer
from tests.mail_server import parsed, text_of
from tests.outbox.telling import LIST, entries, open_told_record, reveal

SECRET, ANSWER, INSTRUCTION = "canary-secret-49c1b7", "canary-answer-77ab02", "canary-instruction-51dd"
EVIL = 'Root\r\nBcc: thief@evil.example\r\n\r\n<script>alert("1")</script>\u202e\u2028{{ 7*7 }}'


def deliverable(raw):
    """Return a letter as it came, and both its bodies without their transfer encoding."""
    letter = parsed(raw)
    return b"\n".join([raw, text_of(letter).encode(), text_of(letter, "html").encode()])


def everything_sent(mail, receiver):
    letters = {f"letter {number}": deliverable(raw) for number, raw in enumerate(mail.raw)}
    hooks = {
        f"webhook {number}": repr(request.headers).encode() + request.path.encode() + request.body
        for number, request in enumerate(receiver.received)
    }
    return letters | hooks


def test_no_letter_and_no_webhook_holds_a_link_a_key_a_code_or_a_secret(
    unit_of_work, staff, deliver, mail, receiver, clock
):
    with unit_of_work.write(staff.actor) as work:
        endpoint = work.endpoints.add("Tickets", receiver.url, allow_private=True)
    custody_id = open_told_record(unit_of_work, staff)
    options = {"custody_id": custody_id, "instruction": INSTRUCTION}
    sent = send_secret(unit_of_work, staff, SECRET, **options)
    lost = send_secret(unit_of_work, staff, SECRET, lifetime=timedelta(days=3), **options)
    asked = ask_secret(unit_of_work, staff, custody_id=custody_id)
    visitor = Actor.public("203.0.113.9", "A phone")
    reveal(unit_of_work, sent)
    receiving.report(unit_of_work, visitor, sent.link)
    submit_answer(unit_of_work, asked.submit_link, ANSWER)
    clock.move(days=2)
    with unit_of_work.write(Actor.system()) as work:
        work.outbox.remind_of_unopened(100)
    deliver()
    clock.move(days=2)
    with unit_of_work.write(Actor.system()) as work:
        work.shares.expire_due(100)
    deliver()
    assert {entry.state for entry in entries(unit_of_work)} == {"accepted"}
    types = {entry.event_type for entry in entries(unit_of_work)}
    assert types >= {
        "share.revealed",
        "share.tamper_reported",
        "request.submitted",
        "share.expired",
        "reminder.unopened",
    }
    canaries = {
        name: spellings(text) for name, text in {"secret": SECRET, "answer": ANSWER, "note": INSTRUCTION}.items()
    }
    for name, link in {"sent": sent.link, "lost": lost.link}.items():
        canaries[f"key of {name}"] = key_spellings(link_key_text(link.link_key))
        canaries[f"token of {name}"] = spellings(link.token)
    for name, share in {"sent": sent, "lost": lost}.items():
        canaries[f"code of {name}"] = code_spellings(share.code)
    canaries["submit token"] = spellings(asked.submit_link.token)
    canaries["retrieval token"] = spellings(asked.retrieval_link.token)
    canaries["retrieval key"] = spellings(asked.retrieval_link.retrieval_key)
    canaries["secret of the webhook"] = spellings(endpoint.secret_text.removeprefix("whsec_"))
    haystacks = everything_sent(mail, receiver)
    assert len(mail.raw) > 10
    assert len(receiver.received) > 8
    assert found_in(haystacks, canaries) == []
    assert not re.search(rb"localhost(:[0-9]+)?/(s|r|retrieve|approve|statement)/", b"".join(haystacks.values()))


def test_webhooks_name_no_person_and_repeat_nothing_that_anybody_typed(unit_of_work, staff, deliver, receiver):
    with unit_of_work.write(staff.actor) as work:
        work.endpoints.add("Tickets", receiver.url, allow_private=True)
    custody_id = open_told_record(unit_of_work, staff, customer="Canary Customer AG")
    reveal(unit_of_work, send_secret(unit_of_work, staff, custody_id=custody_id, label="canary-label-88"))
    deliver()
    typed = ("Canary Customer AG", "canary-label-88", staff.name, staff.email, LIST, "203.0.113.9", "A phone")
    bodies = {f"webhook {number}": request.body for number, request in enumerate(receiver.received)}
    assert found_in(bodies, {text: spellings(text) for text in typed}) == []
    assert all(set(request.content) == {"type", "timestamp", "data"} for request in receiver.received)


def test_a_label_and_a_name_write_no_header_and_no_html(unit_of_work, staff, deliver, mail):
    custody_id = open_told_record(unit_of_work, staff)
    sent = send_secret(unit_of_work, staff, custody_id=custody_id)
    with unit_of_work.write(Actor.system()) as work:
        # As if the forms had let it through.
        work.session.execute(update(Share).where(Share.id == sent.share_id).values(label=EVIL))
        work.session.execute(update(CustodyRecord).where(CustodyRecord.id == custody_id).values(customer=EVIL))
    reveal(unit_of_work, sent)
    deliver()
    assert mail.letters
    for letter in mail.letters:
        assert letter["Bcc"] is None
        assert letter["X-Envelope-To"] in {LIST, staff.email}
        page = text_of(letter, "html")
        assert "<script" not in page
        assert html.escape("<script>") in page
        assert "{{ 7*7 }}" in page
        assert "\u202e" not in page + text_of(letter) + letter["Subject"]
        assert "\u2028" not in page + text_of(letter) + letter["Subject"]
        assert "\nBcc:" not in text_of(letter)


def test_huge_texts_make_short_letters(unit_of_work, staff, deliver, mail, settings):
    # PostgreSQL itself takes no more than the column is wide.
    size = 100_000 if settings.embedded_database else 200
    custody_id = open_told_record(unit_of_work, staff)
    sent = send_secret(unit_of_work, staff, custody_id=custody_id)
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(update(Share).values(label="ä" * size))
        work.session.execute(update(CustodyRecord).values(customer="x" * size))
    reveal(unit_of_work, sent)
    deliver()
    assert len(mail.raw) == 6
    assert max(map(len, mail.raw)) < 16_000
    assert max(len(letter["Subject"]) for letter in mail.letters) < 200


def test_an_address_that_would_say_more_than_an_address_gets_nothing(unit_of_work, staff, deliver, mail):
    evil = [
        "a@example.com\r\nBcc: thief@evil.example",
        "a@example.com, b@evil.example",
        "<a@example.com>",
        '"x y"@example.com',
    ]
    for address in evil:
        custody_id = open_told_record(unit_of_work, staff)
        with unit_of_work.write(Actor.system()) as work:
            work.session.execute(
                update(CustodyRecord).where(CustodyRecord.id == custody_id).values(distribution_list=address)
            )
    deliver()
    assert mail.letters == []
    assert {(entry.state, entry.last_error) for entry in entries(unit_of_work)} == {("refused", "address")}
