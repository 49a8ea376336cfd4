"""Sending over HTTP: what the form takes, what it refuses beside its field, and what is shown exactly once."""

import html
import re
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import func, select

from sharelink.accounts.states import Role
from sharelink.audit.models import AuditDisclosure
from sharelink.crypto.identifiers import id_from_text, id_text
from sharelink.custody.models import CustodyRecord
from sharelink.shares.models import Share
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser, hidden_field
from tests.factories import Person, make_person, open_record, send_secret

SECRET = "correct horse\r\n battery \u202e😀\t"


@pytest.fixture
def record(unit_of_work: UnitOfWork, staff: Person) -> str:
    return id_text(open_record(unit_of_work, staff))


def a_form(browser: Browser, **changes: str) -> dict[str, str]:
    page = browser.get("/send").text
    fields = {
        "csrf_token": hidden_field(page, "csrf_token"),
        "form_id": hidden_field(page, "form_id"),
        "secret": SECRET,
        "lifetime": "604800",
        "code_on": "y",
    }
    return fields | changes


def without(fields: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in names}


def value_of(page: str, field_id: str) -> str:
    area = re.search(rf'<textarea id="{field_id}"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    field = re.search(rf'<input id="{field_id}"[^>]*value="([^"]*)"', page)
    found = area or field
    assert found, field_id
    return html.unescape(found.group(1))


def share_count(unit_of_work: UnitOfWork) -> int:
    with unit_of_work.read() as work:
        return int(work.session.execute(select(func.count()).select_from(Share)).scalar_one())


@pytest.mark.parametrize("htmx", [False, True], ids=["page", "fragment"])
def test_link_and_code_are_shown_once_and_open_the_exact_text(
    staff_client: Browser, client: Browser, record: str, htmx: bool
) -> None:
    fields = a_form(staff_client, record=record, label="root password", instruction="Store it in your vault.")
    answer = staff_client.post("/send", data=fields, headers={"HX-Request": "true"} if htmx else {})
    assert answer.status_code == 201
    link, code = value_of(answer.text, "link"), value_of(answer.text, "access-code")
    assert link.startswith("http://localhost/s/")
    message = value_of(answer.text, "message")
    assert link in message
    assert code not in message
    assert "<svg" in answer.text
    revealed = client.post("/s/reveal", data={"link": link, "code": code})
    assert value_of(revealed.text, "secret-text") == SECRET.replace("\r\n", "\n")
    timeline = staff_client.get(f"/records/{record}").text
    for secret in (link, link.split("#")[1], code, link.split("/s/")[1].split("#")[0]):
        assert secret not in timeline


def test_the_same_form_sent_twice_makes_one_share_and_shows_no_link_again(
    unit_of_work: UnitOfWork, staff_client: Browser, record: str
) -> None:
    fields = a_form(staff_client, record=record)
    link = value_of(staff_client.post("/send", data=fields).text, "link")
    again = staff_client.post("/send", data=fields)
    assert again.status_code == 409
    assert link not in again.text
    assert "already created" in again.text
    assert share_count(unit_of_work) == 1


def test_a_new_record_is_opened_with_the_send_or_not_at_all(
    unit_of_work: UnitOfWork, staff_client: Browser, record: str
) -> None:
    group = re.search(r'<select[^>]*name="new_group".*?value="([^"]+)"', staff_client.get("/send").text, re.DOTALL)
    assert group
    fields = a_form(
        staff_client, record="new", new_customer="Neu & Söhne", new_kind="credential", new_group=group.group(1)
    )
    refused = staff_client.post("/send", data=fields | {"secret": ""})
    assert refused.status_code == 422
    assert staff_client.post("/send", data=fields | {"new_customer": ""}).status_code == 422
    with unit_of_work.read() as work:
        customers = work.session.execute(select(CustodyRecord.customer)).scalars().all()
    assert "Neu & Söhne" not in customers
    assert staff_client.post("/send", data=fields).status_code == 201
    with unit_of_work.read() as work:
        opened = work.session.execute(select(CustodyRecord).where(CustodyRecord.customer == "Neu & Söhne")).scalar_one()
        share = work.session.execute(select(Share)).scalar_one()
    assert share.custody_id == opened.id


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"secret": ""}, "Paste or generate"),
        ({"secret": "a\0b"}, "NUL"),
        ({"secret": "x" * 65_537}, "too long"),
        ({"lifetime": "other", "lifetime_seconds": "0"}, "Choose from 1 to"),
        ({"lifetime": "other", "lifetime_seconds": "2592001"}, "Choose from 1 to"),
        ({"lifetime": "other", "lifetime_seconds": "-5"}, "whole number"),
        ({"lifetime": "other", "lifetime_seconds": "²"}, "whole number"),
        ({"lifetime": "never"}, "whole number"),
        ({"record": "nonsense"}, "Choose a record"),
        ({"label": "x" * 121}, "at most 120"),
        ({"instruction": "x" * 2_001}, "at most 2,000"),
    ],
)
def test_what_cannot_be_accepted_is_told_beside_its_field_and_what_was_typed_stays(
    unit_of_work: UnitOfWork, staff_client: Browser, record: str, changes: dict[str, str], message: str
) -> None:
    answer = staff_client.post("/send", data=a_form(staff_client, record=record) | changes)
    assert answer.status_code == 422
    assert message in html.unescape(answer.text)
    assert 'aria-invalid="true"' in answer.text
    assert value_of(answer.text, "secret") == changes.get("secret", SECRET)
    assert share_count(unit_of_work) == 0


