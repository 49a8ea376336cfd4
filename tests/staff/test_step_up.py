"""Step-up: before a sensitive act the person proves once more who they are, and then exactly that act is done."""

import pytest
from flask import Flask

from sharelink.crypto.identifiers import id_text
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded_types
from tests.browsers import HTMX, Browser, hidden_field
from tests.factories import Person, make_person
from tests.fakes import MovableClock

ACT = "/account/factors/recovery-codes"
ASKED, DONE = "Is it you?", "Your recovery codes"


@pytest.fixture
def stale(staff_client: Browser, clock: MovableClock) -> Browser:
    """Return a browser whose person proved who they are just too long ago."""
    clock.move(minutes=5)
    return staff_client


def proof(person: Person, clock: MovableClock, **changes: str) -> dict[str, str]:
    return {"proof_password": person.password, "proof_code": person.code(clock.now)} | changes


def recovery_code(unit_of_work: UnitOfWork, person: Person) -> str:
    with unit_of_work.write(person.actor) as work:
        return work.factors.make_recovery_codes(work.accounts.administration.account(person.account_id))[0]


def test_a_proof_is_good_for_five_minutes(staff_client: Browser, clock: MovableClock) -> None:
    clock.move(minutes=5, seconds=-1)
    assert DONE in staff_client.submit(ACT, {}).text
    clock.move(seconds=1)
    answer = staff_client.submit(ACT, {})
    assert (answer.status_code, ASKED in answer.text, DONE in answer.text) == (401, True, False)


def test_password_and_code_do_the_act_under_a_new_id(
    stale: Browser, staff: Person, clock: MovableClock, unit_of_work: UnitOfWork
) -> None:
    before = stale.session_key()
    answer = stale.submit(ACT, proof(staff, clock))
    assert (answer.status_code, DONE in answer.text) == (200, True)
    after = stale.session_key()
    assert after != before
    assert DONE in stale.submit(ACT, {}).text, "and it is good for the next act, too"
    assert recorded_types(unit_of_work, id_text(staff.account_id)).count("auth.proven_again") == 1
    stale.set_cookie("sharelink_session", before or "")
    assert stale.get("/account").status_code == 303


def test_a_passkey_does_the_act(stale: Browser, staff: Person) -> None:
    answer = stale.submit(ACT, {"proof_passkey": stale.ask_passkey(staff)})
    assert (answer.status_code, DONE in answer.text) == (200, True)


def test_the_key_is_renewed_even_if_the_act_itself_fails(stale: Browser, staff: Person, clock: MovableClock) -> None:
    before = stale.session_key()
    answer = stale.submit("/account/factors/passkey/AAAAAAAAAAAAAAAAAAAAAA/remove", proof(staff, clock))
    assert answer.status_code == 404
    assert stale.session_key() != before
    assert stale.get("/account").status_code == 200


def test_nothing_weaker_does(stale: Browser, staff: Person, clock: MovableClock, unit_of_work: UnitOfWork) -> None:
    ben = make_person(unit_of_work, "Ben Example", "ben@example.com")
    code = recovery_code(unit_of_work, staff)
    weak = [
        proof(staff, clock, proof_code=""),
        proof(staff, clock, proof_password=""),
        proof(staff, clock, proof_password="wrong wrong wrong"),
        proof(staff, clock, proof_code=ben.code(clock.now)),
        proof(staff, clock, proof_code=code),
        proof(ben, clock),
        {"proof_passkey": "{}"},
        {"proof_passkey": stale.ask_passkey(ben)},
        {"proof_passkey": staff.passkey.get({}, challenge="A" * 43)},
    ]
    for fields in weak:
        answer = stale.submit(ACT, fields)
        assert (answer.status_code, "That did not prove it." in answer.text) == (401, True), fields.keys()
        assert DONE not in answer.text
    with unit_of_work.read() as work:
        assert work.factors.recovery_codes.left(staff.account_id) == 10


def test_a_code_and_an_answer_prove_it_once(stale: Browser, staff: Person, clock: MovableClock) -> None:
    fields = proof(staff, clock)
    answer = {"proof_passkey": stale.ask_passkey(staff)}
    assert stale.submit(ACT, fields).status_code == 200
    clock.move(minutes=5)
    for used in (fields, answer):
        assert stale.submit(ACT, used).status_code == 401


def test_an_answer_from_another_session_proves_nothing(app: Flask, stale: Browser, staff: Person) -> None:
    other = Browser.of(app)
    other.sign_in(staff)
    assert stale.submit(ACT, {"proof_passkey": other.ask_passkey(staff)}).status_code == 401


def test_guessing_at_the_proof_is_limited(stale: Browser, staff: Person, clock: MovableClock) -> None:
    for _ in range(10):
        stale.submit(ACT, proof(staff, clock, proof_password="wrong wrong wrong"))
    assert stale.submit(ACT, proof(staff, clock)).status_code == 401
    assert stale.submit(ACT, {"proof_passkey": stale.ask_passkey(staff)}).status_code == 200


def test_what_was_posted_is_carried_along_and_no_proof_is(stale: Browser, staff: Person, clock: MovableClock) -> None:
    posted = {"name": 'A "key" <b>', "next": "/records", **proof(staff, clock, proof_password="wrong but typed here")}
    page = stale.submit("/account/factors/passkey", posted).text
    assert hidden_field(page, "name") == 'A "key" <b>'
    assert hidden_field(page, "next") == "/records"
    assert "<b>" not in page
    assert "wrong but typed here" not in page
    assert posted["proof_code"] not in page


def test_htmx_gets_the_question_as_a_part_for_the_whole_page(stale: Browser) -> None:
    answer = stale.submit(ACT, {}, htmx=True)
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (401, "#main")
    assert ASKED in answer.text
    assert "<html" not in answer.text


def test_a_proof_does_not_make_a_session_last_longer(stale: Browser, staff: Person, clock: MovableClock) -> None:
    for _ in range(12 * 3 - 1):
        clock.move(minutes=20)
        if stale.get("/account").status_code != 200:
            break
    clock.move(minutes=10)
    assert stale.submit(ACT, proof(staff, clock), form_page="/account").status_code == 200
    clock.move(minutes=10)
    assert stale.get("/account").status_code == 303


def test_a_sign_in_with_a_recovery_code_proves_nothing_sensitive_but_lets_a_lost_factor_be_replaced(
    client: Browser, staff: Person, unit_of_work: UnitOfWork, clock: MovableClock
) -> None:
    client.give_password(staff)
    client.give_code(recovery_code(unit_of_work, staff))
    assert client.get("/account").status_code == 200
    assert client.submit(ACT, {}).status_code == 401
    assert client.submit("/account/factors/app/remove", {}).status_code == 401
    answer = client.submit("/account/factors/app/new", {})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/factors/app")
    assert client.get("/account/factors/app").status_code == 200
    clock.move(minutes=15)
    assert client.submit("/account/factors/app/new", {}).status_code == 401
    assert client.get("/account/factors/app").headers["Location"] == "/account/security"


def test_the_question_is_no_way_around_the_form_token_or_the_permission(
    app: Flask, stale: Browser, staff: Person, clock: MovableClock, unit_of_work: UnitOfWork
) -> None:
    assert stale.post(ACT, data=proof(staff, clock)).status_code == 400
    answer = stale.get("/account", headers=HTMX)
    assert answer.status_code == 200
    stranger = Browser.of(app)
    posted = stranger.submit(ACT, proof(staff, clock), form_page="/sign-in")
    assert (posted.status_code, posted.headers["Location"]) == (303, "/sign-in")
