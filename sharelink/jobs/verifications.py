"""Does the runs over the whole log that auditors ask for on their page."""

import time
from collections.abc import Callable
from pathlib import Path

from sharelink.actors import Actor
from sharelink.acts.verifying import verification
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent, Outcome
from sharelink.audit.verification_runs import end_run, move_run, next_run, take_run
from sharelink.unit_of_work import UnitOfWork

FINDINGS_TOLD = 100
MOVED_EVERY_SECONDS = 1.0


class _Stopped(Exception):
    """The worker was told to stop; another one begins the run anew."""


def verify_once(
    unit_of_work: UnitOfWork, checkpoint_file: Path, *, is_stopping: Callable[[], bool] = lambda: False
) -> bool:
    """Do the run that waits, if there is one, and write down how it ended; return whether there was one.

    Raises:
        StorageUnavailable: the database could not be read or written.
        OSError: the file of checkpoints could not be read.
    """
    with unit_of_work.read() as work:
        run_id = next_run(work.session, work.now)
    if run_id is None:
        return False
    with unit_of_work.write(Actor.system()) as work:
        if not take_run(work.session, run_id, work.now):
            return False
    moved_at = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal moved_at
        if is_stopping():
            raise _Stopped
        if time.monotonic() - moved_at >= MOVED_EVERY_SECONDS:
            moved_at = time.monotonic()
            with unit_of_work.write(Actor.system()) as work:
                move_run(work.session, run_id, work.now, done, total)

    told: list[str] = []
    count = 0
    checked = verification(unit_of_work, checkpoint_file, on_progress=tell)
    try:
        for finding in checked.findings():
            count += 1
            if count <= FINDINGS_TOLD:
                place = "Log" if finding.index is None else f"Event {finding.index}"
                told.append(f"{place}: {finding.text}")
    except _Stopped:
        return False
    with unit_of_work.write(Actor.system()) as work:
        move_run(work.session, run_id, work.now, checked.counts.events, checked.counts.events)
        end_run(work.session, run_id, work.now, count, told)
        work.audit.append(
            AuditEvent.AUDIT_VERIFICATION_FAILED if count else AuditEvent.AUDIT_VERIFIED,
            rec=SYSTEM_CHAIN,
            actor=work.actor,
            now=work.now,
            outcome=Outcome.FAILURE if count else Outcome.SUCCESS,
            facts={"events": checked.counts.events, "findings": count},
        )
    return True
