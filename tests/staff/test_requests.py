"""Asking for a secret and looking after the request, through the pages."""

import html
import re
from datetime import timedelta

import pytest
from flask import Flask

from sharelink.accounts.states import Role
from sharelink.acts.requesting import Asked
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.states import RecordKind
from sharelink.requests.links import RetrievalLink, SubmitLink, parse_retrieval_link, parse_submit_link
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import HTMX, Browser, hidden_field
from tests.factories import Person, ask_secret, make_person, open_record, submit_answer
from tests.fakes import MovableClock
from tests.secret_requests.test_lifecycle import detail_of, taken

SECRET = "correct horse battery staple"


def ask_form(unit_of_work: UnitOfWork, staff: Person, **changed: str) -> dict[str, str]:
    record = id_text(open_record(unit_of_work, staff, kind=RecordKind.AWS_ROOT))
    return {
        "form_id": id_text(new_id()),
        "record": record,
        "template": "aws_root",
        "purpose": "To look after the root user for billing, as agreed.",
        "label": "Root password",
        "submit_lifetime": "604800",
        "retrieve_lifetime": "604800",
        "remind_after": "259200",
    } | changed


def links_on(page: str) -> tuple[RetrievalLink, SubmitLink]:
    text = html.unescape(page)
    retrieval = re.search(r"http://\S+/retrieve/[\w.-]+#[\w-]+", text)
    submit = re.search(r"http://\S+/r/[\w.-]+#[\w-]+", text)
    assert retrieval is not None
    assert submit is not None
    return parse_retrieval_link(retrieval[0]), parse_submit_link(submit[0])


def address_of(asked: Asked) -> str:
    return f"/requests/{id_text(asked.share_id)}"


def test_asking_shows_two_links_once_and_they_work(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    form = ask_form(unit_of_work, staff)
    page = staff_client.submit("/request", form, htmx=True)
    assert page.status_code == 201
    retrieval_link, submit_link = links_on(page.text)
    submit_answer(unit_of_work, submit_link, "123456789012", "root@example.com", SECRET)
    with unit_of_work.write(staff.actor) as work:
        _facts, fields = work.requests.open_answer(retrieval_link)
    assert fields[2].value == SECRET
    again = staff_client.submit("/request", form)
    assert (again.status_code, "/retrieve/" in again.text) == (409, False)


def test_the_message_for_the_customer_never_holds_the_retrieval_link(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    page = staff_client.submit("/request", ask_form(unit_of_work, staff), htmx=True).text
    message = re.search(r'<textarea[^>]*id="message"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert message is not None
    assert "/r/" in message[1]
    assert "/retrieve/" not in message[1]


def test_the_form_is_filled_in_for_the_record_it_comes_from(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    custody_id = open_record(unit_of_work, staff)
    page = staff_client.get(f"/request?record={id_text(custody_id)}")
    assert page.status_code == 200
    assert re.search(rf'value="{id_text(custody_id)}" selected|selected value="{id_text(custody_id)}"', page.text)
    assert hidden_field(page.text, "form_id")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"purpose": " "}, "Say what you need it for"),
        ({"template": "files"}, "Choose one of them"),
        ({"template": "own"}, "at least one thing"),
        ({"record": "x"}, "Choose a record"),
        ({"submit_lifetime": "1"}, "Choose one from the list"),
        ({"retrieve_lifetime": "999999999"}, "Choose one from the list"),
        ({"submit_lifetime": "86400"}, "before the end of the time"),
    ],
)
def test_a_mistake_is_told_beside_its_field_and_makes_nothing(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person, changed: dict[str, str], told: str
) -> None:
    page = staff_client.submit("/request", ask_form(unit_of_work, staff, **changed))
    assert (page.status_code, told in page.text) == (422, True)
    assert "/retrieve/" not in page.text


