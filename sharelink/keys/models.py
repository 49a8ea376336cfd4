"""The table of the versions of keys. It holds no key."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Integer, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from sharelink.crypto.key_purposes import KeyPurpose
from sharelink.crypto.keyring import CHECK_VALUE_BYTES
from sharelink.keys.states import KeyState
from sharelink.persistence.database import Base
from sharelink.persistence.types import UtcDateTime, enum_text


class KeyVersion(Base):
    """One version of a key. `check_value` tells whether a process holds the same key as the others."""

    __tablename__ = "key_version"
    __table_args__ = (
        CheckConstraint("state IN ('staged', 'current', 'previous', 'retired')", name="state"),
        CheckConstraint("version BETWEEN 1 AND 65535", name="version"),
    )

    purpose: Mapped[KeyPurpose] = mapped_column(enum_text(KeyPurpose), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    state: Mapped[KeyState] = mapped_column(enum_text(KeyState))
    check_value: Mapped[bytes] = mapped_column(LargeBinary(CHECK_VALUE_BYTES))
    staged_at: Mapped[datetime] = mapped_column(UtcDateTime)
    current_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    superseded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
