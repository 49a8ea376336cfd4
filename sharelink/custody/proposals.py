"""The one way in which something takes a second person: somebody proposes it, somebody else confirms or refuses it.

A proposal has a digest over what is asked, by whom, and how things stood then. The second person confirms that digest
and no other, so neither a changed row nor a changed record slips through. It is void after a week, and as soon as the
members of the record's groups change.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.leaves import JsonValue, canonical_json
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.errors import CustodianNeeded, OwnProposal, ProposalUnavailable, ProposalWaits
from sharelink.custody.holds import LONELY_WAIT, able_to_release, is_alone
from sharelink.custody.models import Contact, CustodyProposal, CustodyRecord, CustodyStep, StoredPolicy
from sharelink.custody.service import CustodyRecords
from sharelink.custody.states import ProposalKind, ProposalState
from sharelink.errors import PermissionDenied
from sharelink.times import microseconds

PROPOSAL_LIFETIME = timedelta(days=7)

CONTACT_KINDS = frozenset({ProposalKind.ADD_CONTACT, ProposalKind.REMOVE_CONTACT})
STEP_KINDS = frozenset({ProposalKind.ACTIVATE, ProposalKind.RELEASE, ProposalKind.CLOSING})
CUSTODIAN_KINDS = STEP_KINDS | {ProposalKind.POLICY}
"""For these, one of the two people must be a custodian of the record's group."""

