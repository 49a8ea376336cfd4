"""The acts of single sign-on within one unit of work: browsers on their way, and whose account an identity is.

The provider's name for a person is the identity; an e-mail address only finds the account of a first sign-in, and never
takes one over: the address must be verified, and the account must have been made ready for exactly that.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from sharelink.accounts.chains import AccountChains
from sharelink.accounts.details import email_problem, normalised_email
from sharelink.accounts.models import Account
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent, Outcome
from sharelink.audit.log import AuditLog
from sharelink.crypto.sso_keys import FlowKeys, PresentedFlow
from sharelink.sso.errors import Refusal, SignOnRefused
from sharelink.sso.models import FlowPurpose, SsoFlow, SsoIdentity
from sharelink.sso.provider import Claims

FLOW_LIFETIME = timedelta(minutes=10)
LINK_LIFETIME = timedelta(days=7)
"""How long after an operator's word an existing account waits for its holder to come from the provider."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A browser that has come back, and what it left for. `account_id` is whose proof is wanted; None at a sign-in."""

    purpose: FlowPurpose
    account_id: bytes | None
    wanted_path: str | None
    began_at: datetime


@dataclass(frozen=True, slots=True)
class SignOns:
    """The acts of single sign-on, in one unit of work."""

    session: Session
    audit: AuditLog
    chains: AccountChains
    now: datetime

    def begin(self, keys: FlowKeys, *, account_id: bytes | None, wanted_path: str | None) -> None:
        """Let a browser leave for the provider; those that are away too long are forgotten on the way.

        Args:
            keys: of the browser and of this flow.
            account_id: whose fresh proof is wanted; None to sign somebody in.
            wanted_path: where the person wants to be afterwards.
        """
        self.session.execute(
            delete(SsoFlow).where(SsoFlow.expires_at <= self.now), execution_options={"synchronize_session": False}
        )
        self.session.add(
            SsoFlow(
                state_hash=keys.state.hashed,
                browser_hash=keys.browser.hashed,
                purpose=FlowPurpose.SIGN_IN if account_id is None else FlowPurpose.PROVE,
                account_id=account_id,
                wanted_path=wanted_path,
                began_at=self.now,
                expires_at=self.now + FLOW_LIFETIME,
            )
        )

    def take(self, presented: PresentedFlow) -> Flow | None:
        """Use a flow up and return it; None unless this browser began it, in time, and has not come back before."""
        taken = self.session.execute(
            delete(SsoFlow)
            .where(
                SsoFlow.state_hash == presented.state_hash,
                SsoFlow.browser_hash == presented.browser_hash,
                SsoFlow.expires_at > self.now,
            )
            .returning(SsoFlow.purpose, SsoFlow.account_id, SsoFlow.wanted_path, SsoFlow.began_at),
            execution_options={"synchronize_session": False},
        ).first()
        return None if taken is None else Flow(*taken)

    def account_of(self, claims: Claims) -> Account | None:
        """Return whose identity this is, locked until the commit, disabled or not; None if it is nobody's yet."""
        return self.session.scalar(
            select(Account)
            .join(SsoIdentity, SsoIdentity.account_id == Account.id)
            .where(SsoIdentity.issuer == claims.issuer, SsoIdentity.subject == claims.subject)
            .with_for_update(of=Account),
            execution_options={"populate_existing": True},
        )

    def note_use(self, claims: Claims) -> None:
        """Note that an identity was used now."""
        self.session.execute(
            update(SsoIdentity)
            .where(SsoIdentity.issuer == claims.issuer, SsoIdentity.subject == claims.subject)
            .values(last_used_at=self.now),
            execution_options={"synchronize_session": False},
        )

    def first_address(self, claims: Claims) -> str:
        """Return the address by which the account of a first sign-in is found.

        Raises:
            SignOnRefused: the provider does not say that it is verified, or it cannot be one.
        """
        email = normalised_email(claims.email)
        if not claims.email_is_verified or email_problem(email) is not None:
            raise SignOnRefused(Refusal.EMAIL, "the provider vouches for no address")
        return email

    def waiting_account(self, email: str) -> Account | None:
        """Return the account with this address, locked, if it waits for its holder to come from the provider.

        Raises:
            SignOnRefused: there is an account, and it does not wait: an equal address alone takes nothing over.
        """
        account = self.session.scalar(
            select(Account).where(Account.email == email).with_for_update(),
            execution_options={"populate_existing": True},
        )
        if account is None:
            return None
        waits = account.sso_link_until is not None and account.sso_link_until > self.now
        if not waits or account.is_break_glass or account.disabled_at is not None:
            raise SignOnRefused(Refusal.PERSON, "the address has an account that does not wait for this")
        return account

    def link(self, account: Account, claims: Claims) -> None:
        """Make the identity the account's, from now on and whatever becomes of the address."""
        account.sso_link_until = None
        # An account has one identity at a provider: whoever was it before is nobody here now.
        self.session.execute(
            delete(SsoIdentity).where(SsoIdentity.account_id == account.id, SsoIdentity.issuer == claims.issuer),
            execution_options={"synchronize_session": False},
        )
        self.session.add(
            SsoIdentity(
                issuer=claims.issuer,
                subject=claims.subject,
                account_id=account.id,
                linked_at=self.now,
                last_used_at=self.now,
            )
        )
        self.session.flush()
        self.chains.append(
            AuditEvent.AUTH_SSO_LINKED,
            account,
            groups=self.chains.groups_of(account.id),
            facts={"issuer": claims.issuer},
            personal={"subject": claims.subject},
        )

    def allow_link(self, account: Account) -> None:
        """Let whoever first comes from the provider with the account's address have it, within a week.

        A break-glass account stays apart from the provider all the same.
        """
        account.sso_link_until = self.now + LINK_LIFETIME
        self.chains.append(AuditEvent.ADMIN_SSO_LINK_ALLOWED, account, groups=self.chains.groups_of(account.id))

    def tell_refused(self, refusal: Refusal, account: Account | None, claims: Claims | None = None) -> None:
        """Write down that somebody came from the provider and was refused, on their account's chain if there is one."""
        personal = {} if claims is None else {"subject": claims.subject, "account_email": claims.email}
        if account is not None:
            self.chains.append(
                AuditEvent.AUTH_SSO_REFUSED,
                account,
                facts={"why": refusal.value},
                personal=personal,
                outcome=Outcome.REFUSED,
            )
            return
        self.audit.append(
            AuditEvent.AUTH_SSO_REFUSED,
            rec=SYSTEM_CHAIN,
            actor=self.chains.actor,
            now=self.now,
            outcome=Outcome.REFUSED,
            reason=refusal.value,
            facts={"why": refusal.value},
            personal=personal,
        )


def has_identity(session: Session, account_id: bytes, issuer: str) -> bool:
    """Tell whether the account is somebody's at the provider."""
    found = select(SsoIdentity.subject).where(SsoIdentity.account_id == account_id, SsoIdentity.issuer == issuer)
    return session.execute(found).first() is not None
