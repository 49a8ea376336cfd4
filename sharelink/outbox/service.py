"""Queuing: what the events of a unit of work tell, to whom, in the same transaction as the act."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update

from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.log import AuditLog, PendingEvent
from sharelink.crypto.identifiers import new_id
from sharelink.outbox.errors import DeliveryNotFailed
from sharelink.outbox.models import OutboxEntry
from sharelink.outbox.policy import OutboxPolicy
from sharelink.outbox.recipients import FINDERS, Database, Recipient
from sharelink.outbox.reminders import unopened_shares
from sharelink.outbox.rules import RULES, Rule, Told
from sharelink.outbox.states import (
    FAILED_STATES,
    REMINDER_TYPE,
    TEST_TYPE,
    Audience,
    Channel,
    DeliveryState,
    LetterKind,
)
from sharelink.persistence.database import Base

_insert_entries = insert(Base.metadata.tables[OutboxEntry.__tablename__])
_ORDER = tuple(Told)


@dataclass(frozen=True, slots=True)
class Outbox:
    """What must be told, within one unit of work."""

    database: Database
    audit: AuditLog
    policy: OutboxPolicy
    actor: Actor
    now: datetime

    def collect(self, events: Sequence[PendingEvent]) -> None:
        """Queue what `events` tell; called once, just before they are written. No act has to remember it."""
        found: dict[tuple[bytes, Recipient], dict[str, object]] = {}
        for event in events:
            rule = RULES.get(event.event)
            if rule is None or not rule.applies(event):
                continue
            for recipient in self._recipients(event, rule):
                key = (event.id, recipient)
                if key not in found and not self._is_quiet(event, rule, recipient):
                    found[key] = self._row(event, recipient)
        if found:
            self.database.connection.execute(_insert_entries, list(found.values()))

    def remind_of_unopened(self, most: int) -> int:
        """Queue a reminder to the creators of links that nobody has opened for long; return how many.

        Each link is reminded of once, however often and by however many workers this is called.
        """
        if not self.policy.mail or self.policy.remind_after is None:
            return 0
        due = unopened_shares(self.database.session, self.now, self.policy.remind_after, most)
        rows = [
            self._entry(
                event_id=share.id,
                event_type=REMINDER_TYPE,
                rec=share.rec,
                obj=("share", share.id),
                recipient=Recipient(Channel.MAIL, Audience.ACCOUNT, share.created_by, LetterKind.REMINDER),
            )
            for share in due
        ]
        if rows:
            self.database.connection.execute(_insert_entries, rows)
        return len(rows)

    def queue_test(self, endpoint_id: bytes) -> None:
        """Queue a message that only shows whether a webhook works."""
        recipient = Recipient(Channel.WEBHOOK, Audience.ENDPOINT, endpoint_id, LetterKind.WEBHOOK_TEST)
        row = self._entry(event_id=new_id(), event_type=TEST_TYPE, rec=SYSTEM_CHAIN, obj=None, recipient=recipient)
        self.database.connection.execute(_insert_entries, [row])

    def try_again(self, entry_id: bytes) -> None:
        """Put an entry that was refused or given up back into the queue, with all its tries.

        Raises:
            DeliveryNotFailed: there is no such entry, or it waits, or was accepted.
        """
        again = self.database.session.execute(
            update(OutboxEntry)
            .where(OutboxEntry.id == entry_id, OutboxEntry.state.in_(FAILED_STATES))
            .values(state=DeliveryState.QUEUED, attempts=0, next_at=self.now, lease=None)
            .returning(OutboxEntry.event_type, OutboxEntry.rec),
            execution_options={"synchronize_session": False},
        ).one_or_none()
        if again is None:
            raise DeliveryNotFailed("nothing that failed has this id")
        self.audit.append(
            AuditEvent.OUTBOX_TRIED_AGAIN,
            rec=SYSTEM_CHAIN,
            actor=self.actor,
            now=self.now,
            obj=("delivery", entry_id),
            facts={"event": again.event_type},
        )

    def _recipients(self, event: PendingEvent, rule: Rule) -> list[Recipient]:
        return [
            recipient
            for told in _ORDER
            if told in rule.told and (told is Told.WEBHOOKS or self.policy.mail)
            for recipient in FINDERS[told](self.database, event)
        ]

    def _is_quiet(self, event: PendingEvent, rule: Rule, recipient: Recipient) -> bool:
        """Tell whether the audience heard of the same lately, so that nobody can fill a mailbox by repeating an act."""
        if rule.quiet is None or recipient.channel is not Channel.MAIL:
            return False
        return self._was_told_since(event, recipient, self.now - rule.quiet)

    def _was_told_since(self, event: PendingEvent, recipient: Recipient, since: datetime) -> bool:
        told = select(OutboxEntry.id).where(
            OutboxEntry.audience_ref == recipient.ref,
            OutboxEntry.created_at > since,
            OutboxEntry.event_type == event.event.value,
            OutboxEntry.obj_ref.is_not_distinct_from(None if event.obj is None else event.obj[1]),
        )
        return self.database.session.scalar(told.limit(1)) is not None

    def _row(self, event: PendingEvent, recipient: Recipient) -> dict[str, object]:
        return self._entry(
            event_id=event.id, event_type=event.event.value, rec=event.rec, obj=event.obj, recipient=recipient
        )

    def _entry(
        self, *, event_id: bytes, event_type: str, rec: str, obj: tuple[str, bytes] | None, recipient: Recipient
    ) -> dict[str, object]:
        kind, ref = obj if obj is not None else (None, None)
        return {
            "id": new_id(),
            "event_id": event_id,
            "event_type": event_type,
            "rec": rec,
            "obj_kind": kind,
            "obj_ref": ref,
            "channel": recipient.channel,
            "audience_kind": recipient.audience,
            "audience_ref": recipient.ref,
            "letter": recipient.letter,
            "state": DeliveryState.QUEUED,
            "attempts": 0,
            "lease": None,
            "next_at": self.now,
            "last_error": None,
            "created_at": self.now,
            "accepted_at": None,
        }


KEPT_FOR = timedelta(days=90)
"""How long it can be read what was told; the audit keeps what happened."""
