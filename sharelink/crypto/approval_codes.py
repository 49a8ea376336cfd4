"""What the database keeps of an approver's code: a keyed hash. A short code could be guessed from a plain one."""

import hmac
from collections.abc import Iterable


def approval_code_hash(key: bytes, code_id: bytes, code: str) -> bytes:
    """Return the hash of a normalised code. `key` is 32 bytes of the keyring; `code_id` binds the hash to its row."""
    return hmac.digest(key, b"sharelink/v1/approval-code\0" + code_id + code.encode("ascii"), "sha256")


def approval_code_matches(keys: Iterable[bytes], code_id: bytes, code: str, kept_hash: bytes) -> bool:
    """Compare in constant time with what each of `keys` makes of the code: the key may have been replaced since."""
    return any(hmac.compare_digest(approval_code_hash(key, code_id, code), kept_hash) for key in keys)
