"""Appending to the audit, inside the transaction of the act.

Services call `AuditLog.append` where something happens; the rows are written by `write_pending` as the last statements
before the commit, so that the head row, which all writers share, is held as briefly as possible (docs/adr/0004). With
the leaves go the state of the tree over them and its signed checkpoint: whoever holds one holds the log to it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from sharelink.actors import Actor
from sharelink.audit.errors import AuditUnavailable
from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.head import ChainEnd, Head, take_head
from sharelink.audit.leaves import (
    LEAF_VERSION,
    MAX_LEAF_BYTES,
    JsonValue,
    UnplacedLeaf,
    disclosure,
    disclosure_digest,
    leaf_time,
    pseudonym,
)
from sharelink.audit.signing import LogKeys
from sharelink.audit.writing import Addition, LeafRow, SignedTree
from sharelink.crypto.identifiers import id_text, new_id, new_salt
from sharelink.tlog.merkle import leaf_hash


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

    def write_pending(self, connection: Connection, wait_for_turn: Callable[[], object] | None = None) -> None:
        """Write what was appended; called once, last before the commit.

        Args:
            connection: in the transaction of the act.
            wait_for_turn: called when all is ready but for what the head says, if there is anything to write.

        Raises:
            AuditUnavailable: the log's head is missing or was changed, so no event can be numbered.
        """
        if not self._pending:
            return
        # All that can be done before the head is taken: all writers wait for whoever holds it.
        disclosed = [_disclosures(pending) for pending in self._pending]
        unplaced = [
            UnplacedLeaf.of(self._fields(pending, personal))
            for pending, personal in zip(self._pending, disclosed, strict=True)
        ]
        if wait_for_turn is not None:
            wait_for_turn()
        head = take_head(connection, (pending.rec for pending in self._pending))
        added = self._addition(head, disclosed, unplaced)
        tree = head.frontier
        root = tree.root()
        note = self.log_keys.sign(tree.size, root).to_bytes().decode("utf-8")
        added.write(connection, SignedTree(tree, root, note, self._pending[-1].at))
        self._pending.clear()

    def _addition(
        self, head: Head, disclosed: Sequence[Mapping[str, str]], unplaced: Sequence[UnplacedLeaf]
    ) -> Addition:
        added = Addition()
        for pending, personal, leaf in zip(self._pending, disclosed, unplaced, strict=True):
            end = head.ends[pending.rec]
            placed = leaf.placed(end.rseq + 1, end.leaf_hash)
            if len(placed) > MAX_LEAF_BYTES:
                raise AuditUnavailable("an event is too large for the audit log")
            hashed = leaf_hash(placed)
            head.ends[pending.rec] = ChainEnd(end.rseq + 1, hashed)
            added.leaves.append(
                LeafRow(
                    index=head.frontier.size,
                    rec=pending.rec,
                    rseq=end.rseq + 1,
                    type=pending.event.value,
                    at=pending.at,
                    leaf=placed,
                    leaf_hash=hashed,
                    disclosed=personal,
                    account_id=pending.actor.account_id,
                )
            )
            added.subtrees += head.frontier.append(hashed)
        return added

    def _fields(self, pending: PendingEvent, disclosed: Mapping[str, str]) -> dict[str, JsonValue]:
        fields: dict[str, JsonValue] = {
            "v": LEAF_VERSION,
            "id": id_text(pending.id),
            "t": leaf_time(pending.at),
            "type": pending.event.value,
            "rec": pending.rec,
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
