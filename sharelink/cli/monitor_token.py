"""`sharelink audit monitor-token`: tokens by which programs of others read the log."""

import click

from sharelink.actors import Actor
from sharelink.crypto.identifiers import id_from_text
from sharelink.errors import InvalidInput
from sharelink.monitors.queries import monitor_tokens
from sharelink.monitors.tokens import LIFETIME_MAX_DAYS
from sharelink.web.wiring import current_settings, current_unit_of_work


@click.group("monitor-token")
def monitor_token() -> None:
    """Make, list and revoke tokens by which programs read the log."""


@monitor_token.command()
@click.option("--name", required=True, help="Whose it is.")
@click.option(
    "--days",
    type=click.IntRange(1, LIFETIME_MAX_DAYS),
    default=90,
    show_default=True,
    help="After how many days it ends.",
)
def create(name: str, days: int) -> None:
    """Make a token and print it, this once."""
    try:
        with current_unit_of_work().write(Actor.operator()) as work:
            new = work.monitor_tokens.create(name, days)
    except InvalidInput as error:
        raise click.ClickException(" ".join(error.fields.values())) from None
    click.echo(f"Read {current_settings().base_url}/audit/checkpoint with this token. It is shown this once:", err=True)
    click.echo(new.text)


@monitor_token.command("list")
def list_tokens() -> None:
    """List the tokens that were not revoked."""
    with current_unit_of_work().read() as work:
        found = monitor_tokens(work.session, work.now)
    for token in found:
        used = "never used" if token.last_used_at is None else f"last used {token.last_used_at:%Y-%m-%d}"
        until = "over since" if token.is_over else "until"
        click.echo(f"{token.id_text}  {token.name}  {until} {token.expires_at:%Y-%m-%d}  {used}")


@monitor_token.command()
@click.argument("token_id")
def revoke(token_id: str) -> None:
    """End a token, by its id in the list."""
    try:
        found = id_from_text(token_id)
    except ValueError:
        raise click.ClickException("There is no such token; look at the list.") from None
    with current_unit_of_work().write(Actor.operator()) as work:
        work.monitor_tokens.revoke(found)
    click.echo("Revoked.")
