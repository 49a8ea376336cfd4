"""Tries at passwords and codes: each is counted first, then checked outside of any transaction, then it has its effect.

    begin (transaction)  ->  compare_password (none)  ->  confirm (transaction)

The count commits before anybody knows whether the password is right, so guesses in parallel cannot slip past it. What
`begin` does is the same for every address, known or not, and a failed try does nothing after it: text, time and
database show a stranger no difference between an unknown address, a wrong password, a disabled account and a pause.

Tries are counted twice: per pair of account and client network, and, more generously, per account from everywhere. A
device in which the person has signed in before has a counter of its own, and only that: strangers who guess, from one
network or from many, pause other strangers and never that device. A passkey cannot be guessed and is never paused.

A right password alone forgives nothing: otherwise whoever has the password could guess codes for ever. Only a whole
sign-in does. Failed tries become events in bundles, one per account, network and minute, but one for all networks once
they are many, and one per minute for all unknown addresses: otherwise strangers could make the log grow at will.
"""

import hmac
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from sqlalchemy import ColumnElement, Row, and_, delete, func, select, update
from sqlalchemy.orm import Session

from sharelink.accounts.details import email_problem, normalised_email
from sharelink.accounts.devices import is_present
from sharelink.accounts.models import IP_MAX, Account, KnownDevice, SignInAttempt
from sharelink.accounts.passwords import PasswordProof
from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent, Outcome
from sharelink.audit.leaves import leaf_time
from sharelink.audit.log import AuditLog
from sharelink.client_networks import client_network
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.crypto.keyring import Keyring

MAX_FAILURES = 10
FAILURE_WINDOW = timedelta(minutes=15)
"""So many wrong tries from one network for one account within this time, and that pair has to wait."""

MAX_ACCOUNT_PASSWORD_FAILURES = 100
MAX_ACCOUNT_CODE_FAILURES = 20
"""So many from everywhere, and every client but the account's known devices has to wait. Fewer for codes: they have six
digits, and whoever tries them knows the password already."""

MOST_NETWORKS_APART = 5
"""From so many networks in a minute each has an event of its own."""

DECISION_LIFETIME = timedelta(minutes=1)
"""A try that is younger may still turn out to be right, and is not yet reported as failed."""


@dataclass(frozen=True, slots=True)
class CountedTry:
    """One counted try. `account_id` is None when nobody has the typed address; `is_paused` decides over all."""

    attempt_id: bytes
    account_id: bytes | None
    is_paused: bool


@dataclass(frozen=True, slots=True)
class SignInChallenge(CountedTry):
    """A counted try at a password; `password_hash` is None when there is none to compare with."""

    password_hash: str | None = field(default=None, repr=False)


_Failure = Row[bytes | None, bytes, str | None, datetime, bool]


