"""What threatens the log itself is mailed to the auditors, and to nobody else."""

import pytest
from sqlalchemy import select, text, update

from sharelink.accounts.models import Account
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.leaf_checks import parsed_leaf
from sharelink.audit.leaves import canonical_json
from sharelink.audit.models import AuditLeaf
from sharelink.audit.verification_runs import ask_for_run
from sharelink.jobs.verifications import verify_once
from sharelink.outbox.rules import LOG_RULES
from tests.factories import make_person, open_record, send_secret
from tests.mail_server import text_of
from tests.outbox.telling import entries, told


@pytest.fixture
def auditor(unit_of_work):
    return make_person(unit_of_work, "Olga Auditor", "olga@example.com", [Role.AUDITOR])


def ask_to_verify(unit_of_work, auditor):
    with unit_of_work.write(auditor.actor) as work:
        ask_for_run(work.session, auditor.account_id, work.now)


def test_a_log_that_was_changed_is_mailed_to_the_auditors(unit_of_work, staff, auditor, deliver, mail, settings):
    open_record(unit_of_work, staff)
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text("UPDATE audit_leaf SET event_type = 'share.stored' WHERE leaf_index = 1"))
    ask_to_verify(unit_of_work, auditor)
    assert verify_once(unit_of_work, settings.checkpoint_file)
    while deliver():
        pass
    (letter,) = [found for found in mail.letters if "The audit log does not fit together" in found["Subject"]]
    assert letter["To"] == auditor.email
    for kind in ("plain", "html"):
        body = text_of(letter, kind)
        assert "The audit log does not fit together" in body
        assert f"{settings.base_url}/audit/log" in body


def test_what_a_database_cannot_store_keeps_no_alarm_from_going_off(unit_of_work, staff, auditor, settings):
    """A finding repeats what an event says, and PostgreSQL takes no text with a NUL."""
    send_secret(unit_of_work, staff, code=False)
    with unit_of_work.write(Actor.system()) as work:
        leaf = work.session.scalars(select(AuditLeaf).where(AuditLeaf.type == "share.created")).one()
        fields = parsed_leaf(leaf.leaf)
        fields["obj"]["ref"] = "\0\x1b[2J"
        leaf.leaf = canonical_json(fields)
    ask_to_verify(unit_of_work, auditor)
    assert verify_once(unit_of_work, settings.checkpoint_file)
    assert AuditEvent.AUDIT_VERIFICATION_FAILED.value in [entry.event_type for entry in entries(unit_of_work)]


@pytest.mark.parametrize("event", LOG_RULES)
def test_every_auditor_who_may_sign_in_is_told(unit_of_work, staff, auditor, event):
    former = make_person(unit_of_work, "Fred Former", "fred@example.com", [Role.AUDITOR])
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(update(Account).where(Account.id == former.account_id).values(disabled_at=work.now))
    with unit_of_work.write(Actor.system()) as work:
        work.audit.append(event, rec=SYSTEM_CHAIN, actor=work.actor, now=work.now)
    about = [entry for entry in entries(unit_of_work) if entry.event_type == event.value]
    assert [(entry.letter, entry.audience_ref) for entry in about] == [("account_notice", auditor.account_id)]


def test_a_log_that_fits_is_mailed_to_nobody(unit_of_work, auditor, settings):
    ask_to_verify(unit_of_work, auditor)
    before = told(unit_of_work)
    assert verify_once(unit_of_work, settings.checkpoint_file)
    assert told(unit_of_work) == before
