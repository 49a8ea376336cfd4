"""`sharelink user`: accounts from the command line, for when the web is not reachable or not yet in use."""

import sys

import click

from sharelink.accounts.errors import AccountAlreadyDisabled, AccountNotFound, LastAdministrator
from sharelink.accounts.password_rules import MIN_CHARACTERS
from sharelink.accounts.queries import Person, people
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.acts import joining
from sharelink.errors import InvalidInput
from sharelink.web.wiring import current_unit_of_work


@click.group()
def user() -> None:
    """Create, list and disable accounts."""


@user.command()
@click.option("--name", prompt="Name", help="The person's name, as others see it.")
@click.option("--email", prompt="E-mail", help="The address the person signs in with.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([role.value for role in Role]),
    help="What the account is; give it once for each role.",
)
@click.option("--group", "groups", multiple=True, help="A custodian group; made if there is none of that name.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking for it.")
def create(name: str, email: str, roles: tuple[str, ...], groups: tuple[str, ...], password_stdin: bool) -> None:
    """Create an account. The password is asked for without being shown."""
    password = _piped_password() if password_stdin else _typed_password()
    try:
        joining.create_account(
            current_unit_of_work(),
            Actor.operator(),
            name=name,
            email=email,
            roles=[Role(role) for role in roles],
            groups=groups,
            password=password,
        )
    except InvalidInput as error:
        problems = "\n".join(f"  {field}: {message}" for field, message in error.fields.items())
        raise click.ClickException(f"The account was not created.\n{problems}") from None
    click.echo("The account was created. Tell the person to sign in and change the password.")


@user.command("list")
def list_accounts() -> None:
    """List every account with its roles and groups."""
    with current_unit_of_work().read() as work:
        found = people(work.session)
    for line in map(_line, found):
        click.echo(line)
    if not found:
        click.echo("There is no account yet.")


@user.command()
@click.argument("email")
def disable(email: str) -> None:
    """Shut the account with the address EMAIL out; what it has open ends with the next request."""
    try:
        with current_unit_of_work().write(Actor.operator()) as work:
            work.accounts.disable_account(email)
    except (AccountNotFound, AccountAlreadyDisabled, LastAdministrator) as error:
        raise click.ClickException(f"Nothing was changed: {error}.") from None
    click.echo("The account was disabled.")


def _typed_password() -> str:
    password: str = click.prompt(
        f"Password (at least {MIN_CHARACTERS} characters)",
        hide_input=True,
        confirmation_prompt="The same once more",
    )
    return password


def _piped_password() -> str:
    # Only the line end that `echo` adds is taken away: everything else may be part of the password.
    return sys.stdin.read().removesuffix("\n").removesuffix("\r")


def _line(person: Person) -> str:
    groups = f" · {', '.join(person.group_names)}" if person.group_names else ""
    state = " · disabled" if person.is_disabled else ""
    return f"{person.email} · {person.name} · {', '.join(person.role_labels)}{groups}{state}"
