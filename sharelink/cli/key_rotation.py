"""`sharelink keys rotate`, `rewrap` and `retire`: replacing keys while the service runs."""

import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from sharelink.acts import rotating
from sharelink.cli.context import command_application, load_settings
from sharelink.crypto.errors import KeyUnusable, KeyWrappingFailed
from sharelink.crypto.key_purposes import KeyName, KeyPurpose
from sharelink.keys.errors import KeyStillNeeded
from sharelink.keys.live import SETTLE_SECONDS
from sharelink.start import require_schema
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import current_unit_of_work

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

_STEPS = 20
_FOLLOWS = {
    KeyPurpose.MASTER: "New shares are sealed with it. Seal the older ones with it, too: sharelink keys rewrap master",
    KeyPurpose.FACTOR: "Seal the authenticator apps' secrets with it, too: sharelink keys rewrap factor",
    KeyPurpose.WEBHOOK: "Seal the webhooks' secrets with it, too: sharelink keys rewrap webhook",
    KeyPurpose.TOKEN: "New links are signed with it. Older links go on working by the older key.",
    KeyPurpose.CLIENT: "Counts and pauses of clients begin anew. The older key can be retired at once.",
    KeyPurpose.LOG: (
        "Both keys sign the audit log. Hand out the new public one (sharelink audit keys), and retire the older when "
        "everybody has it."
    ),
    KeyPurpose.FORM: "Forms that are open go on working by the older key.",
}


def _as_purpose(_context: click.Context, _parameter: click.Parameter, value: str) -> KeyPurpose:
    return KeyPurpose(value)


def _argument(purposes: Iterable[KeyPurpose]) -> Callable[[FunctionT], FunctionT]:
    names = [purpose.value for purpose in purposes]
    return click.argument(
        "purpose", default=KeyPurpose.MASTER.value, type=click.Choice(names), callback=_as_purpose, required=False
    )


_purpose = _argument(KeyPurpose)
_sealed = _argument(rotating.SEALED)


@click.command()
@_purpose
@click.option("--yes", is_flag=True, help="Do not ask: every process has the key from its environment.")
def rotate(purpose: KeyPurpose, yes: bool) -> None:
    """Put a new version of a key into use, while the service runs.

    Every process takes it into its keyring first; only then anything is sealed or signed with it. Run it again if it
    was interrupted.
    """

    def work(unit_of_work: UnitOfWork) -> None:
        try:
            staged = rotating.stage_next(unit_of_work, purpose)
        except (KeyUnusable, KeyWrappingFailed) as error:
            raise click.ClickException(f"The new key {error}.") from None
        except OSError as error:
            raise click.ClickException(f"The keyring cannot be written ({error.strerror}).") from None
        name = staged.name
        if staged.is_given and not yes:
            click.confirm(
                f"Does every process have {name.purpose}.{name.version} in its environment, "
                "and /readyz of each says that its keyring is sound?",
                abort=True,
            )
        _wait("Every process takes it")
        before = rotating.activate(unit_of_work, name)
        click.echo(f"{name.purpose}.{name.version} is in use{f' instead of version {before}' if before else ''}.")
        if purpose in _FOLLOWS:
            click.echo(_FOLLOWS[purpose])

    _in_application(work)


@click.command()
@_sealed
def rewrap(purpose: KeyPurpose) -> None:
    """Seal what is kept with the current version of its key, while the service runs. Needs no link.

    Run it again if it was interrupted; it goes on where it was.
    """

    def work(unit_of_work: UnitOfWork) -> None:
        total, done = rotating.to_rewrap(unit_of_work, purpose), 0
        with click.progressbar(length=total, label="Sealing anew") as bar:
            for count in rotating.rewrap(unit_of_work, purpose):
                done += count
                bar.update(min(count, total - bar.pos))
        left = rotating.to_rewrap(unit_of_work, purpose)
        click.echo(f"{done:,} sealed with the current key; {left:,} left.")
        if left:
            raise click.ClickException(
                "Somebody works on these right now, or they do not open. Run this again; what does not open ends by "
                "itself when its time is over."
            )

    _in_application(work)


@click.command()
@_purpose
@click.argument("version", type=click.IntRange(1, 65_535))
@click.option("--lost", is_flag=True, help="The key is nowhere any more: give up what was sealed with it.")
@click.option("--yes", is_flag=True, help="Do not ask before something is given up.")
def retire(purpose: KeyPurpose, version: int, lost: bool, yes: bool) -> None:
    """Retire an old version of a key and remove it, if nothing needs it any more.

    First it is forbidden, so that nothing new is sealed with it; then it is counted what needs it.
    """
    name = KeyName(purpose, version)

    def work(unit_of_work: UnitOfWork) -> None:
        if lost and not yes:
            click.confirm(
                f"{rotating.needing(unit_of_work, name):,} can be opened with {purpose}.{version} only. Give them up?",
                abort=True,
            )
        try:
            is_removed = rotating.retire(unit_of_work, name, is_lost=lost)
        except KeyStillNeeded as error:
            hint = f" Run first: sharelink keys rewrap {purpose}" if purpose in rotating.SEALED else ""
            raise click.ClickException(f"Not retired: {error}.{hint}") from None
        except OSError as error:
            raise click.ClickException(
                f"It is retired, but its file cannot be removed ({error.strerror}). Run this again."
            ) from None
        click.echo(f"{purpose}.{version} is retired{', and its file is gone' if is_removed else ''}.")
        if version in unit_of_work.keys.source.given and purpose is KeyPurpose.MASTER:
            click.echo("Take it out of SHARELINK_MASTER_KEYS of every process.")
        click.echo("Destroy every copy of it as well: a backup from before could be opened with it.")

    _in_application(work)


def _in_application(work: Callable[[UnitOfWork], None]) -> None:
    settings = load_settings()
    with command_application(settings):
        require_schema(settings)
        work(current_unit_of_work())


def _wait(label: str) -> None:
    with click.progressbar(range(_STEPS), label=label) as steps:
        for _step in steps:
            time.sleep(SETTLE_SECONDS / _STEPS)
