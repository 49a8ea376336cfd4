"""The hold on a record over HTTP: who sees it, who lifts it, and what the page says about it."""

import pytest
from flask import Flask

from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.acts.sending import Sent
from sharelink.crypto.identifiers import id_text
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser
from tests.factories import Person, make_person
from tests.fakes import MovableClock
from tests.shares.lives import events, put_on_hold

HELD = "This record is on hold"


@pytest.fixture
def held(unit_of_work: UnitOfWork, staff: Person, visitor: Actor) -> Sent:
    """Return the reported share of a record that is on hold."""
    return put_on_hold(unit_of_work, staff, visitor)


def record_of(sent: Sent) -> str:
    return f"/records/{id_text(sent.custody_id)}"


def release(browser: Browser, sent: Sent, **data: str) -> tuple[int, str]:
    answer = browser.submit(f"{record_of(sent)}/hold/release", {"button": "pressed", **data})
    return answer.status_code, answer.text


def signed_in(app: Flask, unit_of_work: UnitOfWork, name: str, role: Role, *groups: str) -> Browser:
    browser = Browser.of(app)
    browser.sign_in(make_person(unit_of_work, name, f"{name.lower()}@example.com", {role}, groups))
    return browser


def test_two_people_lift_it_and_each_reads_who_is_still_needed(
    app: Flask, unit_of_work: UnitOfWork, staff_client: Browser, held: Sent
) -> None:
    ben = signed_in(app, unit_of_work, "Ben", Role.STAFF)
    page = ben.get(record_of(held)).text
    assert HELD in page
    assert "Two people lift it together, one of them a custodian of Custodians" in page
    assert 'type="password"' not in page
    assert release(ben, held)[0] == 303
    page = ben.get(record_of(held)).text
    assert "A custodian of Custodians is still needed" in page
    assert "/hold/release" not in page
    assert "<strong>Ben</strong> said that it may go" in staff_client.get(record_of(held)).text
    assert release(staff_client, held)[0] == 303
    page = staff_client.get(record_of(held)).text
    assert HELD not in page
    assert "Hold lifted" in page
    assert release(staff_client, held)[0] == 409


def test_where_the_custodian_spoke_first_a_second_person_is_needed(
    app: Flask, unit_of_work: UnitOfWork, staff_client: Browser, held: Sent
) -> None:
    ben = signed_in(app, unit_of_work, "Ben", Role.STAFF)
    release(staff_client, held)
    assert "A second person is still needed" in ben.get(record_of(held)).text
    assert release(ben, held)[0] == 303
    assert HELD not in ben.get(record_of(held)).text


def test_the_only_person_lifts_it_after_proving_once_more_who_it_is(
    staff: Person, staff_client: Browser, held: Sent, clock: MovableClock
) -> None:
    clock.move(minutes=5)
    page = staff_client.get(record_of(held)).text
    assert "you can do it alone" in page
    status, page = release(staff_client, held, alone="1")
    assert status == 401
    assert "Is it you?" in page
    assert HELD in staff_client.get(record_of(held)).text
    proof = {"proof_password": staff.password, "proof_code": staff.code(clock.now)}
    assert release(staff_client, held, alone="1", **proof)[0] == 303
    assert HELD not in staff_client.get(record_of(held)).text


def test_a_custodian_of_the_group_who_sent_nothing_finds_it_under_my_work(
    app: Flask, unit_of_work: UnitOfWork, held: Sent
) -> None:
    own = signed_in(app, unit_of_work, "Cleo", Role.CUSTODIAN, "Custodians")
    other = signed_in(app, unit_of_work, "Noor", Role.CUSTODIAN, "Others")
    assert record_of(held) in own.get("/").text
    assert record_of(held) not in other.get("/").text
    assert release(other, held)[0] == 403
    assert "custody.hold_release" not in events(unit_of_work, held)


def test_who_may_not_lift_it_reads_about_it_without_a_form(app: Flask, unit_of_work: UnitOfWork, held: Sent) -> None:
    auditor = signed_in(app, unit_of_work, "Audrey", Role.AUDITOR)
    page = auditor.get(record_of(held)).text
    assert HELD in page
    assert "/hold/release" not in page
    assert release(auditor, held)[0] == 403


def test_an_address_that_names_no_record_is_not_found_and_a_look_lifts_nothing(
    staff_client: Browser, held: Sent
) -> None:
    for text in (id_text(bytes(16)), "x", "A" * 21 + "B"):
        assert staff_client.submit(f"/records/{text}/hold/release", {"button": "pressed"}).status_code == 404
    assert staff_client.get(f"{record_of(held)}/hold/release").status_code == 405
    assert HELD in staff_client.get(record_of(held)).text
