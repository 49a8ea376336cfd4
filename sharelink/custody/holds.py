"""Holds on records: an incident puts one, a custodian of the record and a second person lift it together."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from sharelink.accounts.permissions import Permission, reach
from sharelink.accounts.queries import active_people
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent
from sharelink.audit.log import AuditLog
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.errors import NoHold
from sharelink.custody.models import CustodyRecord
from sharelink.custody.queries import record_group
from sharelink.persistence.database import Base
from sharelink.persistence.types import Id, UtcDateTime
from sharelink.shares.holds import Hold, HoldReason, active_hold

PEOPLE_TO_LIFT = 2
LONELY_WAIT = timedelta(days=1)
"""Where nobody else could help, one person may lift a hold after this time, or at once when freshly proven."""


class HoldRelease(Base):
    """One person's word that a hold may be lifted."""

    __tablename__ = "hold_release"

    hold_id: Mapped[bytes] = mapped_column(Id, ForeignKey("hold.id"), primary_key=True)
    account_id: Mapped[bytes] = mapped_column(Id, ForeignKey("account.id"), primary_key=True)
    released_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Holds:
    """The acts on holds, in one unit of work."""

    session: Session
    audit: AuditLog
    actor: Actor
    now: datetime

    def put(self, custody_id: bytes, share_id: bytes | None = None, reason: HoldReason = HoldReason.INCIDENT) -> None:
        """Put the record on hold: because of a share (an incident), a suspension, or the customer's report.

        A record that is on hold stays so, and whoever spoke for lifting must speak again: they did not know of this.
        """
        known = self._active(custody_id, lock=True)
        if known is not None:
            self.session.execute(delete(HoldRelease).where(HoldRelease.hold_id == known))
            self._append(AuditEvent.CUSTODY_HELD, custody_id, known, reason)
            return
        hold = Hold(
            id=new_id(), custody_id=custody_id, share_id=share_id, reason=reason, raised_at=self.now, lifted_at=None
        )
        try:
            with self.session.begin_nested():
                self.session.add(hold)
        except IntegrityError:
            # Another report on this record was first; one hold is enough.
            return
        self._append(AuditEvent.CUSTODY_HELD, custody_id, hold.id, reason)

    def release(self, custody_id: bytes, *, is_proven: bool) -> bool:
        """Add the actor's word; lift the hold and return True when that suffices.

        Two people who still may must have spoken, one of them a custodian of the record's group. Where only one person
        could speak at all (`is_alone`), that one suffices after `LONELY_WAIT`, or freshly proven.

        Raises:
            NoHold: the record is not on hold.
        """
        if self.actor.account_id is None:
            raise ValueError("only a person with an account releases a hold")
        hold_id = self._active(custody_id, lock=True)
        if hold_id is None:
            raise NoHold("the record is not on hold")
        hold = self.session.get_one(Hold, hold_id, populate_existing=True)
        if self.session.get(HoldRelease, (hold_id, self.actor.account_id)) is None:
            self.session.add(HoldRelease(hold_id=hold_id, account_id=self.actor.account_id, released_at=self.now))
            self.session.flush()
            self._append(AuditEvent.CUSTODY_HOLD_RELEASE, custody_id, hold_id)
        spoken = frozenset(self.session.scalars(select(HoldRelease.account_id).where(HoldRelease.hold_id == hold_id)))
        able, custodians = able_to_release(self.session, custody_id)
        spoken &= able
        is_lonely = is_alone(self.session, custody_id, self.actor.account_id, self.now)
        waited = self.now >= hold.raised_at + LONELY_WAIT
        enough = len(spoken) >= PEOPLE_TO_LIFT and bool(spoken & custodians)
        if not enough and not (is_lonely and (is_proven or waited)):
            return False
        self.session.execute(update(Hold).where(Hold.id == hold_id).values(lifted_at=self.now))
        self._append(AuditEvent.CUSTODY_HOLD_LIFTED, custody_id, hold_id)
        return True

    def void_words(self, group_ids: Collection[bytes]) -> None:
        """Forget who spoke for lifting holds on records of these groups: the groups, or their members, have changed.

        Whoever spoke may speak again, knowing of the change.
        """
        affected = (
            select(Hold.id, Hold.custody_id)
            .join(CustodyRecord, CustodyRecord.id == Hold.custody_id)
            .where(
                CustodyRecord.group_id.in_(group_ids),
                Hold.lifted_at.is_(None),
                Hold.id.in_(select(HoldRelease.hold_id)),
            )
        )
        for hold_id, custody_id in self.session.execute(affected).all():
            self.session.execute(delete(HoldRelease).where(HoldRelease.hold_id == hold_id))
            self._append(AuditEvent.CUSTODY_HOLD_WORDS_VOIDED, custody_id, hold_id)

    def _active(self, custody_id: bytes, *, lock: bool = False) -> bytes | None:
        wanted = active_hold.where(Hold.custody_id == custody_id)
        return self.session.scalar(wanted.with_for_update() if lock else wanted)

    def _append(self, event: AuditEvent, custody_id: bytes, hold_id: bytes, reason: HoldReason | None = None) -> None:
        self.audit.append(
            event,
            rec=id_text(custody_id),
            actor=self.actor,
            now=self.now,
            obj=("hold", hold_id),
            facts={"cause": reason.value} if reason else None,
        )


def is_alone(session: Session, custody_id: bytes, account_id: bytes, now: datetime) -> bool:
    """Tell whether nobody but `account_id` could speak on the holds of a record, nor could lately.

    Whose account was disabled within `LONELY_WAIT` counts: one administrator disables alone, and could else be the only
    person left, and act for two, within a minute.

    Raises:
        RecordNotFound: there is no such record.
    """
    return able_to_release(session, custody_id, also_since=now - LONELY_WAIT)[0] <= {account_id}


def able_to_release(
    session: Session, custody_id: bytes, *, also_since: datetime | None = None
) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """Return who may speak on the holds of a record, and which of them are its custodians.

    Args:
        session: reads what is committed, or done by this unit of work.
        custody_id: which record.
        also_since: count people as well whose account was disabled after this moment.

    Raises:
        RecordNotFound: there is no such record.
    """
    group_id = record_group(session, custody_id)
    able, custodians = set(), set()
    for person in active_people(session, also_since=also_since):
        if reach(Permission.HOLD_RELEASE, person.roles, person.group_ids).covers(group_id):
            able.add(person.account_id)
        if Role.CUSTODIAN in person.roles and group_id in person.group_ids:
            custodians.add(person.account_id)
    return frozenset(able), frozenset(custodians)
