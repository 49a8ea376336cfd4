"""Who could have reached what is in custody: the groups that looked after the record, and who was in them when."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from sharelink.accounts.models import Account, CustodianGroup, GroupMember
from sharelink.audit.events import AuditEvent
from sharelink.audit.queries import RecordedEvent, recent_events
from sharelink.crypto.identifiers import id_from_text
from sharelink.custody.queries import RecordDetail

STAYS_MAX = 1_000
_CHANGES_MAX = 500


@dataclass(frozen=True, slots=True)
class Tenure:
    """The time in which one group looked after the record; `until` is None for the group that does so now."""

    group_id: bytes
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Stay:
    """One person's time in a group, as far as the group looked after the record meanwhile."""

    name: str
    group_name: str
    since: datetime
    until: datetime | None
    account_disabled_at: datetime | None


def tenures(session: Session, record: RecordDetail) -> tuple[Tenure, ...]:
    """Return which groups have looked after the record, in order of time, as its log tells."""
    changes = recent_events(
        session,
        [record.id_text],
        [AuditEvent.CUSTODY_DETAILS_CHANGED],
        record.opened_at,
        _CHANGES_MAX,
    )
    moves = [event for event in reversed(changes) if isinstance(event.facts.get("group_after"), str)]
    if not moves:
        return (Tenure(record.group_id, record.opened_at, None),)
    return _tenures(record, moves)


def _tenures(record: RecordDetail, moves: Sequence[RecordedEvent]) -> tuple[Tenure, ...]:
    found, since = [], record.opened_at
    for move in moves:
        found.append(Tenure(id_from_text(str(move.facts["group_before"])), since, move.at))
        since = move.at
    return (*found, Tenure(record.group_id, since, None))


def mfa_tenures(session: Session, record: RecordDetail) -> tuple[Tenure, ...]:
    """Return which groups have kept the second factor apart, in order of time, as the record's log tells."""
    changes = recent_events(
        session, [record.id_text], [AuditEvent.CUSTODY_POLICY_CHANGED], record.opened_at, _CHANGES_MAX
    )
    found: list[Tenure] = []
    for change in reversed(changes):
        group = change.facts.get("separate_mfa_group")
        group_id = id_from_text(group) if isinstance(group, str) and group else None
        if found and found[-1].until is None:
            if found[-1].group_id == group_id:
                continue
            found[-1] = replace(found[-1], until=change.at)
        if group_id is not None:
            found.append(Tenure(group_id, change.at, None))
    return tuple(found)


def stays(session: Session, periods: Sequence[Tenure]) -> tuple[Stay, ...]:
    """Return who was in the groups while they looked after the record, at most `STAYS_MAX`, in order of time."""
    found: list[Stay] = []
    for period in periods:
        wanted = (
            select(GroupMember, Account.name, Account.disabled_at, CustodianGroup.name)
            .join(Account, Account.id == GroupMember.account_id)
            .join(CustodianGroup, CustodianGroup.id == GroupMember.group_id)
            .where(
                GroupMember.group_id == period.group_id,
                or_(GroupMember.removed_at.is_(None), GroupMember.removed_at > period.since),
            )
            .order_by(GroupMember.added_at, Account.name)
            .limit(STAYS_MAX)
        )
        if period.until is not None:
            wanted = wanted.where(GroupMember.added_at < period.until)
        for stay, name, disabled_at, group_name in session.execute(wanted):
            ends = [end for end in (stay.removed_at, period.until) if end is not None]
            found.append(Stay(name, group_name, max(stay.added_at, period.since), min(ends, default=None), disabled_at))
    return tuple(sorted(found, key=lambda stay: (stay.since, stay.name))[:STAYS_MAX])
