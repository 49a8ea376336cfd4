"""Going on with a log that was put back from a copy: under a new name, and said aloud."""

from sharelink.actors import Actor
from sharelink.audit.errors import OriginUnchanged
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.audit.tree import newest_checkpoint
from sharelink.tlog.checkpoints import Checkpoint
from sharelink.unit_of_work import UnitOfWork


def go_on_under_new_name(unit_of_work: UnitOfWork) -> tuple[str, str]:
    """Write the event that ends the old name of the log and begins the new one; return both.

    What was signed under the old name stays true of what it was signed over, and is never signed again: nobody can
    be shown two logs of one name.

    Raises:
        OriginUnchanged: the settings give the log the name that it had.
    """
    with unit_of_work.write(Actor.operator()) as work:
        newest = newest_checkpoint(work.session)
        old = Checkpoint.parse(newest.note.text).origin if newest is not None else unit_of_work.log_keys.origin
        if old == unit_of_work.log_keys.origin:
            raise OriginUnchanged(old)
        work.audit.append(
            AuditEvent.LOG_RESTORED,
            rec=SYSTEM_CHAIN,
            actor=work.actor,
            now=work.now,
            facts={"old_origin": old, "events": newest.size if newest is not None else 0},
        )
    return old, unit_of_work.log_keys.origin
