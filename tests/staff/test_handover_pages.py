"""Both scenarios and both endings, played on the pages by two colleagues: the page always leads to the next step."""

import html
import re

import pytest
from flask import Flask

from sharelink.accounts.states import Role
from sharelink.acts.requesting import Asked
from sharelink.crypto.identifiers import id_text
from sharelink.custody.states import CustodyState, RecordKind
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser
from tests.factories import ask_secret, make_person, open_record, send_secret, submit_answer
from tests.fakes import MovableClock
from tests.staff.custody_pages import Desk, desk

HOW = "Called the number in the contract."


@pytest.fixture
def at(app: Flask, unit_of_work: UnitOfWork) -> Desk:
    """Return a record of the root user of an AWS account and two colleagues."""
    return desk(app, unit_of_work)


@pytest.fixture
def plain(app: Flask, unit_of_work: UnitOfWork) -> Desk:
    """Return a record of a plain credential and two colleagues."""
    return desk(app, unit_of_work, RecordKind.CREDENTIAL)


def next_step(at: Desk) -> str:
    found = re.search(r'<h2 id="next-head">([^<]*)</h2>', at.page())
    assert found is not None
    return found[1]


def answered(at: Desk) -> Asked:
    asked = ask_secret(at.unit_of_work, at.anna, custody_id=at.record_id)
    submit_answer(at.unit_of_work, asked.submit_link, "correct horse battery staple")
    return asked


def write_items_down(at: Desk) -> None:
    for kind, holder, place in [
        ("password", "Custodians", "Vault entry 7"),
        ("mfa_device", "Keepers", "Safe 2"),
        ("mailbox", "Customer", "root@example.com"),
        ("access_keys", "Nobody", "The account"),
    ]:
        at.done(at.staff, "/items/new", kind=kind, holder=holder, place=place)
    keys = re.findall(r'href="([^"]*/items/[^"/]*/check)"', at.page())[-1]
    at.done(at.staff, keys.removeprefix(at.address), none_seen="y")


def verified(at: Desk, clock: MovableClock) -> None:
    clock.move(minutes=2)
    moment = f"{clock():%Y-%m-%dT%H:%M}"
    at.done(at.custodian, "/verify", signed_in_at=moment, mfa_serial_tail="7F3A")


def in_custody(at: Desk, clock: MovableClock) -> None:
    """Play scenario B of a plain record up to custody."""
    at.done(at.staff, "/steps/begin", scenario="change", channel=HOW)
    send_secret(at.unit_of_work, at.anna, custody_id=at.record_id)
    verified(at, clock)
    at.done(at.staff, "/steps/activate", acknowledged_by="Carla Customer", channel=HOW)
    assert at.confirm(at.custodian).status_code == 303
    assert at.state is CustodyState.ACTIVE


def test_scenario_a_leads_from_the_first_contact_into_custody_and_back_to_the_customer(
    at: Desk, clock: MovableClock
) -> None:
    assert next_step(at) == "Add a contact of the customer"
    at.done(at.staff, "/contacts/new", side="customer", name="Carla Customer", email="carla@example.com", role_text="")
    assert next_step(at) == "Have the contact confirmed"
    assert at.confirm(at.custodian, HOW).status_code == 303
    assert next_step(at) == "Begin the handover"
    contact = re.search(r'<option[^>]*value="([^"]+)"', at.staff.get(at.address + "/steps/begin").text)
    assert contact is not None
    at.done(at.staff, "/steps/begin", scenario="keep", channel=HOW, contact=contact[1])
    assert next_step(at) == "Ask the customer for the secret"
    answered(at)
    assert (at.state, next_step(at)) == (CustodyState.RECEIVED, "Retrieve it and store it")
    verified(at, clock)
    assert next_step(at) == "Write down the root password"
    write_items_down(at)
    at.done(at.staff, "/terms", operator_name="Example Reseller", purpose="Billing only.", since="2026-11-01")
    assert next_step(at) == "Take it into custody"
    at.done(at.staff, "/steps/activate", acknowledged_by="Carla Customer", channel=HOW)
    assert next_step(at) == "A second person confirms"
    assert at.confirm(at.custodian).status_code == 303
    assert at.state is CustodyState.ACTIVE
    assert "In custody" in at.page()
    at.done(at.staff, "/steps/release", approved_by="Carla Customer", channel=HOW)
    assert at.confirm(at.custodian).status_code == 303
    assert next_step(at) == "Hand everything back"
    form = at.staff.get(at.address + "/steps/complete-release").text
    ticks = re.findall(r'type="checkbox"\s+id="[^"]*"\s+name="([^"]*)"', form)
    assert len(ticks) == 5
    some = at.post(at.staff, "/steps/complete-release", **dict.fromkeys(ticks[1:], "y"))
    assert (some.status_code, "This must be so first" in some.text) == (422, True)
    everything = dict.fromkeys(ticks, "y") | {"confirmed_by": "Carla Customer", "channel": HOW}
    at.done(at.staff, "/steps/complete-release", **everything)
    assert at.state is CustodyState.RELEASED
    page = at.page()
    assert "Custody has ended" in page
    assert "/send?record=" not in page
    assert "/steps/" not in page


