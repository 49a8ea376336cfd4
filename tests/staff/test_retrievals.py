"""The retrieval link: neutral for everybody, and of use only to a signed-in custodian of the record, once."""

from itertools import product

import pytest
from flask import Flask

from sharelink.accounts.states import Role
from sharelink.acts.requesting import Asked
from sharelink.crypto.identifiers import id_text
from sharelink.custody.states import RecordKind
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded
from tests.browsers import HTMX, Browser
from tests.factories import Person, ask_secret, make_person, open_record, submit_answer
from tests.fakes import MovableClock

SECRET = "correct horse battery staple"
BASE = "http://localhost:8000"


def link_of(asked: Asked) -> str:
    return asked.retrieval_link.url(BASE)


def chain_of(asked: Asked) -> str:
    return id_text(asked.custody_id)


@pytest.fixture
def answered(unit_of_work: UnitOfWork, staff: Person) -> Asked:
    """Return a request that was answered and waits to be retrieved."""
    asked = ask_secret(unit_of_work, staff)
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    return asked


def retrieval_form(asked: Asked, **changed: str) -> dict[str, str]:
    return {
        "link": link_of(asked),
        "purpose": "take_into_custody",
        "ticket": "T-1",
    } | changed


def test_the_page_is_the_same_for_every_token_signed_in_or_not(
    client: Browser, staff_client: Browser, answered: Asked
) -> None:
    path = link_of(answered).removeprefix(BASE).partition("#")[0]
    pages = {browser.get(where).data for browser in (client, staff_client) for where in (path, "/retrieve/x")}
    assert len(pages) == 1
    assert "Set-Cookie" not in client.get(path).headers


def test_signed_out_nothing_is_told_and_sign_in_opens_in_another_tab(client: Browser, answered: Asked) -> None:
    for link in (link_of(answered), f"{BASE}/retrieve/AAAA.BBBB.CCCC#{'A' * 43}"):
        for path in ("/retrieve/status", "/retrieve/reveal"):
            answer = client.post(path, data={"link": link, "purpose": "take_into_custody"})
            assert answer.status_code == 403
            assert "Location" not in answer.headers
            assert 'href="/sign-in" target="_blank" rel="noopener"' in answer.text
            assert SECRET not in answer.text


def test_a_custodian_sees_what_it_opens_and_retrieves_it_once(
    staff_client: Browser, staff: Person, answered: Asked, unit_of_work: UnitOfWork
) -> None:
    looked = staff_client.post("/retrieve/status", data={"link": link_of(answered)})
    assert looked.status_code == 200
    assert SECRET not in looked.text
    shown = staff_client.post("/retrieve/reveal", data=retrieval_form(answered), headers=HTMX)
    assert (shown.status_code, shown.text.count(SECRET)) == (200, 1)
    again = staff_client.post("/retrieve/reveal", data=retrieval_form(answered))
    assert (again.status_code, SECRET in again.text) == (410, False)
    retrieved = [event for event in recorded(unit_of_work, chain_of(answered)) if event.type == "request.retrieved"]
    assert [(event.facts["purpose"], event.personal["ticket"]) for event in retrieved] == [("take_into_custody", "T-1")]


def test_whoever_proved_long_ago_who_they_are_proves_it_again_and_nothing_is_consumed_before(
    staff_client: Browser, staff: Person, answered: Asked, clock: MovableClock
) -> None:
    clock.move(minutes=5)
    for proof in ({}, {"proof_password": "not this", "proof_code": staff.code(clock.now)}):
        question = staff_client.post("/retrieve/reveal", data=retrieval_form(answered) | proof)
        assert (question.status_code, "Is it you?" in question.text, SECRET in question.text) == (401, True, False)
        assert question.headers.get("Location") is None
    proof = {"proof_password": staff.password, "proof_code": staff.code(clock.now)}
    shown = staff_client.post("/retrieve/reveal", data=retrieval_form(answered) | proof)
    assert (shown.status_code, shown.text.count(SECRET)) == (200, 1)


@pytest.mark.parametrize(
    "changed", [{"purpose": ""}, {"purpose": "curiosity"}, {"ticket": "x" * 101}, {"ticket": "\0"}]
)
def test_a_purpose_outside_the_closed_list_and_a_bad_ticket_are_refused(
    staff_client: Browser, staff: Person, answered: Asked, changed: dict[str, str]
) -> None:
    refused = staff_client.post("/retrieve/reveal", data=retrieval_form(answered, **changed))
    assert (refused.status_code, SECRET in refused.text) == (422, False)
    assert staff_client.post("/retrieve/reveal", data=retrieval_form(answered)).status_code == 200


def test_a_record_of_an_aws_root_demands_a_ticket(
    staff_client: Browser, staff: Person, unit_of_work: UnitOfWork
) -> None:
    asked = ask_secret(unit_of_work, staff, custody_id=open_record(unit_of_work, staff, kind=RecordKind.AWS_ROOT))
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    refused = staff_client.post("/retrieve/reveal", data=retrieval_form(asked, ticket=" "))
    assert refused.status_code == 422
    assert "Enter the ticket" in refused.text
    assert staff_client.post("/retrieve/reveal", data=retrieval_form(asked)).status_code == 200


@pytest.mark.parametrize(("role", "group"), list(product(Role, ("Custodians", "Other custodians", None))))
def test_only_a_custodian_of_the_records_own_group_retrieves(
    app: Flask, unit_of_work: UnitOfWork, answered: Asked, role: Role, group: str | None
) -> None:
    person = make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[role], groups=[group] if group else [])
    browser = Browser.of(app)
    browser.sign_in(person)
    may = role is Role.CUSTODIAN and group == "Custodians"
    looked = browser.post("/retrieve/status", data={"link": link_of(answered)})
    assert looked.status_code == (200 if may else 403)
    shown = browser.post("/retrieve/reveal", data=retrieval_form(answered))
    assert (shown.status_code, SECRET in shown.text) == ((200, True) if may else (403, False))


def test_a_link_with_another_key_or_for_another_purpose_is_a_strangers(
    staff_client: Browser, staff: Person, answered: Asked, unit_of_work: UnitOfWork
) -> None:
    other = ask_secret(unit_of_work, staff)
    wrong_key = link_of(answered).partition("#")[0] + "#" + link_of(other).partition("#")[2]
    submit_token = f"{BASE}/retrieve/{answered.submit_link.token}#{link_of(answered).partition('#')[2]}"
    strange = f"{BASE}/retrieve/AAAA.BBBB.CCCC#{'A' * 43}"
    answers = {
        (answer.status_code, answer.data)
        for answer in (
            staff_client.post("/retrieve/reveal", data=retrieval_form(answered, link=link))
            for link in (wrong_key, submit_token, strange, answered.submit_link.url(BASE))
        )
    }
    assert [status for status, _body in answers] == [404]


def test_before_the_answer_and_after_its_end_the_page_tells_the_truth(
    staff_client: Browser, staff: Person, unit_of_work: UnitOfWork, clock: MovableClock
) -> None:
    asked = ask_secret(unit_of_work, staff)
    early = staff_client.post("/retrieve/reveal", data=retrieval_form(asked))
    assert early.status_code == 409
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    clock.move(days=8)
    staff_client.sign_in(staff)
    late = staff_client.post("/retrieve/reveal", data=retrieval_form(asked))
    assert (late.status_code, SECRET in late.text) == (410, False)
    assert [
        event.facts["answered"] for event in recorded(unit_of_work, chain_of(asked)) if event.type == "share.expired"
    ] == [True]
