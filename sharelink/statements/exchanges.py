"""Every secret that was sent or asked for on the record, and what became of it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sharelink.custody.share_lines import ShareLine, shares_of_record
from sharelink.shares.models import Share

EXCHANGES_MAX = 500


@dataclass(frozen=True, slots=True)
class Exchanges:
    """The newest exchanges, newest first; `total` counts all."""

    lines: tuple[ShareLine, ...]
    total: int


def exchanges(session: Session, custody_id: bytes, now: datetime) -> Exchanges:
    """Return the newest exchanges of a record, at most `EXCHANGES_MAX`."""
    total = session.scalar(select(func.count()).select_from(Share).where(Share.custody_id == custody_id)) or 0
    return Exchanges(shares_of_record(session, custody_id, now, EXCHANGES_MAX), total)
