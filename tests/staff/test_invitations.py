"""From the invitation to the enrolment page: one link, shown once, for one address; and nothing else in reach."""

import html
import re

import pytest
from flask import Flask

from sharelink.accounts.queries import groups_for_choice, people
from sharelink.accounts.states import Role
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser, hidden_field
from tests.factories import Person
from tests.fakes import MovableClock

FORM = {"name": "Ben Example", "email": "ben@example.com", "password": "tapioca violin marsh eleven"}


def invite(browser: Browser, email: str = "ben@example.com", **more: str | list[str]) -> str:
    """Make an invitation on the page, and return what stands after the # of its link."""
    data = {"csrf_token": browser.token("/people/invite"), "email": email, "roles": ["staff"], **more}
    answer = browser.post("/people/invite", data=data)
    assert answer.status_code == 200, answer.text
    found = re.search(r"http://localhost/join#(\S+)</textarea>", html.unescape(answer.text))
    assert found is not None
    return found[1]


def test_an_invited_person_joins_and_comes_to_the_second_factor_before_anything_else(
    app: Flask, staff_client: Browser, unit_of_work: UnitOfWork
) -> None:
    with unit_of_work.read() as work:
        group = groups_for_choice(work.session, None)[0].id_text
    key = invite(staff_client, roles=["staff", "custodian"], groups=[group])
    browser = Browser.of(app)
    answer = browser.submit("/join", FORM | {"key": key}, form_page="/join")
    assert answer.status_code == 303
    assert answer.headers["Location"].split("?")[0] == "/account/enrol"
    for address in ("/", "/records", "/people", "/account"):
        held_back = browser.get(address)
        assert held_back.status_code == 303, address
        assert held_back.headers["Location"].split("?")[0] == "/account/enrol"
    with unit_of_work.read() as work:
        joined = next(one for one in people(work.session) if one.email == "ben@example.com")
    assert (joined.roles, joined.group_names) == ({Role.STAFF, Role.CUSTODIAN}, ("Custodians",))


def test_the_page_shows_nothing_of_the_invitation_and_asks_nobody(client: Browser, staff_client: Browser) -> None:
    key = invite(staff_client)
    page = client.get("/join")
    assert page.status_code == 200
    assert key not in page.text
    assert "ben@example.com" not in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_an_open_invitation_is_listed_without_its_link_and_can_be_revoked(app: Flask, staff_client: Browser) -> None:
    key = invite(staff_client)
    page = staff_client.get("/people").text
    assert "ben@example.com" in page
    assert key not in page
    address = re.search(r'action="(/people/invitations/[^"]+/revoke)"', page)
    assert address is not None
    assert staff_client.submit(address[1], {}).status_code == 303
    assert "ben@example.com" not in staff_client.get("/people").text
    answer = Browser.of(app).submit("/join", FORM | {"key": key}, form_page="/join")
    assert answer.status_code == 404
    assert "Ask an administrator for a new one." in answer.text


def test_unknown_used_revoked_old_and_forged_links_answer_alike(
    app: Flask, staff: Person, staff_client: Browser, clock: MovableClock
) -> None:
    old = invite(staff_client, "old@example.com")
    clock.move(days=7)
    staff_client.sign_in(staff)
    used, revoked = invite(staff_client), invite(staff_client, "revoked@example.com")
    invite(staff_client, "revoked@example.com")
    Browser.of(app).submit("/join", FORM | {"key": used}, form_page="/join")
    forged = used[:-1] + ("A" if used[-1] != "A" else "Q")
    answers = set()
    for key in (old, used, revoked, forged):
        answer = Browser.of(app).submit("/join", FORM | {"key": key, "email": "eve@example.com"}, form_page="/join")
        answers.add((answer.status_code, answer.text if key != forged else None))
    assert {status for status, _text in answers} <= {404, 422}
    assert len({text for status, text in answers if text is not None}) == 1


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", " ", "Enter a name."),
        ("email", "eve@example.com", "The invitation was sent to another address."),
        ("password", "too short", "Use at least 15 characters."),
    ],
)
def test_a_refused_field_has_its_message_and_the_rest_stays(
    client: Browser, staff_client: Browser, field: str, value: str, message: str
) -> None:
    key = invite(staff_client)
    answer = client.submit("/join", FORM | {"key": key, field: value}, form_page="/join")
    assert answer.status_code == 422
    assert message in answer.text
    assert hidden_field(answer.text, "key") == key
    assert FORM["password"] not in answer.text
    assert client.session_key() is None
    assert client.submit("/join", FORM | {"key": key}, form_page="/join").status_code == 303, "the link still works"


def test_a_cut_off_link_is_told_on_the_form(client: Browser) -> None:
    answer = client.submit("/join", FORM | {"key": "abc"}, form_page="/join")
    assert answer.status_code == 422
    assert "A part of the invitation link is missing." in answer.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"email": "nobody"}, "Enter one whole e-mail address"),
        ({"email": "anna@example.com"}, "There is an account with this e-mail address already."),
        ({"roles": ""}, "Choose from the roles that there are."),
    ],
)
def test_an_invitation_that_cannot_be_is_told_beside_its_field(
    staff_client: Browser, change: dict[str, str], message: str
) -> None:
    answer = staff_client.submit(
        "/people/invite", {"email": "ben@example.com", "roles": "staff"} | change, form_page="/people/invite"
    )
    assert answer.status_code == 422
    assert message in answer.text
    assert "/join#" not in answer.text


def test_without_a_fresh_proof_nobody_is_invited(staff_client: Browser, clock: MovableClock) -> None:
    clock.move(minutes=6)
    answer = staff_client.submit("/people/invite", {"email": "ben@example.com", "roles": "staff"})
    assert answer.status_code == 401
    assert "ben@example.com" not in staff_client.get("/people").text


def test_following_a_link_ends_the_session_that_the_browser_had(app: Flask, staff_client: Browser) -> None:
    key = invite(staff_client)
    old_session = staff_client.session_key()
    staff_client.submit("/join", FORM | {"key": key}, form_page="/join")
    thief = Browser.of(app)
    thief.set_cookie("sharelink_session", old_session or "")
    assert thief.get("/people").status_code == 303
    answer = staff_client.get("/people")
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/account/enrol")
