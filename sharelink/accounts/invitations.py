"""Invitations: a one-time link that makes one account, for the holder of one address.

The link is `/join#<token>.<key>`: a signed id, and a key of 256 random bits of which only the hash is kept. Both are in
the fragment, so no log, header or preview on the way has them.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sharelink.accounts.administration import Administration
from sharelink.accounts.details import email_problem, normalised_email
from sharelink.accounts.errors import InvitationUnavailable
from sharelink.accounts.groups import Groups
from sharelink.accounts.models import Account, CustodianGroup, Invitation, InvitationGroup
from sharelink.accounts.policy import AccountPolicy
from sharelink.accounts.queries import active_administrators
from sharelink.accounts.states import Role, roles_from_text, roles_text
from sharelink.actors import Actor, ActorKind
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.log import AuditLog
from sharelink.crypto.bearer_keys import BearerPurpose, bearer_key_hash, new_bearer_key
from sharelink.crypto.errors import TokenRejected
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.keyring import Keyring
from sharelink.crypto.link_tokens import TokenPurpose, sign_token, verify_token
from sharelink.errors import InvalidInput

INVITATION_LIFETIME = timedelta(days=7)
SECOND_ADMINISTRATOR = (
    "Separation of duties is on: invite first; after the person has joined, two administrators do this."
)


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """A fresh invitation. `link_secret` is what stands after the # of its link, and is kept nowhere."""

    id: bytes
    email: str
    expires_at: datetime
    link_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PresentedInvitation:
    """What a followed link says by itself: which invitation, and the hash of its key. The token was verified."""

    id: bytes
    key_hash: bytes


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """An invitation that would make an account now."""

    id: bytes
    email: str
    roles: frozenset[Role]
    group_names: tuple[str, ...]

    def check_address(self, typed_email: str) -> None:
        """Make sure that somebody has the invited address.

        Raises:
            InvalidInput: in the field "email": they typed another one.
        """
        if normalised_email(typed_email) != self.email:
            raise InvalidInput({"email": "The invitation was sent to another address. Use that one."})


