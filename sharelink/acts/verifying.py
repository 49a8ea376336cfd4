"""Verifying the whole log, in many short readings: what is to be followed, and what is held against it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from sharelink.audit.verification import Progress, Verification
from sharelink.unit_of_work import UnitOfWork


def verification(unit_of_work: UnitOfWork, *, on_progress: Progress = lambda _done, _total: None) -> Verification:
    """Return a verification of everything there is, ready to run."""

    @contextmanager
    def reading() -> Iterator[Session]:
        with unit_of_work.read() as work:
            yield work.session

    return Verification(reading, unit_of_work.log_keys, unit_of_work.keyring.audit_key, on_progress=on_progress)
