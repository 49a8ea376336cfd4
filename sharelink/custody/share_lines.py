"""Shares together with the record they belong to: for the page of a record, and for somebody's daily work."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from sharelink.accounts.permissions import Reach
from sharelink.crypto.identifiers import id_text
from sharelink.custody.models import CustodyRecord
from sharelink.custody.state_words import ShareSituation, state_words
from sharelink.requests.models import SecretRequest
from sharelink.requests.states import Verdict
from sharelink.shares.holds import Hold, active_hold
from sharelink.shares.models import Share, ShareClient
from sharelink.shares.states import LIVE_STATES, EndReason, ShareKind, ShareState

ENDING_SOON = timedelta(hours=24)
RECENT = timedelta(days=14)
LINES_MAX = 100
"""No list here grows without bound; the timeline of the record tells everything."""


@dataclass(frozen=True, slots=True)
class ShareLine:
    """A share as lists show it, content-free."""

    id: bytes
    kind: ShareKind
    label: str
    state: ShareState
    custody_id: bytes
    record_reference: str
    customer: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    first_opened_at: datetime | None
    is_displayed: bool
    is_stored: bool
    end_reason: EndReason | None
    end_note: str | None
    is_held: bool
    is_reported: bool
    is_replaced: bool
    submitted_at: datetime | None
    is_reminder_due: bool
    verdict: Verdict | None

    @property
    def address(self) -> str:
        """The path of the share's own page."""
        return f"/{'requests' if self.kind is ShareKind.REQUEST else 'shares'}/{self.id_text}"

    @property
    def id_text(self) -> str:
        """The share's id as forms name it."""
        return id_text(self.id)

    @property
    def record_id_text(self) -> str:
        """The id of its record as URLs name it."""
        return id_text(self.custody_id)

    @property
    def is_unconfirmed(self) -> bool:
        """Whether it was revealed and nothing tells that the text arrived."""
        return self.state is ShareState.REVEALED and not (self.is_displayed or self.is_stored)

    @property
    def state_label(self) -> str:
        """The state in a few words, truthful about what is not known."""
        return state_words(self._situation)[0]

    @property
    def tone(self) -> str:
        """How the state is to be taken: plain, done, warn or bad."""
        return state_words(self._situation)[1]

    @property
    def _situation(self) -> ShareSituation:
        return ShareSituation(
            kind=self.kind,
            state=self.state,
            end_reason=self.end_reason,
            is_held=self.is_held,
            is_opened=self.first_opened_at is not None,
            is_displayed=self.is_displayed,
            is_stored=self.is_stored,
            was_answered=self.submitted_at is not None,
            is_reminder_due=self.is_reminder_due,
            verdict=self.verdict,
        )


@dataclass(frozen=True, slots=True)
class MyWork:
    """What one person's own shares, and the answers for their groups, ask of them.

    A live share is in exactly one of the lists up to `locked`.
    """

    submitted: tuple[ShareLine, ...] = ()
    to_remind: tuple[ShareLine, ...] = ()
    awaiting: tuple[ShareLine, ...] = ()
    unopened: tuple[ShareLine, ...] = ()
    ending_soon: tuple[ShareLine, ...] = ()
    locked: tuple[ShareLine, ...] = ()
    revealed: tuple[ShareLine, ...] = ()
    declined: tuple[ShareLine, ...] = ()
    reported: tuple[ShareLine, ...] = ()


def shares_of_record(
    session: Session, custody_id: bytes, now: datetime, limit: int = LINES_MAX
) -> tuple[ShareLine, ...]:
    """Return the newest shares of a record, newest first, at most `limit`."""
    wanted = _lines().where(Share.custody_id == custody_id).order_by(Share.created_at.desc(), Share.id).limit(limit)
    return _read(session, wanted, now)


def share_line(session: Session, share_id: bytes, now: datetime) -> ShareLine:
    """Return one share as lists show it.

    Raises:
        NoResultFound: there is none with this id; ask only for one that was found.
    """
    return _line(session.execute(_lines().where(Share.id == share_id)).one(), now)


