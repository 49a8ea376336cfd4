"""What is remembered of each witness between two questions."""

from datetime import datetime

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.audit.cosignatures import WITNESS_NAME_MAX
from sharelink.persistence.database import Base
from sharelink.persistence.types import UtcDateTime

ERROR_MAX = 64


class AuditWitness(Base):
    """One witness: the size that it has seen, as far as is known here, when it is asked next, and how the last went.

    `refused_at` is set while it says that this log is not the one it has seen.
    """

    __tablename__ = "audit_witness"

    name: Mapped[str] = mapped_column(String(WITNESS_NAME_MAX), primary_key=True)
    seen_size: Mapped[int] = mapped_column(BigInteger)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(Integer)
    last_error: Mapped[str | None] = mapped_column(String(ERROR_MAX))
    refused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
