"""The acts on links to statements inside a transaction: make, revoke, find, read, confirm, report."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent
from sharelink.audit.log import AuditLog
from sharelink.audit.models import AuditLeaf
from sharelink.crypto.errors import TokenRejected
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.crypto.keyring import Keyring
from sharelink.crypto.link_keys import link_key_hash, new_link_key
from sharelink.crypto.link_tokens import TokenPurpose, sign_token, verify_token
from sharelink.custody.errors import ContactNotConfirmed
from sharelink.custody.models import Contact
from sharelink.custody.states import Side
from sharelink.persistence.database import lock_rows
from sharelink.shares.clients import client_digest
from sharelink.shares.errors import LinkUnavailable
from sharelink.statements.errors import StatementLinkEnded, StatementLinkNotFound
from sharelink.statements.links import StatementLink
from sharelink.statements.models import StatementLinkRow, StatementReading
from sharelink.statements.states import LinkDelivery

LINK_LIFETIMES = (timedelta(days=7), timedelta(days=30), timedelta(days=90), timedelta(days=365))
TRUTH_LIFETIME = timedelta(days=90)
"""How long after its end a link still tells its holder that it has ended."""

TOKEN_LIFETIME = max(LINK_LIFETIMES) + TRUTH_LIFETIME
_DAY = timedelta(days=1)
_EPOCH_DAY = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A link that was just made. The link itself is for one showing and kept nowhere."""

    link: StatementLink
    contact_name: str
    contact_email: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """What the holder of a whole, live link may know of it; `delivery` tells who else could have seen it."""

    id: bytes
    custody_id: bytes
    contact_name: str
    delivery: LinkDelivery
    made_by: bytes
    expires_at: datetime
    acknowledged_at: datetime | None
    acknowledged_entries: int | None
    reported_at: datetime | None


