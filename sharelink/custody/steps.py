"""The one place where a record changes its state: one step of the table, with its evidence and one event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from sharelink.accounts.models import Account
from sharelink.audit.leaves import canonical_json
from sharelink.crypto.identifiers import id_text
from sharelink.custody.errors import ActNotAllowed, RecordArchived
from sharelink.custody.evidence import evidence_words
from sharelink.custody.models import CustodyRecord, CustodyStep
from sharelink.custody.proposals import STEP_KINDS, Proposal, Proposals
from sharelink.custody.service import CustodyRecords
from sharelink.custody.states import STATE_LABELS, CustodyState, Scenario
from sharelink.custody.transitions import FREE_TEXTS, TRANSITIONS, Evidence
from sharelink.shares.models import Share
from sharelink.shares.service import Shares
from sharelink.shares.states import LIVE_STATES, EndReason

EvidenceValues = Mapping[Evidence, str | int]


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step as pages show it; `evidence` are pairs of label and text."""

    number: int
    from_state: CustodyState
    to_state: CustodyState
    at: datetime
    by: str
    label: str
    evidence: tuple[tuple[str, str], ...]

    @property
    def to_label(self) -> str:
        """What people call the state that it led to."""
        return STATE_LABELS[self.to_state]


@dataclass(frozen=True, slots=True)
class Steps:
    """Takes records from state to state, in one unit of work."""

    records: CustodyRecords
    proposals: Proposals
    shares: Shares

    def ready(self, custody_id: bytes, to_state: CustodyState) -> CustodyRecord:
        """Return the record, locked until the commit, if it may go to `to_state` from where it stands.

        Raises:
            RecordNotFound: there is no such record.
            RecordArchived: it must be restored first.
            ActNotAllowed: nobody goes there from its state.
        """
        record = self.records.locked(custody_id)
        if record.archived_at is not None:
            raise RecordArchived("an archived record must be restored first")
        if (record.state, to_state) not in TRANSITIONS:
            raise ActNotAllowed(record.state)
        return record

    def go(
        self,
        record: CustodyRecord,
        to_state: CustodyState,
        evidence: EvidenceValues,
        *,
        proposal: Proposal | None = None,
        scenario: Scenario | None = None,
    ) -> int:
        """Take a record that is `ready` to `to_state`; return the step's number. What waited for another step is void.

        Raises:
            ActNotAllowed: somebody was first.
            ValueError: the evidence that this step must show is not there, or what needs a second person has none.
        """
        from_state = record.state
        transition = TRANSITIONS[from_state, to_state]
        if proposal is not None:
            evidence = dict(evidence) | {
                Evidence.PROPOSAL: id_text(proposal.id),
                Evidence.PROPOSED_BY: self._name(proposal.proposed_by),
            }
        missing = [name for name in transition.evidence if evidence.get(name, "") == ""]
        if missing or (proposal.kind if proposal else None) is not transition.second_person:
            raise ValueError(f"this step must show more: {', '.join(sorted(missing))}")
        if transition.burns_shares:
            self._burn(record.id, f"{transition.label}: {STATE_LABELS[to_state].lower()}")
        number = self._write(record.id, from_state, to_state, evidence, proposal)
        values = {"state": to_state} if scenario is None else {"state": to_state, "scenario": scenario}
        moved = self.records.session.execute(
            update(CustodyRecord)
            .where(CustodyRecord.id == record.id, CustodyRecord.state == from_state)
            .values(**values)
            .returning(CustodyRecord.id),
            execution_options={"synchronize_session": False},
        )
        if moved.first() is None:
            raise ActNotAllowed(from_state)
        self.records.session.refresh(record)
        self.proposals.void_on(record.id, STEP_KINDS)
        told = {name.value: value for name, value in evidence.items() if value != ""}
        self.records.append(
            transition.event,
            record.id,
            facts={"from": from_state.value, "to": to_state.value, "step": number}
            | {name: value for name, value in told.items() if name not in FREE_TEXTS},
            personal={name: str(value) for name, value in told.items() if name in FREE_TEXTS},
        )
        return number

    def _write(
        self,
        custody_id: bytes,
        from_state: CustodyState,
        to_state: CustodyState,
        evidence: EvidenceValues,
        proposal: Proposal | None,
    ) -> int:
        session = self.records.session
        # Whatever the step rests on must be in the database before it: the triggers look for it.
        session.flush()
        newest = session.scalar(select(func.max(CustodyStep.number)).where(CustodyStep.custody_id == custody_id))
        step = CustodyStep(
            custody_id=custody_id,
            number=(newest or 0) + 1,
            from_state=from_state,
            to_state=to_state,
            at=self.records.now,
            by_account_id=self.records.actor.account_id,
            proposal_id=proposal.id if proposal else None,
            evidence=canonical_json({name.value: value for name, value in evidence.items() if value != ""}).decode(),
        )
        session.add(step)
        session.flush()
        return step.number

    def _burn(self, custody_id: bytes, why: str) -> None:
        live = select(Share.id).where(Share.custody_id == custody_id, Share.state.in_(LIVE_STATES)).order_by(Share.id)
        for share_id in self.records.session.scalars(live).all():
            self.shares.withdraw(share_id, EndReason.WITHDRAWN, why)

    def _name(self, account_id: bytes) -> str:
        return self.records.session.get_one(Account, account_id).name


def steps_of(session: Session, custody_id: bytes) -> tuple[StepLine, ...]:
    """Return the steps that a record has made, the first one first."""
    rows = session.execute(
        select(CustodyStep, Account.name)
        .outerjoin(Account, Account.id == CustodyStep.by_account_id)
        .where(CustodyStep.custody_id == custody_id)
        .order_by(CustodyStep.number)
    ).all()
    words = evidence_words(session, custody_id)
    return tuple(
        StepLine(
            number=step.number,
            from_state=step.from_state,
            to_state=step.to_state,
            at=step.at,
            by=name or "The customer, by their link",
            label=TRANSITIONS[step.from_state, step.to_state].label,
            evidence=tuple((label, text) for _kind, label, text in words.lines(step.evidence)),
        )
        for step, name in rows
    )
