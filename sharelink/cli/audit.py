"""`sharelink audit`: checking, proving, exporting and looking after the audit log from the command line."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

import click

from sharelink.actors import Actor
from sharelink.acts import auditing, restoring
from sharelink.acts.verifying import verification
from sharelink.audit.erasure import ErasureRule
from sharelink.audit.export import ExportFormat
from sharelink.audit.search import EventFilter
from sharelink.cli.context import in_application
from sharelink.cli.monitor_token import monitor_token
from sharelink.crypto.identifiers import id_text
from sharelink.custody.queries import record_by_reference
from sharelink.web.wiring import current_settings, current_unit_of_work

FINDINGS_SHOWN = 100
_FORMATS = click.Choice([form.value for form in ExportFormat])
_DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group()
def audit() -> None:
    """Check, prove and export the audit log."""


@audit.command()
def verify() -> None:
    """Check every event, chain, personal field, checkpoint and state; end with 1 if anything is wrong."""
    found = 0
    with click.progressbar(length=1, label="Checking", show_pos=True, hidden=not sys.stdout.isatty()) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        checked = verification(current_unit_of_work(), current_settings().checkpoint_file, on_progress=show)
        for finding in checked.findings():
            found += 1
            if found <= FINDINGS_SHOWN:
                place = "log" if finding.index is None else f"event {finding.index}"
                click.echo(f"{finding.kind.value}: {place}: {finding.text}")
    if found > FINDINGS_SHOWN:
        click.echo(f"... and {found - FINDINGS_SHOWN} more")
    counts = checked.counts
    click.echo(
        f"{counts.events} events in {counts.chains} chains under {counts.checkpoints} checkpoints,"
        f" {counts.disclosures} personal fields, {counts.erased} erased."
    )
    if found:
        click.echo(f"{found} findings: the log was changed.")
        raise SystemExit(1)
    click.echo("Everything fits.")


@audit.command()
def checkpoint() -> None:
    """Print the newest signed checkpoint. Keep it elsewhere: it shows later that the log was only added to."""
    newest = auditing.hand_out_checkpoint(current_unit_of_work(), Actor.operator())
    click.echo(newest.note.to_bytes().decode("utf-8"), nl=False)


@audit.command()
def keys() -> None:
    """Print the public keys of the log, as policies and contracts name them."""
    for key in current_unit_of_work().log_keys.public_keys:
        click.echo(key.text())


@audit.command()
@click.argument("indices", nargs=-1, required=True, type=click.IntRange(min=0))
@click.option(
    "--into",
    "directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files; made if it is not there.",
)
def prove(indices: tuple[int, ...], directory: Path) -> None:
    """Write events by their numbers in the log: the exact bytes, and the proof that the log holds them."""
    proven = auditing.prove(current_unit_of_work(), Actor.operator(), list(indices))
    directory.mkdir(parents=True, exist_ok=True)
    for event in proven:
        name = f"{event.proof.index:08d}"
        (directory / f"{name}.json").write_bytes(event.leaf)
        (directory / f"{name}.tlog-proof").write_bytes(event.proof.to_bytes())
    click.echo(f"{len(proven)} events with proofs in {directory}.")


@audit.command()
@click.option("--format", "form", type=_FORMATS, default="jsonl", show_default=True)
@click.option("--record", "reference", help="Only this record, by its reference.")
@click.option("--kind", default="", help="Only this kind of event, such as share.revealed, or a family, such as share.")
@click.option("--since", type=_DAY, help="Only from the beginning of this day on (UTC).")
@click.option("--until", type=_DAY, help="Only up to the beginning of this day (UTC).")
@click.option(
    "--output", type=click.File("w", encoding="utf-8", atomic=True), default="-", help="A file; else printed."
)
def export(
    *,
    form: str,
    reference: str | None,
    kind: str,
    since: datetime | None,
    until: datetime | None,
    output: TextIO,
) -> None:
    """Write events out, oldest first, with the personal fields that remain."""
    rec = None if reference is None else _chain_of(reference)
    wanted = EventFilter(rec=rec, kind=kind, since=_utc(since), until=_utc(until))
    output.writelines(auditing.export(current_unit_of_work(), Actor.operator(), wanted, ExportFormat(form)))


@audit.group()
def disclosures() -> None:
    """Look after the personal fields of events."""


@disclosures.command()
@click.option(
    "--public-days",
    type=click.IntRange(min=1),
    default=180,
    show_default=True,
    help="How old the acts of visitors without an account are at the least.",
)
@click.option(
    "--staff-days",
    type=click.IntRange(min=1),
    default=365,
    show_default=True,
    help="How old the acts of accounts are at the least.",
)
@click.option("--keep", "references", multiple=True, help="A record whose fields stay, by its reference.")
@click.confirmation_option(prompt="Personal fields that are older are erased for good. Go on?")
def erase(public_days: int, staff_days: int, references: tuple[str, ...]) -> None:
    """Erase names, addresses and free texts of old events. Every proof stays valid."""
    unit_of_work = current_unit_of_work()
    now = unit_of_work.clock()
    rule = ErasureRule(
        public_before=now - timedelta(days=public_days),
        staff_before=now - timedelta(days=staff_days),
        kept_chains=frozenset(_chain_of(reference) for reference in references),
    )
    total = sum(auditing.erase_personal_fields(unit_of_work, Actor.operator(), rule))
    click.echo(f"{total} personal fields erased.")


@audit.command()
@click.confirmation_option(prompt="The log goes on under the name in the settings, for good. Go on?")
def restored() -> None:
    """Go on with a log that was put back from a copy, under a new name (docs/audit.md, 'After a restore')."""
    old, new = restoring.go_on_under_new_name(current_unit_of_work())
    click.echo(f"The log that was signed as {old} goes on as {new}.")


def _chain_of(reference: str) -> str:
    with current_unit_of_work().read() as work:
        found = record_by_reference(work.session, reference)
    if found is None:
        raise click.BadParameter("there is no record with this reference")
    return id_text(found)


def _utc(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)


audit.add_command(monitor_token)
in_application(audit)
