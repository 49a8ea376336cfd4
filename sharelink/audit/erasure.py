"""Erasing personal fields by age. Leaves keep their digests, whose salts are gone: nothing can be guessed from them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, or_, select
from sqlalchemy.orm import Session

from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.log import AuditLog
from sharelink.audit.models import AuditActor, AuditDisclosure, AuditLeaf

BATCH_LEAVES = 500


@dataclass(frozen=True, slots=True)
class ErasureRule:
    """What is old enough: acts of people without an account before one moment, those of accounts before another.

    `kept_chains` are left alone whatever their age: records that are in dispute.
    """

    public_before: datetime
    staff_before: datetime
    kept_chains: frozenset[str] = frozenset()

    def conditions(self) -> ColumnElement[bool]:
        """Return what must hold of a leaf."""
        of_an_account = exists().where(AuditActor.leaf_index == AuditLeaf.index)
        old = or_(
            of_an_account & (AuditLeaf.at < self.staff_before),
            ~of_an_account & (AuditLeaf.at < self.public_before),
        )
        return old & AuditLeaf.rec.not_in(self.kept_chains) if self.kept_chains else old


def erase_some(session: Session, audit: AuditLog, actor: Actor, now: datetime, rule: ErasureRule) -> int:
    """Erase the personal fields of the oldest events that the rule reaches; return how many fields that were.

    The event that says so is written with it. Call it again, each time in a transaction of its own, until it returns 0.
    """
    indices = session.scalars(
        select(AuditDisclosure.leaf_index)
        .join(AuditLeaf, AuditLeaf.index == AuditDisclosure.leaf_index)
        .where(rule.conditions())
        .distinct()
        .order_by(AuditDisclosure.leaf_index)
        .limit(BATCH_LEAVES)
    ).all()
    if not indices:
        return 0
    erased = session.execute(
        delete(AuditDisclosure).where(AuditDisclosure.leaf_index.in_(indices)).returning(AuditDisclosure.name),
        execution_options={"synchronize_session": False},
    ).all()
    session.execute(
        delete(AuditActor).where(AuditActor.leaf_index.in_(indices)), execution_options={"synchronize_session": False}
    )
    audit.append(
        AuditEvent.LOG_DISCLOSURES_ERASED,
        rec=SYSTEM_CHAIN,
        actor=actor,
        now=now,
        facts={"fields": len(erased), "first": indices[0], "last": indices[-1]},
    )
    return len(erased)
