"""Known devices: browsers in which somebody has signed in all the way.

Their only privilege is a counter of their own: whoever guesses from elsewhere pauses others, never them. A device's key
is made anew with each sign-in, so that a planted or copied one is soon worth nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, update
from sqlalchemy.orm import Session

from sharelink.accounts.models import KnownDevice
from sharelink.crypto.bearer_keys import BearerPurpose, bearer_key_hash, new_bearer_key

DEVICE_LIFETIME = timedelta(days=180)
"""A device that nobody used for so long is a stranger again."""


@dataclass(frozen=True, slots=True)
class Devices:
    """Recognise and remember devices, within one unit of work."""

    session: Session
    now: datetime

    def remember(self, account_id: bytes, key_hash: bytes | None) -> tuple[str, bool]:
        """Return a new key for the device that brought the key with this hash, and whether it is new to the account.

        What other accounts know of the device moves to the new key.
        """
        self.session.execute(
            delete(KnownDevice).where(
                KnownDevice.account_id == account_id, KnownDevice.last_used_at <= self.now - DEVICE_LIFETIME
            ),
            execution_options={"synchronize_session": False},
        )
        key = new_bearer_key(BearerPurpose.DEVICE)
        if key_hash is not None:
            self.session.execute(
                update(KnownDevice).where(KnownDevice.key_hash == key_hash).values(key_hash=key.hashed),
                execution_options={"synchronize_session": False},
            )
        known = self.session.execute(
            update(KnownDevice)
            .where(KnownDevice.key_hash == key.hashed, KnownDevice.account_id == account_id)
            .values(last_used_at=self.now)
            .returning(KnownDevice.created_at),
            execution_options={"synchronize_session": False},
        ).first()
        if known is None:
            self.session.add(
                KnownDevice(key_hash=key.hashed, account_id=account_id, created_at=self.now, last_used_at=self.now)
            )
        return key.text, known is None

    def forget_all(self, account_id: bytes) -> None:
        """Make every device a stranger to the account again."""
        self.session.execute(
            delete(KnownDevice).where(KnownDevice.account_id == account_id),
            execution_options={"synchronize_session": False},
        )


def is_present(key_hash: bytes | None, now: datetime) -> ColumnElement[bool]:
    """Return the condition that a row is the device with this key, and not forgotten."""
    return and_(KnownDevice.key_hash == (key_hash or b""), KnownDevice.last_used_at > now - DEVICE_LIFETIME)


def device_key_hash(key: str) -> bytes | None:
    """Return the hash under which the device with this key is kept; None if `key` cannot be one."""
    return bearer_key_hash(BearerPurpose.DEVICE, key)