def test_scenario_b_of_a_plain_credential_ends_with_its_closing_and_says_nothing_of_aws(
    plain: Desk, clock: MovableClock
) -> None:
    assert next_step(plain) == "Begin the handover"
    in_custody(plain, clock)
    page = plain.page()
    for word in ("AWS", "MFA", "Root", "root"):
        assert word not in page, word
    plain.done(plain.staff, "/steps/closing", reason="The shop is closed.")
    assert plain.confirm(plain.custodian).status_code == 303
    plain.done(plain.staff, "/steps/close", closure_reference="Case 4711")
    assert plain.state is CustodyState.CLOSED
    assert "Case 4711" in plain.page()


def test_nobody_confirms_their_own_proposal_where_somebody_else_could(at: Desk) -> None:
    at.done(at.staff, "/contacts/new", side="customer", name="Carla Customer", email="carla@example.com")
    path, digest = at.waiting(at.custodian)
    assert path not in at.page(at.staff)
    assert at.staff.submit(path, {"digest": digest, "how": HOW}).status_code == 403
    assert "Not confirmed" in at.page()


def test_a_contact_is_confirmed_only_with_a_word_how_and_what_was_typed_stays(at: Desk) -> None:
    at.done(at.staff, "/contacts/new", side="customer", name="Carla Customer", email="carla@example.com")
    answer = at.confirm(at.custodian, " ")
    assert (answer.status_code, "Say how you checked it" in answer.text) == (422, True)
    assert at.waiting(at.custodian)[1] in answer.text


def test_what_was_shown_is_what_is_confirmed(at: Desk) -> None:
    at.done(at.staff, "/contacts/new", side="customer", name="Carla Customer", email="carla@example.com")
    path, _digest = at.waiting(at.custodian)
    for forged in ("00" * 32, "", "no digest"):
        assert at.custodian.submit(path, {"digest": forged, "how": HOW}).status_code == 409


def test_a_proposal_can_be_refused_and_taken_back(at: Desk) -> None:
    for browser in (at.custodian, at.staff):
        at.done(at.staff, "/contacts/new", side="customer", name="Carla Customer", email="carla@example.com")
        path, _digest = at.waiting(at.custodian)
        assert browser.submit(path.replace("/confirm", "/refuse"), {"button": "pressed"}).status_code == 303
        assert "carla@example.com" not in at.page().split('id="timeline"')[0]


def test_nobody_acts_through_one_record_on_what_belongs_to_another(at: Desk, unit_of_work: UnitOfWork) -> None:
    at.done(at.staff, "/contacts/new", side="customer", name="Carla Customer", email="carla@example.com")
    at.done(at.staff, "/items/new", kind="password", holder="Custodians", place="Vault")
    path, digest = at.waiting(at.custodian)
    other = f"/records/{id_text(open_record(unit_of_work, at.anna))}"
    page = at.page()
    item = re.findall(r"/items/([\w-]{22})", page)[0]
    contact = re.findall(r"/contacts/([\w-]{22})", page)[0]
    for address, fields in [
        (path.replace(at.address, other), {"digest": digest, "how": HOW}),
        (path.replace(at.address, other).replace("/confirm", "/refuse"), {"button": "x"}),
        (f"{other}/items/{item}/check", {"state_text": "there"}),
        (f"{other}/items/{item}/remove", {"reason": "a test"}),
        (f"{other}/contacts/{contact}/remove", {"button": "x"}),
        (f"{other}/contacts/{contact}/ask-again", {"button": "x"}),
    ]:
        assert at.custodian.submit(address, fields).status_code == 409, address
    assert at.page() == page


def test_one_person_stops_everything_and_two_let_it_go_on(plain: Desk, app: Flask, clock: MovableClock) -> None:
    in_custody(plain, clock)
    approver = make_person(plain.unit_of_work, "Cleo", "cleo@example.com", roles=[Role.APPROVER], groups=[])
    browser = Browser.of(app)
    browser.sign_in(approver)
    plain.done(browser, "/stops/suspend", reason="A laptop was stolen.")
    assert plain.state is CustodyState.SUSPENDED
    page = plain.page()
    assert "on hold" in page
    assert "/send?record=" not in page
    for colleague in (plain.staff, plain.custodian):
        assert colleague.submit(f"{plain.address}/hold/release", {"button": "x"}).status_code == 303
    assert plain.state is CustodyState.ACTIVE


