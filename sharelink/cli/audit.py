"""`sharelink audit`: looking after the audit log from the command line."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.orm import Session

from sharelink.audit.verification import Verification
from sharelink.web.wiring import current_unit_of_work

FINDINGS_SHOWN = 100


@click.group()
def audit() -> None:
    """Check the audit log."""


@audit.command()
def verify() -> None:
    """Check every event, every chain and every personal field; end with 1 if anything is wrong."""
    verification = Verification(_reading)
    found = 0
    for finding in verification.findings():
        found += 1
        if found <= FINDINGS_SHOWN:
            place = "log" if finding.index is None else f"event {finding.index}"
            click.echo(f"{finding.kind.value}: {place}: {finding.text}")
    if found > FINDINGS_SHOWN:
        click.echo(f"... and {found - FINDINGS_SHOWN} more")
    click.echo(
        f"{verification.events} events in {verification.chains} chains, {verification.disclosures} personal fields,"
        f" {verification.erased} erased."
    )
    if found:
        click.echo(f"{found} findings: the log was changed.")
        raise SystemExit(1)
    click.echo("Everything fits.")


@contextmanager
def _reading() -> Iterator[Session]:
    with current_unit_of_work().read() as work:
        yield work.session
