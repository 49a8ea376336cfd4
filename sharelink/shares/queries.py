"""Read models of shares alone. What joins them with their record lives in `sharelink.custody.share_lines`."""

from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from sharelink.shares.models import Share
from sharelink.shares.states import LIVE_STATES


def live_share_count(session: Session, custody_id: bytes, now: datetime) -> int:
    """Return how many links of the custody record `custody_id` can still be opened at `now`."""
    live = (
        select(func.count())
        .select_from(Share)
        .where(Share.custody_id == custody_id)
        .where(Share.state.in_(LIVE_STATES), Share.expires_at > now)
    )
    return session.execute(live).scalar_one()


def has_shares(session: Session, custody_id: bytes) -> bool:
    """Tell whether anything was ever sent or asked for on the custody record `custody_id`."""
    return bool(session.scalar(select(exists().where(Share.custody_id == custody_id))))
