"""From what a rule names to ids: whose entry it will be. Asked while the act is under way, in its own transaction."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import Session

from sharelink.access.approvals import approvers_of
from sharelink.access.models import ApprovalCode, ApprovalLink, RootUse
from sharelink.access.rows import CODE_KIND, USE_KIND
from sharelink.accounts.models import Account, AccountRole
from sharelink.accounts.states import Role
from sharelink.audit.log import PendingEvent
from sharelink.crypto.identifiers import id_from_text, id_text
from sharelink.custody.contacts import confirmed_contacts
from sharelink.custody.models import CustodyRecord
from sharelink.custody.policy import record_policy
from sharelink.outbox.models import WebhookEndpoint
from sharelink.outbox.rules import Told
from sharelink.outbox.states import Audience, Channel, LetterKind
from sharelink.persistence.database import Base
from sharelink.shares.models import Share


@dataclass(frozen=True, slots=True)
class Recipient:
    """One audience of one event, and what it will be sent."""

    channel: Channel
    audience: Audience
    ref: bytes
    letter: LetterKind


# Built once, on the tables themselves: nearly every event of every unit of work asks these.
_endpoints, _records, _shares = (
    Base.metadata.tables[mapped.__tablename__] for mapped in (WebhookEndpoint, CustodyRecord, Share)
)
_open_endpoints = select(_endpoints.c.id).where(_endpoints.c.removed_at.is_(None))
_list_of_record = select(_records.c.distribution_list).where(_records.c.id == bindparam("record"))
_creator_of_share = select(_shares.c.created_by).where(_shares.c.id == bindparam("share"))


class Database(Protocol):
    """The transaction of an act. Most acts need no session here, and making one costs more than the question."""

    @property
    def connection(self) -> Connection:
        """The connection itself."""

    @property
    def session(self) -> Session:
        """The same transaction for mapped objects."""


Finder = Callable[[Database, PendingEvent], Iterator[Recipient]]


def _record_list(database: Database, event: PendingEvent) -> Iterator[Recipient]:
    custody_id = id_from_text(event.rec)
    if database.connection.execute(_list_of_record, {"record": custody_id}).scalar():
        yield Recipient(Channel.MAIL, Audience.RECORD, custody_id, LetterKind.RECORD_EVENT)


def _creator(database: Database, event: PendingEvent) -> Iterator[Recipient]:
    if event.obj is None or event.obj[0] != "share":
        return
    creator = database.connection.execute(_creator_of_share, {"share": event.obj[1]}).scalar()
    # Nobody is told what they did themselves.
    if creator is not None and creator != event.actor.account_id:
        yield Recipient(Channel.MAIL, Audience.ACCOUNT, creator, LetterKind.PERSONAL)


def _account(database: Database, event: PendingEvent) -> Iterator[Recipient]:
    # On a group's chain the account has a pseudonym, and the person is told by the event on their own chain.
    if event.obj is None or id_text(event.obj[1]) != event.rec:
        return
    if database.session.scalar(select(Account.id).where(Account.id == event.obj[1])) is not None:
        yield Recipient(Channel.MAIL, Audience.ACCOUNT, event.obj[1], LetterKind.ACCOUNT_NOTICE)


def _approvers(database: Database, event: PendingEvent) -> Iterator[Recipient]:
    use = _use(database.session, event)
    # A use that needs no approval waits for nobody; one behind break-glass waits for a review.
    if use is None or (use.approvals_needed == 0 and not use.is_break_glass):
        return
    approvers = approvers_of(database.session, use.custody_id, record_policy(database.session, use.custody_id))
    for account_id in sorted(approvers.people - {use.requester_id}):
        yield Recipient(Channel.MAIL, Audience.ACCOUNT, account_id, LetterKind.APPROVER_NOTICE)


def _requester(database: Database, event: PendingEvent) -> Iterator[Recipient]:
    use = _use(database.session, event)
    if use is not None and use.requester_id != event.actor.account_id:
        yield Recipient(Channel.MAIL, Audience.ACCOUNT, use.requester_id, LetterKind.PERSONAL)


def _owners(database: Database, event: PendingEvent) -> Iterator[Recipient]:
    for contact in confirmed_contacts(database.session, id_from_text(event.rec)):
        yield Recipient(Channel.MAIL, Audience.CONTACT, contact.id, LetterKind.OWNER_NOTICE)


def _approving_contact(database: Database, event: PendingEvent) -> Iterator[Recipient]:
    if event.obj is None:
        return
    is_code = event.obj[0] == CODE_KIND
    link_id = database.session.scalar(select(ApprovalCode.link_id).where(ApprovalCode.id == event.obj[1]))
    wanted = select(ApprovalLink.contact_id).where(ApprovalLink.id == (link_id if is_code else event.obj[1]))
    contact_id = database.session.scalar(wanted)
    if contact_id is not None:
        letter = LetterKind.APPROVAL_CODE if is_code else LetterKind.APPROVAL_LINK
        yield Recipient(Channel.MAIL, Audience.CONTACT, contact_id, letter)


def _auditors(database: Database, _event: PendingEvent) -> Iterator[Recipient]:
    wanted = (
        select(Account.id)
        .join(AccountRole, AccountRole.account_id == Account.id)
        .where(AccountRole.role == Role.AUDITOR, Account.disabled_at.is_(None))
        .order_by(Account.id)
    )
    for account_id in database.session.scalars(wanted):
        yield Recipient(Channel.MAIL, Audience.ACCOUNT, account_id, LetterKind.ACCOUNT_NOTICE)


def _use(session: Session, event: PendingEvent) -> RootUse | None:
    if event.obj is None or event.obj[0] != USE_KIND:
        return None
    return session.get(RootUse, event.obj[1])


def _webhooks(database: Database, _event: PendingEvent) -> Iterator[Recipient]:
    for endpoint_id in database.connection.execute(_open_endpoints).scalars():
        yield Recipient(Channel.WEBHOOK, Audience.ENDPOINT, endpoint_id, LetterKind.WEBHOOK_EVENT)


FINDERS: Mapping[Told, Finder] = {
    Told.LIST: _record_list,
    Told.CREATOR: _creator,
    Told.ACCOUNT: _account,
    Told.WEBHOOKS: _webhooks,
    Told.APPROVERS: _approvers,
    Told.REQUESTER: _requester,
    Told.OWNERS: _owners,
    Told.APPROVING_CONTACT: _approving_contact,
    Told.AUDITORS: _auditors,
}