@dataclass(frozen=True, slots=True)
class SignIns:
    """The tries to sign in, within one unit of work."""

    session: Session
    audit: AuditLog
    keyring: Keyring
    actor: Actor
    now: datetime

    def begin(self, typed_email: str, device_hash: bytes | None = None) -> SignInChallenge:
        """Count a try at the password of the account with this address, and return what is to be proven."""
        self.report_failures()
        email = normalised_email(typed_email)
        if email_problem(email) is not None:
            email = ""
        account = self.session.execute(
            select(Account.id, Account.password_hash, KnownDevice.key_hash.label("device_hash"))
            .outerjoin(KnownDevice, and_(KnownDevice.account_id == Account.id, is_present(device_hash, self.now)))
            .where(Account.email == email)
        ).first()
        counted = self._count(
            self._reference("account", email),
            self._client_reference(account.device_hash if account else None),
            account.id if account else None,
            MAX_ACCOUNT_PASSWORD_FAILURES,
            is_known_device=account is not None and account.device_hash is not None,
        )
        password_hash = account.password_hash if account else None
        return SignInChallenge(counted.attempt_id, counted.account_id, counted.is_paused, password_hash or None)

    def begin_code(self, account_id: bytes, device_hash: bytes | None = None) -> CountedTry:
        """Count a try at a code of an account whose password was proven."""
        self.report_failures()
        # One at a time for each account: otherwise tries in parallel could all be the last one allowed.
        self.session.execute(select(Account.id).where(Account.id == account_id).with_for_update())
        device = self.session.scalar(
            select(KnownDevice.key_hash).where(KnownDevice.account_id == account_id, is_present(device_hash, self.now))
        )
        return self._count(
            self._reference("code", id_text(account_id)),
            self._client_reference(device),
            account_id,
            MAX_ACCOUNT_CODE_FAILURES,
            is_second_step=True,
            is_known_device=device is not None,
        )

    def confirm(self, challenge: SignInChallenge, proof: PasswordProof) -> Account | None:
        """Return the account, locked, if the password was right; else None, for every reason why it was not.

        The account is looked at again: it may have been disabled, or its password changed, since the try began. The
        tries before this one still count.
        """
        if challenge.is_paused or not proof.matches or challenge.account_id is None:
            return None
        account = self.active_account(challenge.account_id, Account.password_hash == challenge.password_hash)
        if account is None:
            return None
        if proof.upgrade is not None:
            account.password_hash = proof.upgrade.hashed
        self.take_back(challenge)
        return account

    def active_account(self, account_id: bytes, *conditions: ColumnElement[bool]) -> Account | None:
        """Return the account, locked until the commit; None if it is disabled or a condition does not hold."""
        return self.session.scalar(
            select(Account)
            .where(Account.id == account_id, Account.disabled_at.is_(None), *conditions)
            .with_for_update(),
            execution_options={"populate_existing": True},
        )

    def take_back(self, counted: CountedTry) -> None:
        """Erase a try that succeeded."""
        self.session.execute(
            delete(SignInAttempt).where(SignInAttempt.id == counted.attempt_id),
            execution_options={"synchronize_session": False},
        )

    def forgive(self, account_id: bytes) -> None:
        """Stop counting the tries that somebody needed from this network before a whole sign-in."""
        self.session.execute(
            update(SignInAttempt)
            .where(SignInAttempt.account_id == account_id, SignInAttempt.client_ref == self._client_reference(None))
            .values(is_forgiven=True),
            execution_options={"synchronize_session": False},
        )

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
                rec=SYSTEM_CHAIN if account_id is None else id_text(account_id),
                actor=Actor.public(addresses.pop() if len(addresses) == 1 else None, None),
                now=self.now,
                obj=None if account_id is None else ("account", account_id),
                outcome=Outcome.REFUSED,
                reason=_reason_of(attempts[0]),
                facts={
                    "tries": len(attempts),
                    "networks": len({attempt.client_ref for attempt in attempts}),
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

    def _count(
        self,
        account_ref: bytes,
        client_ref: bytes,
        account_id: bytes | None,
        account_limit: int,
        *,
        is_second_step: bool = False,
        is_known_device: bool,
    ) -> CountedTry:
        from_here, from_everywhere = self._failures(account_ref, client_ref)
        is_paused = from_here >= MAX_FAILURES or (from_everywhere >= account_limit and not is_known_device)
        attempt = SignInAttempt(
            id=new_id(),
            account_ref=account_ref,
            client_ref=client_ref,
            account_id=account_id,
            ip=(self.actor.ip or "")[:IP_MAX] or None,
            attempted_at=self.now,
            is_reported=False,
            # A try during the pause is reported, but does not make the pause longer.
            is_forgiven=is_paused,
            is_second_step=is_second_step,
        )
        self.session.add(attempt)
        return CountedTry(attempt.id, account_id, is_paused)

    def _failures(self, account_ref: bytes, client_ref: bytes) -> tuple[int, int]:
        """Return how many tries count for the account from this client, and from everywhere."""
        counted = select(
            func.count().filter(SignInAttempt.client_ref == client_ref).label("here"),
            func.count().label("everywhere"),
        ).where(
            SignInAttempt.account_ref == account_ref,
            SignInAttempt.attempted_at > self.now - FAILURE_WINDOW,
            SignInAttempt.is_forgiven.is_(False),
        )
        row = self.session.execute(counted).one()
        return row.here, row.everywhere

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
                SignInAttempt.account_id,
                SignInAttempt.client_ref,
                SignInAttempt.ip,
                SignInAttempt.attempted_at,
                SignInAttempt.is_second_step,
            ),
            execution_options={"synchronize_session": False},
        )
        bundles: dict[tuple[bytes | None, bytes | None, bool], list[_Failure]] = defaultdict(list)
        for attempt in claimed:
            client_ref = attempt.client_ref if attempt.account_id is not None else None
            bundles[attempt.account_id, client_ref, attempt.is_second_step].append(attempt)
        return _fewer(bundles)

    def _client_reference(self, device_hash: bytes | None) -> bytes:
        if device_hash is not None:
            return self._reference("device", device_hash.hex())
        return self._reference("client", client_network(self.actor.ip))

    def _reference(self, kind: str, value: str) -> bytes:
        return hmac.digest(self.keyring.client_key, f"sharelink/v1/sign-in {kind}\0{value}".encode(), "sha256")


def _fewer(bundles: Mapping[tuple[bytes | None, bytes | None, bool], list[_Failure]]) -> list[list[_Failure]]:
    """Return the bundles, those of one account as one where they are of many networks: strangers have any number."""
    of_accounts: dict[tuple[bytes | None, bool], list[list[_Failure]]] = defaultdict(list)
    for (account_id, _client, is_second_step), attempts in bundles.items():
        of_accounts[account_id, is_second_step].append(attempts)
    fewer: list[list[_Failure]] = []
    for apart in of_accounts.values():
        fewer += apart if len(apart) <= MOST_NETWORKS_APART else [list(chain.from_iterable(apart))]
    return fewer


def _reason_of(failure: _Failure) -> str:
    if failure.account_id is None:
        return "no_such_account"
    return "wrong_code" if failure.is_second_step else "not_proven"
