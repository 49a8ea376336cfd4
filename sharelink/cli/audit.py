"""`sharelink audit`: looking after the audit log from the command line."""

import sys

import click

from sharelink.acts.verifying import verification
from sharelink.web.wiring import current_unit_of_work

FINDINGS_SHOWN = 100


@click.group()
def audit() -> None:
    """Check, prove and export the audit log."""


@audit.command()
def verify() -> None:
    """Check every event, chain, personal field, checkpoint and state; end with 1 if anything is wrong."""
    unit_of_work = current_unit_of_work()
    found = 0
    with click.progressbar(length=1, label="Checking", show_pos=True, hidden=not _is_watched()) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        checked = verification(unit_of_work, on_progress=show)
        for finding in checked.findings():
            found += 1
            if found <= FINDINGS_SHOWN:
                place = "log" if finding.index is None else f"event {finding.index}"
                click.echo(f"{finding.kind.value}: {place}: {finding.text}")
    if found > FINDINGS_SHOWN:
        click.echo(f"... and {found - FINDINGS_SHOWN} more")
    click.echo(
        f"{checked.events} events in {checked.chains} chains under {checked.checkpoints} checkpoints,"
        f" {checked.disclosures} personal fields, {checked.erased} erased."
    )
    if found:
        click.echo(f"{found} findings: the log was changed.")
        raise SystemExit(1)
    click.echo("Everything fits.")


def _is_watched() -> bool:
    return sys.stdout.isatty()
