"""What waits for somebody: uses to decide about, their own that wait or run, and what is to be reviewed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from sharelink.access.models import RootUse, UseDecision
from sharelink.access.queries import UseLine, use_lines
from sharelink.access.states import OPEN_STATES, WAITING_STATES, UseState
from sharelink.accounts.permissions import Reach
from sharelink.custody.models import CustodyRecord, StoredPolicy

WAITING_MAX = 100


@dataclass(frozen=True, slots=True)
class MyUses:
    """What waits for somebody: uses to decide about, their own that wait or run, and what is to be reviewed."""

    to_decide: tuple[UseLine, ...]
    mine: tuple[UseLine, ...]
    to_review: tuple[UseLine, ...]
    overdue: tuple[UseLine, ...]


def my_uses(session: Session, account_id: bytes, now: datetime, reach: Reach) -> MyUses:
    """Return what waits for somebody whose permission to approve and review goes as far as `reach`.

    `overdue` are uses of others that are open beyond their window.
    """
    others = RootUse.requester_id != account_id
    spoken = select(UseDecision.id).where(UseDecision.use_id == RootUse.id, UseDecision.account_id == account_id)
    mine = and_(
        RootUse.requester_id == account_id,
        or_(RootUse.state.in_(OPEN_STATES), and_(RootUse.state.in_(WAITING_STATES), RootUse.expires_at > now)),
    )
    if reach.is_empty:
        return MyUses((), use_lines(session, mine, limit=WAITING_MAX), (), ())
    within = [] if reach.everywhere else [_in_groups(reach.group_ids)]
    return MyUses(
        to_decide=use_lines(
            session,
            and_(RootUse.state == UseState.REQUESTED, RootUse.expires_at > now, others, ~spoken.exists(), *within),
            limit=WAITING_MAX,
        ),
        mine=use_lines(session, mine, limit=WAITING_MAX),
        to_review=use_lines(
            session,
            and_(
                RootUse.state == UseState.CHECKED_IN,
                RootUse.review_due_at.is_not(None),
                RootUse.reviewed_at.is_(None),
                others,
                *within,
            ),
            limit=WAITING_MAX,
        ),
        overdue=use_lines(session, and_(RootUse.state == UseState.OVERDUE, others, *within), limit=WAITING_MAX),
    )


def _in_groups(group_ids: Collection[bytes]) -> ColumnElement[bool]:
    """Uses of records of these groups, and of records whose MFA is in the care of one of them."""
    apart = select(StoredPolicy.custody_id).where(StoredPolicy.separate_mfa_group.in_(group_ids))
    return or_(CustodyRecord.group_id.in_(group_ids), RootUse.custody_id.in_(apart))
