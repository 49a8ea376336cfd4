"""The acts on second factors within one unit of work: add, use, remove. Acts of several are in `sharelink.acts`."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from sharelink.accounts.chains import AccountChains
from sharelink.accounts.devices import Devices
from sharelink.accounts.models import Account
from sharelink.audit.events import AuditEvent, Outcome
from sharelink.crypto.factor_secrets import (
    new_shared_secret,
    seal_shared_secret,
    unseal_shared_secret,
)
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.key_purposes import KeyPurpose
from sharelink.crypto.keyring import Keyring
from sharelink.errors import InvalidInput
from sharelink.factors.challenges import Challenges
from sharelink.factors.errors import FactorNotFound, LastFactor, PasskeyRefused
from sharelink.factors.models import (
    FACTOR_NAME_MAX,
    AuthenticatorApp,
    Passkey,
    PasskeyChallenge,
)
from sharelink.factors.one_time_codes import matching_step
from sharelink.factors.passkeys import KnownCredential, NewPasskey
from sharelink.factors.recovery_codes import RecoveryCodes
from sharelink.keys.holding import hold

PENDING_APP_LIFETIME = timedelta(minutes=15)
PASSKEYS_MAX = 20
_APP = "authenticator_app"
_PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class PendingApp:
    """An app's secret that waits for its first code."""

    id: bytes
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KnownPasskey:
    """A passkey whose answer is to be checked."""

    id: bytes
    account_id: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class Factors:
    """The acts on second factors, in one unit of work."""

    session: Session
    keyring: Keyring
    chains: AccountChains
    now: datetime

    @property
    def recovery_codes(self) -> RecoveryCodes:
        """Recovery codes."""
        return RecoveryCodes(self.session, self.keyring, self.now)

    @property
    def challenges(self) -> Challenges:
        """What passkeys are asked to sign."""
        return Challenges(self.session, self.now)

    def has_any(self, account_id: bytes) -> bool:
        """Tell whether the account has a second factor; recovery codes are none."""
        has_passkey = exists().where(Passkey.account_id == account_id)
        has_app = exists().where(AuthenticatorApp.account_id == account_id, AuthenticatorApp.confirmed_at.is_not(None))
        return bool(self.session.scalar(select(has_passkey | has_app)))

    def credentials_of(self, account_id: bytes) -> tuple[KnownCredential, ...]:
        """Return what a browser needs to find a passkey of the account."""
        rows = self.session.execute(
            select(Passkey.credential_id, Passkey.transports)
            .where(Passkey.account_id == account_id)
            .order_by(Passkey.created_at, Passkey.id)
        )
        return tuple(KnownCredential(row.credential_id, tuple(row.transports.split())) for row in rows)

    # Passkeys

    def add_passkey(self, account: Account, made: NewPasskey, name: str) -> None:
        """Add a verified passkey.

        Args:
            account: whose it is.
            made: what the browser made.
            name: what the person calls it; one is given to it if they do not.

        Raises:
            InvalidInput: in the field "name", or there are too many.
            PasskeyRefused: the credential belongs to an account already.
        """
        name = " ".join(name.split()) or "Passkey"
        if len(name) > FACTOR_NAME_MAX or not name.isprintable():
            raise InvalidInput({"name": f"Use at most {FACTOR_NAME_MAX} ordinary characters."})
        if len(self.credentials_of(account.id)) >= PASSKEYS_MAX:
            raise InvalidInput({"name": f"You have {PASSKEYS_MAX} passkeys. Remove one that you do not use first."})
        known = select(Passkey.id).where(Passkey.credential_id == made.credential_id)
        if self.session.execute(known).first() is not None:
            raise PasskeyRefused("the credential is known already")
        self.session.add(
            Passkey(
                id=new_id(),
                account_id=account.id,
                credential_id=made.credential_id,
                public_key=made.public_key,
                sign_count=made.sign_count,
                transports=" ".join(made.transports),
                name=name,
                created_at=self.now,
                last_used_at=None,
            )
        )
        self.session.flush()
        self._tell(AuditEvent.FACTOR_ADDED, account, {"factor": _PASSKEY}, name)

    def known_passkey(self, credential_id: bytes, account_id: bytes | None = None) -> KnownPasskey | None:
        """Return the passkey with this credential id, of this account if one is named."""
        wanted = select(Passkey.id, Passkey.account_id, Passkey.public_key, Passkey.sign_count).where(
            Passkey.credential_id == credential_id
        )
        if account_id is not None:
            wanted = wanted.where(Passkey.account_id == account_id)
        row = self.session.execute(wanted).first()
        return KnownPasskey(*row) if row else None

    def claim_use(self, account: Account, passkey: KnownPasskey, sign_count: int) -> bool:
        """Note that a passkey was used, with the count that it told; False if it was removed or counted backwards.

        A count that does not grow means that there are two copies of the passkey's secret; that is an event.
        """
        counts = sign_count > 0 or passkey.sign_count > 0
        claimed = self.session.execute(
            update(Passkey)
            .where(
                Passkey.id == passkey.id,
                Passkey.account_id == account.id,
                # Compared with the row as it is now: of two answers with one count only the first is taken.
                (Passkey.sign_count < sign_count) if counts else (Passkey.sign_count == 0),
            )
            .values(sign_count=sign_count, last_used_at=self.now)
            .returning(Passkey.id),
            execution_options={"synchronize_session": False},
        ).first()
        if claimed is not None:
            return True
        name = self.session.scalar(select(Passkey.name).where(Passkey.id == passkey.id))
        if name is not None:
            self._tell(AuditEvent.FACTOR_PASSKEY_COPIED, account, {}, name, Outcome.REFUSED)
        return False

    def remove_passkey(self, account: Account, passkey_id: bytes) -> None:
        """Take a passkey away.

        Raises:
            FactorNotFound: the account has no such passkey.
            LastFactor: it is the account's only second factor, or its only way in because it has no password.
        """
        removed = self.session.execute(
            delete(Passkey).where(Passkey.id == passkey_id, Passkey.account_id == account.id).returning(Passkey.name),
            execution_options={"synchronize_session": False},
        ).first()
        if removed is None:
            raise FactorNotFound("there is no such passkey")
        self._check_one_is_left(account)
        self._tell(AuditEvent.FACTOR_REMOVED, account, {"factor": _PASSKEY}, removed.name)

    # Authenticator app

    def begin_app(self, account_id: bytes) -> None:
        """Make a secret for an app; it counts once a code of it came back. An earlier one that waits is dropped."""
        self._drop_pending(account_id)
        hold(self.session.connection(), KeyPurpose.FACTOR, self.keyring.current_version(KeyPurpose.FACTOR))
        sealed = seal_shared_secret(self.keyring.factor_keys, account_id, new_shared_secret())
        self.session.add(
            AuthenticatorApp(
                id=new_id(),
                account_id=account_id,
                sealed_secret=sealed,
                last_step=0,
                created_at=self.now,
                confirmed_at=None,
                last_used_at=None,
            )
        )

    def pending_app(self, account_id: bytes) -> PendingApp | None:
        """Return the secret that waits for its first code, if there is one that is not too old."""
        app = self.session.execute(
            select(AuthenticatorApp.id, AuthenticatorApp.sealed_secret)
            .where(
                AuthenticatorApp.account_id == account_id,
                AuthenticatorApp.confirmed_at.is_(None),
                AuthenticatorApp.created_at > self.now - PENDING_APP_LIFETIME,
            )
            .order_by(AuthenticatorApp.created_at.desc())
        ).first()
        if app is None:
            return None
        return PendingApp(app.id, unseal_shared_secret(self.keyring.factor_keys, account_id, app.sealed_secret))

    def confirm_app(self, account: Account, typed_code: str) -> bool:
        """Let the pending app count, in place of an earlier one; False if the code is not of it.

        Raises:
            FactorNotFound: no app waits for its code (any more).
        """
        pending = self.pending_app(account.id)
        if pending is None:
            raise FactorNotFound("no authenticator app waits for its first code")
        step = matching_step(pending.secret, typed_code, self.now)
        if step is None:
            return False
        replaced = self._delete_confirmed_app(account.id)
        self.session.execute(
            update(AuthenticatorApp)
            .where(AuthenticatorApp.id == pending.id)
            .values(confirmed_at=self.now, last_step=step),
            execution_options={"synchronize_session": False},
        )
        self._drop_pending(account.id)
        self._tell(AuditEvent.FACTOR_ADDED, account, {"factor": _APP, "replaced": replaced})
        return True

    def use_code(self, account: Account, typed_code: str) -> bool:
        """Tell whether the code is the account's, and use it up: no code and none before it works again."""
        app = self.session.execute(
            select(AuthenticatorApp.id, AuthenticatorApp.sealed_secret).where(
                AuthenticatorApp.account_id == account.id, AuthenticatorApp.confirmed_at.is_not(None)
            )
        ).first()
        if app is None:
            return False
        secret = unseal_shared_secret(self.keyring.factor_keys, account.id, app.sealed_secret)
        step = matching_step(secret, typed_code, self.now)
        if step is None:
            return False
        claimed = self.session.execute(
            update(AuthenticatorApp)
            .where(AuthenticatorApp.id == app.id, AuthenticatorApp.last_step < step)
            .values(last_step=step, last_used_at=self.now)
            .returning(AuthenticatorApp.id),
            execution_options={"synchronize_session": False},
        )
        return claimed.first() is not None

    def remove_app(self, account: Account) -> None:
        """Take the authenticator app away.

        Raises:
            FactorNotFound: the account has none.
            LastFactor: it is the account's only second factor.
        """
        if not self._delete_confirmed_app(account.id):
            raise FactorNotFound("there is no authenticator app")
        self._check_one_is_left(account)
        self._tell(AuditEvent.FACTOR_REMOVED, account, {"factor": _APP})

    # Recovery codes, and all at once

    def make_recovery_codes(self, account: Account) -> tuple[str, ...]:
        """Return a new set of recovery codes, for their one showing; older ones are worth nothing any more."""
        codes = self.recovery_codes.make(account.id)
        self._tell(AuditEvent.FACTOR_RECOVERY_CODES_MADE, account, {"codes": len(codes)})
        return codes

    def use_recovery_code(self, account: Account, typed: str) -> bool:
        """Use up a recovery code; False if it is not one of the account, or was used before."""
        if not self.recovery_codes.use(account.id, typed):
            return False
        left = self.recovery_codes.left(account.id)
        self._tell(AuditEvent.FACTOR_RECOVERY_CODE_USED, account, {"codes_left": left})
        return True

    def reset(self, account_id: bytes) -> None:
        """Take away every factor, recovery code and known device of an account: the next sign-in adds a new factor.

        Sessions and events are the caller's (`Administration.note_factors_reset`).
        """
        for table in (Passkey, AuthenticatorApp, PasskeyChallenge):
            self.session.execute(
                delete(table).where(table.account_id == account_id),
                execution_options={"synchronize_session": False},
            )
        self.recovery_codes.remove(account_id)
        Devices(self.session, self.now).forget_all(account_id)

    def _check_one_is_left(self, account: Account) -> None:
        # An app's code is asked for after a password only.
        is_left = self.has_any(account.id) if account.password_hash else bool(self.credentials_of(account.id))
        if not is_left:
            raise LastFactor("the only second factor stays until there is another one")

    def _drop_pending(self, account_id: bytes) -> None:
        self.session.execute(
            delete(AuthenticatorApp).where(
                AuthenticatorApp.account_id == account_id, AuthenticatorApp.confirmed_at.is_(None)
            ),
            execution_options={"synchronize_session": False},
        )

    def _delete_confirmed_app(self, account_id: bytes) -> bool:
        deleted = self.session.execute(
            delete(AuthenticatorApp)
            .where(AuthenticatorApp.account_id == account_id, AuthenticatorApp.confirmed_at.is_not(None))
            .returning(AuthenticatorApp.id),
            execution_options={"synchronize_session": False},
        )
        return deleted.first() is not None

    def _tell(
        self,
        event: AuditEvent,
        account: Account,
        facts: dict[str, str | int | bool | None],
        name: str | None = None,
        outcome: Outcome = Outcome.SUCCESS,
    ) -> None:
        """Write down a change of the factors, for the person and for the groups whose secrets hang on it."""
        self.chains.append(
            event,
            account,
            groups=self.chains.groups_of(account.id),
            facts=facts,
            personal={} if name is None else {"factor_name": name},
            outcome=outcome,
        )
