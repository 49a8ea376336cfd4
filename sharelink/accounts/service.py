"""The acts on accounts inside one transaction: set up, create, disable, change a password.

Signing in and sessions are in `sign_in` and `sessions`; what takes more than one transaction is in `sharelink.acts`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from sharelink.accounts.details import name_key, name_problem, normalised_email, normalised_name, person_problems
from sharelink.accounts.errors import (
    AccountAlreadyDisabled,
    AccountNotFound,
    LastAdministrator,
    SetUpLinkUnavailable,
)
from sharelink.accounts.models import Account, AccountRole, CustodianGroup, GroupMember, SetUpLink
from sharelink.accounts.passwords import PasswordProof, PreparedPassword
from sharelink.accounts.queries import has_administrator
from sharelink.accounts.sessions import SessionLimits, Sessions, StartedSession
from sharelink.accounts.sign_in import SignInChallenge, SignIns
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.leaves import pseudonym
from sharelink.audit.log import AuditLog
from sharelink.crypto.bearer_keys import BearerPurpose, new_bearer_key
from sharelink.crypto.identifiers import id_from_text, id_text, new_id
from sharelink.crypto.keyring import Keyring
from sharelink.errors import InvalidInput

FIRST_ROLES = frozenset({Role.ADMINISTRATOR, Role.STAFF, Role.CUSTODIAN})
FIRST_GROUP = "Custodians"
SET_UP_LIFETIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The acts on accounts in one unit of work, done by `actor` at `now`."""

    session: Session
    audit: AuditLog
    keyring: Keyring
    limits: SessionLimits
    actor: Actor
    now: datetime

    @property
    def sign_ins(self) -> SignIns:
        """Tries to sign in, counted."""
        return SignIns(self.session, self.audit, self.keyring, self.limits, self.actor, self.now)

    @property
    def sessions(self) -> Sessions:
        """Sessions of people who are signed in."""
        return Sessions(self.session, self.audit, self.keyring, self.limits, self.actor, self.now)

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
        """Use a set-up link: make the first account and sign it in.

        It is administrator, staff, and custodian of the group "Custodians". Of two racing posts one makes the account.

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
        account_id = self.create_account(name, email, FIRST_ROLES, [FIRST_GROUP], password)
        account = self.session.get_one(Account, account_id)
        account.last_sign_in_at = self.now
        return self.sessions.start(account)

    def create_account(
        self, name: str, email: str, roles: Collection[Role], groups: Collection[str], password: PreparedPassword
    ) -> bytes:
        """Make an account and return its id.

        Args:
            name: the person's name, as others see it.
            email: the address the person signs in with; letter case does not matter.
            roles: what the account is, at least one.
            groups: names of the groups it is a member of; a group that does not exist yet is made.
            password: checked and hashed.

        Raises:
            InvalidInput: a field cannot be accepted, or the address has an account already.
        """
        name, email = normalised_name(name), normalised_email(email)
        problems = self._problems(name, email, roles, groups)
        if problems:
            raise InvalidInput(problems)
        account = Account(
            id=new_id(),
            name=name,
            email=email,
            password_hash=password.hashed,
            password_changed_at=self.now,
            created_at=self.now,
            last_sign_in_at=None,
            disabled_at=None,
        )
        self.session.add(account)
        self.session.flush()
        self.session.add_all(AccountRole(account_id=account.id, role=role) for role in set(roles))
        self.audit.append(
            AuditEvent.ADMIN_ACCOUNT_CREATED,
            rec=SYSTEM_CHAIN,
            actor=self.actor,
            now=self.now,
            obj=("account", account.id),
            facts={"roles": ",".join(sorted(roles))},
            personal={"account_name": name, "account_email": email},
        )
        group_names: dict[str, str] = {}
        for group in map(normalised_name, groups):
            group_names.setdefault(name_key(group), group)
        for group_name in group_names.values():
            self._add_member(self._group(group_name), account)
        self.session.flush()
        return account.id

    def disable_account(self, email: str) -> None:
        """Shut an account out for good: it cannot sign in, and what it had open ends with the next request.

        Raises:
            AccountNotFound: nobody has this address.
            AccountAlreadyDisabled: nothing to do.
            LastAdministrator: nobody could administer the service afterwards.
        """
        # Locked before the account, and always in one order, so that two administrators cannot disable each other.
        administrators = self._administrators()
        account = self.session.scalar(
            select(Account).where(Account.email == normalised_email(email)).with_for_update(),
            execution_options={"populate_existing": True},
        )
        if account is None:
            raise AccountNotFound("there is no account with this e-mail address")
        if account.disabled_at is not None:
            raise AccountAlreadyDisabled("this account is disabled already")
        if administrators == {account.id}:
            raise LastAdministrator("this is the only administrator; make somebody else one first")
        account.disabled_at = self.now
        self.audit.append(
            AuditEvent.ADMIN_ACCOUNT_DISABLED,
            rec=SYSTEM_CHAIN,
            actor=self.actor,
            now=self.now,
            obj=("account", account.id),
            facts={"sessions_ended": self.sessions.end_all(account.id)},
        )

    def change_password(
        self, challenge: SignInChallenge, proof: PasswordProof, new_password: PreparedPassword
    ) -> StartedSession | None:
        """Set another password, end every session of the account, and start a new one for the person who asked.

        None if the old password was not proven: nothing is changed then.
        """
        account = self.sign_ins.confirm(challenge, proof)
        if account is None:
            return None
        account.password_hash = new_password.hashed
        account.password_changed_at = self.now
        self.audit.append(
            AuditEvent.AUTH_PASSWORD_CHANGED,
            rec=SYSTEM_CHAIN,
            actor=self.actor,
            now=self.now,
            obj=("account", account.id),
            facts={"sessions_ended": self.sessions.end_all(account.id)},
        )
        return self.sessions.start(account)

    def _problems(self, name: str, email: str, roles: Collection[Role], groups: Collection[str]) -> dict[str, str]:
        problems = person_problems(name, email)
        if not roles:
            problems["roles"] = "Choose at least one role."
        for group in groups:
            if problem := name_problem(normalised_name(group)):
                problems["groups"] = problem
        if "email" not in problems and self._is_taken(email):
            problems["email"] = "There is an account with this e-mail address already."
        return problems

    def _is_taken(self, email: str) -> bool:
        return self.session.execute(select(Account.id).where(Account.email == email)).first() is not None

    def _group(self, name: str) -> CustodianGroup:
        """Return the group of that name, made if there is none."""
        key = name_key(name)
        group = self.session.scalar(select(CustodianGroup).where(CustodianGroup.name_key == key))
        if group is not None:
            return group
        group = CustodianGroup(id=new_id(), name=name, name_key=key, created_at=self.now)
        self.session.add(group)
        self.session.flush()
        self.audit.append(
            AuditEvent.ADMIN_GROUP_CREATED,
            rec=id_text(group.id),
            actor=self.actor,
            now=self.now,
            obj=("group", group.id),
            facts={"name": name},
        )
        return group

    def _add_member(self, group: CustodianGroup, account: Account) -> None:
        self.session.add(
            GroupMember(id=new_id(), group_id=group.id, account_id=account.id, added_at=self.now, removed_at=None)
        )
        chain = id_text(group.id)
        self.audit.append(
            AuditEvent.ADMIN_MEMBER_ADDED,
            rec=chain,
            actor=self.actor,
            now=self.now,
            # The same name as in the events that the member will cause on this chain, and no other.
            obj=("account", id_from_text(pseudonym(self.keyring.audit_key, chain, account.id))),
            personal={"member_name": account.name},
        )

    def _administrators(self) -> set[bytes]:
        """Return who is administrator and can sign in, locked until the commit."""
        wanted = (
            select(Account.id)
            .join(AccountRole, AccountRole.account_id == Account.id)
            .where(AccountRole.role == Role.ADMINISTRATOR, Account.disabled_at.is_(None))
            .order_by(Account.id)
            .with_for_update()
        )
        return set(self.session.scalars(wanted))