def test_a_request_is_followed_on_its_page_its_record_and_under_my_work(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    asked = ask_secret(unit_of_work, staff, label="Shop password", remind_after=timedelta(days=3))

    def told(words: str) -> None:
        for path in (address_of(asked), f"/records/{id_text(asked.custody_id)}", "/"):
            assert words in staff_client.get(path).text, (path, words)

    told("Waiting for the answer")
    clock.move(days=3)
    staff_client.sign_in(staff)
    told("time to remind")
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    told("Submitted, not retrieved yet")
    taken(unit_of_work, staff, asked)
    assert "Retrieved, delivery unconfirmed" in staff_client.get(address_of(asked)).text


def test_a_custodian_who_did_not_ask_finds_the_answer_under_my_work(
    other_custodian: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    asked = ask_secret(unit_of_work, staff, label="Shop password")
    assert "Shop password" not in other_custodian.get("/").text
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    assert "Shop password" in other_custodian.get("/").text


@pytest.fixture
def other_custodian(app: Flask, unit_of_work: UnitOfWork) -> Browser:
    person = make_person(unit_of_work, "Cora Example", "cora@example.com", roles=[Role.CUSTODIAN])
    browser = Browser.of(app)
    browser.sign_in(person)
    return browser


def test_cancelling_needs_a_reason_and_ends_it(staff_client: Browser, unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    assert staff_client.submit(f"{address_of(asked)}/cancel", {"reason": ""}).status_code == 422
    assert staff_client.submit(f"{address_of(asked)}/cancel", {"reason": "not needed"}).status_code == 303
    assert staff_client.submit(f"{address_of(asked)}/cancel", {"reason": "not needed"}).status_code == 409
    page = staff_client.get(address_of(asked)).text
    assert "Cancelled" in page
    assert "not needed" in page


def test_asking_again_is_one_click(staff_client: Browser, unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    form_id = hidden_field(staff_client.get(address_of(asked)).text, "form_id")
    page = staff_client.submit(f"{address_of(asked)}/again", {"form_id": form_id})
    assert page.status_code == 201
    _retrieval_link, submit_link = links_on(page.text)
    submit_answer(unit_of_work, submit_link, SECRET)
    assert staff_client.submit(f"{address_of(asked)}/again", {"form_id": form_id}).status_code == 409
    assert "Asked again" in staff_client.get(address_of(asked)).text


def test_the_outcome_is_one_form_worked_or_wrong(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    worked, wrong = ask_secret(unit_of_work, staff), ask_secret(unit_of_work, staff)
    for asked in (worked, wrong):
        submit_answer(unit_of_work, asked.submit_link, SECRET)
        taken(unit_of_work, staff, asked)
    path = f"{address_of(worked)}/outcome"
    assert staff_client.submit(path, {}).status_code == 422
    assert staff_client.submit(path, {"verdict": "worked"}).status_code == 422
    assert staff_client.submit(path, {"verdict": "worked", "vault_reference": "Vault 7"}).status_code == 303
    assert "Vault 7" in staff_client.get(address_of(worked)).text
    path, form_id = f"{address_of(wrong)}/outcome", id_text(new_id())
    assert staff_client.submit(path, {"verdict": "wrong", "form_id": form_id}).status_code == 422
    page = staff_client.submit(path, {"verdict": "wrong", "form_id": form_id, "message": "It did not work."})
    assert page.status_code == 201
    assert detail_of(unit_of_work, wrong).verdict_note == "It did not work."


def test_a_reminder_is_noted_by_one_button(staff_client: Browser, unit_of_work: UnitOfWork, staff: Person) -> None:
    asked = ask_secret(unit_of_work, staff)
    assert staff_client.submit(f"{address_of(asked)}/reminded", {"button": "x"}).status_code == 303
    assert detail_of(unit_of_work, asked).reminded_at is not None
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    assert staff_client.submit(f"{address_of(asked)}/reminded", {"button": "x"}).status_code == 409


def test_no_page_of_a_request_holds_a_link_or_key_of_it(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    asked = ask_secret(unit_of_work, staff)
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    keys = [link.url("").partition("#")[2][:43] for link in (asked.submit_link, asked.retrieval_link)]
    tokens = [asked.submit_link.token, asked.retrieval_link.token]
    for path in (address_of(asked), f"/records/{id_text(asked.custody_id)}", "/", "/records"):
        page = staff_client.get(path, headers=HTMX).text + staff_client.get(path).text
        assert not any(part in page for part in [*keys, *tokens, SECRET])