def test_any_number_of_seconds_within_the_limits_is_taken(
    unit_of_work: UnitOfWork, staff_client: Browser, record: str
) -> None:
    for seconds in ("1", "2592000"):
        fields = a_form(staff_client, record=record, lifetime="other", lifetime_seconds=seconds)
        assert staff_client.post("/send", data=fields).status_code == 201
    assert share_count(unit_of_work) == 2


def test_switching_the_code_off_needs_a_reason_which_is_audited(
    unit_of_work: UnitOfWork, staff_client: Browser, record: str
) -> None:
    fields = without(a_form(staff_client, record=record), "code_on")
    assert staff_client.post("/send", data=fields).status_code == 422
    answer = staff_client.post("/send", data=fields | {"code_waiver_reason": "test account"})
    assert answer.status_code == 201
    assert "No access code" in answer.text
    with unit_of_work.read() as work:
        names = work.session.execute(select(AuditDisclosure.name)).scalars().all()
    assert "code_waiver_reason" in names


def test_an_unknown_or_archived_record_takes_nothing(
    unit_of_work: UnitOfWork, staff: Person, staff_client: Browser, record: str
) -> None:
    fields = a_form(staff_client, record=id_text(bytes(16)))
    assert staff_client.post("/send", data=fields).status_code == 404
    with unit_of_work.write(staff.actor) as work:
        work.custody.archive(id_from_text(record))
    assert staff_client.post("/send", data=a_form(staff_client, record=record)).status_code == 409
    assert share_count(unit_of_work) == 0


def test_a_custodian_sends_on_records_of_their_own_group_only(
    app: Flask, unit_of_work: UnitOfWork, staff: Person, record: str
) -> None:
    custodian = make_person(unit_of_work, "Ben Other", "ben@example.com", {Role.CUSTODIAN}, ["Others"])
    browser = Browser.of(app)
    browser.sign_in(custodian)
    assert record not in browser.get("/send").text
    assert browser.post("/send", data=a_form(browser, record=record)).status_code == 403
    assert share_count(unit_of_work) == 0


@pytest.mark.parametrize("kind", ["password", "passphrase"])
def test_the_generator_makes_a_text_and_tells_its_entropy(staff_client: Browser, kind: str) -> None:
    choices = {"generator_kind": kind, "generator_length": "24", "generator_words": "6", "generator_lower": "y"}
    answer = staff_client.submit("/send/generate", choices, form_page="/send", htmx=True)
    assert answer.status_code == 200
    assert len(value_of(answer.text, "generated")) >= 24
    assert "bits of entropy" in answer.text


def test_without_javascript_the_generated_text_comes_back_in_the_form(staff_client: Browser, record: str) -> None:
    choices = {"generator_kind": "password", "generator_length": "30", "generator_upper": "y", "label": "kept"}
    answer = staff_client.submit("/send/generate", choices | {"record": record}, form_page="/send")
    generated = value_of(answer.text, "generated")
    assert len(generated) == 30
    assert value_of(answer.text, "secret") == generated
    assert 'value="kept"' in answer.text


@pytest.mark.parametrize(
    "choices",
    [
        {"generator_kind": "password", "generator_length": "11", "generator_lower": "y"},
        {"generator_kind": "password", "generator_length": "24"},
        {"generator_kind": "passphrase", "generator_words": "3"},
        {"generator_kind": "passphrase", "generator_words": "6", "generator_separator": "none"},
        {"generator_kind": "nonsense"},
        {},
    ],
)
def test_a_generator_that_cannot_do_as_asked_says_why(staff_client: Browser, choices: dict[str, str]) -> None:
    answer = staff_client.submit("/send/generate", choices, form_page="/send", htmx=True)
    assert answer.status_code == 422
    assert "generated" not in re.findall(r'id="([^"]*)"', answer.text)


def test_hostile_text_in_every_field_is_only_text(
    unit_of_work: UnitOfWork, staff: Person, staff_client: Browser, client: Browser
) -> None:
    attack = "\"'><script>alert(1)</script>{{7*7}}"
    sent = send_secret(unit_of_work, staff, attack, label=attack, instruction=attack)
    link = sent.link.url("http://localhost")
    pages = [
        staff_client.get("/").text,
        staff_client.get(f"/records/{id_text(sent.custody_id)}").text,
        staff_client.get(f"/send?record={quote(attack)}").text,
        client.post("/s/status", data={"link": link}).text,
        client.post("/s/reveal", data={"link": link, "code": attack}).text,
        client.post("/s/decline", data={"link": link, "code": "ABCDEFGH", "note": attack}).text,
        client.post("/s/reveal", data={"link": link, "code": sent.code or ""}).text,
    ]
    for page in pages:
        assert "<script>alert" not in page
        assert "&gt;49" not in page
