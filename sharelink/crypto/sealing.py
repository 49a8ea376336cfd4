"""The two seals around a secret: the link's inside, the server's outside.

    link key (+ Argon2id of the code) --HKDF--> K, C
    inner = salt32 || C || nonce12 || AES-256-GCM(K, pad(secret))
    master key[version] + epoch key   --HKDF--> Kout
    outer = version u16 || day u32 || nonce12 || AES-256-GCM(Kout, inner)

Only the outer bytes are stored. `C` is a commitment: AES-GCM alone does not bind the key, and comparing `C` first gives
one uniform failure. The salt is random per share, so every key is fresh and a random 96-bit nonce is safe.
"""

import hmac
import os
import secrets
import struct
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sharelink.crypto.errors import SealBroken
from sharelink.crypto.header import CodeCost, SealHeader
from sharelink.crypto.padding import PaddingBroken, pad, unpad

_SALT_BYTES = 32
_KEY_BYTES = 32
_NONCE_BYTES = 12
_OUTER_PREFIX = struct.Struct(">HI")
_FIRST_DAY = date(1970, 1, 1)

_argon2_turns = threading.BoundedSemaphore(max(2, os.cpu_count() or 1))
"""Each derivation takes 46 MiB: as many at once as there are cores, the others wait."""


@dataclass(frozen=True, slots=True, repr=False)
class ServerKeys:
    """What the outer layer takes from the server: one version of the master key and one day's epoch key."""

    master_version: int
    master_key: bytes
    epoch_day: date
    epoch_key: bytes


def epoch_day_of(expires_at: datetime) -> date:
    """Return the UTC day on which a share with this end expires; its epoch key dies soon after that day."""
    return expires_at.astimezone(UTC).date()


def seal_link(secret: bytes, link_key: bytes, code: str | None, header: SealHeader) -> bytes:
    """Return the inner layer: what only the link key, with the access code if the header asks for one, can open.

    Args:
        secret: the plaintext in bytes; its length is hidden by padding.
        link_key: 32 bytes.
        code: the normalised access code, exactly if `header.code_cost` is set.
        header: authenticated along with the secret.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    key, commitment = _link_keys(link_key, code, salt, header)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return salt + commitment + nonce + AESGCM(key).encrypt(nonce, pad(secret), header.to_bytes())


def unseal_link(inner: bytes, link_key: bytes, code: str | None, header: SealHeader) -> bytes:
    """Return the secret.

    Raises:
        SealBroken: wrong key, wrong code, or changed bytes; nothing tells which.
    """
    if len(inner) <= _SALT_BYTES + _KEY_BYTES + _NONCE_BYTES:
        raise SealBroken("does not open")
    salt, rest = inner[:_SALT_BYTES], inner[_SALT_BYTES:]
    kept_commitment, rest = rest[:_KEY_BYTES], rest[_KEY_BYTES:]
    nonce, ciphertext = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
    key, commitment = _link_keys(link_key, code, salt, header)
    if not hmac.compare_digest(commitment, kept_commitment):
        raise SealBroken("does not open")
    try:
        return unpad(AESGCM(key).decrypt(nonce, ciphertext, header.to_bytes()))
    except (InvalidTag, PaddingBroken) as error:
        raise SealBroken("does not open") from error


def seal_server(inner: bytes, keys: ServerKeys, header: SealHeader) -> bytes:
    """Return the outer layer, the only ciphertext that is stored."""
    prefix = _OUTER_PREFIX.pack(keys.master_version, (keys.epoch_day - _FIRST_DAY).days)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    cipher = AESGCM(_server_key(keys, prefix, header))
    return prefix + nonce + cipher.encrypt(nonce, inner, header.to_bytes() + prefix)


def server_key_names(outer: bytes) -> tuple[int, date]:
    """Return the master key version and the epoch day that the outer layer was sealed with.

    Raises:
        SealBroken: the bytes are too short to name any.
    """
    try:
        version, day = _OUTER_PREFIX.unpack_from(outer)
        return version, _FIRST_DAY + timedelta(days=day)
    except (struct.error, OverflowError) as error:
        raise SealBroken("does not open") from error


def unseal_server(outer: bytes, keys: ServerKeys, header: SealHeader) -> bytes:
    """Return the inner layer.

    Raises:
        SealBroken: other keys, another row's header, or changed bytes.
    """
    prefix, rest = outer[: _OUTER_PREFIX.size], outer[_OUTER_PREFIX.size :]
    nonce, ciphertext = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
    try:
        return AESGCM(_server_key(keys, prefix, header)).decrypt(nonce, ciphertext, header.to_bytes() + prefix)
    except (InvalidTag, ValueError) as error:
        raise SealBroken("does not open") from error


def _link_keys(link_key: bytes, code: str | None, salt: bytes, header: SealHeader) -> tuple[bytes, bytes]:
    if (code is None) != (header.code_cost is None):
        raise SealBroken("does not open")
    material = link_key
    if code is not None and header.code_cost is not None:
        material += _stretched(code, salt[:16], header.code_cost)
    info = b"sharelink/v1/link\0" + header.to_bytes()
    derived = HKDF(SHA256(), 2 * _KEY_BYTES, salt=salt, info=info).derive(material)
    return derived[:_KEY_BYTES], derived[_KEY_BYTES:]


def _stretched(code: str, salt: bytes, cost: CodeCost) -> bytes:
    with _argon2_turns:
        return Argon2id(
            salt=salt,
            length=_KEY_BYTES,
            iterations=cost.passes,
            lanes=cost.lanes,
            memory_cost=cost.memory_kib,
        ).derive(code.encode("utf-8"))


def _server_key(keys: ServerKeys, prefix: bytes, header: SealHeader) -> bytes:
    info = b"sharelink/v1/server\0" + prefix + header.share_id
    return HKDF(SHA256(), _KEY_BYTES, salt=keys.epoch_key, info=info).derive(keys.master_key)
