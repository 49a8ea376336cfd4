"""What people read for each kind of audit event: a file per family, one table."""

from collections.abc import Mapping

from sharelink.audit.events import AuditEvent
from sharelink.web.staff.event_words.access import ACCESS_WORDS
from sharelink.web.staff.event_words.cloudtrail import CLOUDTRAIL_WORDS
from sharelink.web.staff.event_words.custody import CUSTODY_WORDS
from sharelink.web.staff.event_words.handover import HANDOVER_WORDS
from sharelink.web.staff.event_words.outbox import OUTBOX_WORDS
from sharelink.web.staff.event_words.people import PEOPLE_WORDS
from sharelink.web.staff.event_words.shares import SHARES_WORDS
from sharelink.web.staff.event_words.statements import STATEMENT_WORDS
from sharelink.web.staff.event_words.system import SYSTEM_WORDS
from sharelink.web.staff.event_words.watching import WATCHING_WORDS
from sharelink.web.staff.event_words.words import EventWords

EVENT_WORDS: Mapping[AuditEvent, EventWords] = {
    **CUSTODY_WORDS,
    **HANDOVER_WORDS,
    **ACCESS_WORDS,
    **CLOUDTRAIL_WORDS,
    **STATEMENT_WORDS,
    **SHARES_WORDS,
    **PEOPLE_WORDS,
    **OUTBOX_WORDS,
    **SYSTEM_WORDS,
    **WATCHING_WORDS,
}
