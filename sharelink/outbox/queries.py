"""Read models of what was told: beside a share or record, to one person, and what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from sharelink.accounts.models import Account
from sharelink.audit.events import AuditEvent
from sharelink.crypto.identifiers import id_text
from sharelink.custody.models import Contact, CustodyRecord
from sharelink.outbox.models import OutboxEntry, WebhookEndpoint
from sharelink.outbox.rules import APPROVER_TITLES, RULES
from sharelink.outbox.states import (
    DELIVERY_LABELS,
    FAILED_STATES,
    Audience,
    Channel,
    DeliveryState,
    LetterKind,
)
from sharelink.webhooks.addresses import AddressRefused, destination_of

LINES_MAX = 50
QUEUE_COUNTED_MAX = 10_000

ERROR_WORDS: Mapping[str, str] = {
    "unreachable": "cannot be reached",
    "timeout": "did not answer in time",
    "tls": "its certificate does not hold",
    "sign_in_refused": "the mail server refused our sign-in",
    "sender_refused": "the mail server refused our address",
    "recipient_refused": "the mail server refused the address",
    "content_refused": "the mail server refused the letter",
    "refused_for_now": "the mail server said: not now",
    "not_supported": "the mail server offers no TLS, or no sign-in",
    "no_mail_server": "no mail server is set",
    "address": "the address cannot be used",
    "secret": "the secret of the webhook does not open",
    "cannot_be_made": "it could not be written",
    "unknown_host": "the name is unknown",
    "private_address": "it is an address of a private network",
    "no_address": "it is no web address",
    "not_https": "it is not https",
    "no_http": "the answer was no HTTP",
}


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """One delivery as pages show it. `to` is an address for administrators, and kinds of people elsewhere."""

    id_text: str
    title: str
    to: str
    channel: Channel
    state: DeliveryState
    attempts: int
    created_at: datetime
    accepted_at: datetime | None
    next_at: datetime
    error: str

    @property
    def state_label(self) -> str:
        """The state in a few words, truthful about what is not known: `accepted` is not `read`."""
        if self.state is DeliveryState.ACCEPTED:
            return "Accepted by the mail server" if self.channel is Channel.MAIL else "Accepted"
        if self.state is DeliveryState.QUEUED and self.attempts:
            return "Queued, tried before"
        return DELIVERY_LABELS[self.state][0]

    @property
    def tone(self) -> str:
        """How the state is to be taken."""
        return "warn" if self.state is DeliveryState.QUEUED and self.error else DELIVERY_LABELS[self.state][1]


@dataclass(frozen=True, slots=True)
class EndpointLine:
    """One webhook as its page shows it."""

    id_text: str
    name: str
    url: str
    created_by: str
    created_at: datetime
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """One page of deliveries, newest first."""

    lines: tuple[DeliveryLine, ...]
    page: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the outbox, and what failed until somebody looks."""

    queued: int
    failed: int
    overdue: timedelta


def told_about(session: Session, obj_ref: bytes) -> tuple[DeliveryLine, ...]:
    """Return what was told about one share, request or use, newest first; without addresses."""
    return _lines(session, [OutboxEntry.obj_ref == obj_ref], LINES_MAX, with_addresses=False)


def told_of_record(session: Session, custody_id: bytes, limit: int = LINES_MAX) -> tuple[DeliveryLine, ...]:
    """Return what was told about a record and all that belongs to it, newest first; without addresses."""
    return _lines(session, [OutboxEntry.rec == id_text(custody_id)], limit, with_addresses=False)


def mailed_to(session: Session, account_id: bytes, limit: int = 20) -> tuple[DeliveryLine, ...]:
    """Return what was mailed to one person, newest first."""
    wanted = [OutboxEntry.audience_ref == account_id, OutboxEntry.audience_kind == Audience.ACCOUNT]
    return _lines(session, wanted, limit, with_addresses=False)


def failed_deliveries(session: Session, page: int) -> DeliveryPage:
    """Return a page of what was refused or given up, newest first, with addresses."""
    return _page(session, [OutboxEntry.state.in_(FAILED_STATES)], page)


def waiting_deliveries(session: Session) -> DeliveryPage:
    """Return what waits, newest first, with addresses."""
    return _page(session, [OutboxEntry.state == DeliveryState.QUEUED], 1)


def failed_count(session: Session, most: int = 1000) -> int:
    """Return how many deliveries failed, counted up to `most`."""
    found = select(OutboxEntry.id).where(OutboxEntry.state.in_(FAILED_STATES)).limit(most).subquery()
    return session.scalar(select(func.count()).select_from(found)) or 0


def backlog(session: Session, now: datetime) -> Backlog:
    """Return what waits at `now`, by the index of the queue."""
    queued = select(OutboxEntry.id).where(OutboxEntry.state == DeliveryState.QUEUED).limit(QUEUE_COUNTED_MAX).subquery()
    return Backlog(
        queued=session.scalar(select(func.count()).select_from(queued)) or 0,
        failed=failed_count(session),
        overdue=overdue(session, now),
    )


def overdue(session: Session, now: datetime) -> timedelta:
    """Return for how long the delivery that is due longest has not been tried; one that failed is due later again."""
    oldest = session.scalar(
        select(OutboxEntry.next_at)
        .where(OutboxEntry.state == DeliveryState.QUEUED)
        .order_by(OutboxEntry.next_at)
        .limit(1)
    )
    return timedelta(0) if oldest is None else max(timedelta(0), now - oldest)


