"""Secrets that sign webhooks: made here, shown once, and kept so that the database alone shows none of them.

    webhook key[version] --HKDF--> K
    kept = version u16 || nonce12 || AES-256-GCM(K, secret), with the endpoint's id as authenticated data

The receiver must have the same bytes, so they must be readable again.
"""

import base64
import hmac
import secrets
import struct
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sharelink.crypto.errors import SealBroken, WebhookKeyMissing

SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"  # noqa: S105 - how Standard Webhooks marks a secret, not a secret
_NONCE_BYTES = 12
_VERSION = struct.Struct(">H")


def new_webhook_secret() -> bytes:
    """Return 256 random bits."""
    return secrets.token_bytes(SECRET_BYTES)


def webhook_secret_text(secret: bytes) -> str:
    """Return a secret as Standard Webhooks writes it for people: `whsec_` and base64."""
    return SECRET_PREFIX + base64.b64encode(secret).decode("ascii")


def webhook_signature(secret: bytes, message_id: str, at_seconds: int, body: bytes) -> str:
    """Return the signature header of Standard Webhooks 1.0.0: `v1,` and HMAC-SHA256 over `id.timestamp.body`.

    Args:
        secret: the endpoint's secret.
        message_id: the same for every try at one message.
        at_seconds: when this try is made, in seconds since 1970.
        body: the exact bytes that are sent.
    """
    signed = f"{message_id}.{at_seconds}.".encode("ascii") + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode("ascii")


def seal_webhook_secret(keys: Mapping[int, bytes], endpoint_id: bytes, secret: bytes) -> bytes:
    """Return what the database keeps of a secret, sealed with the last of `keys` for this endpoint alone."""
    version = list(keys)[-1]
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(_derived(keys[version])).encrypt(nonce, secret, _context(endpoint_id))
    return _VERSION.pack(version) + nonce + sealed


def unseal_webhook_secret(keys: Mapping[int, bytes], endpoint_id: bytes, kept: bytes) -> bytes:
    """Return the secret of an endpoint.

    Raises:
        WebhookKeyMissing: the key version it was sealed with is not in the keyring.
        SealBroken: the bytes were changed, or belong to another endpoint.
    """
    if len(kept) <= _VERSION.size + _NONCE_BYTES:
        raise SealBroken("does not open")
    (version,) = _VERSION.unpack_from(kept)
    if version not in keys:
        raise WebhookKeyMissing("a webhook key version is missing from the keyring")
    nonce, sealed = kept[_VERSION.size :][:_NONCE_BYTES], kept[_VERSION.size + _NONCE_BYTES :]
    try:
        return AESGCM(_derived(keys[version])).decrypt(nonce, sealed, _context(endpoint_id))
    except InvalidTag:
        raise SealBroken("does not open") from None


def _context(endpoint_id: bytes) -> bytes:
    return b"sharelink/v1/webhook endpoint\0" + endpoint_id


def _derived(key: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"sharelink/v1/webhook secret").derive(key)
