"""What is kept under the factor keys, when these are replaced."""

from datetime import datetime

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from sharelink.crypto.factor_secrets import seal_shared_secret, unseal_shared_secret
from sharelink.crypto.key_purposes import KeyPurpose
from sharelink.crypto.keyring import Keyring
from sharelink.factors.models import AuthenticatorApp, RecoveryCode
from sharelink.keys.sealed_column import SealedColumn, SealedRow

SEALED_APPS = SealedColumn(
    KeyPurpose.FACTOR,
    AuthenticatorApp.id,
    AuthenticatorApp.account_id,
    AuthenticatorApp.sealed_secret,
    AuthenticatorApp.created_at,
    (true(),),
)


def rewrapped(row: SealedRow, keyring: Keyring) -> bytes:
    """Return the app's secret sealed with the current factor key.

    Raises:
        SealBroken, FactorKeyMissing: it does not open.
    """
    secret = unseal_shared_secret(keyring.factor_keys, row.context, row.value)
    return seal_shared_secret(keyring.factor_keys, row.context, secret)


def unused_codes_before(session: Session, moment: datetime) -> int:
    """Return how many recovery codes made before `moment` still work. Of a code only a keyed hash is kept, so no other
    key can take its place: only a new set of codes does.
    """
    wanted = select(func.count()).where(RecoveryCode.used_at.is_(None), RecoveryCode.created_at < moment)
    return session.scalars(wanted).one()
