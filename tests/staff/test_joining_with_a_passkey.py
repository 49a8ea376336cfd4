"""Joining with a passkey in place of a password: in one step, bound to one invitation, and what the account is then."""

import json
import threading
from base64 import b32decode
from typing import Any

import pytest
from flask import Flask

from sharelink.accounts.models import Account
from sharelink.accounts.queries import Person as ShownPerson
from sharelink.accounts.queries import groups_for_choice, people
from sharelink.actors import Actor
from sharelink.acts import joining
from sharelink.acts.administering import set_password
from sharelink.crypto.identifiers import id_text
from sharelink.errors import InvalidInput
from sharelink.factors.errors import PasskeyRefused
from sharelink.factors.passkeys import RelyingParty
from sharelink.factors.queries import factors_of
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded, recorded_types
from tests.browsers import Browser, app_key, hidden_field
from tests.factories import Person
from tests.fakes import MovableClock
from tests.soft_passkeys import PARTY, SoftPasskey
from tests.staff.test_enrolment import codes_on
from tests.staff.test_invitations import invite

BEN = {"name": "Ben Example", "email": "ben@example.com"}
NEW_PASSWORD = "tapioca violin marsh eleven"
CHALLENGE = "/join/passkey/challenge"


def ask(browser: Browser, key: str, **changes: str) -> dict[str, Any]:
    answer = browser.submit(CHALLENGE, BEN | {"key": key} | changes, form_page="/join")
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json
    return options


def send(browser: Browser, key: str, answer: str, **changes: str) -> Any:
    form = BEN | {"key": key, "way": "passkey", "passkey": answer, "password": ""} | changes
    return browser.submit("/join", form, form_page="/join")


def account_of(unit_of_work: UnitOfWork, email: str = "ben@example.com") -> ShownPerson | None:
    with unit_of_work.read() as work:
        return next((one for one in people(work.session) if one.email == email), None)


@pytest.fixture
def key(staff_client: Browser, unit_of_work: UnitOfWork) -> str:
    """Return what stands after the # of an invitation for a custodian."""
    with unit_of_work.read() as work:
        group = groups_for_choice(work.session, None)[0].id_text
    return invite(staff_client, roles=["staff", "custodian"], groups=[group])


@pytest.fixture
def ben(client: Browser, key: str, unit_of_work: UnitOfWork) -> Person:
    """Return somebody who has joined with a passkey, and is signed in with `client`."""
    passkey = SoftPasskey()
    assert send(client, key, passkey.create(ask(client, key))).status_code == 200
    shown = account_of(unit_of_work)
    assert shown is not None
    return Person(shown.id, shown.name, shown.email, "", passkey=passkey)


def test_an_invited_person_joins_with_a_passkey_and_is_in(
    client: Browser, key: str, unit_of_work: UnitOfWork, app: Flask
) -> None:
    passkey = SoftPasskey()
    answer = send(client, key, passkey.create(ask(client, key)))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert len(codes_on(answer.text)) == 10
    assert "set one on your account page" in answer.text
    shown = account_of(unit_of_work)
    assert shown is not None
    assert (shown.group_names, shown.has_password) == (("Custodians",), False)
    assert client.get("/records").status_code == 200
    chain = recorded_types(unit_of_work, id_text(shown.id))
    assert {"admin.account_created", "factor.added", "auth.succeeded"} <= set(chain)
    assert "auth.password_accepted" not in chain
    with unit_of_work.read() as work:
        group = groups_for_choice(work.session, None)[0].id
    assert {"admin.member_added", "factor.added"} <= set(recorded_types(unit_of_work, id_text(group)))
    client.submit("/sign-out", {})
    browser = Browser.of(app)
    browser.sign_in(Person(shown.id, shown.name, shown.email, "", passkey=passkey))
    assert browser.get("/account").status_code == 200


def test_the_passkey_is_made_for_the_account_that_will_be(client: Browser, key: str) -> None:
    options = ask(client, key)
    assert (options["user"]["name"], options["user"]["displayName"]) == ("ben@example.com", "Ben Example")
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["excludeCredentials"] == []


def test_an_answer_joins_once(app: Flask, client: Browser, key: str, unit_of_work: UnitOfWork) -> None:
    answer = SoftPasskey().create(ask(client, key))
    assert send(client, key, answer).status_code == 200
    again = send(Browser.of(app), key, answer)
    assert again.status_code == 404
    assert again.headers.get("Set-Cookie", "").count("sharelink_session") == 0


