"""Keeps a version from being retired while something sealed with it is on its way into the database."""

from sqlalchemy import Connection, bindparam, select

from sharelink.crypto.key_purposes import KeyPurpose
from sharelink.keys.errors import SealingKeyRetired
from sharelink.keys.models import KeyVersion
from sharelink.keys.states import SEALING_STATES

_state_of_version = (
    select(KeyVersion.state)
    .where(KeyVersion.purpose == bindparam("purpose"), KeyVersion.version == bindparam("version"))
    .with_for_update(read=True)
)
"""Shared among all who seal; whoever retires the version waits for them, and they for him. SQLite needs no lock."""


def hold(connection: Connection, purpose: KeyPurpose, version: int) -> None:
    """Let nobody retire this version before the end of the transaction.

    Without this, a share could be committed under a key whose last row was counted a moment ago.

    Raises:
        SealingKeyRetired: it was retired; what is sealed with it must not be stored.
    """
    state = connection.execute(_state_of_version, {"purpose": purpose, "version": version}).scalar()
    # A version that no process has registered yet cannot be retired either.
    if state is not None and state not in SEALING_STATES:
        raise SealingKeyRetired("the key version was retired meanwhile")
