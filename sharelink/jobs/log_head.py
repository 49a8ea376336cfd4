"""What keeps the log known outside of its database, and its silence visible: the checkpoint file and a daily event."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from sharelink.actors import Actor
from sharelink.audit.checkpoint_file import append_checkpoint, newest_in_file
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.models import AuditLeaf
from sharelink.audit.tree import mark_handed_out, newest_checkpoint
from sharelink.unit_of_work import UnitOfWork

HEARTBEAT_EVERY = timedelta(days=1)


def keep_head_outside_once(unit_of_work: UnitOfWork, path: Path) -> bool:
    """Append the newest checkpoint to the file, if it tells of more than the file does; return whether it did.

    Raises:
        StorageUnavailable: the database could not be read or written.
        OSError: the file could not be read or written.
    """
    known = newest_in_file(path, unit_of_work.log_keys)
    with unit_of_work.read() as work:
        newest = newest_checkpoint(work.session)
    if newest is None or (known is not None and known.size >= newest.size):
        return False
    with unit_of_work.write(Actor.system()) as work:
        mark_handed_out(work.session, newest.size, work.now)
    append_checkpoint(path, newest.note)
    return True


def beat_once(unit_of_work: UnitOfWork) -> bool:
    """Append the event that shows that the log is alive, once a day; return whether it was due.

    A log in which nothing happens and one that was switched off look the same without it.
    """
    with unit_of_work.read() as work:
        last_at = work.session.execute(
            select(AuditLeaf.at)
            .where(AuditLeaf.rec == SYSTEM_CHAIN, AuditLeaf.type == AuditEvent.LOG_HEARTBEAT.value)
            .order_by(AuditLeaf.index.desc())
            .limit(1)
        ).scalar_one_or_none()
        if last_at is not None and work.now - last_at < HEARTBEAT_EVERY:
            return False
    with unit_of_work.write(Actor.system()) as work:
        work.audit.append(AuditEvent.LOG_HEARTBEAT, rec=SYSTEM_CHAIN, actor=work.actor, now=work.now)
    return True