def test_a_refused_answer_has_used_its_challenge_up_and_the_link_still_works(
    client: Browser, key: str, unit_of_work: UnitOfWork
) -> None:
    options = ask(client, key)
    refused = send(client, key, SoftPasskey(verifies=False).create(options))
    assert refused.status_code == 422
    assert "The passkey could not be made." in refused.text
    assert hidden_field(refused.text, "key") == key
    assert send(client, key, SoftPasskey().create(options)).status_code == 422
    assert account_of(unit_of_work) is None
    assert client.session_key() is None
    assert send(client, key, SoftPasskey().create(ask(client, key))).status_code == 200


def test_a_challenge_is_good_for_five_minutes(client: Browser, key: str, clock: MovableClock) -> None:
    in_time, late = (SoftPasskey().create(ask(client, key)) for _ in range(2))
    clock.move(minutes=5)
    assert send(client, key, late).status_code == 422
    clock.move(seconds=-1)
    assert send(client, key, in_time).status_code == 200


def test_a_challenge_is_good_for_one_invitation(
    client: Browser, staff_client: Browser, key: str, unit_of_work: UnitOfWork
) -> None:
    other = invite(staff_client, "eve@example.com")
    answer = SoftPasskey().create(ask(client, other, email="eve@example.com"))
    assert send(client, key, answer).status_code == 422
    assert account_of(unit_of_work) is None
    # The wrong invitation did not use it up either: it is not that one's challenge.
    assert send(client, other, answer, email="eve@example.com").status_code == 200


def test_challenges_for_other_purposes_join_nobody(
    client: Browser, staff_client: Browser, key: str, unit_of_work: UnitOfWork
) -> None:
    user = {"user": {"id": id_text(bytes(16))}}
    sign_in = client.submit("/sign-in/passkey/challenge", {}, form_page="/sign-in").json
    enrol = staff_client.submit("/account/factors/passkey/challenge", {}, form_page="/account").json
    assert sign_in is not None
    assert enrol is not None
    for options in (sign_in | user, enrol, {"challenge": "A" * 43} | user):
        assert send(client, key, SoftPasskey().create(options)).status_code == 422
    assert account_of(unit_of_work) is None


def test_a_challenge_to_join_is_nothing_for_other_purposes(
    client: Browser, staff_client: Browser, staff: Person, key: str
) -> None:
    token = client.token("/sign-in")
    answer = staff.passkey.get(ask(client, key))
    assert client.post("/sign-in/passkey", data={"csrf_token": token, "passkey": answer}).status_code == 422
    new = SoftPasskey().create(ask(client, key))
    assert staff_client.submit("/account/factors/passkey", {"passkey": new, "name": "x"}).status_code == 422


@pytest.mark.parametrize(
    "passkey",
    [
        SoftPasskey(party=RelyingParty("evil.example", "https://evil.example", "x")),
        SoftPasskey(party=RelyingParty("localhost", "http://localhost:9999", "x")),
        SoftPasskey(credential_id=b""),
    ],
)
def test_a_passkey_of_another_site_joins_nobody(
    client: Browser, key: str, unit_of_work: UnitOfWork, passkey: SoftPasskey
) -> None:
    assert send(client, key, passkey.create(ask(client, key))).status_code == 422
    assert account_of(unit_of_work) is None


def test_a_passkey_that_somebody_has_joins_nobody(
    client: Browser, staff: Person, key: str, unit_of_work: UnitOfWork
) -> None:
    taken = SoftPasskey(credential_id=staff.passkey.credential_id)
    assert send(client, key, taken.create(ask(client, key))).status_code == 422
    assert account_of(unit_of_work) is None
    assert send(client, key, SoftPasskey().create(ask(client, key))).status_code == 200, "the link still works"


def test_what_is_no_answer_is_a_refusal_and_no_error(client: Browser, key: str) -> None:
    for text in ("null", "{}", "[" * 5000, "x" * 20_000, json.dumps({"id": "AA", "response": {}})):
        assert send(client, key, text).status_code == 422


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": " "}, "Enter a name."),
        ({"email": "eve@example.com"}, "The invitation was sent to another address."),
        ({"email": "nobody"}, "Enter one whole e-mail address"),
        ({"key": "abc"}, "A part of the invitation link is missing."),
    ],
)
def test_what_is_wrong_is_told_before_a_passkey_is_made(
    client: Browser, key: str, changes: dict[str, str], message: str
) -> None:
    fields = BEN | {"key": key} | changes
    assert client.submit(CHALLENGE, fields, form_page="/join").status_code == 422
    # The script sends the form without an answer then.
    page = client.submit("/join", fields | {"way": "passkey", "passkey": "", "password": ""}, form_page="/join")
    assert page.status_code == 422
    assert message in page.text
    assert "Use at least 15 characters" not in page.text


