"""A hold as the page of its record shows it: since when, why, who has spoken, and what is still needed to lift it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.accounts.models import Account
from sharelink.crypto.identifiers import id_text
from sharelink.custody.holds import LONELY_WAIT, HoldRelease, able_to_release, is_alone
from sharelink.custody.models import CustodyRecord
from sharelink.shares.holds import Hold, HoldReason
from sharelink.shares.models import Share

HELD_MAX = 100


@dataclass(frozen=True, slots=True)
class HoldView:
    """An active hold, for one viewer. `alone` means that nobody but the viewer could lift it."""

    raised_at: datetime
    reason: HoldReason
    share_id: bytes | None
    share_label: str
    released_by: tuple[str, ...]
    viewer_has_released: bool
    needs_custodian: bool
    alone: bool
    alone_from: datetime

    @property
    def share_id_text(self) -> str | None:
        """The id of the reported share as URLs name it; None if no share caused the hold."""
        return None if self.share_id is None else id_text(self.share_id)


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """A record that is on hold, for the list of what waits for somebody."""

    id: bytes
    reference: str
    customer: str
    raised_at: datetime

    @property
    def id_text(self) -> str:
        """The record's id as URLs name it."""
        return id_text(self.id)


def held_records(session: Session, groups: Collection[bytes] | None) -> tuple[HeldRecord, ...]:
    """Return the records on hold, the longest first, at most `HELD_MAX`; only those of `groups`, or all for None."""
    wanted = (
        select(CustodyRecord.id, CustodyRecord.reference, CustodyRecord.customer, Hold.raised_at)
        .join(Hold, Hold.custody_id == CustodyRecord.id)
        .where(Hold.lifted_at.is_(None))
        .order_by(Hold.raised_at, CustodyRecord.id)
        .limit(HELD_MAX)
    )
    if groups is not None:
        wanted = wanted.where(CustodyRecord.group_id.in_(groups))
    return tuple(HeldRecord(row.id, row.reference, row.customer, row.raised_at) for row in session.execute(wanted))


def active_hold_of(session: Session, custody_id: bytes, viewer_id: bytes, now: datetime) -> HoldView | None:
    """Return the hold on a record as `viewer_id` sees it at `now`, or None.

    Raises:
        RecordNotFound: there is no such record.
    """
    found = session.execute(
        select(Hold.id, Hold.raised_at, Hold.reason, Hold.share_id, Share.label)
        .outerjoin(Share, Share.id == Hold.share_id)
        .where(Hold.custody_id == custody_id, Hold.lifted_at.is_(None))
    ).first()
    if found is None:
        return None
    spoken = session.execute(
        select(Account.id, Account.name)
        .join(HoldRelease, HoldRelease.account_id == Account.id)
        .where(HoldRelease.hold_id == found.id)
        .order_by(HoldRelease.released_at)
    ).all()
    able, custodians = able_to_release(session, custody_id)
    # The word of somebody whose account was disabled since does not count.
    ids = {row.id for row in spoken} & able
    return HoldView(
        raised_at=found.raised_at,
        reason=found.reason,
        share_id=found.share_id,
        share_label=found.label or "",
        released_by=tuple(row.name for row in spoken if row.id in able),
        viewer_has_released=viewer_id in ids,
        needs_custodian=not ids & custodians,
        alone=is_alone(session, custody_id, viewer_id, now),
        alone_from=found.raised_at + LONELY_WAIT,
    )
