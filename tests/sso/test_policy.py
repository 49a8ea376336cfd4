"""Only the provider signs people in; break-glass accounts do all the same, and everybody hears of it."""

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner
from flask import Flask

from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.acts import joining
from sharelink.cli import main
from sharelink.cli.check import _advise_single_sign_on
from sharelink.crypto.identifiers import id_text
from sharelink.settings import Settings
from sharelink.web.wiring import EXTENSION
from tests.accounts.records import recorded_types
from tests.browsers import Browser, hidden_field
from tests.factories import Person, add_passkey, make_person
from tests.sso.conftest import Organisation
from tests.sso.test_coming_in import refusal, who

NOT_SIGNED_IN = "You could not be signed in."
PASSWORD = "corridor-lantern-meadow-41"


@pytest.fixture
def strict(organisation: Callable[..., Organisation]) -> Iterator[Organisation]:
    """Yield an organisation where nobody but break-glass accounts signs in by themself."""
    made = organisation(local_passwords=False)
    with made.app.app_context():
        yield made


def local(org: Organisation, name: str = "Bea Example", *, break_glass: bool = False) -> Person:
    person = make_person(org.unit_of_work, name, f"{name.split(maxsplit=1)[0].lower()}@example.com")
    if break_glass:
        with org.unit_of_work.write(Actor.operator()) as work:
            work.accounts.administration.account(person.account_id).is_break_glass = True
    return person


def test_a_right_password_says_what_a_wrong_one_says(strict: Organisation) -> None:
    bea = local(strict)
    pages = []
    for password in (bea.password, "not it at all, really"):
        answer = Browser.of(strict.app).submit(
            "/sign-in", {"email": bea.email, "password": password}, form_page="/sign-in"
        )
        assert answer.status_code == 422
        assert "Set-Cookie" not in answer.headers or "sharelink_session" not in answer.headers["Set-Cookie"]
        pages.append(answer.text.replace(hidden_field(answer.text, "csrf_token"), ""))
    assert NOT_SIGNED_IN in pages[0]
    assert pages[0] == pages[1]


def test_a_passkey_signs_nobody_in_either(strict: Organisation) -> None:
    bea = local(strict)
    browser = Browser.of(strict.app)
    answer = browser.submit("/sign-in/passkey", {"passkey": browser.ask_passkey(bea, "/sign-in")}, form_page="/sign-in")
    assert answer.status_code == 422
    assert browser.get("/").headers["Location"].startswith("/sign-in")


def test_switching_local_sign_ins_off_ends_what_began_here_with_the_next_request(
    organisation: Callable[..., Organisation], make_app: Callable[[Settings], Flask]
) -> None:
    org = organisation(sso_required_amr="mfa")
    with org.app.app_context():
        bea, glass = local(org), local(org, "Gus Glass", break_glass=True)
    here, kept, half, proven = (Browser.of(org.app) for _ in range(4))
    here.sign_in(bea)
    kept.sign_in(glass)
    half.give_password(bea)
    org.tell("staff", claims={"amr": ["mfa"]})
    _browser, answer = org.come(browser=proven)
    assert answer.headers["Location"] == "/"
    anna = Person(b"", "", "anna@example.com", "")
    with org.app.app_context(), org.unit_of_work.write(Actor.operator()) as work:
        account = work.accounts.administration.account(work.accounts.administration.id_of(anna.email))
        add_passkey(work, account, anna.passkey)
    org.clock.move(minutes=6)
    # A later proof by a passkey of one's own does not make a session local.
    proof = proven.ask_passkey(anna)
    assert proven.submit("/account/factors/recovery-codes", {"proof_passkey": proof}).status_code == 200

    off = make_app(org.app.extensions[EXTENSION].settings.model_copy(update={"local_passwords": False}))
    for browser, is_in in ((here, False), (kept, True), (half, False), (proven, True)):
        browser.application = off
        assert (browser.get("/account").status_code == 200) is is_in
        assert browser.get("/sign-in/second-step").status_code == 303


def test_where_only_the_provider_signs_people_in_nobody_joins_with_a_passkey_or_sets_a_password(
    strict: Organisation,
) -> None:
    with strict.unit_of_work.write(Actor.operator()) as work:
        made = work.accounts.invitations.invite("ben@example.com", [Role.AUDITOR], [])
    browser = Browser.of(strict.app)
    fields = {"key": made.link_secret, "name": "Ben", "email": "ben@example.com"}
    assert browser.submit("/join/passkey/challenge", fields, form_page="/join").status_code == 403
    assert "Join with a passkey" not in browser.get("/join").text
    anna, _answer = strict.come()
    assert "Set a password" not in anna.get("/account").text
    assert anna.submit("/account/password", {"new": PASSWORD}).status_code == 403


