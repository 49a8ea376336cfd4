"""Signing in: a try is counted first, then the password is checked outside of any transaction, then a session starts.

    begin (transaction)  ->  compare_password (none)  ->  finish (transaction)

The count commits before anybody knows whether the password is right, so guesses in parallel cannot slip past it. What
`begin` does is the same for every address, known or not, and a failed try does nothing after it: text, time and
database show a stranger no difference between an unknown address, a wrong password, a disabled account and a pause.

Tries are counted per pair of account and client network, so a stranger who guesses pauses only their own network and
cannot lock anybody out. Failed tries become events in bundles, one per account, network and minute, and one per minute
for all unknown addresses: otherwise strangers could make the log grow at will.
"""

import hmac
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.orm import Session

from sharelink.accounts.details import email_problem, normalised_email
from sharelink.accounts.models import IP_MAX, Account, SignInAttempt
from sharelink.accounts.passwords import PasswordProof
from sharelink.accounts.sessions import SessionLimits, Sessions, StartedSession
from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent, Outcome
from sharelink.audit.leaves import leaf_time
from sharelink.audit.log import AuditLog
from sharelink.client_networks import client_network
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.keyring import Keyring

MAX_FAILURES = 10
FAILURE_WINDOW = timedelta(minutes=15)
"""So many wrong passwords from one network for one account within this time, and that pair has to wait."""

DECISION_LIFETIME = timedelta(minutes=1)
"""A try that is younger may still turn out to be right, and is not yet reported as failed."""


@dataclass(frozen=True, slots=True)
class SignInChallenge:
    """One counted try. `password_hash` is None when nobody has the typed address; `is_paused` decides over all."""

    attempt_id: bytes
    account_ref: bytes
    client_ref: bytes
    account_id: bytes | None
    password_hash: str | None = field(repr=False)
    is_paused: bool


_Failure = Row[bytes | None, bytes, str | None, datetime]


