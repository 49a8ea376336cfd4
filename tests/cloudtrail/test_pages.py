"""The pages about root sign-ins, and what the customer reads of them."""

import html
import io
import re
from datetime import datetime, timedelta

import pytest
from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from sharelink.accounts.states import Role
from sharelink.cli.server import waitress_options
from sharelink.crypto.identifiers import id_text
from sharelink.custody.states import RecordKind
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.request_body import UPLOAD_MAX_BYTES
from tests.access.uses import check_in, check_out, declare
from tests.browsers import Browser
from tests.cloudtrail.files import bring_in, found, lines, packed, records, sign_in
from tests.factories import Person, make_person, open_record
from tests.fakes import MovableClock
from tests.statements.steps import stated

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def record(unit_of_work: UnitOfWork, staff: Person) -> bytes:
    return open_record(unit_of_work, staff, kind=RecordKind.AWS_ROOT)


def upload(
    browser: Browser, record: bytes, content: bytes, until: datetime, *, name: str = "events.json", **changed: str
) -> TestResponse:
    fields = {
        "csrf_token": browser.token("/account"),
        "covers_from": f"{until - timedelta(days=30):%Y-%m-%dT%H:%M}",
        "covers_until": f"{until - timedelta(minutes=16):%Y-%m-%dT%H:%M}",
    } | changed
    # The test client itself would put a large file into a temporary one, and forget it.
    chosen = FileStorage(io.BytesIO(content), filename=name)
    boundary, body = encode_multipart({**fields, "file": chosen})
    return browser.post(
        f"/records/{id_text(record)}/sign-ins/import",
        data=body,
        content_type=f"multipart/form-data; boundary={boundary}",
    )


def page(browser: Browser, record: bytes, path: str = "/sign-ins") -> str:
    answer = browser.get(f"/records/{id_text(record)}{path}")
    assert answer.status_code == 200
    return html.unescape(answer.text)


def test_a_file_is_brought_in_looked_at_and_explained(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person, clock: MovableClock, record: bytes
) -> None:
    use_id = declare(unit_of_work, staff, record)
    check_out(unit_of_work, staff, use_id)
    clock.move(minutes=25)
    check_in(unit_of_work, staff, use_id)
    good, bad = clock() - timedelta(minutes=20), clock() - timedelta(days=2)
    assert "Nothing was brought in" in page(staff_client, record, "")
    assert "Complete from" in page(staff_client, record, "/sign-ins/import")
    answer = upload(staff_client, record, packed(records([sign_in(1, good), sign_in(2, bad)])), clock())
    assert (answer.status_code, answer.location) == (303, f"/records/{id_text(record)}/sign-ins")
    shown = page(staff_client, record)
    assert "Sign-in outside of every declared use" in shown
    assert "Use 1, Anna Example" in shown
    assert "1 to explain" in page(staff_client, record, "")
    (address,) = re.findall(r'href="([^"]*/explain)"', shown)
    assert "No declared use fits" in staff_client.get(address).text
    assert staff_client.submit(address, {"note": ""}).status_code == 422
    assert staff_client.submit(address, {"note": "It was the customer."}).status_code == 303
    assert "“It was the customer.”" in page(staff_client, record)
    assert "1 explained" in page(staff_client, record, "")


def test_what_is_wrong_stands_beside_the_file_and_nothing_is_lost(
    staff_client: Browser, unit_of_work: UnitOfWork, clock: MovableClock, record: bytes
) -> None:
    answer = upload(staff_client, record, lines([sign_in(1, eventTime=SCRIPT)]), clock())
    assert (answer.status_code, 'id="file-error"' in answer.text) == (422, True)
    assert "Event 1, line 1: This sign-in has no time" in answer.text
    assert f'value="{clock() - timedelta(days=30):%Y-%m-%dT%H:%M}"' in answer.text
    answer = upload(staff_client, record, records([]), clock(), covers_from="x")
    assert (answer.status_code, 'id="covers_from-error"' in answer.text) == (422, True)
    answer = upload(staff_client, record, b"", clock())
    assert (answer.status_code, "Choose the file" in answer.text) == (422, True)
    assert found(unit_of_work, record).import_count == 0


def test_what_a_file_says_is_shown_and_never_run(
    staff_client: Browser, client: Browser, unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    shown = stated(unit_of_work, staff)
    clock.move(days=1)
    staff_client.sign_in(staff)
    event = sign_in(1, clock() - timedelta(hours=2), userAgent=SCRIPT, sourceIPAddress='"><img src=x>')
    assert upload(staff_client, shown.custody_id, lines([event]), clock(), name=f"../{SCRIPT}.json").status_code == 303
    for text in (
        staff_client.get(f"/records/{id_text(shown.custody_id)}/sign-ins").text,
        client.post("/statement/read", data={"link": shown.url}).text,
    ):
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&gt;&lt;img src=x&gt;" in text


def test_the_customer_reads_what_agrees_and_what_does_not_with_what_was_said_about_it(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    shown = stated(unit_of_work, staff)
    clock.move(days=1)
    text = client.post("/statement/read", data={"link": shown.url}).text
    assert "has not been compared" in text
    bring_in(unit_of_work, staff, shown.custody_id, records([]))
    assert "Everything agrees." in client.post("/statement/read", data={"link": shown.url}).text
    bring_in(unit_of_work, staff, shown.custody_id, records([sign_in(1, clock() - timedelta(hours=2))]))
    text = client.post("/statement/read", data={"link": shown.url}).text
    assert "1 thing does not agree." in text
    assert "Not explained." in text
    assert "do not agree: see" in text


def test_an_auditor_looks_and_brings_nothing_in(
    app: Flask, unit_of_work: UnitOfWork, clock: MovableClock, record: bytes
) -> None:
    ada = make_person(unit_of_work, "Ada Auditor", "ada@example.com", roles=[Role.AUDITOR], groups=[])
    browser = Browser.of(app)
    browser.sign_in(ada)
    assert "Bring in a file" not in page(browser, record)
    assert upload(browser, record, records([]), clock()).status_code == 403


def test_a_record_without_an_account_number_says_what_to_do(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    plain = open_record(unit_of_work, staff)
    answer = staff_client.get(f"/records/{id_text(plain)}/sign-ins/import")
    assert (answer.status_code, "Enter the account number" in answer.text) == (409, True)
    assert "CloudTrail" not in staff_client.get(f"/records/{id_text(plain)}").text


def test_no_other_form_takes_a_file_and_none_a_large_one(
    staff_client: Browser, clock: MovableClock, record: bytes
) -> None:
    token = staff_client.token("/account")
    for path in ("/account", f"/records/{id_text(record)}/archive", "/s/reveal"):
        data = {"csrf_token": token, "file": (io.BytesIO(b"x"), "x.json")}
        assert staff_client.post(path, data=data, content_type="multipart/form-data").status_code == 400
    assert upload(staff_client, record, b"x" * 1_100_000, clock()).status_code == 413
    answer = upload(staff_client, record, b" " * 1_000_001, clock())
    assert (answer.status_code, "Pack it with gzip" in answer.text) == (422, True)


def test_the_server_lets_through_what_the_form_takes() -> None:
    assert waitress_options(Settings())["max_request_body_size"] >= UPLOAD_MAX_BYTES


def test_a_form_with_a_file_is_refused_without_its_token(
    staff_client: Browser, clock: MovableClock, record: bytes
) -> None:
    assert upload(staff_client, record, records([]), clock(), csrf_token="").status_code == 400
