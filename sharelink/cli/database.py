"""`sharelink database`: the schema."""

import click

from sharelink.cli.context import command_application, load_settings, told_kindly
from sharelink.persistence import schema
from sharelink.persistence.database import db
from sharelink.start import prepare_embedded_file


@click.group()
def database() -> None:
    """Look after the database's schema."""


@database.command()
def upgrade() -> None:
    """Bring the schema to this version; harmless when it is there already, also from several machines at once."""
    settings = load_settings()
    with told_kindly():
        prepare_embedded_file(settings)
    with command_application(settings):
        before = schema.revision(db.engine)
        schema.upgrade(db.engine)
        after = schema.revision(db.engine)
    if before == after:
        click.echo(f"The schema is the newest already ({after}).")
    else:
        click.echo(f"The schema was upgraded from {before or 'nothing'} to {after}.")
