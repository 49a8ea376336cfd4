"""Reading, proving, exporting and erasing in the audit log; each of these is itself an event."""

from collections.abc import Iterator
from dataclasses import dataclass

from sharelink.actors import Actor
from sharelink.audit.erasure import ErasureRule, erase_some
from sharelink.audit.errors import EventNotFound, LogEmpty
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.export import ExportFormat, export_head, exported
from sharelink.audit.models import AuditLeaf
from sharelink.audit.search import EventFilter, FoundEvents, count_events, find_events, next_events
from sharelink.audit.tree import LogTree, StoredCheckpoint, mark_handed_out, newest_checkpoint
from sharelink.tlog.merkle import leaf_hash, verify_inclusion
from sharelink.tlog.proofs import InclusionProof
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work

_EXPORTED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Proven:
    """An event's exact bytes, and the proof that the log holds them."""

    leaf: bytes
    proof: InclusionProof


def view(unit_of_work: UnitOfWork, actor: Actor, wanted: EventFilter, before: int | None) -> FoundEvents:
    """Return a page of the log; that it was read is on record before anybody sees it."""
    with unit_of_work.write(actor) as work:
        _append(work, AuditEvent.AUDIT_VIEWED, asked=" ".join(wanted.named))
    with unit_of_work.read(actor) as work:
        return find_events(work.session, wanted, before)


def export(unit_of_work: UnitOfWork, actor: Actor, wanted: EventFilter, form: ExportFormat) -> Iterator[str]:
    """Yield every event that fits, as text; that they were exported is on record before the first one is read.

    Raises:
        StorageUnavailable: the event could not be written, so nothing is exported.
    """
    with unit_of_work.write(actor) as work:
        count = count_events(work.session, wanted)
        _append(work, AuditEvent.AUDIT_EXPORTED, asked=" ".join(wanted.named), format=form.value, events=count)
    return _exported(unit_of_work, actor, wanted, form)


def _exported(unit_of_work: UnitOfWork, actor: Actor, wanted: EventFilter, form: ExportFormat) -> Iterator[str]:
    yield export_head(form)
    after: int | None = -1
    while after is not None:
        with unit_of_work.read(actor) as work:
            events, after = next_events(work.session, wanted, after, _EXPORTED_AT_ONCE)
        yield from exported(events, form)


def hand_out_checkpoint(unit_of_work: UnitOfWork, actor: Actor) -> StoredCheckpoint:
    """Return the newest checkpoint, and remember that it has left the service.

    Raises:
        LogEmpty: nothing has happened yet.
    """
    with unit_of_work.write(actor) as work:
        newest = newest_checkpoint(work.session)
        if newest is None:
            raise LogEmpty("the log holds no event yet")
        mark_handed_out(work.session, newest.size, work.now)
    return newest


def prove(unit_of_work: UnitOfWork, actor: Actor, indices: list[int]) -> list[Proven]:
    """Return events with proofs against the newest checkpoint; none leaves that does not verify here.

    Raises:
        EventNotFound: there is no event with one of these indices.
        TreeMismatch: the log was changed: `audit verify` tells more.
    """
    with unit_of_work.write(actor) as work:
        _append(work, AuditEvent.AUDIT_PROVEN, events=len(indices))
    newest = hand_out_checkpoint(unit_of_work, actor)
    proven = []
    with unit_of_work.read(actor) as work:
        tree = LogTree(work.session, newest.size)
        for index in indices:
            leaf = work.session.get(AuditLeaf, index) if 0 <= index < newest.size else None
            if leaf is None:
                raise EventNotFound(f"there is no event {index}")
            proof = tree.inclusion(index, newest.note)
            verify_inclusion(leaf_hash(leaf.leaf), index, newest.size, proof.path, newest.root)
            proven.append(Proven(leaf.leaf, proof))
    return proven


def erase_personal_fields(unit_of_work: UnitOfWork, actor: Actor, rule: ErasureRule) -> Iterator[int]:
    """Erase what the rule reaches, a short transaction at a time; yield how many fields each of them erased."""
    while True:
        with unit_of_work.write(actor) as work:
            erased = erase_some(work.session, work.audit, actor, work.now, rule)
        if not erased:
            return
        yield erased


def _append(work: Work, event: AuditEvent, **facts: str | int) -> None:
    work.audit.append(
        event,
        rec=SYSTEM_CHAIN,
        actor=work.actor,
        now=work.now,
        facts={name: fact for name, fact in facts.items() if fact},
    )