@dataclass(frozen=True, slots=True)
class Statements:
    """The acts on links to statements, in one unit of work."""

    session: Session
    audit: AuditLog
    keyring: Keyring
    actor: Actor
    now: datetime

    def make(self, custody_id: bytes, contact_id: bytes, lifetime: timedelta) -> MadeLink:
        """Make a link for a contact, to be shown once to whoever makes it.

        Raises:
            ContactNotConfirmed: nobody to whom a statement may be given.
        """
        key = new_link_key()
        link_id, contact = self._add(custody_id, contact_id, lifetime, LinkDelivery.SHOWN, key)
        return MadeLink(
            link=StatementLink(self._token(link_id), key),
            contact_name=contact.name,
            contact_email=contact.email,
            expires_at=self.now + lifetime,
        )

    def order_letter(self, custody_id: bytes, contact_id: bytes, lifetime: timedelta) -> bytes:
        """Prepare a link that only the letter to the contact will hold; return its id for the outbox.

        Raises:
            ContactNotConfirmed: nobody to whom a statement may be given.
        """
        return self._add(custody_id, contact_id, lifetime, LinkDelivery.MAILED, None)[0]

    def link_for_letter(self, link_id: bytes) -> MadeLink:
        """Give a prepared link its key, for the letter that is about to leave. A letter sent again gets a new key.

        Raises:
            StatementLinkEnded: it was revoked, ran out, or its contact is none any more: no letter leaves.
        """
        row = self._row(link_id)
        if row is None or row.delivery is not LinkDelivery.MAILED or self._is_over(row):
            raise StatementLinkEnded("there is nothing to send")
        key = new_link_key()
        self.session.execute(
            update(StatementLinkRow)
            .where(StatementLinkRow.id == link_id)
            .values(key_hash=link_key_hash(link_id, key))
            .execution_options(synchronize_session=False)
        )
        return MadeLink(
            link=StatementLink(self._token(link_id), key),
            contact_name=row.contact_name,
            contact_email=row.contact_email,
            expires_at=row.expires_at,
        )

    def revoke(self, custody_id: bytes, link_id: bytes) -> None:
        """End a link of this record at once; ending it twice changes nothing.

        Raises:
            StatementLinkNotFound: the record has no such link.
        """
        row = self._row(link_id)
        if row is None or row.custody_id != custody_id:
            raise StatementLinkNotFound("not a link of this record")
        ended = self.session.execute(
            update(StatementLinkRow)
            .where(StatementLinkRow.id == link_id, StatementLinkRow.revoked_at.is_(None))
            .values(revoked_at=self.now, revoked_by=self.actor.account_id)
            .returning(StatementLinkRow.id)
            .execution_options(synchronize_session=False)
        ).first()
        if ended is not None:
            self._append(AuditEvent.STATEMENT_LINK_REVOKED, row.id, custody_id, row.contact_name)

    def find(self, link: StatementLink) -> LinkFacts:
        """Return the facts of a whole link. Writes nothing; its query gives strangers nothing, whatever they lack.

        Raises:
            LinkUnavailable: unknown, forged, or with another key than the link's.
            StatementLinkEnded: the whole link was right, and is over.
        """
        try:
            link_id, _signed_at = verify_token(
                self.keyring.token_keys, TokenPurpose.STATEMENT, link.token, self.now, TOKEN_LIFETIME
            )
        except TokenRejected as error:
            raise LinkUnavailable("not a token of ours") from error
        row = self._row(link_id, StatementLinkRow.key_hash == link_key_hash(link_id, link.link_key))
        if row is None:
            raise LinkUnavailable("no such statement for this link")
        if self._is_over(row):
            raise StatementLinkEnded("revoked, over, or no contact any more")
        return LinkFacts(
            id=row.id,
            custody_id=row.custody_id,
            contact_name=row.contact_name,
            delivery=row.delivery,
            made_by=row.created_by,
            expires_at=row.expires_at,
            acknowledged_at=row.acknowledged_at,
            acknowledged_entries=row.acknowledged_entries,
            reported_at=row.reported_at,
        )

    def is_first_reading(self, facts: LinkFacts) -> bool:
        """Tell whether this client has not read through this link today."""
        known = select(StatementReading.link_id).where(
            StatementReading.link_id == facts.id,
            StatementReading.client == self._client(facts.id),
            StatementReading.day == self._today,
        )
        return self.session.execute(known).first() is None

    def note_reading(self, link: StatementLink) -> LinkFacts:
        """Record that the statement is read: one event per client and day. Raises as `find`."""
        facts = self._held(link)
        if not self.is_first_reading(facts):
            return facts
        # Yesterday's rows have done their work.
        self.session.execute(
            delete(StatementReading).where(StatementReading.link_id == facts.id, StatementReading.day < self._today)
        )
        self.session.add(StatementReading(link_id=facts.id, client=self._client(facts.id), day=self._today))
        self._set(facts, last_opened_at=self.now)
        self._append(
            AuditEvent.STATEMENT_READ,
            facts.id,
            facts.custody_id,
            facts.contact_name,
            facts={"entries": chain_length(self.session, facts.custody_id)},
        )
        return facts

    def acknowledge(self, link: StatementLink, entries: int) -> LinkFacts:
        """Record that its reader says the statement is right, as far as `entries` of the record's chain go.

        Saying it again for no more entries changes nothing. Raises as `find`.
        """
        facts = self._held(link)
        entries = max(0, min(entries, chain_length(self.session, facts.custody_id)))
        if facts.acknowledged_entries is not None and entries <= facts.acknowledged_entries:
            return facts
        self._set(facts, acknowledged_at=self.now, acknowledged_entries=entries)
        self._append(
            AuditEvent.STATEMENT_ACKNOWLEDGED,
            facts.id,
            facts.custody_id,
            facts.contact_name,
            facts={"entries": entries, "delivery": facts.delivery.value},
        )
        return facts

    def report(self, link: StatementLink, message: str) -> LinkFacts:
        """Record that the reader says something is wrong; the caller puts the record on hold. Raises as `find`."""
        facts = self._held(link)
        self._set(facts, reported_at=self.now)
        self._append(
            AuditEvent.STATEMENT_REPORTED,
            facts.id,
            facts.custody_id,
            facts.contact_name,
            personal={"message": message} if message else {},
        )
        return facts

    @property
    def _today(self) -> int:
        return (self.now - _EPOCH_DAY) // _DAY

    def _client(self, link_id: bytes) -> bytes:
        return client_digest(self.keyring.client_key, link_id, self.actor.ip)

    def _token(self, link_id: bytes) -> str:
        return sign_token(self.keyring.token_keys, TokenPurpose.STATEMENT, link_id, self.now)

    def _held(self, link: StatementLink) -> LinkFacts:
        """Find the link and let nobody else change its row until the commit."""
        facts = self.find(link)
        if lock_rows(self.session.connection()):
            self.session.execute(select(StatementLinkRow.id).where(StatementLinkRow.id == facts.id).with_for_update())
            facts = self.find(link)
        return facts

    def _is_over(self, row: Any) -> bool:
        return row.revoked_at is not None or row.expires_at <= self.now or row.removed_at is not None

    def _row(self, link_id: bytes, *conditions: ColumnElement[bool]) -> Any:
        return self.session.execute(
            select(
                StatementLinkRow.id,
                StatementLinkRow.custody_id,
                StatementLinkRow.delivery,
                StatementLinkRow.created_by,
                StatementLinkRow.expires_at,
                StatementLinkRow.revoked_at,
                StatementLinkRow.acknowledged_at,
                StatementLinkRow.acknowledged_entries,
                StatementLinkRow.reported_at,
                Contact.name.label("contact_name"),
                Contact.email.label("contact_email"),
                Contact.removed_at,
            )
            .join(Contact, Contact.id == StatementLinkRow.contact_id)
            .where(StatementLinkRow.id == link_id, *conditions)
        ).first()

    def _add(
        self, custody_id: bytes, contact_id: bytes, lifetime: timedelta, delivery: LinkDelivery, key: bytes | None
    ) -> tuple[bytes, Contact]:
        if self.actor.account_id is None:
            raise ValueError("only a person with an account makes a link")
        contact = self.session.get(Contact, contact_id, with_for_update={"read": True})
        if (
            contact is None
            or contact.custody_id != custody_id
            or contact.side is not Side.CUSTOMER
            or contact.confirmed_at is None
            or contact.removed_at is not None
        ):
            raise ContactNotConfirmed("no confirmed contact of the customer")
        link_id = new_id()
        self.session.add(
            StatementLinkRow(
                id=link_id,
                custody_id=custody_id,
                contact_id=contact_id,
                delivery=delivery,
                key_hash=link_key_hash(link_id, key) if key is not None else None,
                created_at=self.now,
                created_by=self.actor.account_id,
                expires_at=self.now + lifetime,
            )
        )
        self._append(
            AuditEvent.STATEMENT_LINK_CREATED,
            link_id,
            custody_id,
            contact.name,
            facts={"delivery": delivery.value, "lifetime_seconds": int(lifetime.total_seconds())},
        )
        return link_id, contact

    def _set(self, facts: LinkFacts, **values: object) -> None:
        self.session.execute(
            update(StatementLinkRow)
            .where(StatementLinkRow.id == facts.id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )

    def _append(
        self,
        event: AuditEvent,
        link_id: bytes,
        custody_id: bytes,
        contact_name: str,
        *,
        facts: dict[str, str | int | bool | None] | None = None,
        personal: dict[str, str] | None = None,
    ) -> None:
        self.audit.append(
            event,
            rec=id_text(custody_id),
            actor=self.actor,
            now=self.now,
            obj=("statement_link", link_id),
            facts=facts,
            personal={"contact": contact_name} | (personal or {}),
        )


def chain_length(session: Session, custody_id: bytes) -> int:
    """Return how many entries the record's chain has; they are numbered from 0 without a gap."""
    last = session.execute(select(func.max(AuditLeaf.rseq)).where(AuditLeaf.rec == id_text(custody_id))).scalar()
    return 0 if last is None else last + 1
