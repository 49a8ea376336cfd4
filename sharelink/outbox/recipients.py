"""From what a rule names to ids: whose entry it will be. Asked while the act is under way, in its own transaction."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select
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
from sharelink.shares.models import Share


@dataclass(frozen=True, slots=True)
class Recipient:
    """One audience of one event, and what it will be sent."""

    channel: Channel
    audience: Audience
    ref: bytes
    letter: LetterKind


_endpoints = WebhookEndpoint.metadata.tables[WebhookEndpoint.__tablename__]
_open_endpoints = select(_endpoints.c.id).where(_endpoints.c.removed_at.is_(None))
"""Built once: nearly every event of every unit of work asks."""

Finder = Callable[[Session, PendingEvent], Iterator[Recipient]]


def _record_list(session: Session, event: PendingEvent) -> Iterator[Recipient]:
    custody_id = id_from_text(event.rec)
    if session.scalar(select(CustodyRecord.distribution_list).where(CustodyRecord.id == custody_id)):
        yield Recipient(Channel.MAIL, Audience.RECORD, custody_id, LetterKind.RECORD_EVENT)


def _creator(session: Session, event: PendingEvent) -> Iterator[Recipient]:
    if event.obj is None or event.obj[0] != "share":
        return
    creator = session.scalar(select(Share.created_by).where(Share.id == event.obj[1]))
    # Nobody is told what they did themselves.
    if creator is not None and creator != event.actor.account_id:
        yield Recipient(Channel.MAIL, Audience.ACCOUNT, creator, LetterKind.PERSONAL)


def _account(session: Session, event: PendingEvent) -> Iterator[Recipient]:
    # On a group's chain the account has a pseudonym, and the person is told by the event on their own chain.
    if event.obj is None or id_text(event.obj[1]) != event.rec:
        return
    if session.scalar(select(Account.id).where(Account.id == event.obj[1])) is not None:
        yield Recipient(Channel.MAIL, Audience.ACCOUNT, event.obj[1], LetterKind.ACCOUNT_NOTICE)


def _approvers(session: Session, event: PendingEvent) -> Iterator[Recipient]:
    use = _use(session, event)
    # A use that needs no approval waits for nobody; one behind break-glass waits for a review.
    if use is None or (use.approvals_needed == 0 and not use.is_break_glass):
        return
    approvers = approvers_of(session, use.custody_id, record_policy(session, use.custody_id))
    for account_id in sorted(approvers.people - {use.requester_id}):
        yield Recipient(Channel.MAIL, Audience.ACCOUNT, account_id, LetterKind.APPROVER_NOTICE)


def _requester(session: Session, event: PendingEvent) -> Iterator[Recipient]:
    use = _use(session, event)
    if use is not None and use.requester_id != event.actor.account_id:
        yield Recipient(Channel.MAIL, Audience.ACCOUNT, use.requester_id, LetterKind.PERSONAL)


def _owners(session: Session, event: PendingEvent) -> Iterator[Recipient]:
    for contact in confirmed_contacts(session, id_from_text(event.rec)):
        yield Recipient(Channel.MAIL, Audience.CONTACT, contact.id, LetterKind.OWNER_NOTICE)


def _approving_contact(session: Session, event: PendingEvent) -> Iterator[Recipient]:
    if event.obj is None:
        return
    is_code = event.obj[0] == CODE_KIND
    link_id = session.scalar(select(ApprovalCode.link_id).where(ApprovalCode.id == event.obj[1]))
    wanted = select(ApprovalLink.contact_id).where(ApprovalLink.id == (link_id if is_code else event.obj[1]))
    contact_id = session.scalar(wanted)
    if contact_id is not None:
        letter = LetterKind.APPROVAL_CODE if is_code else LetterKind.APPROVAL_LINK
        yield Recipient(Channel.MAIL, Audience.CONTACT, contact_id, letter)


def _auditors(session: Session, _event: PendingEvent) -> Iterator[Recipient]:
    wanted = (
        select(Account.id)
        .join(AccountRole, AccountRole.account_id == Account.id)
        .where(AccountRole.role == Role.AUDITOR, Account.disabled_at.is_(None))
        .order_by(Account.id)
    )
    for account_id in session.scalars(wanted):
        yield Recipient(Channel.MAIL, Audience.ACCOUNT, account_id, LetterKind.ACCOUNT_NOTICE)


def _use(session: Session, event: PendingEvent) -> RootUse | None:
    if event.obj is None or event.obj[0] != USE_KIND:
        return None
    return session.get(RootUse, event.obj[1])


def _webhooks(session: Session, _event: PendingEvent) -> Iterator[Recipient]:
    for endpoint_id in session.scalars(_open_endpoints):
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
