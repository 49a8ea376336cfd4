"""Whom a bundle's reader should ask for signatures, and which checkpoint has them already."""

from sqlalchemy.orm import Session

from sharelink.audit.cosignatures import cosigned, witnessed_checkpoint
from sharelink.audit.signing import LogKeys
from sharelink.audit.tree import StoredCheckpoint, newest_checkpoint
from sharelink.settings_witnessing import WITNESS_GROUP
from sharelink.tlog.checkpoints import Checkpoint
from sharelink.tlog.policies import Group, Policy
from sharelink.tlog.signed_notes import SignedNote
from sharelink.witnesses.configured import Witnesses


def trusted_policy(keys: LogKeys, witnesses: Witnesses) -> Policy:
    """Return the policy that comes along: all keys of the log, those that signed before included, and its witnesses."""
    log_keys = tuple(verifier.key for verifier in keys.verifiers)
    named = {witness.name: witness.key for witness in witnesses.all}
    groups = {WITNESS_GROUP: Group(witnesses.quorum, tuple(named))} if witnesses.quorum else {}
    return Policy(log_keys, named, groups, WITNESS_GROUP if witnesses.quorum else None)


def newest_witnessed(session: Session, witnesses: Witnesses, least_size: int = 0) -> StoredCheckpoint | None:
    """Return the newest checkpoint that enough witnesses have signed, at least one; None while there is none."""
    newest = newest_checkpoint(session)
    if not witnesses.all or newest is None:
        return None
    found = witnessed_checkpoint(session, max(witnesses.quorum, 1), least_size)
    # After a restore, the log may go on under another name: what was signed under the old one is of another log.
    return found if found is not None and _origin(found) == _origin(newest) else None


def witnessed_before(
    session: Session, witnesses: Witnesses, checkpoint: StoredCheckpoint
) -> tuple[int, SignedNote] | None:
    """Return size and note of what witnesses have seen before `checkpoint`; None if they have seen this, or nothing.

    They look once a minute: what was just written they have not seen, yet that it goes on from what they saw is proved.
    """
    found = newest_witnessed(session, witnesses)
    if found is None or found.size >= checkpoint.size:
        return None
    return found.size, cosigned(session, found)


def _origin(checkpoint: StoredCheckpoint) -> str:
    return Checkpoint.parse(checkpoint.note.text).origin
