"""Letters and webhooks carry the signed head of the log, and whoever gets one can hold the log to it."""

import html
import re

from sqlalchemy import select

from sharelink.actors import Actor
from sharelink.audit.models import AuditCheckpoint
from sharelink.audit.tree import newest_checkpoint
from sharelink.outbox.models import OutboxEntry
from sharelink.tlog.signed_notes import SignedNote
from tests.mail_server import text_of
from tests.outbox.telling import LIST, open_told_record

NOTE = re.compile(r"localhost/audit\n\d+\n[A-Za-z0-9+/=]+\n\n(?:— [^\n<]+\n?)+")


def handed_out(unit_of_work):
    with unit_of_work.read() as work:
        wanted = select(AuditCheckpoint.size).where(AuditCheckpoint.handed_out_at.is_not(None))
        return list(work.session.scalars(wanted))


def test_a_letter_and_a_webhook_carry_the_checkpoint_which_counts_as_handed_out(
    unit_of_work, staff, deliver, mail, receiver
):
    with unit_of_work.write(staff.actor) as work:
        work.endpoints.add("Tickets", receiver.url, allow_private=True)
    open_told_record(unit_of_work, staff)
    with unit_of_work.read() as work:
        newest = newest_checkpoint(work.session)
    assert handed_out(unit_of_work) == []
    deliver()
    (letter,) = mail.letters_to(LIST)
    (message,) = receiver.received
    in_mail = [NOTE.search(html.unescape(text_of(letter, kind)).replace("\r\n", "\n")) for kind in ("plain", "html")]
    notes = [found[0].rstrip() + "\n" for found in in_mail if found is not None]
    notes.append(message.content["data"]["checkpoint"])
    assert len(notes) == 3
    for text in notes:
        checkpoint = unit_of_work.log_keys.check(SignedNote.parse(text.encode()))
        assert (checkpoint.size, checkpoint.root) == (newest.size, newest.root)
    assert handed_out(unit_of_work) == [newest.size]


def test_nothing_is_handed_out_while_there_is_nobody_to_tell(unit_of_work, staff, deliver):
    with unit_of_work.read() as work:
        assert list(work.session.scalars(select(OutboxEntry.id))) == []
    with unit_of_work.write(Actor.system()) as work:
        work.claims.forget_old()
    assert deliver() == 0
    assert handed_out(unit_of_work) == []
