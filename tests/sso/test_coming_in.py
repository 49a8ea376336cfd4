"""People come in by a real provider: first, again, with the roles and groups of the day."""

from collections.abc import Callable

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from sharelink.accounts.models import Account
from sharelink.accounts.queries import Person as Someone
from sharelink.accounts.queries import people
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.crypto.identifiers import id_text
from sharelink.settings_single_sign_on import ROLE_NAMES
from tests.accounts.records import recorded, recorded_types
from tests.browsers import Browser
from tests.factories import make_person
from tests.sso.conftest import Organisation


def who(org: Organisation, email: str = "anna@example.com") -> Someone:
    with org.unit_of_work.read() as work:
        return next(found for found in people(work.session) if found.email == email)


def everybody(org: Organisation) -> list[str]:
    with org.unit_of_work.read() as work:
        return [found.email for found in people(work.session)]


def refusal(answer: TestResponse) -> str:
    location = str(answer.headers["Location"])
    assert location.startswith("/sign-in/sso/failed?why="), location
    return location.partition("why=")[2]


def test_the_role_map_knows_exactly_the_roles_there_are() -> None:
    assert {role.value for role in Role} == ROLE_NAMES


def test_somebody_new_gets_an_account_with_the_roles_and_groups_of_their_claims(org: Organisation) -> None:
    org.tell("staff", "eu", "nothing to us")
    browser, answer = org.come()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "My work" in browser.get("/").text
    anna = who(org)
    assert (anna.name, anna.roles, anna.group_names) == (
        "Anna Example",
        {Role.STAFF, Role.CUSTODIAN},
        ("Custodians",),
    )
    assert not anna.has_password
    assert "Change your password" not in browser.get("/account").text
    types = recorded_types(org.unit_of_work, id_text(anna.id))
    assert {"admin.account_created", "auth.sso_linked", "admin.member_added", "auth.succeeded"} <= set(types)


@pytest.mark.parametrize("name", [None, "", " ", "x" * 121, "\u202eannA", ["Anna"], "\ud800"])
def test_a_name_that_cannot_be_one_is_replaced_by_the_address(org: Organisation, name: object) -> None:
    org.tell("staff", claims={"name": name})
    assert org.come()[1].headers["Location"] == "/"
    assert who(org).name == "anna@example.com"


def test_one_is_sent_on_to_where_one_wanted_to_be_and_nowhere_else(org: Organisation) -> None:
    browser, _answer = org.come()
    assert browser.get("/sign-in/sso?next=/records").headers["Location"] == "/records"
    browser.submit("/sign-out", {})
    back = org.leave(browser, "/sign-in/sso?next=/records")
    assert browser.get(back).headers["Location"] == "/records"
    browser.submit("/sign-out", {})
    back = org.leave(browser, "/sign-in/sso?next=//evil.example")
    assert browser.get(back).headers["Location"] == "/"


def test_the_sign_in_page_offers_it_by_a_link(org: Organisation) -> None:
    page = org.app.test_client().get("/sign-in?next=/records").text
    assert 'href="/sign-in/sso?next=/records"' in page
    assert "Sign in with Example Reseller" in page


def test_roles_and_groups_follow_the_claims_at_every_sign_in_and_others_stay(org: Organisation) -> None:
    org.tell("staff", "eu")
    _browser, _answer = org.come()
    anna = who(org)
    with org.unit_of_work.write(Actor.operator()) as work:
        work.accounts.administration.set_roles(anna.id, {Role.STAFF, Role.CUSTODIAN, Role.AUDITOR})
        own = work.accounts.groups.found_or_made("Ours alone")
        work.accounts.groups.add(own, work.accounts.administration.account(anna.id))
    org.tell("staff", "us")
    _browser, answer = org.come()
    assert answer.headers["Location"] == "/"
    changed = who(org)
    # The map names no auditor and not this group: both are administered here.
    assert changed.roles == {Role.STAFF, Role.AUDITOR}
    assert set(changed.group_names) == {"Other custodians", "Ours alone"}
    told = [event for event in recorded(org.unit_of_work, id_text(anna.id)) if event.type == "admin.member_removed"]
    assert [event.personal["actor_name"] for event in told] == ["Single sign-on"]


def test_who_has_no_role_any_more_is_refused_and_their_open_browsers_are_signed_out(org: Organisation) -> None:
    browser, _answer = org.come()
    org.tell()
    _other, answer = org.come()
    assert refusal(answer) == "no_role"
    assert browser.get("/").headers["Location"].startswith("/sign-in")
    assert "auth.sso_refused" in recorded_types(org.unit_of_work, id_text(who(org).id))


