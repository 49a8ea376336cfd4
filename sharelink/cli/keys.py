"""`sharelink keys`: the keyring."""

import click

from sharelink.app import EPOCH_DIRECTORY, key_source
from sharelink.cli.context import load_settings, told_kindly
from sharelink.cli.key_rotation import retire, rewrap, rotate
from sharelink.crypto.epoch_keys import EpochKeys
from sharelink.crypto.errors import KeyWrappingFailed
from sharelink.crypto.key_purposes import KeyName, KeyPurpose
from sharelink.crypto.keyring import Keyring
from sharelink.errors import UnsafeStart
from sharelink.start import harden_process


@click.group()
def keys() -> None:
    """Make, list and replace the server's keys. They are never shown."""


for _command in (rotate, rewrap, retire):
    keys.add_command(_command)


@keys.command()
def create() -> None:
    """Make every key that is missing; existing ones stay as they are."""
    settings = load_settings()
    harden_process(settings)
    directory = settings.keyring_directory
    with told_kindly():
        try:
            made = key_source(settings).create_missing()
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
    """List keys by name and version, and the days that have an epoch key. While keys are being replaced, the database
    says which version is in use: see sharelink check.
    """
    settings = load_settings()
    with told_kindly():
        source = key_source(settings)
        keyring = Keyring.load(source)
    for purpose, versions in keyring.keys.items():
        newest = max(versions)
        for version in versions:
            marks = ["current"] if version == newest else []
            if purpose is KeyPurpose.MASTER:
                marks += ["wrapped"] if source.is_wrapped(KeyName(purpose, version)) else []
                marks += ["from the environment"] if version in source.given else []
            told = f" ({', '.join(marks)})" if marks else ""
            click.echo(f"{purpose.value}.{version}{told}")
    for day in EpochKeys(settings.keyring_directory / EPOCH_DIRECTORY).days():
        click.echo(f"epoch {day.isoformat()}")


@keys.command()
def wrap() -> None:
    """Wrap the master keys in the keyring by AWS KMS, or wrap them anew by another of its keys."""
    settings = load_settings()
    harden_process(settings)
    if not settings.has_kms:
        raise click.ClickException("Set SHARELINK_KMS_KEY_ID first; docs/keys.md tells how.")
    with told_kindly():
        source = key_source(settings)
        versions = Keyring.load(source).keys[KeyPurpose.MASTER]
        names = [KeyName(KeyPurpose.MASTER, version) for version in versions]
        names = [name for name in names if (source.directory / name.file_name).exists()]
        for name in names:
            try:
                source.rewrite(name)
            except KeyWrappingFailed as error:
                raise click.ClickException(
                    f"{name.file_name} {error}.\nIts file is as it was. Run this again when that is mended."
                ) from None
            except OSError as error:
                raise UnsafeStart([f"{name.file_name} cannot be written ({error.strerror})"]) from error
            click.echo(f"{name.file_name} is wrapped.")
    if not names:
        click.echo("Nothing to do: no master key lies in the keyring.")
