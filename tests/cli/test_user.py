"""Accounts from the command line: everything an operator needs while the web is out of reach, each act an event."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from sharelink.accounts.queries import people, person
from sharelink.accounts.stages import Stage
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.acts.joining import join
from sharelink.acts.signing_in import sign_in
from sharelink.cli.user import user
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.accounts.records import recorded, recorded_types
from tests.browsers import Browser
from tests.factories import Person, make_person

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
    assert recorded(unit_of_work, made.id_text)[0].actor_kind == "operator"


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
    assert "nothing was changed" in result.output
    assert reason in result.output


@pytest.fixture
def ben(unit_of_work: UnitOfWork, staff: Person) -> Person:
    """Return a custodian of the group "Nord"."""
    return make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[Role.CUSTODIAN], groups=["Nord"])


def test_an_invitation_is_printed_once_and_works(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> None:
    result = run("invite", "ben@example.com", "--role", "administrator", "--group", "Nord")
    assert result.exit_code == 0, result.output
    link = result.output.splitlines()[-1]
    assert link.startswith("http://localhost/join#")
    started = join(unit_of_work, visitor, link=link, name="Ben Example", email="ben@example.com", password=PASSWORD)
    assert started.stage is Stage.ENROLMENT
    with unit_of_work.read() as work:
        assert person(work.session, started.account_id).group_names == ("Nord",)


def test_an_invitation_that_cannot_be_is_told_and_prints_no_link(staff: Person) -> None:
    result = run("invite", "anna@example.com", "--role", "staff")
    assert result.exit_code == 1
    assert "There is an account with this e-mail address already." in result.output
    assert "/join#" not in result.output


def test_a_disabled_account_is_enabled_again(unit_of_work: UnitOfWork, ben: Person) -> None:
    assert run("disable", ben.email).exit_code == 0
    assert run("enable", ben.email).exit_code == 0
    assert run("enable", ben.email).exit_code == 1
    with unit_of_work.read() as work:
        assert not person(work.session, ben.account_id).is_disabled


def test_roles_are_set_exactly(unit_of_work: UnitOfWork, ben: Person) -> None:
    assert run("roles", ben.email, "--role", "staff", "--role", "auditor").exit_code == 0
    with unit_of_work.read() as work:
        assert person(work.session, ben.account_id).roles == {Role.STAFF, Role.AUDITOR}
    assert run("roles", ben.email).exit_code == 2


def test_the_last_administrator_keeps_the_role(staff: Person) -> None:
    result = run("roles", staff.email, "--role", "staff")
    assert result.exit_code == 1
    assert "only administrator" in result.output


def test_groups_are_changed_and_told_with_the_operators_name(unit_of_work: UnitOfWork, ben: Person) -> None:
    result = run("groups", ben.email, "--add", "Custodians", "--add", "Süd", "--remove", "Nord")
    assert result.exit_code == 0, result.output
    with unit_of_work.read() as work:
        changed = person(work.session, ben.account_id)
    assert changed.group_names == ("Custodians", "Süd")
    event = recorded(unit_of_work, changed.id_text)[-1]
    assert (event.type, event.actor_kind) == ("admin.member_removed", "operator")


@pytest.mark.parametrize(
    "arguments", [("--remove", "Süd"), ("--add", "Nord"), ("--add", " "), ("--add", "Süd", "--remove", "Custodians")]
)
def test_groups_that_cannot_be_changed_stay(unit_of_work: UnitOfWork, ben: Person, arguments: tuple[str, ...]) -> None:
    result = run("groups", ben.email, *arguments)
    assert result.exit_code == 1
    assert "othing was changed" in result.output
    with unit_of_work.read() as work:
        assert person(work.session, ben.account_id).group_names == ("Nord",)


def test_a_reset_of_factors_ends_sessions_and_leaves_none(app: Flask, unit_of_work: UnitOfWork, ben: Person) -> None:
    browser = Browser.of(app)
    browser.sign_in(ben)
    assert run("reset-factors", ben.email).exit_code == 0
    assert browser.get("/records").status_code == 303
    with unit_of_work.read() as work:
        assert not work.factors.has_any(ben.account_id)


def test_sessions_are_ended(app: Flask, unit_of_work: UnitOfWork, ben: Person) -> None:
    browser = Browser.of(app)
    browser.sign_in(ben)
    result = run("end-sessions", ben.email)
    assert (result.exit_code, result.output) == (0, "Sessions ended: 1.\n")
    assert browser.get("/records").status_code == 303


def test_a_password_is_set_without_being_shown_and_ends_every_session(
    app: Flask, unit_of_work: UnitOfWork, visitor: Actor, ben: Person
) -> None:
    browser = Browser.of(app)
    browser.sign_in(ben)
    refused = run("password", ben.email, "--password-stdin", typed="passwordpassword")
    assert refused.exit_code == 1
    assert "passwordpassword" not in refused.output
    assert run("password", ben.email, typed=f"{PASSWORD}\n{PASSWORD}\n").exit_code == 0
    assert browser.get("/records").status_code == 303
    started = sign_in(unit_of_work, visitor, ben.email, PASSWORD)
    assert started is not None
    assert started.stage is Stage.SECOND_FACTOR, "the factors stay"
    with unit_of_work.read() as work:
        chain = person(work.session, ben.account_id).id_text
    assert "admin.password_set" in recorded_types(unit_of_work, chain)


@pytest.mark.parametrize("command", ["disable", "enable", "groups", "reset-factors", "end-sessions", "password"])
def test_an_unknown_address_is_told(staff: Person, command: str) -> None:
    result = run(command, "nobody@example.com", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 1
    assert "no account with this e-mail address" in result.output


def test_with_separation_of_duties_the_operator_acts_alone_but_makes_nobody_both(
    make_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    app = make_app(settings.model_copy(update={"separation_of_duties": True}))
    unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
    with app.app_context():
        ben = make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[Role.CUSTODIAN], groups=[])
        assert run("groups", ben.email, "--add", "Nord").exit_code == 0
        both = run("roles", ben.email, "--role", "custodian", "--role", "administrator")
        assert both.exit_code == 1
        assert "Nobody is administrator and custodian" in both.output
        with unit_of_work.read() as work:
            kept = person(work.session, ben.account_id)
    assert (kept.roles, kept.group_names) == ({Role.CUSTODIAN}, ("Nord",))
