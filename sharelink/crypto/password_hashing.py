"""Hashing of the passwords that people choose: Argon2id with the parameters OWASP advises.

One hash takes 46 MiB and some tens of milliseconds, so turns are limited: a crowd of strangers at the sign-in page
may wait, but cannot use up the memory of the machine. Never call this inside a transaction.
"""

import base64
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from sharelink.crypto.errors import PasswordHashingBusy

MEMORY_KIB, PASSES, LANES = 47_104, 1, 1
"""OWASP Password Storage Cheat Sheet: Argon2id with m=47104 (46 MiB), t=1, p=1."""

WAIT_SECONDS = 10.0
_SALT_BYTES, _HASH_BYTES = 16, 32

_hasher = PasswordHasher(
    time_cost=PASSES,
    memory_cost=MEMORY_KIB,
    parallelism=LANES,
    hash_len=_HASH_BYTES,
    salt_len=_SALT_BYTES,
    type=Type.ID,
)
_turns = threading.BoundedSemaphore(max(2, os.cpu_count() or 1))


def hash_password(password: str) -> str:
    """Return the Argon2id hash of `password` in PHC form, with a salt of its own.

    Raises:
        PasswordHashingBusy: no turn came within `WAIT_SECONDS`.
    """
    with _turn():
        return _hasher.hash(password)


def password_matches(password_hash: str | None, password: str) -> bool:
    """Tell whether `password` is the one that `password_hash` was made of.

    For None (there is no such account) the same work is done on a hash that nothing matches, so that the time of the
    answer does not tell whether an account exists.

    Raises:
        PasswordHashingBusy: no turn came within `WAIT_SECONDS`.
    """
    with _turn():
        try:
            _hasher.verify(password_hash or _UNMATCHABLE_HASH, password)
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Tell whether `password_hash` was made with other parameters than the present ones."""
    return _hasher.check_needs_rehash(password_hash)


@contextmanager
def _turn() -> Iterator[None]:
    if not _turns.acquire(timeout=WAIT_SECONDS):
        raise PasswordHashingBusy("too many passwords are being checked at this moment")
    try:
        yield
    finally:
        _turns.release()


def _unmatchable_hash() -> str:
    """Return a well-formed hash with the present parameters that is not the hash of anything known."""
    salt, hashed = (
        base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode("ascii") for size in (_SALT_BYTES, _HASH_BYTES)
    )
    return f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${hashed}"


_UNMATCHABLE_HASH = _unmatchable_hash()
