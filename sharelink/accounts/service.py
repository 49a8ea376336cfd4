"""How accounts come to be, inside one transaction: set-up, invitation, operator; and changing one's password.

From here one reaches everything else about accounts: signing in, sessions, groups, what administrators do, invitations,
proposed changes. What takes more than one transaction is in `sharelink.acts`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from sharelink.accounts.administration import Administration
from sharelink.accounts.chains import AccountChains
from sharelink.accounts.changes import Changes
from sharelink.accounts.details import name_key, name_problem, normalised_email, normalised_name, person_problems
from sharelink.accounts.errors import AlreadySo, SetUpLinkUnavailable
from sharelink.accounts.groups import Groups
from sharelink.accounts.invitations import Invitations, PresentedInvitation
from sharelink.accounts.models import Account, AccountRole, SetUpLink
from sharelink.accounts.passwords import NO_PASSWORD, PasswordProof, PreparedPassword
from sharelink.accounts.policy import AccountPolicy
from sharelink.accounts.queries import has_administrator
from sharelink.accounts.sessions import (
    SessionLimits,
    Sessions,
    StartedSession,
    session_key_hash,
)
from sharelink.accounts.sign_in import SignInChallenge, SignIns
from sharelink.accounts.stages import Stage
from sharelink.accounts.states import Role, roles_text
from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent
from sharelink.audit.log import AuditLog
from sharelink.crypto.bearer_keys import BearerPurpose, new_bearer_key
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.keyring import Keyring
from sharelink.errors import InvalidInput

FIRST_GROUP = "Custodians"
SET_UP_LIFETIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The acts on accounts in one unit of work, done by `actor` at `now`."""

    session: Session
    audit: AuditLog
    keyring: Keyring
    limits: SessionLimits
    policy: AccountPolicy
    actor: Actor
    now: datetime

    @property
    def sign_ins(self) -> SignIns:
        """Tries to sign in, counted."""
        return SignIns(self.session, self.audit, self.keyring, self.actor, self.now)

    @property
    def sessions(self) -> Sessions:
        """Sessions of people who are signed in."""
        return Sessions(self.session, self.audit, self.keyring, self.limits, self.policy, self.actor, self.now)

    @property
    def chains(self) -> AccountChains:
        """Events about people."""
        return AccountChains(self.session, self.audit, self.keyring, self.actor, self.now)

    @property
    def groups(self) -> Groups:
        """Custodian groups and who is in them."""
        return Groups(self.session, self.audit, self.chains, self.actor, self.now)

    @property
    def administration(self) -> Administration:
        """What administrators do with accounts."""
        return Administration(self.session, self.chains, self.sessions, self.policy, self.now)

    @property
    def changes(self) -> Changes:
        """Changes that wait for a second administrator."""
        return Changes(self.session, self.chains, self.administration, self.groups, self.policy, self.actor, self.now)

    @property
    def invitations(self) -> Invitations:
        """Links by which people join."""
        return Invitations(
            self.session,
            self.audit,
            self.keyring,
            self.administration,
            self.groups,
            self.policy,
            self.actor,
            self.now,
        )

    def new_set_up_link(self, lifetime: timedelta = SET_UP_LIFETIME) -> str | None:
        """Return the key of a new set-up link, which lasts for `lifetime`; older links die.

        None if there is an administrator already. The key is kept nowhere: show it on the terminal only.
        """
        self.session.execute(delete(SetUpLink))
        if has_administrator(self.session):
            return None
        key = new_bearer_key(BearerPurpose.SET_UP)
        self.session.add(SetUpLink(key_hash=key.hashed, expires_at=self.now + lifetime, used_at=None))
        return key.text

    def set_up(self, key_hash: bytes, name: str, email: str, password: PreparedPassword) -> StartedSession:
        """Use a set-up link: make the first account and let it add its second factor.

        It is administrator, staff, and custodian of the group "Custodians"; with separation of duties it is no
        custodian, and the group is empty. Of two racing posts one makes the account.

        Raises:
            SetUpLinkUnavailable: the link does not work, or works no more; nothing was made.
            InvalidInput: name or e-mail cannot be accepted; the link still works.
        """
        used = self.session.execute(
            update(SetUpLink)
            .where(SetUpLink.key_hash == key_hash, SetUpLink.used_at.is_(None), SetUpLink.expires_at > self.now)
            .values(used_at=self.now)
            .returning(SetUpLink.key_hash)
        )
        if used.first() is None or has_administrator(self.session):
            raise SetUpLinkUnavailable("the set-up link is unknown, used or too old")
        roles = self.policy.first_roles
        in_groups = [FIRST_GROUP] if Role.CUSTODIAN in roles else []
        # Where only the provider signs people in, the first account is for when the provider does not.
        alone = not self.policy.local_sign_in
        account_id = self.create_account(name, email, roles, in_groups, password, is_break_glass=alone)
        self.groups.named(FIRST_GROUP)
        account = self.session.get_one(Account, account_id)
        return self.sessions.start_half(account, Stage.ENROLMENT)

    def join(
        self,
        presented: PresentedInvitation,
        name: str,
        email: str,
        password: PreparedPassword,
        *,
        account_id: bytes | None = None,
    ) -> Account:
        """Use an invitation: make the account it is for.

        Args:
            presented: the link, verified.
            name: the person's name.
            email: what the person typed; it must be the invited address.
            password: checked and hashed, or none for whoever joins with a passkey.
            account_id: the id of the account, if somebody knows it already.

        Raises:
            InvitationUnavailable: the invitation does not work, or works no more; nothing was made.
            InvalidInput: a field cannot be accepted, or the address is not the invited one; the link still works.
        """
        invitation = self.invitations.use(presented)
        invitation.check_address(email)
        made = self.create_account(
            name, email, invitation.roles, invitation.group_names, password, account_id=account_id
        )
        account = self.session.get_one(Account, made)
        self.invitations.note_joined(invitation.id, account)
        return account

    def create_account(
        self,
        name: str,
        email: str,
        roles: Collection[Role],
        groups: Collection[str],
        password: PreparedPassword,
        *,
        is_break_glass: bool = False,
        account_id: bytes | None = None,
    ) -> bytes:
        """Make an account and return its id.

        Args:
            name: the person's name, as others see it.
            email: the address the person signs in with; letter case does not matter.
            roles: what the account is, at least one.
            groups: names of the groups it is a member of; a group that does not exist yet is made.
            password: checked and hashed.
            is_break_glass: it signs in here by itself even where only the provider signs people in.
            account_id: its id, if somebody knows it already.

        Raises:
            InvalidInput: a field cannot be accepted, or the address has an account already.
        """
        name, email = normalised_name(name), normalised_email(email)
        problems = self._problems(name, email, roles, groups)
        if problems:
            raise InvalidInput(problems)
        account = Account(
            id=account_id or new_id(),
            name=name,
            email=email,
            password_hash=password.hashed,
            password_changed_at=self.now,
            created_at=self.now,
            last_sign_in_at=None,
            disabled_at=None,
            is_break_glass=is_break_glass,
        )
        self.session.add(account)
        self.session.flush()
        self.session.add_all(AccountRole(account_id=account.id, role=role) for role in set(roles))
        self.chains.append(
            AuditEvent.ADMIN_ACCOUNT_CREATED,
            account,
            facts={"roles": roles_text(roles)} | ({"break_glass": True} if is_break_glass else {}),
            personal={"account_name": name, "account_email": email},
        )
        group_names: dict[str, str] = {}
        for group in map(normalised_name, groups):
            group_names.setdefault(name_key(group), group)
        for group_name in group_names.values():
            self.groups.add(self.groups.named(group_name).id, account)
        self.session.flush()
        return account.id

    def disable_account(self, email: str) -> None:
        """Shut out the account with this address; see `Changes.disable`.

        Raises:
            AccountNotFound: nobody has this address.
            AccountAlreadyDisabled: nothing to do.
            LastAdministrator: nobody could administer the service afterwards.
        """
        self.changes.disable(self.administration.id_of(email))

    def change_password(
        self, challenge: SignInChallenge, proof: PasswordProof, new_password: PreparedPassword, session_hash: bytes
    ) -> StartedSession | None:
        """Set another password, end every other session of the account, and go on in this one under a new id.

        None if the old password was not proven, or the session is over: nothing is changed then.
        """
        account = self.sign_ins.confirm(challenge, proof)
        started = None if account is None else self.sessions.go_on(session_hash)
        if account is None or started is None:
            return None
        account.password_hash = new_password.hashed
        account.password_changed_at = self.now
        self.chains.append(
            AuditEvent.AUTH_PASSWORD_CHANGED,
            account,
            facts={
                "sessions_ended": self.sessions.end_all(account.id, but=session_key_hash(started.key) or b""),
            },
        )
        return started

    def set_first_password(self, account_id: bytes, password: PreparedPassword, session_hash: bytes) -> None:
        """Set the password of an account that has none, and end every session of it but one.

        Raises:
            AlreadySo: there is a password.
            LocalSignInOff: this account comes in by the provider only.
        """
        account = self.sign_ins.active_account(account_id, Account.password_hash == NO_PASSWORD.hashed)
        if account is None:
            raise AlreadySo("the account has a password")
        self.sessions.check_way_in(account)
        account.password_hash = password.hashed
        account.password_changed_at = self.now
        self.chains.append(
            AuditEvent.AUTH_PASSWORD_SET,
            account,
            facts={"sessions_ended": self.sessions.end_all(account.id, but=session_hash)},
        )

    def see_notices(self, account_id: bytes) -> None:
        """Note that somebody has seen the notices about their account up to now."""
        self.session.execute(
            update(Account).where(Account.id == account_id).values(notices_seen_at=self.now),
            execution_options={"synchronize_session": False},
        )

    def _problems(self, name: str, email: str, roles: Collection[Role], groups: Collection[str]) -> dict[str, str]:
        problems = person_problems(name, email)
        if problem := self.policy.roles_problem(roles):
            problems["roles"] = problem
        for group in groups:
            if problem := name_problem(normalised_name(group)):
                problems["groups"] = problem
        if "email" not in problems and self._is_taken(email):
            problems["email"] = "There is an account with this e-mail address already."
        return problems

    def _is_taken(self, email: str) -> bool:
        return self.session.execute(select(Account.id).where(Account.email == email)).first() is not None
