"""Secrets of second factors: how they are made, and how they are kept so that the database alone shows none of them.

A secret that authenticator apps share with us must be readable again, so it is sealed:

    factor key[version] --HKDF--> K
    kept = version u16 || nonce12 || AES-256-GCM(K, secret), with the account's id as authenticated data

A recovery code is only compared, so a keyed hash of it is kept.
"""

import hmac
import secrets
import struct
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sharelink.crypto.access_codes import ALPHABET
from sharelink.crypto.errors import FactorKeyMissing, SealBroken

SHARED_SECRET_BYTES = 20
"""As RFC 4226 advises, and as much as every authenticator app takes."""

RECOVERY_CODE_SYMBOLS = 12
CHALLENGE_BYTES = 32
_GROUP = 4
_TYPED_MAX = 64
_NONCE_BYTES = 12
_KEY_BYTES = 32
_VERSION = struct.Struct(">H")


def new_shared_secret() -> bytes:
    """Return 160 random bits for an authenticator app."""
    return secrets.token_bytes(SHARED_SECRET_BYTES)


def new_challenge() -> bytes:
    """Return 256 random bits for a passkey to sign."""
    return secrets.token_bytes(CHALLENGE_BYTES)


def new_recovery_code() -> str:
    """Return 12 random symbols (59 bits), without separators."""
    return "".join(secrets.choice(ALPHABET) for _ in range(RECOVERY_CODE_SYMBOLS))


def written_recovery_code(code: str) -> str:
    """Return the code as it is shown and written down: `ABCD-EFGH-JKLM`."""
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def normalised_recovery_code(typed: str) -> str | None:
    """Return the code that `typed` means, whatever stands between its symbols; None if it is none."""
    if len(typed) > _TYPED_MAX:
        return None
    symbols = "".join(character for character in typed.upper() if character.isalnum())
    if len(symbols) != RECOVERY_CODE_SYMBOLS or any(symbol not in ALPHABET for symbol in symbols):
        return None
    return symbols


def seal_shared_secret(keys: Mapping[int, bytes], account_id: bytes, secret: bytes) -> bytes:
    """Return what the database keeps of an app's secret.

    Args:
        keys: the factor keys by version; the last one seals.
        account_id: whose secret it is; nobody else's row can hold it.
        secret: what the app has.
    """
    version = list(keys)[-1]
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(_derived(keys[version], b"app")).encrypt(nonce, secret, _context(account_id))
    return _VERSION.pack(version) + nonce + sealed


def unseal_shared_secret(keys: Mapping[int, bytes], account_id: bytes, kept: bytes) -> bytes:
    """Return the secret of an app.

    Raises:
        FactorKeyMissing: the key version it was sealed with is not in the keyring.
        SealBroken: the bytes were changed, or belong to another account.
    """
    if len(kept) <= _VERSION.size + _NONCE_BYTES:
        raise SealBroken("does not open")
    (version,) = _VERSION.unpack_from(kept)
    if version not in keys:
        raise FactorKeyMissing("a factor key version is missing from the keyring")
    nonce, sealed = kept[_VERSION.size :][:_NONCE_BYTES], kept[_VERSION.size + _NONCE_BYTES :]
    try:
        return AESGCM(_derived(keys[version], b"app")).decrypt(nonce, sealed, _context(account_id))
    except InvalidTag:
        raise SealBroken("does not open") from None


def recovery_code_hash(keys: Mapping[int, bytes], account_id: bytes, code: str) -> bytes:
    """Return the hash under which a new recovery code is kept."""
    return _recovery_hash(keys[list(keys)[-1]], account_id, code)


def recovery_code_hashes(keys: Mapping[int, bytes], account_id: bytes, code: str) -> tuple[bytes, ...]:
    """Return every hash under which this code may have been kept: one for each key version."""
    return tuple(_recovery_hash(key, account_id, code) for key in keys.values())


def _recovery_hash(key: bytes, account_id: bytes, code: str) -> bytes:
    return hmac.digest(_derived(key, b"recovery code"), _context(account_id) + code.encode("ascii"), "sha256")


def _context(account_id: bytes) -> bytes:
    return b"sharelink/v1/factor account\0" + account_id


def _derived(key: bytes, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=b"sharelink/v1/factor " + use).derive(key)
