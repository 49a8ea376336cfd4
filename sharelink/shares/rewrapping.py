"""The server seals of live shares, taken off and put on anew with another version of the master key. Needs no link."""

from sharelink.crypto.epoch_keys import EpochKeys
from sharelink.crypto.key_purposes import KeyPurpose
from sharelink.crypto.keyring import Keyring
from sharelink.crypto.sealing import ServerKeys, seal_server, server_key_names
from sharelink.keys.sealed_column import SealedColumn, SealedRow
from sharelink.shares.models import Share
from sharelink.shares.seals import SealedSecret
from sharelink.shares.states import SECRET_STATES

SEALED_SHARES = SealedColumn(
    KeyPurpose.MASTER,
    Share.id,
    Share.seal_header,
    Share.outer_ciphertext,
    Share.expires_at,
    tuple(Share.state == state for state in sorted(SECRET_STATES)),
)


def rewrapped(row: SealedRow, keyring: Keyring, epoch_keys: EpochKeys) -> bytes:
    """Return the value that `row` should have: the same inner layer, the same day, the current master key.

    Raises:
        SealBroken: the row was changed.
        MasterKeyMissing: the keyring lacks the version it was sealed with.
        EpochKeyMissing: its day's key was destroyed: nobody can open it any more.
    """
    opened = SealedSecret(row.context, row.value).opened_by_server(keyring, epoch_keys)
    _version, day = server_key_names(row.value)
    version = keyring.current_master_version
    keys = ServerKeys(version, keyring.master(version), day, epoch_keys.get(day))
    return seal_server(opened.inner, keys, opened.header)