def test_an_invitation_waits_for_the_provider(strict: Organisation) -> None:
    with strict.unit_of_work.write(Actor.operator()) as work:
        made = work.accounts.invitations.invite("anna@example.com", [Role.AUDITOR], [])
    answer = Browser.of(strict.app).submit(
        "/join",
        {"key": made.link_secret, "name": "Anna", "email": "anna@example.com", "password": PASSWORD},
        form_page="/join",
    )
    assert answer.status_code == 403
    assert "Sign in with your organisation" in answer.text
    assert strict.come()[1].headers["Location"] == "/"
    assert who(strict).roles == {Role.AUDITOR, Role.STAFF}


def test_a_break_glass_account_signs_in_and_every_administrator_reads_of_it(strict: Organisation) -> None:
    bea = local(strict, break_glass=True)
    strict.tell("staff", "admins", "eu")
    anna, _answer = strict.come()
    assert "break-glass account was used" not in anna.get("/").text
    strict.tell("staff", down=True)
    browser = Browser.of(strict.app)
    assert browser.give_password(bea).headers["Location"] == "/sign-in/second-step"
    assert browser.give_code(bea.code(strict.clock.now)).headers["Location"] == "/"
    assert recorded_types(strict.unit_of_work, id_text(bea.account_id)).count("auth.break_glass_used") == 1
    page = anna.get("/").text
    assert "A break-glass account was used" in page
    assert "Bea Example" in page
    other = Browser.of(strict.app)
    other.sign_in(bea)
    assert recorded_types(strict.unit_of_work, id_text(bea.account_id)).count("auth.break_glass_used") == 2
    strict.tell("staff")
    plain, _answer = strict.come("carl")
    assert "break-glass" not in plain.get("/").text


def test_the_sign_in_page_puts_the_local_way_behind_a_fold_and_keeps_it(strict: Organisation) -> None:
    page = Browser.of(strict.app).get("/sign-in").text
    assert page.index("Sign in with Example Reseller") < page.index("Break-glass accounts") < page.index('name="email"')


def test_the_first_account_is_for_break_glass(strict: Organisation) -> None:
    with strict.unit_of_work.write(Actor.operator()) as work:
        link = work.accounts.new_set_up_link()
    assert link is not None
    started = joining.set_up(
        strict.unit_of_work,
        Actor.public("203.0.113.7", None),
        link=link,
        name="First",
        email="first@example.com",
        password=PASSWORD,
    )
    assert who(strict, "first@example.com").is_break_glass
    assert started.account_id == who(strict, "first@example.com").id


def test_an_operator_makes_break_glass_accounts_and_opens_accounts_to_the_provider(strict: Organisation) -> None:
    run = CliRunner()
    made = run.invoke(
        main,
        [
            *("user", "create", "--name", "Glass", "--email", "glass@example.com", "--role", "administrator"),
            *("--break-glass", "--password-stdin"),
        ],
        input=PASSWORD,
    )
    assert made.exit_code == 0, made.output
    assert "glass@example.com · Glass · Administrator · break-glass" in run.invoke(main, ["user", "list"]).output
    refused = run.invoke(main, ["user", "allow-sso", "glass@example.com"])
    assert (refused.exit_code, "stays apart" in refused.output) == (1, True)
    bea = local(strict, "Anna Local")
    assert run.invoke(main, ["user", "allow-sso", "anna@example.com"]).exit_code == 0
    strict.tell("staff", "admins", "eu")
    assert strict.come()[1].headers["Location"] == "/"
    assert who(strict).id == bea.account_id


# Step-up


@pytest.fixture
def strong(organisation: Callable[..., Organisation]) -> Iterator[Organisation]:
    """Yield an organisation whose provider must ask for two factors."""
    made = organisation(sso_required_amr="mfa")
    with made.app.app_context():
        made.tell("staff", claims={"amr": ["mfa"]})
        yield made


def asks(browser: Browser) -> bool:
    answer = browser.submit("/account/factors/recovery-codes", {"kept": "carried along"})
    return answer.status_code == 401


def test_a_sign_in_there_an_hour_ago_is_no_fresh_proof_and_one_just_now_is(strong: Organisation) -> None:
    browser, _answer = strong.come()
    assert asks(browser)
    moment = int(strong.clock.now.timestamp())
    strong.tell("staff", claims={"amr": ["mfa"], "auth_time": moment})
    fresh, _answer = strong.come()
    assert not asks(fresh)
    strong.clock.move(minutes=5)
    assert asks(fresh)


