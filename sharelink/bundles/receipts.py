"""Receipts: the entries by which the log says what became of a share, or that custody has ended."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from sharelink.audit.events import AuditEvent
from sharelink.audit.tree import StoredCheckpoint, newest_checkpoint
from sharelink.bundles.chain import Entry, key_destroyed_entry, record_entry, share_entry
from sharelink.bundles.errors import NoReceipt
from sharelink.bundles.trust import newest_witnessed
from sharelink.shares.models import Share
from sharelink.shares.states import ShareKind
from sharelink.witnesses.configured import Witnesses

RECEIVED, REVEALED, RETRIEVED, UNREAD, DESTROYED, ENDED = (
    *("received", "revealed", "retrieved", "ended-unread"),
    *("destroyed", "custody-ended"),
)

_ENDS: Mapping[str, frozenset[AuditEvent]] = {
    REVEALED: frozenset({AuditEvent.SHARE_REVEALED}),
    RETRIEVED: frozenset({AuditEvent.REQUEST_RETRIEVED}),
    UNREAD: frozenset({AuditEvent.SHARE_BURNED, AuditEvent.SHARE_EXPIRED}),
}
_OF_RECORD = frozenset({AuditEvent.CUSTODY_RELEASED, AuditEvent.CUSTODY_CLOSED})

WORDS: Mapping[str, str] = {
    RECEIVED: "we received what was submitted",
    REVEALED: "it was shown, once",
    RETRIEVED: "a custodian retrieved it, once",
    UNREAD: "it ended without being read, and was erased",
    DESTROYED: "the key of its day was destroyed: no copy anywhere can be opened any more",
    ENDED: "custody has ended",
}
"""What the entry in each file says, in words for its reader."""


def share_receipt_entries(session: Session, share: Share) -> dict[str, Entry]:
    """Return what there is to attest of a share so far, by the names of the files."""
    found: dict[str, Entry] = {}
    if share.kind is ShareKind.REQUEST:
        received = share_entry(session, share, {AuditEvent.REQUEST_SUBMITTED}, share.created_at)
        if received is None:
            # Nothing was ever sealed, so nothing was read or destroyed.
            return {}
        found[RECEIVED] = received
    if share.ended_at is None:
        return found
    for name, events in _ENDS.items():
        if (entry := share_entry(session, share, events, share.ended_at)) is not None:
            found[name] = entry
    if (destroyed := key_destroyed_entry(session, share.expires_at)) is not None:
        found[DESTROYED] = destroyed
    return found


def record_receipt_entries(session: Session, custody_id: bytes) -> dict[str, Entry]:
    """Return the entry that says that custody has ended, by the name of its file; empty while it has not."""
    entry = record_entry(session, custody_id, _OF_RECORD)
    return {} if entry is None else {ENDED: entry}


def receipt_checkpoint(session: Session, entries: Mapping[str, Entry], witnesses: Witnesses) -> StoredCheckpoint:
    """Return the checkpoint that the proofs of a receipt lead to: one that witnesses have signed, or else the newest.

    Raises:
        NoReceipt: there is nothing to attest yet.
    """
    least_size = 1 + max((entry.index for entry in entries.values()), default=0)
    checkpoint = newest_witnessed(session, witnesses, least_size) or newest_checkpoint(session)
    if not entries or checkpoint is None:
        raise NoReceipt("there is nothing to attest yet")
    return checkpoint
