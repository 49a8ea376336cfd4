"""Whether this log goes on from what is known of it outside of its database.

A database that was put back from a copy is a log that has shrunk. Signing on would make a second log under the name of
the first one, and everybody who holds a checkpoint of the lost part would hold evidence against it.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.audit.models import AuditHead
from sharelink.audit.signing import LogKeys
from sharelink.audit.tree import LogTree, newest_checkpoint
from sharelink.tlog.checkpoints import Checkpoint

RESTORED = "go on as docs/audit.md, 'After a restore', tells"


def discontinuity(session: Session, log_keys: LogKeys, outside: Checkpoint | None) -> str | None:
    """Return in words why this log must not be signed on; None if nothing speaks against it.

    Args:
        session: a reading session.
        log_keys: in whose name it would be signed.
        outside: the newest checkpoint of this log that is known outside of its database.
    """
    size = session.execute(select(AuditHead.size).where(AuditHead.id == 1)).scalar_one_or_none()
    if size is None:
        return "the head of the audit log is missing: nothing can be done until it is restored"
    newest = newest_checkpoint(session)
    if newest is not None and (held := Checkpoint.parse(newest.note.text).origin) != log_keys.origin:
        return (
            f"the audit log is signed as {held}, and would now be signed as {log_keys.origin}: set "
            f"SHARELINK_AUDIT_ORIGIN={held}, or, if it was restored, {RESTORED}"
        )
    if outside is None:
        return None
    if outside.size > size:
        return (
            f"the audit log holds {size} events, and a checkpoint outside of the database tells of {outside.size}: the "
            f"database is older than what left this service; {RESTORED}"
        )
    if outside.size and LogTree(session, outside.size).root() != outside.root:
        return (
            f"the first {outside.size} events of the audit log are not those that a checkpoint outside of the database "
            f"tells of: the database was changed, or comes from another copy; {RESTORED}"
        )
    return None
