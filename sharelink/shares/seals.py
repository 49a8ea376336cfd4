"""A share's secret in its two seals, as it is made and as it is opened. Works outside of any transaction."""

from dataclasses import dataclass
from datetime import datetime

from sharelink.crypto.epoch_keys import EpochKeys
from sharelink.crypto.header import OWASP_CODE_COST, SealHeader, SealKind
from sharelink.crypto.keyring import Keyring
from sharelink.crypto.sealing import (
    ServerKeys,
    epoch_day_of,
    seal_link,
    seal_server,
    server_key_names,
    unseal_link,
    unseal_server,
)


@dataclass(frozen=True, slots=True, repr=False)
class SealedSecret:
    """The bytes of a row that hold its secret."""

    header: bytes
    outer: bytes

    def opened_by_server(self, keyring: Keyring, epoch_keys: EpochKeys) -> "LinkSealed":
        """Take off the outer layer.

        Raises:
            SealBroken: the row was changed.
            MasterKeyMissing: the keyring lacks the version it was sealed with.
            EpochKeyMissing: the epoch key was destroyed: nobody can open it any more.
        """
        header = SealHeader.from_bytes(self.header)
        version, day = server_key_names(self.outer)
        keys = ServerKeys(version, keyring.master(version), day, epoch_keys.get(day))
        return LinkSealed(header, unseal_server(self.outer, keys, header))


@dataclass(frozen=True, slots=True, repr=False)
class LinkSealed:
    """A secret in its inner layer only: what the link key, and the code if there is one, can open."""

    header: SealHeader
    inner: bytes

    def belongs_to(self, share_id: bytes, custody_id: bytes, expires_at: datetime) -> bool:
        """Tell whether the header names this row: bytes swapped between shares must not open."""
        named = (self.header.share_id, self.header.custody_id, self.header.expires_at)
        return named == (share_id, custody_id, expires_at)

    def opened_by_link(self, link_key: bytes, code: str | None) -> bytes:
        """Return the secret.

        Raises:
            SealBroken: wrong key, wrong code, or changed bytes.
        """
        return unseal_link(self.inner, link_key, code, self.header)


def seal_send(
    secret: bytes,
    *,
    link_key: bytes,
    code: str | None,
    share_id: bytes,
    custody_id: bytes,
    expires_at: datetime,
    keyring: Keyring,
    epoch_keys: EpochKeys,
) -> SealedSecret:
    """Seal `secret` twice. The epoch key of the day of `expires_at` is durable before this returns.

    Raises:
        OSError: the epoch key could not be made; no share may be stored then.
    """
    header = SealHeader(SealKind.SEND, OWASP_CODE_COST if code is not None else None, expires_at, share_id, custody_id)
    day = epoch_day_of(expires_at)
    version = keyring.current_master_version
    keys = ServerKeys(version, keyring.master(version), day, epoch_keys.ensure(day))
    inner = seal_link(secret, link_key, code, header)
    return SealedSecret(header.to_bytes(), seal_server(inner, keys, header))