def endpoint_deliveries(session: Session, endpoint_id: bytes, page: int) -> DeliveryPage:
    """Return a page of what was sent to one webhook, newest first."""
    return _page(session, [OutboxEntry.audience_ref == endpoint_id], page)


def endpoints(session: Session) -> tuple[EndpointLine, ...]:
    """Return the webhooks that there are, oldest first."""
    wanted = _endpoints().where(WebhookEndpoint.removed_at.is_(None)).order_by(WebhookEndpoint.created_at)
    return tuple(_endpoint(row.WebhookEndpoint, row.name) for row in session.execute(wanted))


def endpoint(session: Session, endpoint_id: bytes) -> EndpointLine | None:
    """Return one webhook, also one that was removed."""
    row = session.execute(_endpoints().where(WebhookEndpoint.id == endpoint_id)).one_or_none()
    return None if row is None else _endpoint(row.WebhookEndpoint, row.name)


def _endpoints() -> Select[WebhookEndpoint, str]:
    return select(WebhookEndpoint, Account.name).join(Account, Account.id == WebhookEndpoint.created_by)


def _endpoint(row: WebhookEndpoint, created_by: str) -> EndpointLine:
    return EndpointLine(id_text(row.id), row.name, row.url, created_by, row.created_at, row.removed_at)


def _page(session: Session, conditions: Sequence[ColumnElement[bool]], page: int) -> DeliveryPage:
    found = _lines(session, conditions, LINES_MAX + 1, with_addresses=True, offset=(page - 1) * LINES_MAX)
    return DeliveryPage(found[:LINES_MAX], page, len(found) > LINES_MAX)


def _lines(
    session: Session,
    conditions: Sequence[ColumnElement[bool]],
    limit: int,
    *,
    with_addresses: bool,
    offset: int = 0,
) -> tuple[DeliveryLine, ...]:
    wanted = (
        select(OutboxEntry)
        .where(*conditions)
        .order_by(OutboxEntry.created_at.desc(), OutboxEntry.id)
        .limit(limit)
        .offset(offset)
        .execution_options(populate_existing=True)
    )
    entries = session.scalars(wanted).all()
    names = _addresses(session, entries) if with_addresses else {}
    return tuple(_line(entry, names.get(entry.audience_ref) or _AUDIENCES[entry.audience_kind]) for entry in entries)


_AUDIENCES: Mapping[Audience, str] = {
    Audience.RECORD: "Distribution list",
    Audience.ACCOUNT: "Person in charge",
    Audience.CONTACT: "Contact",
    Audience.ENDPOINT: "Webhook",
}


def _addresses(session: Session, entries: Sequence[OutboxEntry]) -> dict[bytes, str]:
    refs = {kind: {entry.audience_ref for entry in entries if entry.audience_kind is kind} for kind in Audience}
    found: dict[bytes, str] = {}
    accounts = select(Account.id, Account.email).where(Account.id.in_(refs[Audience.ACCOUNT]))
    found |= {row.id: row.email for row in session.execute(accounts)}
    records = select(CustodyRecord.id, CustodyRecord.reference).where(CustodyRecord.id.in_(refs[Audience.RECORD]))
    found |= {row.id: f"Distribution list of {row.reference}" for row in session.execute(records)}
    contacts = select(Contact.id, Contact.name).where(Contact.id.in_(refs[Audience.CONTACT]))
    found |= {row.id: f"Contact {row.name}" for row in session.execute(contacts)}
    hooks = select(WebhookEndpoint.id, WebhookEndpoint.name, WebhookEndpoint.url).where(
        WebhookEndpoint.id.in_(refs[Audience.ENDPOINT])
    )
    return found | {row.id: f"{row.name} ({_host(row.url)})" for row in session.execute(hooks)}


def _host(url: str) -> str:
    try:
        return destination_of(url, allow_private=True).host_header
    except AddressRefused:
        return "no address"


def _line(entry: OutboxEntry, to: str) -> DeliveryLine:
    return DeliveryLine(
        id_text=id_text(entry.id),
        title=_title(entry),
        to=to,
        channel=entry.channel,
        state=entry.state,
        attempts=entry.attempts,
        created_at=entry.created_at,
        accepted_at=entry.accepted_at,
        next_at=entry.next_at,
        error=_error(entry.last_error),
    )


_TITLES: Mapping[LetterKind, str] = {
    LetterKind.REMINDER: "Reminder: nobody has opened the link yet",
    LetterKind.APPROVAL_LINK: "Link to approve or deny",
    LetterKind.APPROVAL_CODE: "Code to confirm a decision",
    LetterKind.WEBHOOK_TEST: "Test",
}


def _title(entry: OutboxEntry) -> str:
    if entry.letter in _TITLES:
        return _TITLES[entry.letter]
    if entry.event_type not in set(AuditEvent):
        return entry.event_type
    event = AuditEvent(entry.event_type)
    if entry.letter is LetterKind.APPROVER_NOTICE and event in APPROVER_TITLES:
        return APPROVER_TITLES[event][0]
    return RULES[event].title if event in RULES else entry.event_type


def _error(code: str | None) -> str:
    if code is None:
        return ""
    return ERROR_WORDS.get(code) or f"the answer was {code.removeprefix('http_')}"
