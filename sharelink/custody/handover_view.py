"""Where a record stands, read for its page: the facts from which the next step and the checklist follow."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.custody.calendar import calendar_of
from sharelink.custody.contacts import contacts_of
from sharelink.custody.errors import RecordNotFound
from sharelink.custody.items import items_of
from sharelink.custody.models import CustodyProposal, CustodyRecord
from sharelink.custody.next_steps import HandoverFacts
from sharelink.custody.states import CalendarKind, ProposalState, Side
from sharelink.custody.terms import parties_of
from sharelink.custody.versions import versions_of
from sharelink.shares.holds import Hold, active_hold
from sharelink.shares.models import Share
from sharelink.shares.states import LIVE_STATES, ShareKind, ShareState


def handover_facts(session: Session, custody_id: bytes, now: datetime) -> HandoverFacts:
    """Return everything that decides what comes next on a record.

    Raises:
        RecordNotFound: there is no such record.
    """
    record = session.get(CustodyRecord, custody_id, populate_existing=True)
    if record is None:
        raise RecordNotFound("there is no such record")
    customers = [contact for contact in contacts_of(session, custody_id) if contact.side is Side.CUSTOMER]
    items = items_of(session, custody_id)
    version = next((line for line in versions_of(session, custody_id) if line.retired_at is None), None)
    overdue = {line.kind for line in calendar_of(session, custody_id, now) if line.is_overdue}
    wanted = select(Share.kind, Share.state).where(
        Share.custody_id == custody_id, Share.state.in_(LIVE_STATES), Share.expires_at > now
    )
    live = {(row.kind, row.state) for row in session.execute(wanted.distinct())}
    pending = select(CustodyProposal.kind).where(
        CustodyProposal.custody_id == custody_id,
        CustodyProposal.state == ProposalState.PENDING,
        CustodyProposal.expires_at > now,
    )
    held = session.scalar(active_hold.where(Hold.custody_id == custody_id))
    return HandoverFacts(
        kind=record.kind,
        state=record.state,
        scenario=record.scenario,
        is_archived=record.archived_at is not None,
        is_held=held is not None,
        has_confirmed_contact=any(contact.is_confirmed for contact in customers),
        has_waiting_contact=any(not contact.is_confirmed for contact in customers),
        has_terms=bool(parties_of(session, custody_id).purpose),
        has_version=version is not None,
        is_verified=version is not None and version.verified_at is not None,
        verified_at=version.verified_at if version else None,
        item_kinds=frozenset(item.kind for item in items),
        checked_kinds=frozenset(item.kind for item in items if item.last_checked_at is not None),
        pending=frozenset(session.scalars(pending)),
        awaits_answer=(ShareKind.REQUEST, ShareState.AWAITING) in live,
        answer_waits=(ShareKind.REQUEST, ShareState.SEALED) in live,
        review_is_overdue=CalendarKind.REVIEW in overdue,
        drill_is_overdue=CalendarKind.DRILL in overdue,
    )
