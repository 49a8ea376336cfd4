"""One share as its own page shows it to staff: settings, what happened, and what may be done with it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharelink.crypto.identifiers import id_text
from sharelink.custody.models import CustodyRecord
from sharelink.custody.share_lines import ShareLine, share_line
from sharelink.shares.errors import ShareNotFound
from sharelink.shares.holds import Hold, active_hold
from sharelink.shares.models import Share, ShareClient
from sharelink.shares.states import LIVE_STATES, ShareKind, ShareState


@dataclass(frozen=True, slots=True)
class ShareDetail:
    """A share with its settings. `line` is what lists show of it; ids of other shares are texts, or None."""

    line: ShareLine
    group_id: bytes
    instruction: str
    code_required: bool
    code_waiver_reason: str
    lifetime_seconds: int
    tries: int
    tries_allowed: int
    reported_at: datetime | None
    replaces: str | None
    replaced_by: str | None
    is_held: bool
    record_is_archived: bool

    @property
    def can_be_withdrawn(self) -> bool:
        """Whether there is still something to burn."""
        return self.line.state in LIVE_STATES

    @property
    def can_be_unlocked(self) -> bool:
        """Whether more tries would help."""
        return self.line.state is ShareState.LOCKED

    @property
    def can_be_reissued(self) -> bool:
        """Whether sending anew makes sense: not after the recipient confirmed, and once only."""
        return self.replaced_by is None and not self.line.is_stored and not self.record_is_archived


def share_detail(session: Session, share_id: bytes, now: datetime) -> ShareDetail:
    """Return one send; a request has a page of its own (`request_detail`).

    Raises:
        ShareNotFound: there is none with this id.
    """
    share = session.execute(
        select(Share).where(Share.id == share_id, Share.kind == ShareKind.SEND)
    ).scalar_one_or_none()
    if share is None:
        raise ShareNotFound("no such share")
    record = session.get_one(CustodyRecord, share.custody_id)
    replaced_by = session.scalar(select(Share.id).where(Share.replaces_id == share_id).limit(1))
    tries = session.scalar(
        select(func.coalesce(func.sum(ShareClient.tries), 0)).where(ShareClient.share_id == share_id)
    )
    held = session.scalar(active_hold.where(Hold.custody_id == share.custody_id))
    return ShareDetail(
        line=share_line(session, share_id, now),
        group_id=record.group_id,
        instruction=share.instruction,
        code_required=share.code_required,
        code_waiver_reason=share.code_waiver_reason or "",
        lifetime_seconds=int((share.expires_at - share.created_at).total_seconds()),
        tries=int(tries or 0),
        tries_allowed=share.tries_allowed,
        reported_at=share.reported_at,
        replaces=id_text(share.replaces_id) if share.replaces_id is not None else None,
        replaced_by=id_text(replaced_by) if replaced_by is not None else None,
        is_held=held is not None,
        record_is_archived=record.archived_at is not None,
    )