def test_the_address_of_an_answer_must_be_the_invited_one_too(
    client: Browser, key: str, unit_of_work: UnitOfWork
) -> None:
    answer = send(client, key, SoftPasskey().create(ask(client, key)), email="eve@example.com")
    assert answer.status_code == 422
    assert account_of(unit_of_work, "eve@example.com") is None


def test_a_dead_invitation_gives_no_challenge(client: Browser, key: str, clock: MovableClock) -> None:
    clock.move(days=7)
    assert client.submit(CHALLENGE, BEN | {"key": key}, form_page="/join").status_code == 404


def test_without_a_script_the_button_of_the_passkey_takes_the_password(client: Browser, key: str) -> None:
    form = BEN | {"key": key, "way": "passkey", "passkey": "", "password": NEW_PASSWORD}
    assert client.submit("/join", form, form_page="/join").headers["Location"] == "/account/enrol"


def test_of_two_who_follow_one_link_one_gets_the_account(
    app: Flask, client: Browser, key: str, unit_of_work: UnitOfWork, visitor: Actor
) -> None:
    answers = [SoftPasskey().create(ask(client, key)) for _ in range(4)]
    outcomes: list[str] = []

    def join(answer: str) -> None:
        with app.app_context():
            try:
                joining.join_with_passkey(unit_of_work, visitor, PARTY, link=key, **BEN, answer=answer)
                outcomes.append("in")
            except Exception as error:  # noqa: BLE001 - the test compares which
                outcomes.append(type(error).__name__)

    racers = [threading.Thread(target=join, args=(answer,)) for answer in answers]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(outcomes) == ["InvitationUnavailable"] * 3 + ["in"]
    shown = account_of(unit_of_work)
    assert shown is not None
    with unit_of_work.read() as work:
        assert factors_of(work.session, shown.id).count == 1


def test_when_the_passkey_cannot_be_kept_there_is_no_account_either(
    client: Browser, key: str, unit_of_work: UnitOfWork, visitor: Actor, staff: Person
) -> None:
    taken = SoftPasskey(credential_id=staff.passkey.credential_id).create(ask(client, key))
    before = len(recorded(unit_of_work))
    with pytest.raises(PasskeyRefused):
        joining.join_with_passkey(unit_of_work, visitor, PARTY, link=key, **BEN, answer=taken)
    assert len(recorded(unit_of_work)) == before
    assert account_of(unit_of_work) is None


def test_the_session_that_the_browser_had_is_over(app: Flask, staff_client: Browser, key: str) -> None:
    old = staff_client.session_key()
    assert send(staff_client, key, SoftPasskey().create(ask(staff_client, key))).status_code == 200
    thief = Browser.of(app)
    thief.set_cookie("sharelink_session", old or "")
    assert thief.get("/account").status_code == 303


# What the account without a password is then.


def test_no_password_opens_it_and_the_answer_is_the_same_for_everybody(app: Flask, ben: Person) -> None:
    told = set()
    for email in (ben.email, "nobody@example.com"):
        for password in ("", "surely not this one"):
            browser = Browser.of(app)
            answer = browser.submit("/sign-in", {"email": email, "password": password}, form_page="/sign-in")
            told.add((answer.status_code, "If you joined with a passkey, you have no password" in answer.text))
            assert browser.session_key() is None
    assert told == {(422, True)}


def test_step_up_is_by_the_passkey_alone(client: Browser, ben: Person, clock: MovableClock) -> None:
    clock.move(minutes=6)
    asked = client.submit("/account/factors/recovery-codes", {})
    assert asked.status_code == 401
    assert "Use your passkey" in asked.text
    assert "Your password" not in asked.text
    proof = client.ask_passkey(ben)
    assert client.submit("/account/factors/recovery-codes", {"proof_passkey": proof}).status_code == 200


def test_the_last_passkey_stays(client: Browser, ben: Person, unit_of_work: UnitOfWork) -> None:
    with unit_of_work.read() as work:
        passkey = factors_of(work.session, ben.account_id).passkeys[0].id_text
    assert client.submit(f"/account/factors/passkey/{passkey}/remove", {}).status_code == 409
    assert f"passkey/{passkey}/remove" not in client.get("/account/security").text
    with unit_of_work.read() as work:
        assert factors_of(work.session, ben.account_id).count == 1


