"""Links that nobody has opened for long."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from sharelink.crypto.identifiers import id_text
from sharelink.outbox.models import OutboxEntry
from sharelink.outbox.states import LetterKind
from sharelink.shares.models import Share, ShareClient
from sharelink.shares.states import ShareKind, ShareState


@dataclass(frozen=True, slots=True)
class UnopenedShare:
    """A live link whose page nobody has opened; `rec` is its record's chain."""

    id: bytes
    created_by: bytes
    rec: str


def unopened_shares(session: Session, now: datetime, after: timedelta, most: int) -> tuple[UnopenedShare, ...]:
    """Return live links that are older than `after`, that nobody has opened, and of which nobody was reminded."""
    opened = select(ShareClient.share_id).where(ShareClient.share_id == Share.id, ShareClient.opened_at.is_not(None))
    reminded = select(OutboxEntry.id).where(OutboxEntry.obj_ref == Share.id, OutboxEntry.letter == LetterKind.REMINDER)
    waits = or_(
        and_(Share.kind == ShareKind.SEND, Share.state == ShareState.SEALED),
        and_(Share.kind == ShareKind.REQUEST, Share.state == ShareState.AWAITING),
    )
    due = (
        select(Share.id, Share.created_by, Share.custody_id)
        .where(waits, Share.expires_at > now, Share.created_at <= now - after, ~opened.exists(), ~reminded.exists())
        .order_by(Share.created_at)
        .limit(most)
        .with_for_update(skip_locked=True, of=Share)
    )
    return tuple(UnopenedShare(row.id, row.created_by, id_text(row.custody_id)) for row in session.execute(due))
