"""Verifying the whole log, in many short readings: what is to be followed, and what is held against it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.orm import Session

from sharelink.audit.checkpoint_file import newest_in_file
from sharelink.audit.events_checks import StateCheck
from sharelink.audit.segments import SegmentChecks
from sharelink.audit.verification import Progress, Verification
from sharelink.custody.verification import record_states
from sharelink.shares.verification import share_states
from sharelink.unit_of_work import UnitOfWork


def verification(
    unit_of_work: UnitOfWork, checkpoint_file: Path, *, on_progress: Progress = lambda _done, _total: None
) -> Verification:
    """Return a verification of everything there is, ready to run.

    Args:
        unit_of_work: what makes short readings.
        checkpoint_file: where the log is known outside of its database.
        on_progress: told how many events are done, of how many.

    Raises:
        OSError: that file cannot be read.
    """

    @contextmanager
    def reading() -> Iterator[Session]:
        with unit_of_work.read() as work:
            yield work.session

    outside = newest_in_file(checkpoint_file, unit_of_work.log_keys)
    return Verification(
        reading,
        unit_of_work.log_keys,
        unit_of_work.keyring.audit_key,
        held=[] if outside is None else [outside],
        state_checks=state_checks(),
        side_by_side=SegmentChecks(
            unit_of_work.engine.url.render_as_string(hide_password=False),
            unit_of_work.keyring.audit_key,
            state_checks,
        ),
        on_progress=on_progress,
    )


def state_checks() -> Sequence[StateCheck]:
    """Return what follows everything that has a state, from the beginning of the log on."""
    return [share_states(), record_states()]