def test_an_app_comes_after_a_password_only(client: Browser, ben: Person) -> None:
    assert "/account/factors/app/new" not in client.get("/account/security").text
    refused = client.submit("/account/factors/app/new", {})
    assert refused.status_code == 409
    assert "Set one on your account page." in refused.text


def test_the_last_passkey_stays_even_beside_an_app_of_an_account_without_a_password(
    client: Browser, ben: Person, unit_of_work: UnitOfWork, clock: MovableClock
) -> None:
    client.submit("/account/password", {"new": NEW_PASSWORD})
    client.submit("/account/factors/app/new", {})
    key = app_key(client.get("/account/factors/app").text)
    code = Person(b"", "", "", "", app_secret=_secret(key)).code(clock.now)
    assert client.submit("/account/factors/app", {"code": code}).status_code == 303
    with unit_of_work.write(Actor.operator()) as work:
        # As of somebody who comes by the provider and added an app before that asked for a password.
        work.session.get_one(Account, ben.account_id).password_hash = ""
        passkey = factors_of(work.session, ben.account_id).passkeys[0].id_text
    assert client.submit(f"/account/factors/passkey/{passkey}/remove", {}).status_code == 409


def _secret(key: str) -> bytes:
    return b32decode(key)


def test_it_sets_a_password_with_a_fresh_proof_and_only_once(
    app: Flask, client: Browser, ben: Person, unit_of_work: UnitOfWork, clock: MovableClock
) -> None:
    other = Browser.of(app)
    other.sign_in(ben)
    page = client.get("/account").text
    assert "Set a password" in page
    assert "Present password" not in page
    clock.move(minutes=6)
    asked = client.submit("/account/password", {"new": NEW_PASSWORD})
    assert (asked.status_code, "Is it you?" in asked.text) == (401, True)
    weak = client.submit("/account/password", {"new": "short", "proof_passkey": client.ask_passkey(ben)})
    assert weak.status_code == 422
    assert "Use at least 15 characters." in weak.text
    assert client.submit("/account/password", {"new": NEW_PASSWORD}).headers["Location"] == "/account?done=set"
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 303
    assert recorded_types(unit_of_work, id_text(ben.account_id))[-1] == "auth.password_set"
    for another in (NEW_PASSWORD + "x", ""):
        assert client.submit("/account/password", {"new": another}).status_code == 409
    late = Browser.of(app)
    answer = late.give_password(Person(ben.account_id, ben.name, ben.email, NEW_PASSWORD))
    assert answer.headers["Location"] == "/sign-in/second-step"


def test_changing_a_password_that_is_not_there_is_told_kindly(client: Browser, ben: Person) -> None:
    answer = client.submit("/account", {"current": "", "new": NEW_PASSWORD})
    assert answer.status_code == 422
    assert "Your account has no password yet." in answer.text


def test_an_operator_sets_a_password(app: Flask, ben: Person, unit_of_work: UnitOfWork, client: Browser) -> None:
    set_password(unit_of_work, Actor.operator(), ben.account_id, NEW_PASSWORD)
    assert client.get("/account").status_code == 303, "every session is over"
    answer = Browser.of(app).give_password(Person(ben.account_id, ben.name, ben.email, NEW_PASSWORD))
    assert answer.headers["Location"] == "/sign-in/second-step"


def test_whoever_set_a_password_may_add_an_app_and_remove_the_passkey(
    client: Browser, ben: Person, unit_of_work: UnitOfWork, clock: MovableClock
) -> None:
    client.submit("/account/password", {"new": NEW_PASSWORD})
    client.submit("/account/factors/app/new", {})
    key = app_key(client.get("/account/factors/app").text)
    code = Person(b"", "", "", "", app_secret=_secret(key)).code(clock.now)
    assert client.submit("/account/factors/app", {"code": code}).status_code == 303
    with unit_of_work.read() as work:
        passkey = factors_of(work.session, ben.account_id).passkeys[0].id_text
    assert client.submit(f"/account/factors/passkey/{passkey}/remove", {}).status_code == 303


def test_a_name_that_cannot_be_is_refused_by_the_act_as_well(
    client: Browser, key: str, unit_of_work: UnitOfWork, visitor: Actor
) -> None:
    answer = SoftPasskey().create(ask(client, key))
    with pytest.raises(InvalidInput):
        joining.join_with_passkey(
            unit_of_work, visitor, PARTY, link=key, name="", email="ben@example.com", answer=answer
        )
