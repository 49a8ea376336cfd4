"""A short reading transaction, as `Verification` wants one."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from sharelink.audit.findings import Finding
from sharelink.audit.verification import Verification
from sharelink.unit_of_work import UnitOfWork


@contextmanager
def reading(unit_of_work: UnitOfWork) -> Iterator[Session]:
    with unit_of_work.read() as work:
        yield work.session


def verified(unit_of_work: UnitOfWork) -> tuple[Verification, list[Finding]]:
    """Return a finished verification and what it found."""
    verification = Verification(lambda: reading(unit_of_work), unit_of_work.log_keys, unit_of_work.keyring.audit_key)
    return verification, list(verification.findings())