def my_work(session: Session, account_id: bytes, now: datetime, retrievable: Reach) -> MyWork:
    """Return what the shares created by `account_id` ask of their creator at `now`, and what waits to be retrieved.

    `submitted` are answers to one's own requests, and those that one's groups (`retrievable`) look after; `to_remind`
    and `awaiting` are one's own requests without an answer, with a reminder due and without.
    `unopened` are links whose secret still waits; `ending_soon` those of them with less than 24 hours left; `locked`
    those that wrong codes have locked. `revealed` and `declined` are what happened in the last 14 days, and `reported`
    is what a recipient reported in that time: it is in no other list.
    """
    # Live shares are few among all of somebody's: that they have not ended leads to the index of those.
    live = Share.ended_at.is_(None)
    sends = Share.kind == ShareKind.SEND
    sealed = and_(live, sends, Share.state == ShareState.SEALED, Share.expires_at > now)
    answered = and_(Share.kind == ShareKind.REQUEST, Share.state == ShareState.SEALED, Share.expires_at > now)
    awaiting = and_(live, Share.state == ShareState.AWAITING, Share.expires_at > now)
    of_groups = CustodyRecord.group_id.in_(retrievable.group_ids)
    locked = and_(live, Share.state == ShareState.LOCKED, Share.expires_at > now)
    soon = Share.expires_at <= now + ENDING_SOON
    recent = and_(Share.ended_at > now - RECENT, Share.reported_at.is_(None))
    reported = Share.reported_at > now - RECENT
    revealed = and_(sends, Share.state == ShareState.REVEALED, recent)
    declined = and_(Share.state == ShareState.BURNED, Share.end_reason == EndReason.DECLINED, recent)

    def mine(condition: ColumnElement[bool], order: ColumnElement[Any]) -> tuple[ShareLine, ...]:
        wanted = _lines().where(Share.created_by == account_id, condition)
        return _read(session, wanted.order_by(order, Share.id).limit(LINES_MAX), now)

    waiting = _lines().where(answered, or_(Share.created_by == account_id, of_groups))
    unanswered = mine(awaiting, Share.expires_at.asc())
    return MyWork(
        submitted=_read(session, waiting.order_by(Share.expires_at.asc(), Share.id).limit(LINES_MAX), now),
        to_remind=tuple(line for line in unanswered if line.is_reminder_due),
        awaiting=tuple(line for line in unanswered if not line.is_reminder_due),
        unopened=mine(and_(sealed, ~soon), Share.expires_at.asc()),
        ending_soon=mine(and_(sealed, soon), Share.expires_at.asc()),
        locked=mine(locked, Share.expires_at.asc()),
        revealed=mine(revealed, Share.ended_at.desc()),
        declined=mine(declined, Share.ended_at.desc()),
        reported=mine(reported, Share.reported_at.desc()),
    )


# What clients did is erased with the share's end, so this is None for shares that have ended.
_first_opened_at = select(func.min(ShareClient.opened_at)).where(ShareClient.share_id == Share.id).scalar_subquery()
_is_held = active_hold.where(Hold.custody_id == Share.custody_id).exists()
_replacement = aliased(Share)
_is_replaced = select(_replacement.id).where(_replacement.replaces_id == Share.id).exists()


def _lines() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Share.id,
            Share.kind,
            Share.label,
            Share.state,
            Share.custody_id,
            CustodyRecord.reference,
            CustodyRecord.customer,
            Share.sender_name,
            Share.created_at,
            Share.expires_at,
            Share.ended_at,
            _first_opened_at.label("first_opened_at"),
            Share.displayed_at,
            Share.stored_at,
            Share.end_reason,
            Share.end_note,
            _is_held.label("is_held"),
            Share.reported_at,
            _is_replaced.label("is_replaced"),
            SecretRequest.submitted_at,
            SecretRequest.remind_at,
            SecretRequest.reminded_at,
            SecretRequest.verdict,
        )
        .join(CustodyRecord, CustodyRecord.id == Share.custody_id)
        .outerjoin(SecretRequest, SecretRequest.share_id == Share.id)
    )


def _read(session: Session, wanted: Select[*tuple[Any, ...]], now: datetime) -> tuple[ShareLine, ...]:
    return tuple(_line(row, now) for row in session.execute(wanted))


def _line(row: Row[*tuple[Any, ...]], now: datetime) -> ShareLine:
    state = ShareState(row.state)
    # Nobody can open it any more; the sweeper only has not come by yet.
    overdue = state in LIVE_STATES and row.expires_at <= now
    is_awaiting = state is ShareState.AWAITING and not overdue
    return ShareLine(
        id=row.id,
        kind=row.kind,
        label=row.label,
        state=ShareState.EXPIRED if overdue else state,
        custody_id=row.custody_id,
        record_reference=row.reference,
        customer=row.customer,
        created_by=row.sender_name,
        created_at=row.created_at,
        expires_at=row.expires_at,
        ended_at=row.expires_at if overdue else row.ended_at,
        first_opened_at=row.first_opened_at,
        is_displayed=row.displayed_at is not None,
        is_stored=row.stored_at is not None,
        end_reason=EndReason(row.end_reason) if row.end_reason else None,
        end_note=row.end_note,
        is_held=bool(row.is_held),
        is_reported=row.reported_at is not None,
        is_replaced=bool(row.is_replaced),
        submitted_at=row.submitted_at,
        is_reminder_due=is_awaiting
        and row.remind_at is not None
        and row.remind_at <= now
        and (row.reminded_at is None or row.reminded_at < row.remind_at),
        verdict=row.verdict,
    )
