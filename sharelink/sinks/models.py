"""How far the log has been sent to a second sink."""

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.persistence.database import Base
from sharelink.persistence.types import UtcDateTime


class AuditSink(Base):
    """One address that leaves are sent to: the index of the next one, when to try, and since when it fails."""

    __tablename__ = "audit_sink"

    address: Mapped[str] = mapped_column(String(500), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
