"""Versions of a record's secret: which there were, where each came from, and when. Nothing derived from the secret."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from sharelink.crypto.identifiers import id_text
from sharelink.custody.models import SecretVersion
from sharelink.custody.states import VersionOrigin

ORIGIN_LABELS = {
    VersionOrigin.CUSTOMER: "Submitted by the customer",
    VersionOrigin.GENERATED: "Generated here and sent",
    VersionOrigin.EXTERNAL: "Set elsewhere",
}


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version as pages show it; the newest one that is not retired is what is in custody."""

    number: int
    origin: VersionOrigin
    share_id: bytes | None
    received_at: datetime
    verified_at: datetime | None
    retired_at: datetime | None

    @property
    def origin_label(self) -> str:
        """Where it came from, in words."""
        return ORIGIN_LABELS[self.origin]

    @property
    def share_id_text(self) -> str | None:
        """The id of its share as URLs name it."""
        return None if self.share_id is None else id_text(self.share_id)


@dataclass(frozen=True, slots=True)
class Versions:
    """Counts versions, in one unit of work. The record is locked by the caller, who also writes the event."""

    session: Session
    now: datetime

    def add(self, custody_id: bytes, origin: VersionOrigin, share_id: bytes | None) -> int:
        """Retire the version in custody, add the next one and return its number."""
        self.retire(custody_id)
        newest = self.session.scalar(
            select(func.max(SecretVersion.number)).where(SecretVersion.custody_id == custody_id)
        )
        number = (newest or 0) + 1
        self.session.add(
            SecretVersion(
                custody_id=custody_id,
                number=number,
                origin=origin,
                share_id=share_id,
                received_at=self.now,
                verified_at=None,
                retired_at=None,
            )
        )
        self.session.flush()
        return number

    def verify(self, custody_id: bytes) -> int | None:
        """Mark the version in custody as verified and return its number; None if there is none."""
        return self._mark(custody_id, verified_at=self.now)

    def retire(self, custody_id: bytes) -> int | None:
        """Mark the version in custody as no longer so and return its number; None if there is none."""
        return self._mark(custody_id, retired_at=self.now)

    def _mark(self, custody_id: bytes, **values: datetime) -> int | None:
        return self.session.scalar(
            update(SecretVersion)
            .where(SecretVersion.custody_id == custody_id, SecretVersion.retired_at.is_(None))
            .values(**values)
            .returning(SecretVersion.number),
            execution_options={"synchronize_session": False},
        )


def versions_of(session: Session, custody_id: bytes) -> tuple[VersionLine, ...]:
    """Return all versions of a record's secret, the newest first."""
    rows = session.scalars(
        select(SecretVersion)
        .where(SecretVersion.custody_id == custody_id)
        .order_by(SecretVersion.number.desc())
        .execution_options(populate_existing=True)
    )
    return tuple(
        VersionLine(row.number, row.origin, row.share_id, row.received_at, row.verified_at, row.retired_at)
        for row in rows
    )
