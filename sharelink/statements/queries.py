"""The links to a record's statement as staff see them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.accounts.models import Account
from sharelink.crypto.identifiers import id_text
from sharelink.custody.models import Contact
from sharelink.custody.states import Side
from sharelink.statements.models import StatementLinkRow
from sharelink.statements.states import LinkDelivery, LinkState

LINKS_MAX = 100


@dataclass(frozen=True, slots=True)
class LinkLine:
    """One link as a list shows it: for whom, how it travelled, what became of it. Never the link."""

    id: bytes
    contact_name: str
    contact_email: str
    delivery: LinkDelivery
    made_by: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    state: LinkState
    last_opened_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_entries: int | None
    reported_at: datetime | None

    @property
    def id_text(self) -> str:
        """The link's id as forms name it."""
        return id_text(self.id)


@dataclass(frozen=True, slots=True)
class PossibleReader:
    """A confirmed contact of the customer, who may get a link."""

    id_text: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class StatementLinks:
    """Everything about who may read a record's statement; the newest links first, at most `LINKS_MAX`."""

    lines: tuple[LinkLine, ...]
    readers: tuple[PossibleReader, ...]

    @property
    def live(self) -> tuple[LinkLine, ...]:
        """The links that open the statement now."""
        return tuple(line for line in self.lines if line.state is LinkState.LIVE)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The customer's newest word that the statement is right. `only_by_letter`: nobody of ours saw the link."""

    contact_name: str
    at: datetime
    entries: int
    only_by_letter: bool


def statement_links(session: Session, custody_id: bytes, now: datetime) -> StatementLinks:
    """Return the links of a record and the contacts who may get one."""
    rows = session.execute(
        select(StatementLinkRow, Contact, Account.name)
        .join(Contact, Contact.id == StatementLinkRow.contact_id)
        .join(Account, Account.id == StatementLinkRow.created_by)
        .where(StatementLinkRow.custody_id == custody_id)
        .order_by(StatementLinkRow.created_at.desc(), StatementLinkRow.id)
        .limit(LINKS_MAX)
    )
    lines = tuple(_line(row, contact, made_by, now) for row, contact, made_by in rows)
    readers = session.scalars(
        select(Contact)
        .where(
            Contact.custody_id == custody_id,
            Contact.side == Side.CUSTOMER,
            Contact.confirmed_at.is_not(None),
            Contact.removed_at.is_(None),
        )
        .order_by(Contact.name, Contact.id)
    )
    return StatementLinks(lines, tuple(PossibleReader(id_text(row.id), row.name, row.email) for row in readers))


def newest_acknowledgement(session: Session, custody_id: bytes) -> Acknowledgement | None:
    """Return the newest word of a contact of the customer that the statement is right; None if there is none."""
    row = session.execute(
        select(
            Contact.name,
            StatementLinkRow.acknowledged_at,
            StatementLinkRow.acknowledged_entries,
            StatementLinkRow.delivery,
        )
        .join(Contact, Contact.id == StatementLinkRow.contact_id)
        .where(StatementLinkRow.custody_id == custody_id, StatementLinkRow.acknowledged_at.is_not(None))
        .order_by(StatementLinkRow.acknowledged_at.desc())
        .limit(1)
    ).first()
    if row is None or row.acknowledged_at is None or row.acknowledged_entries is None:
        return None
    return Acknowledgement(row.name, row.acknowledged_at, row.acknowledged_entries, row.delivery is LinkDelivery.MAILED)


def _line(row: StatementLinkRow, contact: Contact, made_by: str, now: datetime) -> LinkLine:
    ended_at = row.revoked_at or contact.removed_at
    state = LinkState.LIVE if ended_at is None else LinkState.REVOKED
    if ended_at is None and row.expires_at <= now:
        state, ended_at = LinkState.EXPIRED, row.expires_at
    return LinkLine(
        id=row.id,
        contact_name=contact.name,
        contact_email=contact.email,
        delivery=row.delivery,
        made_by=made_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        ended_at=ended_at,
        state=state,
        last_opened_at=row.last_opened_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_entries=row.acknowledged_entries,
        reported_at=row.reported_at,
    )