@dataclass(frozen=True, slots=True)
class Invitations:
    """The acts on invitations, in one unit of work."""

    session: Session
    audit: AuditLog
    keyring: Keyring
    administration: Administration
    groups: Groups
    policy: AccountPolicy
    actor: Actor
    now: datetime

    def invite(self, typed_email: str, roles: Collection[Role], group_ids: Collection[bytes]) -> NewInvitation:
        """Make an invitation to one address; an earlier one to the same address dies.

        Args:
            typed_email: whom; the account will have this address and no other.
            roles: what the account will be, at least one role.
            group_ids: the groups it will be in.

        Raises:
            InvalidInput: a field cannot be accepted, the address has an account already, or separation of duties asks
                for two administrators.
            GroupNotFound: there is no such group.
        """
        email = normalised_email(typed_email)
        problems = self._problems(email, frozenset(roles), group_ids)
        if problems:
            raise InvalidInput(problems)
        for group_id in group_ids:
            self.groups.check_exists(group_id)
        self._revoke_open_of(email)
        key = new_bearer_key(BearerPurpose.JOIN)
        invitation = Invitation(
            id=new_id(),
            key_hash=key.hashed,
            email=email,
            roles=roles_text(roles),
            invited_by=self.actor.account_id,
            created_at=self.now,
            expires_at=self.now + INVITATION_LIFETIME,
            used_at=None,
            revoked_at=None,
            account_id=None,
        )
        self.session.add(invitation)
        self.session.flush()
        self.session.add_all(
            InvitationGroup(invitation_id=invitation.id, group_id=group_id) for group_id in set(group_ids)
        )
        self.session.flush()
        self._append(
            AuditEvent.ADMIN_INVITED,
            invitation.id,
            facts={"roles": invitation.roles, "groups": len(set(group_ids))},
            personal={"account_email": email},
        )
        token = sign_token(self.keyring.token_keys, TokenPurpose.JOIN, invitation.id, self.now)
        return NewInvitation(invitation.id, email, invitation.expires_at, f"{token}.{key.text}")

    def present(self, link: str) -> PresentedInvitation:
        """Return what a followed link (the whole of it, or what stands after its #) says by itself.

        Raises:
            InvalidInput: in the field "key": a part of the link is missing.
            InvitationUnavailable: it is forged or too old.
        """
        token, _dot, key = link.strip().rpartition("#")[2].rpartition(".")
        key_hash = bearer_key_hash(BearerPurpose.JOIN, key)
        if not token or key_hash is None:
            raise InvalidInput({"key": "A part of the invitation link is missing. Copy the whole link once more."})
        try:
            identifier, _signed_at = verify_token(
                self.keyring.token_keys, TokenPurpose.JOIN, token, self.now, INVITATION_LIFETIME
            )
        except TokenRejected:
            raise InvitationUnavailable("the invitation is forged or too old") from None
        return PresentedInvitation(identifier, key_hash)

    def waiting_for(self, email: str) -> PresentedInvitation | None:
        """Return what the invitation of this normalised address would present; None if none is open.

        For whoever the provider vouches for as the holder of the address: that is what the link proves otherwise.
        """
        found = self.session.execute(
            select(Invitation.id, Invitation.key_hash)
            .where(
                Invitation.email == email,
                Invitation.used_at.is_(None),
                Invitation.revoked_at.is_(None),
                Invitation.expires_at > self.now,
            )
            .order_by(Invitation.created_at.desc())
        ).first()
        return None if found is None else PresentedInvitation(found.id, found.key_hash)

    def open_one(self, presented: PresentedInvitation) -> OpenInvitation:
        """Return the invitation if it would make an account now.

        Raises:
            InvitationUnavailable: unknown, used, revoked or too old, or whoever sent it may no longer invite.
        """
        found = self.session.scalar(
            select(Invitation).where(
                Invitation.id == presented.id,
                Invitation.key_hash == presented.key_hash,
                Invitation.used_at.is_(None),
                Invitation.revoked_at.is_(None),
                Invitation.expires_at > self.now,
            ),
            execution_options={"populate_existing": True},
        )
        if found is None or not self._is_still_allowed(found):
            raise InvitationUnavailable("the invitation is unknown, used, revoked or too old")
        names = (
            select(CustodianGroup.name)
            .join(InvitationGroup, InvitationGroup.group_id == CustodianGroup.id)
            .where(InvitationGroup.invitation_id == found.id)
            .order_by(CustodianGroup.name_key)
        )
        return OpenInvitation(found.id, found.email, roles_from_text(found.roles), tuple(self.session.scalars(names)))

    def use(self, presented: PresentedInvitation) -> OpenInvitation:
        """Use the invitation up and return it; of racing posts one wins.

        Raises:
            InvitationUnavailable: as `open_one`.
        """
        self.administration.take_turn()
        invitation = self.open_one(presented)
        used = self.session.execute(
            update(Invitation)
            .where(
                Invitation.id == presented.id,
                Invitation.key_hash == presented.key_hash,
                Invitation.used_at.is_(None),
                Invitation.revoked_at.is_(None),
                Invitation.expires_at > self.now,
            )
            .values(used_at=self.now)
            .returning(Invitation.id),
            execution_options={"synchronize_session": False},
        )
        if used.first() is None:
            raise InvitationUnavailable("the invitation is used")
        return invitation

    def note_joined(self, invitation_id: bytes, account: Account) -> None:
        """Write down whom the invitation brought."""
        self.session.execute(
            update(Invitation).where(Invitation.id == invitation_id).values(account_id=account.id),
            execution_options={"synchronize_session": False},
        )
        self._append(
            AuditEvent.ADMIN_INVITATION_USED,
            invitation_id,
            personal={"account_name": account.name, "account_email": account.email},
        )

    def revoke(self, invitation_id: bytes) -> None:
        """Make an invitation worthless.

        Raises:
            InvitationUnavailable: there is none that still works.
        """
        revoked = self.session.execute(
            update(Invitation)
            .where(
                Invitation.id == invitation_id,
                Invitation.used_at.is_(None),
                Invitation.revoked_at.is_(None),
                Invitation.expires_at > self.now,
            )
            .values(revoked_at=self.now)
            .returning(Invitation.email),
            execution_options={"synchronize_session": False},
        ).first()
        if revoked is None:
            raise InvitationUnavailable("this invitation is used, revoked or too old")
        self._append(AuditEvent.ADMIN_INVITATION_REVOKED, invitation_id, personal={"account_email": revoked.email})

    def _problems(self, email: str, roles: frozenset[Role], group_ids: Collection[bytes]) -> dict[str, str]:
        problems: dict[str, str] = {}
        if problem := email_problem(email):
            problems["email"] = problem
        elif self.session.scalar(select(Account.id).where(Account.email == email)) is not None:
            problems["email"] = "There is an account with this e-mail address already."
        alone = self.policy.separation_of_duties and self.actor.kind is ActorKind.STAFF
        if problem := self.policy.roles_problem(roles):
            problems["roles"] = problem
        elif alone and Role.ADMINISTRATOR in roles:
            problems["roles"] = SECOND_ADMINISTRATOR
        if alone and group_ids:
            problems["groups"] = SECOND_ADMINISTRATOR
        return problems

    def _revoke_open_of(self, email: str) -> None:
        still_open = select(Invitation.id).where(
            Invitation.email == email,
            Invitation.used_at.is_(None),
            Invitation.revoked_at.is_(None),
            Invitation.expires_at > self.now,
        )
        for invitation_id in self.session.scalars(still_open).all():
            self.revoke(invitation_id)

    def _is_still_allowed(self, invitation: Invitation) -> bool:
        """Tell whether the one who invited could do the same today: in office, and under the policy of today."""
        roles = roles_from_text(invitation.roles)
        if self.policy.roles_problem(roles) is not None:
            return False
        if invitation.invited_by is None:
            return True
        if invitation.invited_by not in active_administrators(self.session):
            return False
        gives_access = Role.ADMINISTRATOR in roles or self.session.scalar(
            select(InvitationGroup.group_id).where(InvitationGroup.invitation_id == invitation.id).limit(1)
        )
        return not (self.policy.separation_of_duties and gives_access)

    def _append(
        self,
        event: AuditEvent,
        invitation_id: bytes,
        *,
        facts: dict[str, str | int | bool | None] | None = None,
        personal: dict[str, str],
    ) -> None:
        self.audit.append(
            event,
            rec=SYSTEM_CHAIN,
            actor=self.actor,
            now=self.now,
            obj=("invitation", invitation_id),
            facts=facts,
            personal=personal,
        )
