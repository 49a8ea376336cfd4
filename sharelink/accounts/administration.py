"""What administrators do with accounts: shut out, let in again, change roles, end sessions.

Whether an act needs a second administrator first is asked in `changes`; here each takes effect at once.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sharelink.accounts.chains import AccountChains
from sharelink.accounts.details import normalised_email
from sharelink.accounts.errors import AccountAlreadyDisabled, AccountNotFound, AlreadySo, LastAdministrator
from sharelink.accounts.models import Account, AccountRole
from sharelink.accounts.passwords import PreparedPassword
from sharelink.accounts.policy import AccountPolicy
from sharelink.accounts.sessions import Sessions
from sharelink.accounts.states import Role, roles_text
from sharelink.audit.events import AuditEvent
from sharelink.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Administration:
    """The acts of administrators on accounts, in one unit of work."""

    session: Session
    chains: AccountChains
    sessions: Sessions
    policy: AccountPolicy
    now: datetime

    def id_of(self, typed_email: str) -> bytes:
        """Return the id of the account with this address.

        Raises:
            AccountNotFound: nobody has it.
        """
        found = self.session.scalar(select(Account.id).where(Account.email == normalised_email(typed_email)))
        if found is None:
            raise AccountNotFound("there is no account with this e-mail address")
        return found

    def account(self, account_id: bytes) -> Account:
        """Return the account, as it is now, locked until the commit.

        Raises:
            AccountNotFound: there is none.
        """
        found = self.session.scalar(
            select(Account).where(Account.id == account_id).with_for_update(),
            execution_options={"populate_existing": True},
        )
        if found is None:
            raise AccountNotFound("there is no such account")
        return found

    def roles_of(self, account_id: bytes) -> frozenset[Role]:
        """Return the roles that the account has now."""
        held = select(AccountRole.role).where(AccountRole.account_id == account_id)
        return frozenset(Role(role) for role in self.session.scalars(held))

    def take_turn(self) -> None:
        """Wait until no other administrator's act is under way; locks are then taken in one order everywhere."""
        self._administrators()

    def is_administrator(self, account_id: bytes | None) -> bool:
        """Tell whether this account is administrator and can sign in."""
        return account_id is not None and account_id in self._administrators()

    def disable(self, account_id: bytes) -> None:
        """Shut an account out: it cannot sign in, and what it had open ends with the next request.

        Raises:
            AccountNotFound: there is none.
            AccountAlreadyDisabled: nothing to do.
            LastAdministrator: nobody could administer the service afterwards.
        """
        # Locked before the account, and always in one order, so that two administrators cannot disable each other.
        administrators = self._administrators()
        account = self.account(account_id)
        if account.disabled_at is not None:
            raise AccountAlreadyDisabled("this account is disabled already")
        if administrators == {account.id}:
            raise LastAdministrator("this is the only administrator; make somebody else one first")
        account.disabled_at = self.now
        self.chains.append(
            AuditEvent.ADMIN_ACCOUNT_DISABLED,
            account,
            groups=self.chains.groups_of(account_id),
            facts={"sessions_ended": self.sessions.end_all(account.id)},
        )

    def enable(self, account_id: bytes) -> None:
        """Let a disabled account sign in again, with the roles and groups that it has.

        Raises:
            AccountNotFound: there is none.
            AlreadySo: it is not disabled.
        """
        account = self.account(account_id)
        if account.disabled_at is None:
            raise AlreadySo("this account is not disabled")
        account.disabled_at = None
        self.chains.append(AuditEvent.ADMIN_ACCOUNT_ENABLED, account, groups=self.chains.groups_of(account_id))

    def check_roles(self, account_id: bytes, roles: Collection[Role]) -> None:
        """Make sure that the account may have exactly these roles from now on.

        Raises:
            InvalidInput: no role, or roles that one person may not have together.
            AlreadySo: it has exactly these.
            LastAdministrator: nobody could administer the service afterwards.
        """
        administrators = self._administrators()
        if problem := self.policy.roles_problem(roles):
            raise InvalidInput({"roles": problem})
        if self.roles_of(account_id) == frozenset(roles):
            raise AlreadySo("this person has exactly these roles")
        if Role.ADMINISTRATOR not in roles and administrators == {account_id}:
            raise LastAdministrator("this is the only administrator; make somebody else one first")

    def set_roles(self, account_id: bytes, roles: Collection[Role]) -> None:
        """Give the account exactly these roles, with the next request of its sessions.

        Raises:
            AccountNotFound: there is none.
            InvalidInput, AlreadySo, LastAdministrator: see `check_roles`.
        """
        self.check_roles(account_id, roles)
        account = self.account(account_id)
        before, after = self.roles_of(account_id), frozenset(roles)
        self.session.execute(
            delete(AccountRole).where(AccountRole.account_id == account_id, AccountRole.role.in_(before - after)),
            execution_options={"synchronize_session": False},
        )
        self.session.add_all(AccountRole(account_id=account_id, role=role) for role in after - before)
        self.session.flush()
        self.chains.append(
            AuditEvent.ADMIN_ROLES_CHANGED,
            account,
            groups=self.chains.groups_of(account_id),
            facts={"before": roles_text(before), "after": roles_text(after)},
        )

    def end_sessions(self, account_id: bytes) -> int:
        """End every session of an account and return how many there were.

        Raises:
            AccountNotFound: there is none.
        """
        account = self.account(account_id)
        ended = self.sessions.end_all(account_id)
        self.chains.append(AuditEvent.ADMIN_SESSIONS_ENDED, account, facts={"sessions_ended": ended})
        return ended

    def set_password(self, account_id: bytes, password: PreparedPassword) -> None:
        """Set another password for somebody who cannot: every session of the account ends. Factors stay as they are.

        Raises:
            AccountNotFound: there is none.
        """
        account = self.account(account_id)
        account.password_hash = password.hashed
        account.password_changed_at = self.now
        self.chains.append(
            AuditEvent.ADMIN_PASSWORD_SET,
            account,
            groups=self.chains.groups_of(account_id),
            facts={"sessions_ended": self.sessions.end_all(account_id)},
        )

    def note_factors_reset(self, account_id: bytes) -> None:
        """Write down that the second factors of an account were taken away, end its sessions, and tell its groups.

        Raises:
            AccountNotFound: there is none.
        """
        account = self.account(account_id)
        self.chains.append(
            AuditEvent.ADMIN_FACTORS_RESET,
            account,
            groups=self.chains.groups_of(account_id),
            facts={"sessions_ended": self.sessions.end_all(account_id)},
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