def test_the_provider_proves_again_who_somebody_is_in_a_second_window(strong: Organisation) -> None:
    browser, _answer = strong.come()
    question = browser.submit("/account/factors/recovery-codes", {"kept": "carried along"})
    assert question.status_code == 401
    assert 'href="/sign-in/sso/prove"' in question.text
    assert hidden_field(question.text, "kept") == "carried along"
    token = hidden_field(question.text, "csrf_token")
    before = browser.get_cookie("sharelink_session")
    away = browser.get("/sign-in/sso/prove").headers["Location"]
    assert "prompt=login" in away
    assert "max_age=0" in away
    back = strong.provider.sign_in(away).removeprefix("http://localhost")
    assert browser.get(back).headers["Location"] == "/sign-in/sso/proven"
    assert "It is you" in browser.get("/sign-in/sso/proven").text
    after = browser.get_cookie("sharelink_session")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    # The form of the first window still works, with what was posted first.
    again = browser.post("/account/factors/recovery-codes", data={"csrf_token": token, "kept": "carried along"})
    assert "Your recovery codes" in again.text
    assert "auth.proven_again" in recorded_types(strong.unit_of_work, id_text(who(strong).id))


def test_a_proof_that_is_old_or_of_somebody_else_or_too_weak_is_none(strong: Organisation) -> None:
    browser, _answer = strong.come()
    moment = int(strong.clock.now.timestamp())
    for auth_time in (moment - 31, None, "now"):
        strong.tell("staff", claims={"amr": ["mfa"], "auth_time": auth_time})
        back = strong.leave(browser, "/sign-in/sso/prove")
        assert refusal(browser.get(back)) == "methods_missing"
    strong.tell("staff", claims={"amr": ["mfa"]})
    assert strong.come("mallory")[1].headers["Location"] == "/"
    back = strong.leave(browser, "/sign-in/sso/prove", user="mallory")
    assert refusal(browser.get(back)) == "other_person"
    strong.tell("staff", claims={"amr": ["pwd"]})
    back = strong.leave(browser, "/sign-in/sso/prove")
    assert refusal(browser.get(back)) == "methods_missing"
    assert asks(browser)


def test_a_proof_that_was_begun_by_one_person_does_not_prove_the_next_one(strong: Organisation) -> None:
    browser, _answer = strong.come()
    back = strong.leave(browser, "/sign-in/sso/prove")
    browser.submit("/sign-out", {})
    assert refusal(browser.get(back)) == "unknown_or_used_state"
    strong.come("bob", browser)
    back = strong.leave(browser, "/sign-in/sso/prove")
    browser.submit("/sign-out", {})
    strong.come("anna", browser)
    assert refusal(browser.get(back)) == "unknown_or_used_state"
    assert asks(browser)


def test_where_nothing_is_required_of_the_provider_its_word_is_no_proof_but_opens_the_way_to_a_factor(
    org: Organisation,
) -> None:
    org.tell("staff", claims={"auth_time": int(org.clock.now.timestamp())})
    browser, _answer = org.come()
    assert asks(browser)
    assert browser.get("/sign-in/sso/prove").headers["Location"] == "/account/security"
    assert browser.submit("/account/factors/passkey/challenge", {}).status_code == 200
    # An app without a password would prove nothing later.
    assert browser.submit("/account/factors/app/new", {}).status_code == 409
    org.clock.move(minutes=15)
    assert browser.submit("/account/factors/passkey/challenge", {}).status_code == 401
    assert browser.submit("/account/password", {"new": PASSWORD}).status_code == 401


def test_whoever_came_from_the_provider_may_set_a_password_and_add_an_app_after_it(org: Organisation) -> None:
    browser, _answer = org.come()
    assert browser.submit("/account/password", {"new": PASSWORD}).headers["Location"] == "/account?done=set"
    begun = browser.submit("/account/factors/app/new", {})
    assert begun.headers["Location"].startswith("/account/factors/app")


def test_without_the_optional_libraries_everything_else_works() -> None:
    blocked = "import sys; sys.modules |= dict.fromkeys(('authlib', 'joserfc', 'requests'))"
    program = f"{blocked}; import sharelink.cli, sharelink.app, sharelink.settings as s; s.Settings(); print('works')"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.stdout.strip(), ran.stderr) == ("works", "")


def test_check_advises_a_break_glass_account_and_required_methods(
    strict: Organisation,
) -> None:
    settings = strict.app.extensions[EXTENSION].settings
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        _advise_single_sign_on(settings)
    assert "SHARELINK_SSO_REQUIRED_AMR" in told.getvalue()
    assert "no break-glass account" in told.getvalue()
    local(strict, break_glass=True)
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        _advise_single_sign_on(settings)
    assert "no break-glass account" not in told.getvalue()
