"""Appending to the audit, inside the transaction of the act.

Services call `AuditLog.append` where something happens; the rows are written by `write_pending` as the last statements
before the commit, so that the head row, which all writers share, is held as briefly as possible (docs/adr/0004). With
the leaves go the state of the tree over them and its signed checkpoint: whoever holds one holds the log to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from sharelink.actors import Actor
from sharelink.audit.errors import AuditUnavailable
from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.leaves import (
    LEAF_VERSION,
    MAX_LEAF_BYTES,
    JsonValue,
    canonical_json,
    disclosure,
    disclosure_digest,
    leaf_time,
    pseudonym,
)
from sharelink.audit.models import (
    AuditActor,
    AuditCheckpoint,
    AuditDisclosure,
    AuditHead,
    AuditLeaf,
    AuditSubtree,
)
from sharelink.audit.signing import LogKeys
from sharelink.crypto.identifiers import id_text, new_id, new_salt
from sharelink.persistence.database import Base
from sharelink.tlog.errors import TreeMismatch
from sharelink.tlog.merkle import Frontier, leaf_hash
from sharelink.tlog.signed_notes import base64_text

_take_head = select(AuditHead.size, AuditHead.frontier).where(AuditHead.id == 1).with_for_update()
_put_head = (
    update(AuditHead).where(AuditHead.id == 1).values(size=bindparam("new_size"), frontier=bindparam("new_frontier"))
)
_last_of_chain = (
    select(AuditLeaf.rseq, AuditLeaf.leaf_hash)
    .where(AuditLeaf.rec == bindparam("chain"))
    .order_by(AuditLeaf.rseq.desc())
    .limit(1)
)
_insert_leaves = insert(Base.metadata.tables[AuditLeaf.__tablename__])
_insert_disclosures = insert(Base.metadata.tables[AuditDisclosure.__tablename__])
_insert_actors = insert(Base.metadata.tables[AuditActor.__tablename__])
_insert_subtrees = insert(Base.metadata.tables[AuditSubtree.__tablename__])
_insert_checkpoint = insert(Base.metadata.tables[AuditCheckpoint.__tablename__])


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """One event that will be written with the act, as `append` was told of it."""

    id: bytes
    event: AuditEvent
    rec: str
    actor: Actor
    at: datetime
    obj: tuple[str, bytes] | None
    outcome: Outcome
    reason: str | None
    facts: Mapping[str, str | int | bool | None]
    personal: Mapping[str, str]


@dataclass(slots=True)
class AuditLog:
    """The audit of one unit of work. `pseudonym_key` (32 bytes) hides which accounts of two chains are the same."""

    pseudonym_key: bytes
    log_keys: LogKeys
    _pending: list[PendingEvent] = field(default_factory=list)

    @property
    def pending(self) -> tuple[PendingEvent, ...]:
        """What was appended and is not written yet, in its order."""
        return tuple(self._pending)

    def append(
        self,
        event: AuditEvent,
        *,
        rec: str,
        actor: Actor,
        now: datetime,
        obj: tuple[str, bytes] | None = None,
        outcome: Outcome = Outcome.SUCCESS,
        reason: str | None = None,
        facts: Mapping[str, str | int | bool | None] | None = None,
        personal: Mapping[str, str] | None = None,
    ) -> bytes:
        """Add one event to the chain `rec`, to be committed with the act or not at all; return the event's id.

        Args:
            event: what happened.
            rec: the chain's id: the text of a record's or group's id, or "system".
            actor: who did it; name, address and browser become erasable disclosures.
            now: the moment of the unit of work.
            obj: kind and id of the thing concerned, such as ("share", id).
            outcome: how it ended.
            reason: a code from a closed list, never free text.
            facts: what may stand in the leaf for ever: no personal field, nothing derived from a secret.
            personal: what must be erasable: names, addresses, free text.
        """
        event_id = new_id()
        self._pending.append(
            PendingEvent(
                event_id, event, rec, actor, now, obj, outcome, reason, dict(facts or {}), dict(personal or {})
            )
        )
        return event_id

    def write_pending(self, connection: Connection) -> None:
        """Write what was appended; called once, last before the commit.

        Raises:
            AuditUnavailable: the log's head is missing, so no event can be numbered.
        """
        if not self._pending:
            return
        head = connection.execute(_take_head).one_or_none()
        if head is None:
            raise AuditUnavailable("the head of the audit log is missing")
        try:
            frontier = Frontier.from_bytes(*head)
        except TreeMismatch as error:
            raise AuditUnavailable("the head of the audit log was changed") from error
        written = self._write_leaves(connection, frontier)
        if written.subtrees:
            connection.execute(_insert_subtrees, written.subtrees)
        root = frontier.root()
        note = self.log_keys.sign(frontier.size, root).to_bytes().decode("utf-8")
        checkpoint = {"size": frontier.size, "root": root, "note": note, "at": self._pending[-1].at}
        connection.execute(_insert_checkpoint, checkpoint)
        connection.execute(_put_head, {"new_size": frontier.size, "new_frontier": frontier.to_bytes()})
        self._pending.clear()

    def _write_leaves(self, connection: Connection, frontier: Frontier) -> "_Rows":
        ends: dict[str, tuple[int, bytes | None]] = {}
        rows = _Rows()
        for index, pending in enumerate(self._pending, start=frontier.size):
            if pending.rec not in ends:
                last = connection.execute(_last_of_chain, {"chain": pending.rec}).first()
                ends[pending.rec] = (last.rseq, last.leaf_hash) if last else (-1, None)
            rseq, previous = ends[pending.rec][0] + 1, ends[pending.rec][1]
            disclosed = _disclosures(pending)
            leaf = canonical_json(self._fields(pending, rseq, previous, disclosed))
            if len(leaf) > MAX_LEAF_BYTES:
                raise AuditUnavailable("an event is too large for the audit log")
            hashed = leaf_hash(leaf)
            ends[pending.rec] = (rseq, hashed)
            rows.add(index, rseq, pending, leaf=leaf, hashed=hashed, disclosed=disclosed)
            rows.subtrees.extend(
                {"level": found.level, "number": found.number, "root": found.root} for found in frontier.append(hashed)
            )
        connection.execute(_insert_leaves, rows.leaves)
        if rows.disclosures:
            connection.execute(_insert_disclosures, rows.disclosures)
        if rows.actors:
            connection.execute(_insert_actors, rows.actors)
        return rows

    def _fields(
        self, pending: PendingEvent, rseq: int, previous: bytes | None, disclosed: Mapping[str, str]
    ) -> dict[str, JsonValue]:
        fields: dict[str, JsonValue] = {
            "v": LEAF_VERSION,
            "id": id_text(pending.id),
            "t": leaf_time(pending.at),
            "type": pending.event.value,
            "rec": pending.rec,
            "rseq": rseq,
            "prev": None if previous is None else base64_text(previous),
            "actor": self._actor_fields(pending),
            "outcome": pending.outcome.value,
            "reason": pending.reason,
            "purpose": None,
            "_sd_alg": "sha-256",
            "_sd": sorted(disclosure_digest(text) for text in disclosed.values()),
        }
        if pending.obj is not None:
            kind, identifier = pending.obj
            fields["obj"] = {"kind": kind, "ref": id_text(identifier)}
        else:
            fields["obj"] = None
        if pending.facts:
            fields["facts"] = dict(pending.facts)
        return fields

    def _actor_fields(self, pending: PendingEvent) -> dict[str, JsonValue]:
        actor = pending.actor
        fields: dict[str, JsonValue] = {"kind": actor.kind.value}
        if actor.account_id is not None:
            fields["ref"] = pseudonym(self.pseudonym_key, pending.rec, actor.account_id)
        if actor.session_ref is not None:
            fields["session"] = actor.session_ref
        if actor.amr:
            fields["amr"] = list(actor.amr)
        return fields


@dataclass(slots=True)
class _Rows:
    """What one unit of work adds to the tables of the audit."""

    leaves: list[dict[str, object]] = field(default_factory=list)
    disclosures: list[dict[str, object]] = field(default_factory=list)
    actors: list[dict[str, object]] = field(default_factory=list)
    subtrees: list[dict[str, object]] = field(default_factory=list)

    def add(
        self, index: int, rseq: int, pending: PendingEvent, *, leaf: bytes, hashed: bytes, disclosed: Mapping[str, str]
    ) -> None:
        """Add the rows of one event."""
        self.leaves.append(
            {
                "leaf_index": index,
                "rec": pending.rec,
                "rseq": rseq,
                "event_type": pending.event.value,
                "at": pending.at,
                "leaf": leaf,
                "leaf_hash": hashed,
            }
        )
        self.disclosures.extend(
            {"leaf_index": index, "name": name, "disclosure": text} for name, text in disclosed.items()
        )
        if pending.actor.account_id is not None:
            self.actors.append({"leaf_index": index, "account_id": pending.actor.account_id})


def _disclosures(pending: PendingEvent) -> dict[str, str]:
    actor = pending.actor
    personal = dict(pending.personal)
    if actor.name is not None:
        personal["actor_name"] = actor.name
    if actor.ip is not None:
        personal["ip"] = actor.ip
    if actor.agent:
        personal["user_agent"] = actor.agent[:400]
    return {name: disclosure(name, value, new_salt()) for name, value in personal.items()}
