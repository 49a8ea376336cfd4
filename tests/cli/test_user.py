"""Accounts from the command line: created without a password on the screen, listed, disabled."""

import pytest
from click.testing import CliRunner, Result

from sharelink.accounts.queries import people
from sharelink.actors import Actor
from sharelink.acts.signing_in import sign_in
from sharelink.cli.user import user
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded
from tests.factories import Person

PASSWORD = "tapioca violin marsh eleven"
CREATE = ["create", "--name", "Ben Example", "--email", "ben@example.com", "--role", "staff", "--role", "custodian"]


# The commands only parse; what they call is tested on every database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(user, list(arguments), input=typed)


def test_a_colleague_is_created_and_can_sign_in(unit_of_work: UnitOfWork, visitor: Actor) -> None:
    result = run(*CREATE, "--group", "Nord", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output
    with unit_of_work.read() as work:
        (made,) = people(work.session)
    assert (made.name, made.email, made.group_names) == ("Ben Example", "ben@example.com", ("Nord",))
    assert made.role_labels == ("Staff", "Custodian")
    assert sign_in(unit_of_work, visitor, "ben@example.com", PASSWORD) is not None
    assert recorded(unit_of_work)[0].actor_kind == "operator"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_password_can_be_piped_in_exactly(unit_of_work: UnitOfWork, visitor: Actor, end: str) -> None:
    exact = f" {PASSWORD} "
    assert run(*CREATE, "--password-stdin", typed=exact + end).exit_code == 0
    assert sign_in(unit_of_work, visitor, "ben@example.com", exact) is not None
    assert sign_in(unit_of_work, visitor, "ben@example.com", PASSWORD) is None


def test_a_refused_field_is_told_and_nothing_is_made(unit_of_work: UnitOfWork) -> None:
    result = run(*CREATE, "--password-stdin", typed="passwordpassword")
    assert result.exit_code == 1
    assert "password: This is easy to guess." in result.output
    assert "passwordpassword" not in result.output
    with unit_of_work.read() as work:
        assert people(work.session) == ()


def test_an_unknown_role_is_refused(unit_of_work: UnitOfWork) -> None:
    result = run("create", "--name", "Ben", "--email", "ben@example.com", "--role", "king", typed=PASSWORD)
    assert result.exit_code == 2
    assert "administrator" in result.output


def test_everybody_is_listed(staff: Person) -> None:
    run(*CREATE, "--password-stdin", typed=PASSWORD)
    run("disable", "ben@example.com")
    assert run("list").output.splitlines() == [
        "anna@example.com · Anna Example · Staff, Custodian, Administrator · Custodians",
        "ben@example.com · Ben Example · Staff, Custodian · disabled",
    ]


def test_an_empty_list_says_so(unit_of_work: UnitOfWork) -> None:
    assert run("list").output == "There is no account yet.\n"


@pytest.mark.parametrize(
    ("email", "reason"),
    [("nobody@example.com", "no account"), ("anna@example.com", "only administrator")],
)
def test_who_cannot_be_disabled_is_told(staff: Person, email: str, reason: str) -> None:
    result = run("disable", email)
    assert result.exit_code == 1
    assert "Nothing was changed" in result.output
    assert reason in result.output
