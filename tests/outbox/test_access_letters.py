"""Letters about root access: approvers, the customer's link and code, and all owners at a break-glass."""

import re
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import update

from sharelink.access.links import parse_approver_link
from sharelink.actors import Actor
from sharelink.acts import declaring
from sharelink.acts.deciding import TypedDecision
from sharelink.crypto.link_keys import link_key_text
from sharelink.custody.models import Contact
from sharelink.outbox.claims import LEASE
from sharelink.outbox.models import OutboxEntry
from sharelink.outbox.rules import APPROVER_TITLES
from sharelink.shares.errors import LinkUnavailable
from tests.access.uses import (
    CUSTOMER_EMAIL,
    DECLARED,
    add_contact,
    check_out,
    decide,
    declare,
    detail,
    make_team,
    set_policy,
)
from tests.attacks.canaries import found_in, key_spellings, spellings
from tests.mail_server import text_of

CUSTOMER = Actor.public("203.0.113.9", "A phone")


@pytest.fixture
def team(unit_of_work, staff):
    return make_team(unit_of_work, staff)


def subjects(mail, to):
    return [re.sub(r"^\[CR-\w+\] ", "", letter["Subject"]).partition(":")[0] for letter in mail.letters_to(to)]


def test_a_use_that_waits_is_told_to_everybody_who_may_decide_and_its_end_to_who_asked(
    unit_of_work, team, deliver, mail
):
    set_policy(unit_of_work, team, approvals_needed=1)
    deliver()
    mail.forget_letters()
    use_id = declare(unit_of_work, team.anna, team.record)
    deliver()
    title = "Access waits for your decision"
    assert title in {words[0] for words in APPROVER_TITLES.values()}
    assert subjects(mail, team.ben.email) == [title]
    assert subjects(mail, team.cleo.email) == [title]
    assert subjects(mail, team.anna.email) == []
    assert subjects(mail, team.dora.email) == []
    decide(unit_of_work, team.cleo, use_id)
    deliver()
    assert subjects(mail, team.anna.email) == ["Access approved"]


def test_an_approver_is_not_called_for_what_was_decided_meanwhile(unit_of_work, team, deliver, mail):
    set_policy(unit_of_work, team, approvals_needed=1)
    deliver()
    mail.forget_letters()
    use_id = declare(unit_of_work, team.anna, team.record)
    decide(unit_of_work, team.ben, use_id, "denied")
    deliver()
    assert subjects(mail, team.cleo.email) == []
    assert subjects(mail, team.anna.email) == ["Access denied"]


def test_the_customer_approves_by_a_link_and_a_code_that_only_their_letters_hold(
    unit_of_work, team, deliver, mail, settings, clock
):
    add_contact(unit_of_work, team)
    set_policy(unit_of_work, team, customer_approves=True)
    deliver()
    mail.forget_letters()
    use_id = declare(unit_of_work, team.anna, team.record)
    deliver()
    (letter,) = mail.letters_to(CUSTOMER_EMAIL)
    address = re.search(rf"{re.escape(settings.base_url)}/approve/\S+#\S+", text_of(letter))
    assert address is not None
    link = parse_approver_link(address[0])
    with unit_of_work.write(CUSTOMER) as work:
        work.approver_links.ask_code(link)
    deliver()
    code_letter = next(
        found for found in mail.letters_to(CUSTOMER_EMAIL) if found["Message-ID"] != letter["Message-ID"]
    )
    code = re.search(r"^[2-9A-Z]{4}-[2-9A-Z]{4}$", text_of(code_letter).replace("\r", ""), re.MULTILINE)
    assert code is not None
    assert "/approve/" not in text_of(code_letter)
    others = [raw for raw in mail.raw if f"X-Envelope-To: {CUSTOMER_EMAIL}".encode() not in raw]
    canaries = {"key": key_spellings(link_key_text(link.key)), "code": spellings(code[0])}
    assert found_in({str(number): raw for number, raw in enumerate(others)}, canaries) == []
    assert others
    typed = TypedDecision(detail(unit_of_work, use_id).digest_text, "approved", "Fine.")
    with unit_of_work.write(CUSTOMER) as work:
        digest, verdict, note = typed.checked()
        tried = work.approver_links.decide(link, digest, verdict, note, code[0])
    assert tried.state is not None
    check_out(unit_of_work, team.anna, use_id)


def test_a_repeat_of_the_customer_s_letter_has_another_key_and_only_the_newest_works(
    unit_of_work, team, deliver, mail, clock
):
    add_contact(unit_of_work, team)
    set_policy(unit_of_work, team, customer_approves=True)
    declare(unit_of_work, team.anna, team.record)
    deliver()
    # As when a worker died after the server had taken the letter, and before that could be noted.
    clock.move(seconds=LEASE.total_seconds())
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(
            update(OutboxEntry).where(OutboxEntry.letter == "approval_link").values(state="queued", accepted_at=None)
        )
    deliver()
    first, second = (
        parse_approver_link(address[0])
        for letter in mail.letters_to(CUSTOMER_EMAIL)
        if (address := re.search(r"\S+/approve/\S+#\S+", text_of(letter)))
    )
    works = []
    for link in (first, second):
        with unit_of_work.read(CUSTOMER) as work, suppress(LinkUnavailable):
            works.append(work.approver_links.find(link).contact_email)
    assert works == [CUSTOMER_EMAIL]


def test_break_glass_tells_every_owner_at_once(unit_of_work, team, deliver, mail):
    add_contact(unit_of_work, team)
    deliver()
    mail.forget_letters()
    declaring.break_glass(unit_of_work, team.anna.actor, team.record, DECLARED)
    deliver()
    assert subjects(mail, CUSTOMER_EMAIL) == ["Break-glass access"]
    (letter,) = mail.letters_to(CUSTOMER_EMAIL)
    assert "custody statement" in text_of(letter)
    assert "/records/" not in text_of(letter)
    assert subjects(mail, team.ben.email) == ["Break-glass access to be reviewed"]


def test_a_contact_who_was_removed_meanwhile_gets_nothing(unit_of_work, team, deliver, mail, clock):
    contact_id = add_contact(unit_of_work, team)
    deliver()
    mail.forget_letters()
    declaring.break_glass(unit_of_work, team.anna.actor, team.record, DECLARED)
    with unit_of_work.write(Actor.system()) as work:
        work.session.get_one(Contact, contact_id).removed_at = clock.now - timedelta(seconds=1)
    deliver()
    assert mail.letters_to(CUSTOMER_EMAIL) == []
