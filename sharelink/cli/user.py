"""`sharelink user`: accounts from the command line, for when the web is not reachable or not yet in use.

An operator acts alone, also while separation of duties is on: whoever can type here has the keys anyway. Each act is an
event with the operator as its author, and the groups concerned are told.
"""

import sys

import click

from sharelink.accounts.changes import ChangeRequest
from sharelink.accounts.password_rules import MIN_CHARACTERS
from sharelink.accounts.queries import Person, people, person
from sharelink.accounts.states import ChangeKind, Role
from sharelink.actors import Actor
from sharelink.acts import administering, joining
from sharelink.cli.context import in_application
from sharelink.errors import InvalidInput
from sharelink.web.wiring import current_settings, current_unit_of_work

_role_option = click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([role.value for role in Role]),
    help="What the account is; give it once for each role.",
)
_group_option = click.option(
    "--group", "groups", multiple=True, help="A custodian group; made if there is none of that name."
)
_piped_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking for it."
)


@click.group()
def user() -> None:
    """Invite, create, list, change and disable accounts."""


@user.command()
@click.option("--name", prompt="Name", help="The person's name, as others see it.")
@click.option("--email", prompt="E-mail", help="The address the person signs in with.")
@_role_option
@_group_option
@_piped_option
@click.option(
    "--break-glass",
    is_flag=True,
    help="It signs in here by itself even where only the provider does; every use is told to all administrators.",
)
def create(
    *, name: str, email: str, roles: tuple[str, ...], groups: tuple[str, ...], password_stdin: bool, break_glass: bool
) -> None:
    """Create an account. The password is asked for without being shown."""
    password = _password(password_stdin)
    try:
        joining.create_account(
            current_unit_of_work(),
            Actor.operator(),
            name=name,
            email=email,
            roles=_roles(roles),
            groups=groups,
            password=password,
            is_break_glass=break_glass,
        )
    except InvalidInput as error:
        raise _refused("The account was not created.", error) from None
    click.echo(
        "The account was created. Tell the person to sign in, change the password and add a second factor at once: "
        "until then the password alone lets somebody add theirs."
    )


@user.command()
@click.argument("email")
@_role_option
@_group_option
def invite(email: str, roles: tuple[str, ...], groups: tuple[str, ...]) -> None:
    """Print a link with which the holder of the address EMAIL can join, once, within a week."""
    try:
        with current_unit_of_work().write(Actor.operator()) as work:
            group_ids = [work.accounts.groups.found_or_made(group) for group in groups]
            made = work.accounts.invitations.invite(email, _roles(roles), group_ids)
    except InvalidInput as error:
        raise _refused("Nobody was invited.", error) from None
    click.echo(f"Send this link to {made.email}, and to nobody else; it is not shown again:")
    click.echo(f"{current_settings().base_url}/join#{made.link_secret}")


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
    with current_unit_of_work().write(Actor.operator()) as work:
        work.accounts.disable_account(email)
    click.echo("The account was disabled.")


@user.command()
@click.argument("email")
def enable(email: str) -> None:
    """Let a disabled account sign in again, with the roles and groups that it has."""
    _change(ChangeRequest(ChangeKind.ENABLE, _account_id(email)))
    click.echo("The account can sign in again.")


@user.command()
@click.argument("email")
@_role_option
def roles(email: str, roles: tuple[str, ...]) -> None:
    """Give the account with the address EMAIL exactly these roles."""
    _change(ChangeRequest(ChangeKind.SET_ROLES, _account_id(email), roles=_roles(roles)))
    click.echo("The roles were changed.")


@user.command()
@click.argument("email")
@click.option("--add", "added", multiple=True, help="Name of a group to add the person to; made if there is none.")
@click.option("--remove", "removed", multiple=True, help="Name of a group to remove the person from.")
def groups(email: str, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
    """Add the account with the address EMAIL to groups, or remove it from them."""
    try:
        administering.change_groups(
            current_unit_of_work(), Actor.operator(), _account_id(email), added=added, removed=removed
        )
    except InvalidInput as error:
        raise _refused("Nothing was changed.", error) from None
    click.echo("The groups were changed." if added or removed else "Nothing was asked for; see --help.")


@user.command("reset-factors")
@click.argument("email")
def reset_factors(email: str) -> None:
    """Take the second factors of the account away; after the next password the person adds new ones first."""
    account_id = _account_id(email)
    _change(ChangeRequest(ChangeKind.RESET_FACTORS, account_id))
    click.echo("The second factors were taken away and every session was ended. The person's groups are told.")
    with current_unit_of_work().read() as work:
        has_password = person(work.session, account_id).has_password
    if not has_password:
        click.echo(f"The account has no password either. To let the person in again: sharelink user password {email}")


@user.command("end-sessions")
@click.argument("email")
def end_sessions(email: str) -> None:
    """Sign the account with the address EMAIL out everywhere."""
    account_id = _account_id(email)
    with current_unit_of_work().write(Actor.operator()) as work:
        ended = work.accounts.administration.end_sessions(account_id)
    click.echo(f"Sessions ended: {ended}.")


@user.command("allow-sso")
@click.argument("email")
def allow_sso(email: str) -> None:
    """Let whoever comes from the provider with the verified address EMAIL have this account, once, within a week."""
    with current_unit_of_work().write(Actor.operator()) as work:
        account = work.accounts.administration.account(work.accounts.administration.id_of(email))
        if account.is_break_glass:
            raise click.ClickException("A break-glass account stays apart from the provider.")
        work.sign_ons.allow_link(account)
    click.echo("The account waits for its first sign-in by the provider, for a week. The person's groups are told.")


@user.command()
@click.argument("email")
@_piped_option
def password(email: str, password_stdin: bool) -> None:
    """Set another password for the account with the address EMAIL; its second factors stay."""
    account_id = _account_id(email)
    typed = _password(password_stdin)
    try:
        administering.set_password(current_unit_of_work(), Actor.operator(), account_id, typed)
    except InvalidInput as error:
        raise _refused("The password was not changed.", error) from None
    click.echo("The password was changed and every session was ended.")


def _change(request: ChangeRequest) -> None:
    try:
        administering.change(current_unit_of_work(), Actor.operator(), request)
    except InvalidInput as error:
        raise _refused("Nothing was changed.", error) from None


def _account_id(email: str) -> bytes:
    with current_unit_of_work().read() as work:
        return work.accounts.administration.id_of(email)


def _roles(values: tuple[str, ...]) -> frozenset[Role]:
    return frozenset(Role(value) for value in values)


def _refused(text: str, error: InvalidInput) -> click.ClickException:
    problems = "\n".join(f"  {field}: {message}" for field, message in error.fields.items())
    return click.ClickException(f"{text}\n{problems}")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        # Only the line end that `echo` adds is taken away: everything else may be part of the password.
        return sys.stdin.read().removesuffix("\n").removesuffix("\r")
    typed: str = click.prompt(
        f"Password (at least {MIN_CHARACTERS} characters)",
        hide_input=True,
        confirmation_prompt="The same once more",
    )
    return typed


def _line(person: Person) -> str:
    groups = f" · {', '.join(person.group_names)}" if person.group_names else ""
    state = " · disabled" if person.is_disabled else ""
    kind = " · break-glass" if person.is_break_glass else ""
    return f"{person.email} · {person.name} · {', '.join(person.role_labels)}{groups}{kind}{state}"


in_application(user)