@pytest.mark.parametrize(
    ("invited", "vouched_for"),
    [
        ("anna@strasse.example", "anna@stra\u00dfe.example"),
        ("sam@example.com", "\u017fam@example.com"),
        ("finn@example.com", "\ufb01nn@example.com"),
        ("kim@example.com", "\u212aim@example.com"),
        ("ida@example.com", "\u0130da@example.com"),
    ],
)
def test_letters_that_turn_into_others_do_not_make_one_mailbox_of_two(
    organisation: Callable[..., Organisation], invited: str, vouched_for: str
) -> None:
    org = organisation(sso_join="invited", sso_role_map="", sso_roles_claim="")
    with org.unit_of_work.write(Actor.operator()) as work:
        work.accounts.invitations.invite(invited, [Role.STAFF], [])
    org.tell(claims={"email": vouched_for})
    assert refusal(org.come()[1]) == "no_account"
    org.tell(claims={"email": invited.upper(), "sub": "another"})
    assert org.come()[1].headers["Location"] == "/"
    assert everybody(org) == [invited]


def test_only_who_is_invited_joins_where_that_is_the_rule(organisation: Callable[..., Organisation]) -> None:
    org = organisation(sso_join="invited", sso_role_map="", sso_roles_claim="")
    with org.app.app_context():
        _browser, answer = org.come()
        assert (refusal(answer), everybody(org)) == ("no_account", [])
        with org.unit_of_work.write(Actor.operator()) as work:
            group = work.accounts.groups.found_or_made("Custodians")
            work.accounts.invitations.invite("anna@example.com", [Role.CUSTODIAN], [group])
        browser, _answer = org.come()
        assert browser.get("/").status_code == 200
        assert (who(org).roles, who(org).group_names) == ({Role.CUSTODIAN}, ("Custodians",))
        with org.unit_of_work.read() as work:
            assert work.accounts.invitations.waiting_for("anna@example.com") is None


def test_an_equal_address_alone_never_takes_an_account_over(org: Organisation) -> None:
    local = make_person(org.unit_of_work, "Anna Local", "anna@example.com")
    _browser, answer = org.come()
    assert refusal(answer) == "no_account"
    assert "auth.succeeded" not in recorded_types(org.unit_of_work, id_text(local.account_id))
    org.tell("staff", "admins", "eu")
    with org.unit_of_work.write(Actor.operator()) as work:
        work.sign_ons.allow_link(work.accounts.administration.account(local.account_id))
    browser, answer = org.come()
    assert (answer.headers["Location"], who(org).id) == ("/", local.account_id)
    assert "Anna Local" in browser.get("/account").text


def test_leave_to_link_ends_after_a_week_and_works_once(org: Organisation) -> None:
    local = make_person(org.unit_of_work, "Anna Local", "anna@example.com")
    org.tell("staff", "admins", "eu")
    with org.unit_of_work.write(Actor.operator()) as work:
        work.sign_ons.allow_link(work.accounts.administration.account(local.account_id))
    org.clock.move(days=7)
    org.tell("staff", "admins", "eu")
    assert refusal(org.come()[1]) == "no_account"
    with org.unit_of_work.write(Actor.operator()) as work:
        work.sign_ons.allow_link(work.accounts.administration.account(local.account_id))
    assert org.come()[1].headers["Location"] == "/"
    # Somebody else whom the provider gives the same address later is nobody here.
    org.tell("staff", claims={"sub": "another", "email": "anna@example.com"})
    assert refusal(org.come()[1]) == "no_account"


def test_the_subject_is_the_identity_whatever_becomes_of_the_address(org: Organisation) -> None:
    org.come()
    before = who(org).id
    org.tell("staff", claims={"email": "other@example.com", "email_verified": False})
    browser, answer = org.come()
    assert answer.headers["Location"] == "/"
    assert everybody(org) == ["anna@example.com"]
    assert (who(org).id, browser.get("/").status_code) == (before, 200)


def test_an_address_that_the_provider_does_not_vouch_for_opens_nothing(org: Organisation) -> None:
    for verified in (False, None, "true", 1):
        org.tell("staff", claims={"email_verified": verified})
        assert refusal(org.come()[1]) == "email_not_verified"
    assert everybody(org) == []


def test_a_disabled_person_cannot_come_back_by_the_provider(org: Organisation) -> None:
    make_person(org.unit_of_work, "Olga Operator", "olga@example.com")
    browser, _answer = org.come()
    with org.unit_of_work.write(Actor.operator()) as work:
        work.accounts.disable_account("anna@example.com")
    assert browser.get("/").headers["Location"].startswith("/sign-in")
    assert refusal(org.come()[1]) == "no_account"
    # Neither as a new subject with the old address, nor with leave to link.
    anna_id = who(org).id
    org.tell("staff", claims={"sub": "made anew"})
    assert refusal(org.come()[1]) == "no_account"
    with org.unit_of_work.write(Actor.operator()) as work:
        work.sign_ons.allow_link(work.accounts.administration.account(anna_id))
    assert refusal(org.come()[1]) == "no_account"


