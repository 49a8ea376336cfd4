"""What a bundle reads of the log: the entries of one record, and the disclosures that its reader may have."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.leaves import disclosed_field
from sharelink.audit.models import AuditDisclosure, AuditLeaf
from sharelink.bundles.audiences import Audience, may_read
from sharelink.crypto.identifiers import id_text
from sharelink.crypto.sealing import epoch_day_of
from sharelink.shares.epochs import EpochDay
from sharelink.shares.models import Share

_ENTRIES_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One leaf, to the letter, and where it stands in the log and in its chain."""

    index: int
    rseq: int
    type: str
    leaf: bytes


def chain_entries(session: Session, custody_id: bytes, until_index: int) -> list[Entry]:
    """Return all entries of a record up to the log's entry `until_index`, oldest first."""
    return _entries(
        session, AuditLeaf.rec == id_text(custody_id), AuditLeaf.index <= until_index, order=AuditLeaf.rseq.asc()
    )


def share_entry(session: Session, share: Share, events: Collection[AuditEvent], since: datetime) -> Entry | None:
    """Return the first entry of one of these types about a share that is not older than `since`, or None."""
    wanted = (
        select(AuditLeaf.index, AuditLeaf.rseq, AuditLeaf.type, AuditLeaf.leaf)
        .where(
            AuditLeaf.rec == id_text(share.custody_id),
            AuditLeaf.type.in_([event.value for event in events]),
            AuditLeaf.at >= since,
        )
        .order_by(AuditLeaf.index)
        # It is one of the first: what comes later is not fetched.
        .execution_options(yield_per=_ENTRIES_AT_ONCE)
    )
    about = {"kind": "share", "ref": id_text(share.id)}
    with session.execute(wanted) as found:
        for index, rseq, type_, leaf in found:
            if json.loads(leaf)["obj"] == about:
                return Entry(index, rseq, type_, bytes(leaf))
    return None


def record_entry(session: Session, custody_id: bytes, events: Collection[AuditEvent]) -> Entry | None:
    """Return the newest entry of one of these types in a record's chain, or None."""
    found = _entries(
        session,
        AuditLeaf.rec == id_text(custody_id),
        AuditLeaf.type.in_([event.value for event in events]),
        order=AuditLeaf.index.desc(),
        limit=1,
    )
    return found[0] if found else None


def key_destroyed_entry(session: Session, expires_at: datetime) -> Entry | None:
    """Return the entry by which the key of a share's day of expiry was destroyed; None while there is none."""
    day = session.get(EpochDay, epoch_day_of(expires_at))
    if day is None or day.destroyed_at is None:
        return None
    # Written in the transaction that set the moment: the same one, so that few of them are to be read.
    found = _entries(
        session,
        AuditLeaf.rec == SYSTEM_CHAIN,
        AuditLeaf.type == AuditEvent.KEY_DESTROYED.value,
        AuditLeaf.at == day.destroyed_at,
        order=AuditLeaf.index.desc(),
    )
    wanted = {"purpose": "epoch", "day": day.day.isoformat()}
    return next((entry for entry in found if json.loads(entry.leaf)["facts"] == wanted), None)


def disclosures(session: Session, entries: Sequence[Entry], audience: Audience) -> Iterator[tuple[int, str]]:
    """Yield what `audience` may read of the erasable fields of `entries`: the entry's number, and the disclosure.

    A disclosure that cannot be read is left out: `audit verify` names it.
    """
    by_index = {entry.index: entry for entry in entries}
    wanted = (
        select(AuditDisclosure.leaf_index, AuditDisclosure.disclosure)
        .where(AuditDisclosure.leaf_index.in_(by_index))
        .order_by(AuditDisclosure.leaf_index, AuditDisclosure.name)
    )
    for index, text in session.execute(wanted):
        entry = by_index[index]
        try:
            # By the name inside: the column beside it is not what was logged.
            name, _value = disclosed_field(text)
        except (ValueError, TypeError):
            continue
        if may_read(audience, entry.type, name):
            yield entry.rseq, text


def _entries(
    session: Session, *conditions: ColumnElement[bool], order: ColumnElement[Any], limit: int | None = None
) -> list[Entry]:
    wanted = (
        select(AuditLeaf.index, AuditLeaf.rseq, AuditLeaf.type, AuditLeaf.leaf)
        .where(*conditions)
        .order_by(order)
        .limit(limit)
    )
    return [Entry(index, rseq, type_, bytes(leaf)) for index, rseq, type_, leaf in session.execute(wanted)]
