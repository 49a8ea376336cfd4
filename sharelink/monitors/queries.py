"""The list of monitor tokens, as people see it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.crypto.identifiers import id_text
from sharelink.monitors.models import MonitorToken


@dataclass(frozen=True, slots=True)
class MonitorTokenView:
    """One token: whose it is, how long it is good, and when it was last used, to the day."""

    id_text: str
    name: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    is_over: bool


def monitor_tokens(session: Session, now: datetime) -> tuple[MonitorTokenView, ...]:
    """Return the tokens that were not revoked, newest first; those that are over by their time among them."""
    rows = session.scalars(
        select(MonitorToken).where(MonitorToken.revoked_at.is_(None)).order_by(MonitorToken.created_at.desc())
    )
    return tuple(
        MonitorTokenView(
            id_text(row.id), row.name, row.created_at, row.expires_at, row.last_used_at, row.expires_at <= now
        )
        for row in rows
    )
