"""The acts on declared uses: request, decide, withdraw, check out, check in, break the glass, review.

Each is one event on the record's chain. Who may reach the record at all is asked by the caller; what dual control
demands is asked here, and asked again when a use begins and when it reaches a secret.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.access.approvals import Approvers, approvers_of, approving_contacts, decisions_of, missing, needed_by
from sharelink.access.declarations import Declaration
from sharelink.access.digest import use_digest
from sharelink.access.errors import (
    NobodyToApprove,
    NotAnApprover,
    NotApproved,
    NotItsUser,
    OwnUse,
    UseMovedOn,
    WindowClosed,
)
from sharelink.access.models import ApprovalLink, RootUse
from sharelink.access.rows import LINK_KIND, Decider, UseRows, window_of, within
from sharelink.access.states import (
    LINK_LIFETIME,
    LONELY_WAIT,
    OPEN_STATES,
    REVIEW_LIFETIME,
    WAITING_STATES,
    Finding,
    UseOutcome,
    UseState,
    Verdict,
)
from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.log import AuditLog
from sharelink.crypto.identifiers import id_text, new_id, new_salt
from sharelink.custody.policy import RecordPolicy, record_policy
from sharelink.custody.service import CustodyRecords
from sharelink.custody.states import Act
from sharelink.errors import StorageUnavailable


@dataclass(frozen=True, slots=True)
class Access:
    """Declared uses, in one unit of work, by `actor` at `now`."""

    session: Session
    audit: AuditLog
    custody: CustodyRecords
    actor: Actor
    now: datetime

    def request(self, custody_id: bytes, declaration: Declaration) -> RootUse:
        """Declare a use; where the policy asks for nobody's approval, it can be checked out at once.

        Raises:
            RecordArchived, ActNotAllowed: the record is not in a state for it.
            NotItsUser: the actor is no custodian of the record.
            NobodyToApprove: the policy asks for approvals that nobody could give.
        """
        policy, approvers = self._begin(custody_id)
        needed = needed_by(policy)
        use = self._new(custody_id, declaration, policy, needed=needed)
        use.state = UseState.REQUESTED if needed else UseState.APPROVED
        if needed:
            self._check_that_somebody_can(use, policy, approvers)
        self._store(use)
        self._tell_declared(AuditEvent.ACCESS_REQUESTED, use, Outcome.PENDING if needed else Outcome.SUCCESS)
        if policy.customer_approves:
            self._ask_customer(use)
        return use

    def break_glass(self, custody_id: bytes, declaration: Declaration) -> RootUse:
        """Begin a use without anybody's approval, now. The owners are told at once, and it is reviewed within a day.

        Raises:
            RecordArchived, ActNotAllowed: the record is not in a state for it.
            NotItsUser: the actor is no custodian of the record.
            RecordHeld: the record is on hold.
        """
        policy, _approvers = self._begin(custody_id)
        self.rows.check_not_held(custody_id)
        use = self._new(custody_id, declaration, policy, needed=0, is_break_glass=True)
        use.state = UseState.CHECKED_OUT
        use.checked_out_at = self.now
        use.review_due_at = self.now + REVIEW_LIFETIME
        self._store(use)
        self._tell_declared(AuditEvent.ACCESS_BREAK_GLASS, use, Outcome.SUCCESS)
        return use

    def decide(self, use_id: bytes, digest: bytes, verdict: Verdict, note: str) -> UseState:
        """Approve or deny, for what `digest` says that was shown; return where the use stands then.

        Raises:
            UseNotFound: there is no such use.
            OwnUse: the actor declared it.
            NotAnApprover: they may not decide about it (any more).
            UseMovedOn, WindowClosed, UseChanged, PolicyChanged, AlreadyDecided: see `UseRows.decide`.
        """
        use = self.rows.locked(use_id)
        if self.actor.account_id == use.requester_id:
            raise OwnUse("nobody decides about their own")
        if self.actor.account_id not in self._approvers(use.custody_id).people:
            raise NotAnApprover("not among those who decide")
        decider = Decider(self.actor.name or "", account_id=self.actor.account_id)
        return self.rows.decide(use, decider, digest, verdict, note)

    def withdraw(self, use_id: bytes) -> None:
        """Take back one's own use before it begins.

        Raises:
            UseNotFound: there is no such use.
            NotItsUser: somebody else declared it.
            UseMovedOn: it has begun, or is over.
        """
        use = self.rows.locked(use_id)
        if self.actor.account_id != use.requester_id:
            raise NotItsUser("somebody else declared it")
        self.rows.move(use, WAITING_STATES, UseState.WITHDRAWN, ended_at=self.now)
        self.rows.append(AuditEvent.ACCESS_WITHDRAWN, use)

    def check_out(self, use_id: bytes) -> RootUse:
        """Begin the use: exactly one caller ever returns from this.

        Raises:
            UseNotFound: there is no such use.
            NotItsUser: the actor did not declare it, or is no custodian of the record any more.
            NotApproved: approvals are lacking: never given, too old, or of people who may not decide any more.
            WindowClosed: the window has not begun, or is over.
            UseChanged, PolicyChanged: it is not what was requested, or not under the same policy.
            RecordHeld, RecordArchived, ActNotAllowed: the record is not in a state for it.
            UseMovedOn: it has begun before, or is over.
        """
        use = self.rows.locked(use_id)
        if use.state is UseState.REQUESTED:
            raise NotApproved("it waits for approvals")
        if use.state is not UseState.APPROVED:
            raise UseMovedOn(use.state)
        self.custody.require(use.custody_id, Act.ROOT_ACCESS)
        self._check(use, counts_age=True)
        self.rows.move(
            use, {UseState.APPROVED}, UseState.CHECKED_OUT, checked_out_at=self.now, expires_at=use.window_end
        )
        self.rows.append(AuditEvent.ACCESS_CHECKED_OUT, use)
        return use

    def use_now(self, custody_id: bytes) -> RootUse | None:
        """Return the actor's open use of the record, checked again, or None if there is none.

        Raises:
            NotItsUser, NotApproved, UseChanged, PolicyChanged: it is open, and may not be used any more.
            RecordHeld: the record is on hold.
        """
        self.rows.hold_record(custody_id)
        wanted = (
            select(RootUse)
            .where(
                RootUse.custody_id == custody_id,
                RootUse.requester_id == self.actor.account_id,
                RootUse.state == UseState.CHECKED_OUT,
                RootUse.window_end > self.now,
            )
            .order_by(RootUse.number.desc())
            .limit(1)
        )
        use = self.session.scalars(wanted, execution_options={"populate_existing": True}).first()
        if use is not None:
            self._check(use, counts_age=False)
        return use

    def check_in(self, use_id: bytes, outcome: UseOutcome, note: str) -> None:
        """End a use and say what came of it. A colleague may do it for somebody who forgot, and is named.

        Raises:
            UseNotFound: there is no such use.
            NotItsUser: the actor neither declared it nor may decide about uses of the record.
            UseMovedOn: it has not begun, or is checked in.
        """
        use = self.rows.locked(use_id)
        is_own = self.actor.account_id == use.requester_id
        if not is_own and self.actor.account_id not in self._approvers(use.custody_id).people:
            raise NotItsUser("somebody else's use")
        is_late = self.now > use.window_end or use.state is UseState.OVERDUE
        review_due_at = use.review_due_at or (self.now + REVIEW_LIFETIME if is_late else None)
        self.rows.move(
            use,
            OPEN_STATES,
            UseState.CHECKED_IN,
            checked_in_at=self.now,
            checked_in_by=self.actor.account_id,
            outcome=outcome,
            outcome_note=note or None,
            review_due_at=review_due_at,
            ended_at=self.now,
        )
        facts: dict[str, str | int | bool | None] = {"outcome": outcome.value, "is_late": is_late}
        if not is_own:
            facts["by_colleague"] = True
        self.rows.append(AuditEvent.ACCESS_CHECKED_IN, use, facts=facts, personal={"note": note})

    def review(self, use_id: bytes, finding: Finding, note: str, *, is_proven: bool) -> None:
        """Say that somebody else has looked at what was done. Where there is nobody else, see `LONELY_WAIT`.

        Raises:
            UseNotFound: there is no such use.
            OwnUse: the actor declared it, and somebody else could review it, or it is too early for doing it alone.
            NotAnApprover: they may not decide about uses of this record.
            UseMovedOn: it is not checked in yet, or is reviewed.
        """
        use = self.rows.locked(use_id)
        people = self._approvers(use.custody_id).people
        if self.actor.account_id not in people:
            raise NotAnApprover("not among those who review")
        alone = self.actor.account_id == use.requester_id
        waited = use.checked_in_at is not None and self.now >= use.checked_in_at + LONELY_WAIT
        if alone and not (people <= {use.requester_id} and (is_proven or waited)):
            raise OwnUse("somebody else reviews it")
        is_late = use.review_due_at is not None and self.now > use.review_due_at
        self.rows.move(
            use,
            {UseState.CHECKED_IN},
            UseState.REVIEWED,
            reviewed_at=self.now,
            reviewed_by=self.actor.account_id,
            finding=finding,
            review_note=note or None,
        )
        facts: dict[str, str | int | bool | None] = {"finding": finding.value, "is_late": is_late, "alone": alone}
        self.rows.append(AuditEvent.ACCESS_REVIEWED, use, facts=facts, personal={"note": note})

    def note_refusal(self, use_id: bytes, reason: str) -> None:
        """Write down that somebody tried what access forbids; `reason` is the code of the error."""
        use = self.session.get(RootUse, use_id)
        if use is not None:
            self.rows.append(AuditEvent.ACCESS_REFUSED, use, outcome=Outcome.REFUSED, reason=reason)

    def note_refusal_on(self, custody_id: bytes, reason: str) -> None:
        """Write down the same where there is no use that it was about."""
        self.audit.append(
            AuditEvent.ACCESS_REFUSED,
            rec=id_text(custody_id),
            actor=self.actor,
            now=self.now,
            outcome=Outcome.REFUSED,
            reason=reason,
        )

    @property
    def rows(self) -> UseRows:
        """The rows of uses."""
        return UseRows(self.session, self.audit, self.actor, self.now)

    def _begin(self, custody_id: bytes) -> tuple[RecordPolicy, Approvers]:
        self.rows.hold_record(custody_id)
        self.custody.require(custody_id, Act.ROOT_ACCESS)
        policy = record_policy(self.session, custody_id)
        approvers = approvers_of(self.session, custody_id, policy)
        if self.actor.account_id not in approvers.custodians:
            raise NotItsUser("only a custodian of the record declares a use")
        return policy, approvers

    def _approvers(self, custody_id: bytes) -> Approvers:
        return approvers_of(self.session, custody_id, record_policy(self.session, custody_id))

    def _check(self, use: RootUse, *, counts_age: bool) -> None:
        """Ask everything again that was asked before: who, when, what, under which policy, approved by whom."""
        policy = self.rows.check_as_requested(use)
        approvers = approvers_of(self.session, use.custody_id, policy)
        if self.actor.account_id != use.requester_id or use.requester_id not in approvers.custodians:
            raise NotItsUser("not by whoever declared it, as a custodian of the record")
        if not within(use, self.now):
            raise WindowClosed("outside of the window")
        self.rows.check_not_held(use.custody_id)
        if use.approvals_needed and not use.is_break_glass:
            decisions = decisions_of(self.session, use.id)
            if any(decision.verdict is Verdict.DENIED for decision in decisions):
                raise NotApproved("it was denied")
            if not missing(use, decisions, policy, approvers, self.now if counts_age else None).nothing:
                raise NotApproved("approvals are lacking")

    def _new(
        self,
        custody_id: bytes,
        declaration: Declaration,
        policy: RecordPolicy,
        *,
        needed: int,
        is_break_glass: bool = False,
    ) -> RootUse:
        if self.actor.account_id is None:
            raise ValueError("only a person with an account declares a use")
        start, end = window_of(self.now, declaration.starts_in, declaration.lasts)
        use = RootUse(
            id=new_id(),
            custody_id=custody_id,
            number=self.rows.next_number(custody_id),
            requester_id=self.actor.account_id,
            requester_name=self.actor.name or "",
            purpose=declaration.purpose,
            ticket=declaration.ticket or None,
            reason=declaration.reason,
            window_start=start,
            window_end=end,
            salt=new_salt(),
            policy_digest=policy.digest(),
            approvals_needed=needed,
            is_break_glass=is_break_glass,
            requested_at=self.now,
            expires_at=end,
        )
        use.digest = use_digest(use)
        return use

    def _store(self, use: RootUse) -> None:
        self.session.add(use)
        self.session.flush()
        self.session.refresh(use)
        if use_digest(use) != use.digest:
            # A database that gives back other values than it got would make every approval worthless.
            raise StorageUnavailable("the use was not stored as it was declared")

    def _check_that_somebody_can(self, use: RootUse, policy: RecordPolicy, approvers: Approvers) -> None:
        people = approvers.people - {use.requester_id}
        lacks_customer = policy.customer_approves and not approvers.contacts
        lacks_group = policy.separate_mfa_group is not None and not people & approvers.mfa_group
        if lacks_customer or lacks_group or len(people) + len(approvers.contacts) < use.approvals_needed:
            raise NobodyToApprove("nobody could give the approvals that the policy asks for")

    def _ask_customer(self, use: RootUse) -> None:
        for contact in approving_contacts(self.session, use.custody_id):
            link = ApprovalLink(
                id=new_id(),
                use_id=use.id,
                contact_id=contact.id,
                key_hash=None,
                created_at=self.now,
                expires_at=min(use.window_end, self.now + LINK_LIFETIME),
                opened_at=None,
                used_at=None,
            )
            self.session.add(link)
            self.session.flush()
            self.rows.append(
                AuditEvent.ACCESS_CUSTOMER_ASKED,
                use,
                about=(LINK_KIND, link.id),
                facts={"use": id_text(use.id), "contact": id_text(contact.id)},
                personal={"contact_name": contact.name},
            )

    def _tell_declared(self, event: AuditEvent, use: RootUse, outcome: Outcome) -> None:
        self.rows.append(
            event,
            use,
            facts={
                "purpose": str(use.purpose),
                "from": _time_text(use.window_start),
                "until": _time_text(use.window_end),
                "approvals_needed": use.approvals_needed,
                "digest": use.digest.hex(),
                "policy": use.policy_digest.hex(),
            },
            personal={"ticket": use.ticket or "", "reason": use.reason},
            outcome=outcome,
        )


def _time_text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
