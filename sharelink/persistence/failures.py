"""What a failure of the database means for the transaction: undone for certain, worth doing anew, or not known."""

from typing import Any

from sqlalchemy import exc

from sharelink.errors import GivenUp, OutcomeUnknown, StorageUnavailable
from sharelink.persistence.database import is_storage_failure

SERIALIZATION_FAILURE, DEADLOCK_DETECTED = "40001", "40P01"
_GIVEN_UP = frozenset({SERIALIZATION_FAILURE, DEADLOCK_DETECTED})
"""SQLSTATEs with which PostgreSQL undoes a transaction that may succeed when it is done anew
(https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html)."""


def named_failure(error: BaseException, *, committing: bool) -> StorageUnavailable | None:
    """Return the fact behind an error of the database; None for an error that is none.

    Args:
        error: what was raised inside the transaction.
        committing: whether COMMIT had been sent, or may have been.
    """
    if not is_storage_failure(error):
        return None
    if not isinstance(error, exc.DBAPIError):
        return StorageUnavailable("the database could not do its work")
    cause: Any = error.orig
    if getattr(cause, "sqlstate", None) in _GIVEN_UP:
        return GivenUp("the database gave the transaction up")
    if error.connection_invalidated and committing:
        return OutcomeUnknown("the connection broke at the commit")
    # Without its COMMIT nothing stands. Whoever waited long in vain does not wait for the same once more.
    if error.connection_invalidated and not getattr(cause, "is_silence", False):
        return GivenUp("the connection broke before the commit")
    return StorageUnavailable("the database could not do its work")
