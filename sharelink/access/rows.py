"""The rows of uses: held in one order, moved on by one conditional statement, and told to the record's chain."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharelink.access.approvals import Approvers, approvers_of, decisions_of, missing
from sharelink.access.digest import use_digest
from sharelink.access.errors import (
    AlreadyDecided,
    PolicyChanged,
    RecordHeld,
    UseChanged,
    UseMovedOn,
    UseNotFound,
    WindowClosed,
)
from sharelink.access.models import RootUse, UseDecision
from sharelink.access.states import APPROVAL_LIFETIME, WAITING_STATES, UseState, Verdict
from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.log import AuditLog
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.errors import RecordNotFound
from sharelink.custody.models import CustodyRecord
from sharelink.custody.policy import RecordPolicy, record_policy
from sharelink.shares.holds import Hold, active_hold

USE_KIND, LINK_KIND, CODE_KIND = "use", "approval_link", "approval_code"
"""What events are about. Those that ask for a letter name the row that the letter is made of."""

Facts = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides: a person of ours, or a contact of the customer."""

    name: str
    account_id: bytes | None = None
    contact_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class UseRows:
    """What all acts on uses have in common, in one unit of work. Locks: the record first, then the use."""

    session: Session
    audit: AuditLog
    actor: Actor
    now: datetime

    def hold_record(self, custody_id: bytes) -> None:
        """Keep everybody else from changing what belongs to the record until the end of this transaction.

        Raises:
            RecordNotFound: there is none.
        """
        wanted = select(CustodyRecord.id).where(CustodyRecord.id == custody_id).with_for_update()
        if self.session.scalar(wanted) is None:
            raise RecordNotFound("there is no such record")

    def locked(self, use_id: bytes) -> RootUse:
        """Return a use that nobody else can move until the end of this transaction.

        Raises:
            UseNotFound: there is none.
        """
        custody_id = self.session.scalar(select(RootUse.custody_id).where(RootUse.id == use_id))
        if custody_id is None:
            raise UseNotFound("there is no such use")
        self.hold_record(custody_id)
        wanted = select(RootUse).where(RootUse.id == use_id).with_for_update()
        return self.session.scalars(wanted, execution_options={"populate_existing": True}).one()

    def next_number(self, custody_id: bytes) -> int:
        """Return the number of the record's next use; the caller holds the record."""
        last = self.session.scalar(select(func.max(RootUse.number)).where(RootUse.custody_id == custody_id))
        return (last or 0) + 1

    def check_as_requested(self, use: RootUse) -> RecordPolicy:
        """Make sure that neither the use nor its record's policy have changed since the request; return the policy.

        Raises:
            UseChanged, PolicyChanged: they have.
        """
        if use_digest(use) != use.digest:
            raise UseChanged("the row is not what was requested")
        policy = record_policy(self.session, use.custody_id)
        if policy.digest() != use.policy_digest:
            raise PolicyChanged("the policy is another one now")
        return policy

    def check_not_held(self, custody_id: bytes) -> None:
        """Make sure that the record is not on hold.

        Raises:
            RecordHeld: it is.
        """
        if self.session.scalar(active_hold.where(Hold.custody_id == custody_id)) is not None:
            raise RecordHeld("the record is on hold")

    def move(self, use: RootUse, sources: Collection[UseState], target: UseState, **values: object) -> None:
        """Bring a use into the state `target`, if it is in one of `sources`; the one statement that decides who does.

        Raises:
            UseMovedOn: it is in none of them any more.
        """
        moved = self.session.execute(
            update(RootUse)
            .where(RootUse.id == use.id, RootUse.state.in_(sources))
            .values(state=target, **values)
            .returning(RootUse.id),
            execution_options={"synchronize_session": False},
        ).first()
        self.session.refresh(use)
        if moved is None:
            raise UseMovedOn(use.state)

    def decide(self, use: RootUse, decider: Decider, digest: bytes, verdict: Verdict, note: str) -> UseState:
        """Write down what somebody said who may decide, and do what follows; return where the use stands then.

        Raises:
            UseMovedOn: it is decided, begun or over.
            WindowClosed: its time is over.
            UseChanged, PolicyChanged: it is not what was shown, or not under the same policy; a denial counts still.
            AlreadyDecided: they have spoken before.
        """
        if use.state not in WAITING_STATES or (verdict is Verdict.APPROVED and use.state is not UseState.REQUESTED):
            raise UseMovedOn(use.state)
        if self.now >= use.expires_at:
            raise WindowClosed("too late to decide")
        if digest != use.digest:
            raise UseChanged("this is not what was shown")
        policy = record_policy(self.session, use.custody_id)
        if verdict is Verdict.APPROVED:
            policy = self.check_as_requested(use)
        self._write(use, decider, verdict, note)
        if verdict is Verdict.DENIED:
            self.move(use, WAITING_STATES, UseState.DENIED, ended_at=self.now)
            self._tell(AuditEvent.ACCESS_DENIED, use, decider, note, None)
            return UseState.DENIED
        decisions = decisions_of(self.session, use.id)
        approvers = approvers_of(self.session, use.custody_id, policy)
        lacking = missing(use, decisions, policy, approvers, self.now)
        if lacking.nothing:
            self.move(
                use,
                {UseState.REQUESTED},
                UseState.APPROVED,
                expires_at=self._end_of_approvals(use, decisions, approvers),
            )
        self._tell(AuditEvent.ACCESS_APPROVED, use, decider, note, max(lacking.approvals, int(not lacking.nothing)))
        return use.state

    def decision_of_contact(self, use_id: bytes, contact_id: bytes) -> UseDecision | None:
        """Return what a contact of the customer said about a use."""
        wanted = select(UseDecision).where(UseDecision.use_id == use_id, UseDecision.contact_id == contact_id)
        return self.session.scalars(wanted, execution_options={"populate_existing": True}).first()

    def append(
        self,
        event: AuditEvent,
        use: RootUse,
        *,
        about: tuple[str, bytes] | None = None,
        facts: Facts | None = None,
        personal: Mapping[str, str] | None = None,
        outcome: Outcome = Outcome.SUCCESS,
        reason: str | None = None,
        actor: Actor | None = None,
    ) -> None:
        """Add an event about the use to its record's chain. Empty personal texts are left out."""
        self.audit.append(
            event,
            rec=id_text(use.custody_id),
            actor=actor or self.actor,
            now=self.now,
            obj=about or (USE_KIND, use.id),
            outcome=outcome,
            reason=reason,
            facts={"number": use.number} | dict(facts or {}),
            personal={name: text for name, text in (personal or {}).items() if text},
        )

    def _write(self, use: RootUse, decider: Decider, verdict: Verdict, note: str) -> None:
        decision = UseDecision(
            id=new_id(),
            use_id=use.id,
            requester_id=use.requester_id,
            account_id=decider.account_id,
            contact_id=decider.contact_id,
            name=decider.name,
            verdict=verdict,
            digest=use.digest,
            note=note or None,
            decided_at=self.now,
        )
        try:
            with self.session.begin_nested():
                self.session.add(decision)
        except IntegrityError:
            raise AlreadyDecided("one person is one word") from None

    def _end_of_approvals(self, use: RootUse, decisions: Collection[UseDecision], approvers: Approvers) -> datetime:
        first = min(
            decision.decided_at
            for decision in decisions
            if decision.decided_at > self.now - APPROVAL_LIFETIME
            and (decision.account_id in approvers.people or decision.contact_id in approvers.contacts)
        )
        return min(use.window_end, first + APPROVAL_LIFETIME)

    def _tell(self, event: AuditEvent, use: RootUse, decider: Decider, note: str, left: int | None) -> None:
        by_customer = decider.contact_id is not None
        facts: dict[str, str | int | bool | None] = {"digest": use.digest.hex(), "by_customer": by_customer}
        if left is not None:
            facts["approvals_missing"] = left
        outcome = Outcome.REFUSED if event is AuditEvent.ACCESS_DENIED else Outcome.SUCCESS
        actor = replace(self.actor, name=decider.name) if by_customer else self.actor
        self.append(event, use, facts=facts, personal={"note": note}, outcome=outcome, actor=actor)


def within(use: RootUse, now: datetime) -> bool:
    """Tell whether `now` lies in the window of a use."""
    return use.window_start <= now < use.window_end


def window_of(now: datetime, starts_in: timedelta, lasts: timedelta) -> tuple[datetime, datetime]:
    """Return the window that a declaration means at `now`."""
    return now + starts_in, now + starts_in + lasts