Payload = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A decided proposal, as those who carry it out need it."""

    id: bytes
    custody_id: bytes
    kind: ProposalKind
    subject: str
    payload: Payload
    proposed_by: bytes


@dataclass(frozen=True, slots=True)
class Proposals:
    """The acts on proposals, in one unit of work. Locks are taken in one order: record, proposal."""

    records: CustodyRecords

    def propose(
        self,
        record: CustodyRecord,
        kind: ProposalKind,
        payload: Payload,
        *,
        subject: str = "",
        event: AuditEvent = AuditEvent.CUSTODY_PROPOSED,
        obj: tuple[str, bytes] | None = None,
        personal: Mapping[str, str] | None = None,
    ) -> bytes:
        """Write a proposal down for a second person, and its event; return its id. The record is locked by the caller.

        Raises:
            ProposalWaits: the same kind of proposal about the same subject waits.
            ValueError: the actor is nobody with an account.
        """
        actor, session, now = self.records.actor, self.records.session, self.records.now
        if actor.account_id is None:
            raise ValueError("only a person with an account proposes")
        self._void((CustodyProposal.custody_id == record.id) & (CustodyProposal.expires_at <= now))
        proposal = CustodyProposal(
            id=new_id(),
            custody_id=record.id,
            kind=kind,
            subject=subject,
            payload=canonical_json(payload).decode(),
            state=ProposalState.PENDING,
            proposed_by=actor.account_id,
            proposed_at=now,
            expires_at=now + PROPOSAL_LIFETIME,
            decided_by=None,
            decided_at=None,
            is_alone=False,
        )
        proposal.digest = self._digest(record, proposal)
        try:
            with session.begin_nested():
                session.add(proposal)
        except IntegrityError:
            raise ProposalWaits("the same was proposed before") from None
        self.records.append(
            event,
            record.id,
            obj=obj or ("proposal", proposal.id),
            facts={"kind": kind.value, "proposal": id_text(proposal.id), "digest": proposal.digest.hex()},
            personal=personal,
            outcome=Outcome.PENDING,
        )
        return proposal.id

    def confirm(self, proposal_id: bytes, digest: bytes, *, is_proven: bool) -> Proposal:
        """Decide for what was proposed, if it still is what `digest` says; the caller carries it out at once.

        Nobody confirms their own proposal; where nobody else could confirm it at all, its author may, after a day or
        freshly proven (`is_proven`), as holds are lifted.

        Raises:
            ProposalUnavailable: unknown, decided, void, or about something that has changed since.
            OwnProposal: the actor proposed it, and somebody else could confirm it, or is not proven yet.
            CustodianNeeded: neither of the two is a custodian of the record's group.
            PermissionDenied: the actor does not look after this record.
        """
        record, row = self._pending(proposal_id)
        me = self.records.actor.account_id
        able, custodians = able_to_release(self.records.session, record.id)
        if me is None or me not in able:
            raise PermissionDenied("only somebody who looks after the record confirms")
        if not digest == row.digest == self._digest(record, row) or row.proposed_by not in able:
            raise ProposalUnavailable("this is not what was proposed, or not by somebody who still may")
        is_own = row.proposed_by == me
        if is_own:
            waited = self.records.now >= row.proposed_at + LONELY_WAIT
            if not is_alone(self.records.session, record.id, me, self.records.now) or not (is_proven or waited):
                raise OwnProposal("nobody confirms what they proposed themselves")
        elif row.kind in CUSTODIAN_KINDS and not {me, row.proposed_by} & custodians:
            raise CustodianNeeded("one of the two must be a custodian of the record")
        self._decide(row, ProposalState.CONFIRMED, is_alone=is_own)
        return _proposal(row)

    def refuse(self, proposal_id: bytes) -> Proposal:
        """Decide against what was proposed; for its author this is taking it back. Final, and one event.

        Raises:
            ProposalUnavailable: unknown, decided or void.
            PermissionDenied: the actor does not look after this record.
        """
        record, row = self._pending(proposal_id)
        able, _custodians = able_to_release(self.records.session, record.id)
        if self.records.actor.account_id not in able:
            raise PermissionDenied("only somebody who looks after the record refuses")
        self._decide(row, ProposalState.REFUSED, is_alone=False)
        is_own = row.proposed_by == self.records.actor.account_id
        self._tell(AuditEvent.CUSTODY_PROPOSAL_REFUSED, row, {"by_author": is_own})
        return _proposal(row)

    def void_about(self, group_ids: Collection[bytes]) -> None:
        """Void what waits on records of these groups: the groups, or their members, are others now."""
        theirs = (
            select(CustodyRecord.id)
            .outerjoin(StoredPolicy, StoredPolicy.custody_id == CustodyRecord.id)
            .where(or_(CustodyRecord.group_id.in_(group_ids), StoredPolicy.separate_mfa_group.in_(group_ids)))
        )
        self._void(CustodyProposal.custody_id.in_(theirs))

    def void_on(self, custody_id: bytes, kinds: Collection[ProposalKind], subject: str | None = None) -> None:
        """Void what waits of these kinds on a record, because what it was about has changed."""
        which = (CustodyProposal.custody_id == custody_id) & CustodyProposal.kind.in_(kinds)
        if subject is not None:
            which &= CustodyProposal.subject == subject
        self._void(which)

    def _pending(self, proposal_id: bytes) -> tuple[CustodyRecord, CustodyProposal]:
        session = self.records.session
        custody_id = session.scalar(select(CustodyProposal.custody_id).where(CustodyProposal.id == proposal_id))
        if custody_id is None:
            raise ProposalUnavailable("there is no such proposal")
        record = self.records.locked(custody_id)
        row = session.scalar(
            select(CustodyProposal)
            .where(
                CustodyProposal.id == proposal_id,
                CustodyProposal.state == ProposalState.PENDING,
                CustodyProposal.expires_at > self.records.now,
            )
            .with_for_update(),
            execution_options={"populate_existing": True},
        )
        if row is None:
            raise ProposalUnavailable("this proposal is decided, void or too old")
        return record, row

    def _decide(self, row: CustodyProposal, state: ProposalState, *, is_alone: bool) -> None:
        decided = self.records.session.execute(
            update(CustodyProposal)
            .where(CustodyProposal.id == row.id, CustodyProposal.state == ProposalState.PENDING)
            .values(
                state=state,
                decided_by=self.records.actor.account_id,
                decided_at=self.records.now,
                is_alone=is_alone,
            )
            .returning(CustodyProposal.id),
            execution_options={"synchronize_session": False},
        )
        if decided.first() is None:
            raise ProposalUnavailable("somebody else has just decided")

    def _void(self, which: ColumnElement[bool]) -> None:
        voided = self.records.session.scalars(
            update(CustodyProposal)
            .where(CustodyProposal.state == ProposalState.PENDING, which)
            .values(state=ProposalState.VOID, decided_at=self.records.now)
            .returning(CustodyProposal),
            execution_options={"synchronize_session": False, "populate_existing": True},
        ).all()
        for row in voided:
            self._tell(AuditEvent.CUSTODY_PROPOSAL_VOIDED, row)

    def _tell(self, event: AuditEvent, row: CustodyProposal, facts: Mapping[str, bool] | None = None) -> None:
        self.records.append(
            event, row.custody_id, obj=("proposal", row.id), facts={"kind": row.kind.value} | dict(facts or {})
        )

    def _digest(self, record: CustodyRecord, row: CustodyProposal) -> bytes:
        about = canonical_json(
            {
                "v": 1,
                "proposal": id_text(row.id),
                "record": id_text(record.id),
                "kind": row.kind.value,
                "subject": row.subject,
                "payload": row.payload,
                "proposed_by": id_text(row.proposed_by),
                "proposed_at": microseconds(row.proposed_at),
                "group": id_text(record.group_id),
                "before": self._before(record, row),
            }
        )
        return hashlib.sha256(b"sharelink/v1/custody proposal\0" + about).digest()

    def _before(self, record: CustodyRecord, row: CustodyProposal) -> list[JsonValue]:
        """Return how things stood that the proposal is about."""
        session = self.records.session
        if row.kind in CONTACT_KINDS:
            found = session.execute(
                select(Contact.side, Contact.name, Contact.email, Contact.confirmed_at, Contact.removed_at).where(
                    Contact.custody_id == record.id, Contact.removed_at.is_(None), Contact.email == _email_in(row)
                )
            ).all()
            return [[c.side.value, c.name, c.email, _moment(c.confirmed_at)] for c in found]
        if row.kind is ProposalKind.POLICY:
            changed_at = session.scalar(select(StoredPolicy.changed_at).where(StoredPolicy.custody_id == record.id))
            return [_moment(changed_at)]
        steps = session.scalar(select(func.count()).where(CustodyStep.custody_id == record.id)) or 0
        return [record.state.value, steps]


def _proposal(row: CustodyProposal) -> Proposal:
    return Proposal(row.id, row.custody_id, row.kind, row.subject, json.loads(row.payload), row.proposed_by)


def _email_in(row: CustodyProposal) -> str:
    return str(json.loads(row.payload).get("email", ""))


def _moment(at: datetime | None) -> int | None:
    return None if at is None else microseconds(at)