def test_a_compromised_secret_burns_links_and_begins_again(plain: Desk, clock: MovableClock) -> None:
    in_custody(plain, clock)
    plain.done(plain.staff, "/stops/compromised", reason="It stood in a mail.")
    assert plain.state is CustodyState.COMPROMISED
    assert next_step(plain) == "Change the secret and begin again"
    assert "Withdrawn unread" in plain.page()
    plain.done(plain.staff, "/steps/begin", scenario="change", channel=HOW)
    send_secret(plain.unit_of_work, plain.anna, custody_id=plain.record_id)
    assert "Version 2" in plain.page()


@pytest.mark.parametrize(
    ("path", "fields", "told"),
    [
        ("/steps/begin", {"scenario": "lend", "channel": HOW}, "Choose which way"),
        ("/steps/begin", {"scenario": "keep", "channel": ""}, "Say how"),
        ("/steps/begin", {"scenario": "keep", "channel": HOW}, "whom a second person has confirmed"),
        ("/contacts/new", {"side": "customer", "name": "", "email": "x"}, "Enter the person's name"),
        ("/items/new", {"kind": "yacht", "holder": "A", "place": "B"}, "Choose what it is"),
        ("/items/new", {"kind": "password", "holder": "", "place": "B"}, "Say who has it"),
        ("/terms", {"operator_name": "A", "purpose": "B", "since": "yesterday"}, "Enter a day"),
        ("/policy", {"approvals_needed": "9"}, "Choose from 0 to 3"),
        ("/calendar/review", {"every_days": "-1"}, "Enter a number of days"),
        ("/calendar/drill/done", {"went_well": "yes", "result": ""}, "Say what you found"),
        ("/steps/abandon", {"reason": " "}, "Say why"),
    ],
)
def test_a_mistake_is_told_beside_its_field_and_changes_nothing(
    at: Desk, path: str, fields: dict[str, str], told: str
) -> None:
    before = at.page()
    answer = at.post(at.staff, path, **fields)
    assert answer.status_code in {409, 422}
    assert told in html.unescape(answer.text)
    assert 'aria-invalid="true"' in answer.text or "choice-row" in answer.text
    assert at.page() == before


def test_an_act_at_the_wrong_point_is_refused_kindly(at: Desk) -> None:
    answer = at.post(at.staff, "/steps/close", closure_reference="Case 1")
    assert (answer.status_code, "not at that point" in answer.text) == (409, True)
    assert at.staff.get(at.address + "/steps/fly").status_code == 404


def test_policy_and_calendar_are_shown_as_they_hold(at: Desk) -> None:
    policy = {
        "approvals_needed": "2",
        "purposes": "billing_case",
        "longest_window_seconds": "3600",
        "ticket_required": "y",
        "ticket_pattern": "CASE-#",
    }
    at.done(at.staff, "/policy", **policy)
    assert "CASE-#" in at.page().split('id="proposals"')[1]
    assert at.confirm(at.custodian).status_code == 303
    shown = at.page().split('id="policy"')[1]
    assert "CASE-#" in shown
    assert "Billing case with AWS" in shown
    at.done(at.staff, "/calendar/review", every_days="30")
    at.done(at.staff, "/calendar/review/done", went_well="no", result="Ben has left the team.")
    page = at.page().split('id="calendar"')[1]
    assert "every 30 days" in page
    assert "Ben has left the team." in page


def test_what_is_overdue_and_what_waits_stands_under_my_work(at: Desk, clock: MovableClock) -> None:
    at.done(at.staff, "/calendar/drill", every_days="30")
    at.done(at.staff, "/contacts/new", side="customer", name="Carla Customer", email="carla@example.com")
    assert "Confirm a contact" in at.custodian.get("/").text
    assert "Confirm a contact" not in at.staff.get("/").text
    clock.move(days=31)
    at.custodian.sign_in(at.ben)
    work = at.custodian.get("/").text
    assert "Access drill" in work
    assert "Overdue" in work


def test_hostile_texts_stay_texts(at: Desk) -> None:
    attack = "<script>alert(1)</script>"
    at.done(at.staff, "/contacts/new", side="customer", name=attack, email="carla@example.com", role_text=attack)
    at.done(at.staff, "/items/new", kind="password", label=attack, holder=attack, place=attack, state_text=attack)
    at.done(at.staff, "/terms", operator_name=attack, purpose=attack)
    assert attack not in at.staff.get(at.address).text
    assert at.page().count(attack) > 5
