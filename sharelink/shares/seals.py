"""A share's secret in its two seals, as it is made and as it is opened. Works outside of any transaction."""

from dataclasses import dataclass
from datetime import datetime

from sharelink.crypto.epoch_keys import EpochKeys
from sharelink.crypto.header import OWASP_CODE_COST, SealHeader, SealKind
from sharelink.crypto.keyring import Keyring
from sharelink.crypto.request_keys import seal_answer, unseal_answer
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

    def belongs_to(self, kind: SealKind, share_id: bytes, custody_id: bytes, expires_at: datetime) -> bool:
        """Tell whether the header names this row: bytes swapped between shares must not open."""
        named = (self.header.kind, self.header.share_id, self.header.custody_id, self.header.expires_at)
        return named == (kind, share_id, custody_id, expires_at)

    def opened_by_link(self, link_key: bytes, code: str | None) -> bytes:
        """Return the secret of a send.

        Raises:
            SealBroken: wrong key, wrong code, or changed bytes.
        """
        return unseal_link(self.inner, link_key, code, self.header)

    def opened_by_retrieval_key(self, retrieval_key: bytes) -> bytes:
        """Return the answer to a request.

        Raises:
            SealBroken: wrong key, changed bytes, or not made by the holder of the submit link.
        """
        return unseal_answer(self.inner, retrieval_key, self.header)


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
    keys = _server_keys(expires_at, keyring, epoch_keys)
    inner = seal_link(secret, link_key, code, header)
    return SealedSecret(header.to_bytes(), seal_server(inner, keys, header))


def seal_request_answer(
    answer: bytes,
    *,
    public_key: bytes,
    submit_key: bytes,
    share_id: bytes,
    custody_id: bytes,
    expires_at: datetime,
    keyring: Keyring,
    epoch_keys: EpochKeys,
) -> SealedSecret:
    """Seal the answer to a request twice: to the request's own public key, and to the server's keys of its last day.

    Raises:
        OSError: the epoch key could not be made; nothing may be stored then.
        SealBroken: the public key is none.
    """
    header = SealHeader(SealKind.REQUEST, None, expires_at, share_id, custody_id)
    keys = _server_keys(expires_at, keyring, epoch_keys)
    inner = seal_answer(answer, public_key, submit_key, header)
    return SealedSecret(header.to_bytes(), seal_server(inner, keys, header))


def _server_keys(expires_at: datetime, keyring: Keyring, epoch_keys: EpochKeys) -> ServerKeys:
    day = epoch_day_of(expires_at)
    version = keyring.current_master_version
    return ServerKeys(version, keyring.master(version), day, epoch_keys.ensure(day))
