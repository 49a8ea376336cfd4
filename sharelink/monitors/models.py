"""The table of monitor tokens."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime

NAME_MAX = 120


class MonitorToken(Base):
    """A token by which a program reads the whole log. Only its hash is kept; revoked ones stay for the log.

    `last_used_at` changes once a day. `created_by` is empty for what was made on the command line.
    """

    __tablename__ = "monitor_token"

    id: Mapped[bytes] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_MAX))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[bytes | None] = mapped_column(Id, ForeignKey("account.id"))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
