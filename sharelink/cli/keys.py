"""`sharelink keys`: the keyring."""

import click

from sharelink.app import EPOCH_DIRECTORY
from sharelink.cli.context import load_settings, told_kindly
from sharelink.crypto.epoch_keys import EpochKeys
from sharelink.crypto.keyring import Keyring, create_missing_keys
from sharelink.errors import UnsafeStart
from sharelink.start import harden_process


@click.group()
def keys() -> None:
    """Make and list the server's keys. They are never shown."""


@keys.command()
def create() -> None:
    """Make every key that is missing; existing ones stay as they are."""
    settings = load_settings()
    harden_process(settings)
    directory = settings.keyring_directory
    with told_kindly():
        try:
            made = create_missing_keys(directory)
        except OSError as error:
            raise UnsafeStart([f"the keyring {directory} cannot be written ({error.strerror})"]) from error
    if not made:
        click.echo(f"Nothing to do: every key exists in {directory}.")
        return
    click.echo(f"Made in {directory}: {', '.join(made)}.")
    click.echo(
        "Keep copies of these files apart from copies of the database, but never of the folder "
        f"{EPOCH_DIRECTORY}/: what is destroyed there must stay destroyed."
    )


@keys.command("list")
def list_keys() -> None:
    """List keys by name and version, and the days that have an epoch key."""
    directory = load_settings().keyring_directory
    with told_kindly():
        keyring = Keyring.load(directory)
    for purpose, versions in keyring.keys.items():
        current = max(versions)
        for version in versions:
            click.echo(f"{purpose.value}.{version}{' (current)' if version == current else ''}")
    for day in EpochKeys(directory / EPOCH_DIRECTORY).days():
        click.echo(f"epoch {day.isoformat()}")
