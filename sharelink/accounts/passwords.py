"""A password on its way into an account: checked, brought into one form and hashed before any transaction begins."""

from dataclasses import dataclass, field

from sharelink.accounts.password_rules import MAX_BYTES, check_new_password, normalised_password
from sharelink.crypto.password_hashing import hash_password, needs_rehash, password_matches


@dataclass(frozen=True, slots=True)
class PreparedPassword:
    """The hash of a password that passed the rules. Services take nothing else, so no rule can be forgotten."""

    hashed: str = field(repr=False)


NO_PASSWORD = PreparedPassword("")
"""Of an account that comes in by the provider: no typed password ever matches it."""


def prepare_password(typed: str, *, name: str, email: str, form_field: str = "password") -> PreparedPassword:
    """Check `typed` against the rules and hash it. Takes tens of milliseconds: call it outside a transaction.

    Args:
        typed: what the person chose.
        name: the person's name, which the password may not be made of.
        email: the person's address, likewise.
        form_field: name of the form field that a message belongs to.

    Raises:
        InvalidInput: the password may not be used; the message says what to do.
        PasswordHashingBusy: too many passwords are being checked at this moment.
    """
    return PreparedPassword(hash_password(check_new_password(typed, name=name, email=email, field=form_field)))


@dataclass(frozen=True, slots=True)
class PasswordProof:
    """How a typed password compares with a hash; `upgrade` is set when the hash was made with old parameters."""

    matches: bool
    upgrade: PreparedPassword | None = None


def compare_password(password_hash: str | None, typed: str) -> PasswordProof:
    """Compare `typed` with `password_hash`, with the same work when there is no hash. Call it outside a transaction.

    Raises:
        PasswordHashingBusy: too many passwords are being checked at this moment.
    """
    password = normalised_password(typed)
    if not _may_be_a_password(password):
        password, password_hash = "", None
    matches = password_matches(password_hash, password)
    if matches and password_hash is not None and needs_rehash(password_hash):
        return PasswordProof(True, PreparedPassword(hash_password(password)))
    return PasswordProof(matches)


def _may_be_a_password(password: str) -> bool:
    try:
        return len(password.encode("utf-8")) <= MAX_BYTES
    except UnicodeEncodeError:
        return False
