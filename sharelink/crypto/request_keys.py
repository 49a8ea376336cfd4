"""The key pair of a request, and the link layer of its answer (HPKE, RFC 9180, with a hybrid key encapsulation).

    retrieval key, 32 random bytes, only in the retrieval link
      +- HKDF "x25519", "ml-kem-768" -> the private half, derived anew when an answer is opened, and kept nowhere
      +- HKDF "submit"               -> submit key, only in the submit link; the database keeps a hash of it

    answer -> padded -> HPKE(ML-KEM-768 + X25519, info = context || header || fingerprint || submit key) -> server seal

Whoever has the database and all server keys lacks both link keys: they cannot open an answer, and they cannot make one
that opens, because the submit key is part of `info`. The fingerprint in the submit link tells a public key that was
swapped in the database.
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sharelink.crypto.errors import SealBroken
from sharelink.crypto.header import SealHeader
from sharelink.crypto.padding import PaddingBroken, pad, unpad

_ML_KEM_PUBLIC_BYTES = 1184
PUBLIC_KEY_BYTES = _ML_KEM_PUBLIC_BYTES + 32
SUBMIT_KEY_BYTES = 32

_ML_KEM_SEED_BYTES = 64
_X25519_SEED_BYTES = 32
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def request_public_key(retrieval_key: bytes, share_id: bytes) -> bytes:
    """Return the public half, ML-KEM-768 then X25519, that belongs to a request's retrieval key."""
    kem, curve = _private_halves(retrieval_key, share_id)
    return kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def request_submit_key(retrieval_key: bytes, share_id: bytes) -> bytes:
    """Return the 32 bytes that stand in the submit link: they allow one answer and open nothing."""
    return _derived(retrieval_key, share_id, b"submit", SUBMIT_KEY_BYTES)


def submit_key_hash(share_id: bytes, submit_key: bytes) -> bytes:
    """Return what the database keeps of a submit key; a plain hash will do, for the key has 256 random bits."""
    return hashlib.sha256(b"sharelink/v1/submit-key\0" + share_id + submit_key).digest()


def key_fingerprint(public_key: bytes) -> bytes:
    """Return SHA-256 over both public halves."""
    return hashlib.sha256(public_key).digest()


def fingerprint_matches(public_key: bytes, fingerprint: bytes) -> bool:
    """Tell whether `public_key` is the one that a submit link names."""
    return hmac.compare_digest(key_fingerprint(public_key), fingerprint)


def seal_answer(answer: bytes, public_key: bytes, submit_key: bytes, header: SealHeader) -> bytes:
    """Return the inner layer: what only the holder of the retrieval key can open.

    Args:
        answer: the plaintext in bytes; its length is hidden by padding.
        public_key: both public halves; check them against the link's fingerprint first.
        submit_key: 32 bytes from the submit link.
        header: authenticated along with the answer.

    Raises:
        SealBroken: the stored public key is none.
    """
    try:
        key = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public_key[:_ML_KEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(public_key[_ML_KEM_PUBLIC_BYTES:]),
        )
    except ValueError as error:
        raise SealBroken("not a public key") from error
    return _SUITE.encrypt(pad(answer), key, _info(header, key_fingerprint(public_key), submit_key))


def unseal_answer(inner: bytes, retrieval_key: bytes, header: SealHeader) -> bytes:
    """Return the answer.

    Raises:
        SealBroken: another key, changed bytes, or made without the submit link; nothing tells which.
    """
    kem, curve = _private_halves(retrieval_key, header.share_id)
    public_key = kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
    info = _info(header, key_fingerprint(public_key), request_submit_key(retrieval_key, header.share_id))
    try:
        return unpad(_SUITE.decrypt(inner, MLKEM768X25519PrivateKey(kem, curve), info))
    except (InvalidTag, ValueError, PaddingBroken) as error:
        raise SealBroken("does not open") from error


def _info(header: SealHeader, fingerprint: bytes, submit_key: bytes) -> bytes:
    return b"sharelink/v1/request\0" + header.to_bytes() + fingerprint + submit_key


def _private_halves(retrieval_key: bytes, share_id: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    return (
        MLKEM768PrivateKey.from_seed_bytes(_derived(retrieval_key, share_id, b"ml-kem-768", _ML_KEM_SEED_BYTES)),
        X25519PrivateKey.from_private_bytes(_derived(retrieval_key, share_id, b"x25519", _X25519_SEED_BYTES)),
    )


def _derived(retrieval_key: bytes, share_id: bytes, use: bytes, length_bytes: int) -> bytes:
    return HKDF(SHA256(), length_bytes, salt=share_id, info=b"sharelink/v1/request/" + use).derive(retrieval_key)
