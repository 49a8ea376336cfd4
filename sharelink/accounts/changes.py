"""Changes that one administrator proposes and a second one decides, while separation of duties is on.

A proposal has a digest over everything it is about: what is asked, by whom, and how the account stood then. The second
administrator approves that digest and no other, so neither a changed row nor a changed account slips through. It is
void after a week, and as soon as something else changes the account or the group. Each step is told to the account's
chain and to the groups concerned.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharelink.accounts.administration import Administration
from sharelink.accounts.chains import AccountChains, Facts
from sharelink.accounts.errors import (
    AlreadySo,
    ChangeUnavailable,
    ChangeWaits,
    OwnChange,
    OwnFactors,
)
from sharelink.accounts.groups import Groups
from sharelink.accounts.models import Account, AccountChange
from sharelink.accounts.policy import AccountPolicy
from sharelink.accounts.states import ChangeKind, ChangeState, Role, roles_from_text, roles_text
from sharelink.actors import Actor, ActorKind
from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.leaves import canonical_json
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.errors import PermissionDenied
from sharelink.times import microseconds

CHANGE_LIFETIME = timedelta(days=7)
LAPSED: Facts = {"why": "lapsed"}


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """What shall change about an account: `group_id` for members, `roles` for the set of roles it shall have."""

    kind: ChangeKind
    account_id: bytes
    group_id: bytes | None = None
    roles: frozenset[Role] | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """The proposed changes, in one unit of work. Locks are taken in one order: administrators, change, account."""

    session: Session
    chains: AccountChains
    administration: Administration
    groups: Groups
    policy: AccountPolicy
    actor: Actor
    now: datetime

    def needs_second(self, request: ChangeRequest) -> bool:
        """Tell whether the actor may only propose this. An operator at the command line acts alone, and is seen."""
        if not self.policy.separation_of_duties or self.actor.kind is not ActorKind.STAFF:
            return False
        in_group = bool(self.chains.groups_of(request.account_id))
        held = self.administration.roles_of(request.account_id)
        if request.kind is ChangeKind.SET_ROLES:
            changed = held ^ (request.roles or frozenset())
            return Role.ADMINISTRATOR in changed - held or (in_group and Role.CUSTODIAN in changed)
        if request.kind is ChangeKind.ENABLE:
            return in_group or Role.ADMINISTRATOR in held
        return True

    def check(self, request: ChangeRequest) -> Account:
        """Return the account, locked, if the change is possible now; nothing is changed.

        Raises:
            AccountNotFound, GroupNotFound: there is none.
            AlreadySo: there is nothing to change.
            InvalidInput: no role, or roles that one person may not have together.
            LastAdministrator: nobody could administer the service afterwards.
            OwnFactors: an administrator asked to have their own factors reset.
        """
        self.administration.take_turn()
        account = self.administration.account(request.account_id)
        if request.kind is ChangeKind.SET_ROLES:
            self.administration.check_roles(account.id, request.roles or frozenset())
        elif request.kind is ChangeKind.ENABLE:
            if account.disabled_at is None:
                raise AlreadySo("this account is not disabled")
        elif request.kind is ChangeKind.RESET_FACTORS:
            if account.id == self.actor.account_id:
                raise OwnFactors("one's own factors are changed on one's own page")
        else:
            group_id = request.group_id or b""
            self.groups.check_exists(group_id)
            if self.groups.is_member(group_id, account.id) == (request.kind is ChangeKind.ADD_MEMBER):
                raise AlreadySo("this is so already")
        return account

    def propose(self, request: ChangeRequest) -> bytes:
        """Write the change down for a second administrator and return its id. Raises what `check` raises, and

        ChangeWaits: another change of this account waits.
        """
        if self.actor.account_id is None:
            raise ValueError("only a person with an account proposes a change")
        account = self.check(request)
        self._void(and_(AccountChange.account_id == account.id, AccountChange.expires_at <= self.now), LAPSED)
        change_id = new_id()
        digest = self._digest(change_id, request, self.actor.account_id, self.now)
        try:
            with self.session.begin_nested():
                self.session.add(
                    AccountChange(
                        id=change_id,
                        kind=request.kind,
                        account_id=account.id,
                        group_id=request.group_id,
                        roles=None if request.roles is None else roles_text(request.roles),
                        digest=digest,
                        state=ChangeState.PENDING,
                        proposed_by=self.actor.account_id,
                        proposed_at=self.now,
                        expires_at=self.now + CHANGE_LIFETIME,
                        decided_by=None,
                        decided_at=None,
                    )
                )
        except IntegrityError:
            raise ChangeWaits("another change of this person waits") from None
        self._tell(AuditEvent.ADMIN_CHANGE_PROPOSED, change_id, request, {"digest": digest.hex()}, Outcome.PENDING)
        return change_id

    def approve(self, change_id: bytes, digest: bytes) -> ChangeRequest:
        """Decide for the change with this id, if it still is what `digest` says, and return what is to be done now.

        Raises:
            ChangeUnavailable: unknown, decided, void, or about something that has changed since.
            OwnChange: the actor proposed it.
            PermissionDenied: the actor is no administrator any more.
        """
        self.administration.take_turn()
        change = self._pending(change_id)
        if change.proposed_by == self.actor.account_id:
            raise OwnChange("nobody approves what they proposed themselves")
        self._check_decider()
        request = _request_of(change)
        now_so = self._digest(change_id, request, change.proposed_by, change.proposed_at)
        if not digest == change.digest == now_so or not self.administration.is_administrator(change.proposed_by):
            raise ChangeUnavailable("this is not what was proposed, or not by somebody who still may")
        self._decide(change_id, ChangeState.APPROVED)
        self._tell(AuditEvent.ADMIN_CHANGE_APPROVED, change_id, request, {"digest": digest.hex()})
        return request

    def refuse(self, change_id: bytes) -> None:
        """Decide against the change; for its author this is taking it back. Final.

        Raises:
            ChangeUnavailable: unknown, decided or void.
            PermissionDenied: the actor is no administrator any more.
        """
        self.administration.take_turn()
        change = self._pending(change_id)
        self._check_decider()
        self._decide(change_id, ChangeState.REFUSED)
        is_own = change.proposed_by == self.actor.account_id
        self._tell(AuditEvent.ADMIN_CHANGE_REFUSED, change_id, _request_of(change), {"by_author": is_own})

    def carry_out(self, request: ChangeRequest) -> frozenset[bytes]:
        """Make the change now and return the groups whose access it touched; what waits about them is void.

        Resetting factors means here: sessions end, groups are told. The factors themselves are another package's.

        Raises: what `check` raises.
        """
        account = self.check(request)
        groups_before = self.chains.groups_of(account.id)
        is_custody = Role.CUSTODIAN in (self.administration.roles_of(account.id) ^ (request.roles or frozenset()))
        touched = groups_before if request.kind is not ChangeKind.SET_ROLES or is_custody else frozenset[bytes]()
        if request.group_id is not None:
            touched = frozenset({request.group_id})
        self._make(request, account)
        self._void(or_(AccountChange.account_id == account.id, AccountChange.group_id.in_(touched)))
        if not self.administration.is_administrator(account.id):
            self._void(AccountChange.proposed_by == account.id)
        return touched

    def void_about(self, group_ids: Collection[bytes]) -> None:
        """Void what waits about these groups: they are no longer the groups it was proposed for."""
        self._void(AccountChange.group_id.in_(group_ids))

    def void_lapsed(self) -> int:
        """Void what nobody decided in time, and return how many proposals that were."""
        self.administration.take_turn()
        return self._void(AccountChange.expires_at <= self.now, LAPSED)

    def disable(self, account_id: bytes) -> None:
        """Shut an account out, at once and by one administrator; what it proposed and what waits about it is void.

        Raises: what `Administration.disable` raises.
        """
        self.administration.disable(account_id)
        self._void(or_(AccountChange.account_id == account_id, AccountChange.proposed_by == account_id))

    def _void(self, which: ColumnElement[bool], facts: Facts | None = None) -> int:
        voided = self.session.scalars(
            update(AccountChange)
            .where(AccountChange.state == ChangeState.PENDING, which)
            .values(state=ChangeState.VOID, decided_at=self.now)
            .returning(AccountChange),
            execution_options={"synchronize_session": False, "populate_existing": True},
        ).all()
        for change in voided:
            self._tell(AuditEvent.ADMIN_CHANGE_VOIDED, change.id, _request_of(change), facts)
        return len(voided)

    def _make(self, request: ChangeRequest, account: Account) -> None:
        if request.kind is ChangeKind.ADD_MEMBER:
            self.groups.add(request.group_id or b"", account)
        elif request.kind is ChangeKind.REMOVE_MEMBER:
            self.groups.remove(request.group_id or b"", account)
        elif request.kind is ChangeKind.SET_ROLES:
            self.administration.set_roles(account.id, request.roles or frozenset())
        elif request.kind is ChangeKind.ENABLE:
            self.administration.enable(account.id)
        else:
            self.administration.note_factors_reset(account.id)

    def _check_decider(self) -> None:
        if not self.administration.is_administrator(self.actor.account_id):
            raise PermissionDenied("only an administrator decides")

    def _pending(self, change_id: bytes) -> AccountChange:
        change = self.session.scalar(
            select(AccountChange)
            .where(
                AccountChange.id == change_id,
                AccountChange.state == ChangeState.PENDING,
                AccountChange.expires_at > self.now,
            )
            .with_for_update(),
            execution_options={"populate_existing": True},
        )
        if change is None:
            raise ChangeUnavailable("this change is unknown, decided or void")
        return change

    def _decide(self, change_id: bytes, state: ChangeState) -> None:
        decided = self.session.execute(
            update(AccountChange)
            .where(AccountChange.id == change_id, AccountChange.state == ChangeState.PENDING)
            .values(state=state, decided_by=self.actor.account_id, decided_at=self.now)
            .returning(AccountChange.id),
            execution_options={"synchronize_session": False},
        )
        if decided.first() is None:
            raise ChangeUnavailable("somebody else has just decided")

    def _digest(self, change_id: bytes, request: ChangeRequest, proposed_by: bytes, proposed_at: datetime) -> bytes:
        account = self.session.get_one(Account, request.account_id, populate_existing=True)
        about = canonical_json(
            {
                "v": 1,
                "change": id_text(change_id),
                "kind": request.kind.value,
                "account": id_text(request.account_id),
                "group": None if request.group_id is None else id_text(request.group_id),
                "roles": None if request.roles is None else roles_text(request.roles),
                "proposed_by": id_text(proposed_by),
                "proposed_at": microseconds(proposed_at),
                "roles_before": roles_text(self.administration.roles_of(request.account_id)),
                "groups_before": sorted(id_text(group_id) for group_id in self.chains.groups_of(request.account_id)),
                "disabled_before": account.disabled_at is not None,
            }
        )
        return hashlib.sha256(b"sharelink/v1/account change\0" + about).digest()

    def _tell(
        self,
        event: AuditEvent,
        change_id: bytes,
        request: ChangeRequest,
        facts: Facts | None = None,
        outcome: Outcome = Outcome.SUCCESS,
    ) -> None:
        account = self.session.get_one(Account, request.account_id)
        groups = self.chains.groups_of(account.id)
        told: dict[str, str | int | bool | None] = {"change": id_text(change_id), "kind": request.kind.value}
        if request.roles is not None:
            told["roles"] = roles_text(request.roles)
        self.chains.append(
            event,
            account,
            groups=groups if request.group_id is None else {request.group_id},
            facts=told | dict(facts or {}),
            outcome=outcome,
        )


def _request_of(change: AccountChange) -> ChangeRequest:
    return ChangeRequest(
        kind=ChangeKind(change.kind),
        account_id=change.account_id,
        group_id=change.group_id,
        roles=None if change.roles is None else roles_from_text(change.roles),
    )