@dataclass(frozen=True, slots=True)
class SignIns:
    """The tries to sign in, within one unit of work."""

    session: Session
    audit: AuditLog
    keyring: Keyring
    limits: SessionLimits
    actor: Actor
    now: datetime

    def begin(self, typed_email: str) -> SignInChallenge:
        """Count a try for the account with this address, from the actor's network, and return what is to be proven."""
        self.report_failures()
        email = normalised_email(typed_email)
        if email_problem(email) is not None:
            email = ""
        account = self.session.execute(select(Account.id, Account.password_hash).where(Account.email == email)).first()
        account_ref = self._reference("account", email)
        client_ref = self._reference("client", client_network(self.actor.ip))
        is_paused = self._failures(account_ref, client_ref) >= MAX_FAILURES
        attempt = SignInAttempt(
            id=new_id(),
            account_ref=account_ref,
            client_ref=client_ref,
            account_id=account.id if account else None,
            ip=(self.actor.ip or "")[:IP_MAX] or None,
            attempted_at=self.now,
            is_reported=False,
            # A try during the pause is reported, but does not make the pause longer.
            is_forgiven=is_paused,
        )
        self.session.add(attempt)
        return SignInChallenge(
            attempt_id=attempt.id,
            account_ref=account_ref,
            client_ref=client_ref,
            account_id=attempt.account_id,
            password_hash=account.password_hash if account else None,
            is_paused=is_paused,
        )

    def finish(self, challenge: SignInChallenge, proof: PasswordProof) -> StartedSession | None:
        """Start a session if the try succeeded; None for every reason why it did not.

        The account is looked at again: it may have been disabled, or its password changed, since the try began.
        """
        account = self.confirm(challenge, proof)
        if account is None:
            return None
        account.last_sign_in_at = self.now
        if proof.upgrade is not None:
            account.password_hash = proof.upgrade.hashed
        sessions = Sessions(self.session, self.audit, self.keyring, self.limits, self.actor, self.now)
        return sessions.start(account)

    def confirm(self, challenge: SignInChallenge, proof: PasswordProof) -> Account | None:
        """Return the account, locked, if the try succeeded, and forget the tries before it; else None."""
        if challenge.is_paused or not proof.matches or challenge.account_id is None:
            return None
        account = self.session.scalar(
            select(Account)
            .where(
                Account.id == challenge.account_id,
                Account.password_hash == challenge.password_hash,
                Account.disabled_at.is_(None),
            )
            .with_for_update(),
            execution_options={"populate_existing": True},
        )
        if account is None:
            return None
        self._forgive(challenge)
        return account

    def report_failures(self) -> None:
        """Turn the failed tries of the minutes that are over into events, and erase tries that no longer count.

        Called with every try, and by the sweeper so that the last failures of a day are told too.
        """
        decided_before = (self.now - DECISION_LIFETIME).replace(second=0, microsecond=0)
        for attempts in self._claim_unreported(decided_before):
            account_id = attempts[0].account_id
            addresses = {attempt.ip for attempt in attempts}
            self.audit.append(
                AuditEvent.AUTH_FAILED,
                rec=SYSTEM_CHAIN,
                actor=Actor.public(addresses.pop() if len(addresses) == 1 else None, None),
                now=self.now,
                obj=None if account_id is None else ("account", account_id),
                outcome=Outcome.REFUSED,
                reason="no_such_account" if account_id is None else "not_proven",
                facts={
                    "tries": len(attempts),
                    "first_at": leaf_time(min(attempt.attempted_at for attempt in attempts)),
                    "last_at": leaf_time(max(attempt.attempted_at for attempt in attempts)),
                },
            )
        self.session.execute(
            delete(SignInAttempt).where(
                SignInAttempt.is_reported.is_(True), SignInAttempt.attempted_at <= self.now - FAILURE_WINDOW
            ),
            execution_options={"synchronize_session": False},
        )

    def _failures(self, account_ref: bytes, client_ref: bytes) -> int:
        counted = (
            select(func.count())
            .select_from(SignInAttempt)
            .where(
                SignInAttempt.account_ref == account_ref,
                SignInAttempt.client_ref == client_ref,
                SignInAttempt.attempted_at > self.now - FAILURE_WINDOW,
                SignInAttempt.is_forgiven.is_(False),
            )
        )
        return self.session.scalars(counted).one()

    def _forgive(self, challenge: SignInChallenge) -> None:
        """Erase the try that succeeded, and stop counting those that the same person needed before it."""
        self.session.execute(
            update(SignInAttempt)
            .where(
                SignInAttempt.account_ref == challenge.account_ref,
                SignInAttempt.client_ref == challenge.client_ref,
            )
            .values(is_forgiven=True),
            execution_options={"synchronize_session": False},
        )
        self.session.execute(
            delete(SignInAttempt).where(SignInAttempt.id == challenge.attempt_id),
            execution_options={"synchronize_session": False},
        )

    def _claim_unreported(self, decided_before: datetime) -> list[list[_Failure]]:
        """Mark what is to be reported now and return it in bundles; two processes never report the same try."""
        unreported = (
            select(SignInAttempt.id)
            .where(SignInAttempt.is_reported.is_(False), SignInAttempt.attempted_at < decided_before)
            .with_for_update(skip_locked=True)
        )
        claimed = self.session.execute(
            update(SignInAttempt)
            .where(SignInAttempt.id.in_(unreported.scalar_subquery()))
            .values(is_reported=True)
            .returning(
                SignInAttempt.account_id, SignInAttempt.client_ref, SignInAttempt.ip, SignInAttempt.attempted_at
            ),
            execution_options={"synchronize_session": False},
        )
        bundles: dict[tuple[bytes | None, bytes | None], list[_Failure]] = defaultdict(list)
        for attempt in claimed:
            bundles[attempt.account_id, attempt.client_ref if attempt.account_id is not None else None].append(attempt)
        return list(bundles.values())

    def _reference(self, kind: str, value: str) -> bytes:
        return hmac.digest(self.keyring.client_key, f"sharelink/v1/sign-in {kind}\0{value}".encode(), "sha256")