def test_signing_out_kills_the_session_even_if_the_cookie_is_kept(org: Organisation) -> None:
    browser, _answer = org.come()
    kept = browser.get_cookie("sharelink_session")
    assert kept is not None
    browser.submit("/sign-out", {})
    browser.set_cookie("sharelink_session", kept.value)
    assert browser.get("/").headers["Location"].startswith("/sign-in")


def test_the_session_has_a_new_id_and_the_one_before_is_over(org: Organisation) -> None:
    browser, _answer = org.come()
    before = browser.get_cookie("sharelink_session")
    assert before is not None
    second, _answer = org.come()
    second.set_cookie("sharelink_session", before.value)
    back = org.leave(fresh := Browser.of(second.application), user="anna")
    fresh.set_cookie("sharelink_session", before.value)
    assert fresh.get(back).status_code == 303
    after = fresh.get_cookie("sharelink_session")
    assert after is not None
    assert after.value != before.value
    assert browser.get("/").headers["Location"].startswith("/sign-in")


def test_the_last_administrator_is_not_taken_the_role_by_a_directory(org: Organisation) -> None:
    org.tell("staff", "admins")
    org.come()
    org.tell("staff")
    assert refusal(org.come()[1]) == "last_administrator"
    assert who(org).roles == {Role.STAFF, Role.ADMINISTRATOR}
    make_person(org.unit_of_work, "Olga Operator", "olga@example.com", roles=[Role.ADMINISTRATOR], groups=[])
    org.tell("staff")
    assert org.come()[1].headers["Location"] == "/"
    assert who(org).roles == {Role.STAFF}


def test_roles_that_nobody_may_have_at_once_are_refused_with_an_event(
    organisation: Callable[..., Organisation],
) -> None:
    org = organisation(separation_of_duties=True)
    with org.app.app_context():
        org.tell("admins", "eu")
        assert (refusal(org.come()[1]), everybody(org)) == ("policy", [])
        assert recorded(org.unit_of_work)[-1].facts["why"] == "policy"
        make_person(org.unit_of_work, "Olga Operator", "olga@example.com", roles=[Role.ADMINISTRATOR], groups=[])
        org.tell("staff")
        org.come()
        org.tell("admins", "eu")
        assert refusal(org.come()[1]) == "policy"
        assert who(org).roles == {Role.STAFF}
        assert who(org).group_names == ()


def test_what_takes_two_administrators_is_not_given_by_a_directory_alone(
    organisation: Callable[..., Organisation],
) -> None:
    org = organisation(separation_of_duties=True)
    with org.app.app_context():
        make_person(org.unit_of_work, "Olga Operator", "olga@example.com", roles=[Role.ADMINISTRATOR], groups=[])
        org.tell("staff", "us")
        assert refusal(org.come()[1]) == "second_administrator_needed"
        assert (who(org).roles, who(org).group_names) == ({Role.STAFF}, ())
        anna_id = who(org).id
        with org.unit_of_work.write(Actor.operator()) as work:
            group = work.accounts.groups.found_or_made("Other custodians")
            work.accounts.groups.add(group, work.accounts.administration.account(anna_id))
        assert org.come()[1].headers["Location"] == "/"
        org.tell("staff", "admins", "us")
        assert refusal(org.come()[1]) == "second_administrator_needed"
        assert who(org).roles == {Role.STAFF}
        # What a directory takes away is gone at once.
        org.tell("staff")
        assert org.come()[1].headers["Location"] == "/"
        assert who(org).group_names == ()


def test_the_break_glass_account_stays_apart_from_the_provider(org: Organisation) -> None:
    made = make_person(org.unit_of_work, "Anna Local", "anna@example.com")
    with org.unit_of_work.write(Actor.operator()) as work:
        account = work.session.scalars(select(Account).where(Account.id == made.account_id)).one()
        account.is_break_glass = True
        work.sign_ons.allow_link(account)
    assert refusal(org.come()[1]) == "no_account"
    assert "auth.sso_linked" not in recorded_types(org.unit_of_work, id_text(made.account_id))


@pytest.mark.parametrize("why", ["declined_at_provider", "no_account", "policy", "x'\"<script>"])
def test_every_refusal_is_told_in_plain_words(org: Organisation, why: str) -> None:
    page = org.app.test_client().get("/sign-in/sso/failed", query_string={"why": why})
    assert page.status_code in {400, 403}
    assert "<script>" not in page.text.replace("<script src", "").replace("<script defer", "")


def test_without_a_provider_there_is_no_such_way(client: Browser) -> None:
    for path in ("/sign-in/sso", "/sign-in/sso/callback?state=x&code=y", "/sign-in/sso/failed"):
        assert client.get(path).status_code == 404
