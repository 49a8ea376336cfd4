"""The digest of a requested use: what an approval is of, and what is compared before anything is done with it."""

import hashlib

from sharelink.access.models import RootUse
from sharelink.audit.leaves import canonical_json
from sharelink.crypto.identifiers import id_text
from sharelink.times import microseconds

_DOMAIN = b"sharelink/v1/root use\0"


def use_digest(use: RootUse) -> bytes:
    """Return SHA-256 over everything about `use` that an approver is shown and that may never change.

    The row's random salt is in it: events keep the digest for ever, and nobody shall guess an erased ticket by it.
    """
    about = canonical_json(
        {
            "v": 1,
            "use": id_text(use.id),
            "record": id_text(use.custody_id),
            "number": use.number,
            "requester": id_text(use.requester_id),
            "purpose": str(use.purpose),
            "ticket": use.ticket,
            "reason": use.reason,
            "from": microseconds(use.window_start),
            "until": microseconds(use.window_end),
            "requested_at": microseconds(use.requested_at),
            "break_glass": use.is_break_glass,
            "approvals_needed": use.approvals_needed,
            "policy": use.policy_digest.hex(),
            "salt": use.salt.hex(),
        }
    )
    return hashlib.sha256(_DOMAIN + about).digest()
