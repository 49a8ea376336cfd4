"""The pages of custody records, as people and their browsers use them."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from markupsafe import escape
from sqlalchemy import text

from sharelink.acts.receiving import decline
from sharelink.crypto.identifiers import id_from_text, id_text, new_id
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import HTMX, Browser, hidden_field
from tests.factories import Person, open_record, send_secret
from tests.fakes import MovableClock
from tests.staff.record_pages import count, stored, typed

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "شركة المثال", "🦊 {{ 7*7 }}", "x" * 200]


def test_a_record_is_opened_and_its_page_shows_everything(staff_client: Browser, unit_of_work: UnitOfWork):
    data = typed(
        unit_of_work,
        kind="aws_root",
        customer="Acme GmbH",
        subject="Payer account",
        aws_account_id="1234 5678 9012",
        root_email="root@example.com",
        contract_reference="C-77",
    )
    answer = staff_client.submit("/records/new", data, form_page="/records/new")
    assert answer.status_code == 303
    assert re.fullmatch(r"/records/[A-Za-z0-9_-]{22}", answer.location)
    page = staff_client.get(answer.location)
    assert page.status_code == 200
    for shown in ("Acme GmbH", "Payer account", "123456789012", "root@example.com", "C-77", "Custodians", "CR-"):
        assert shown in page.text
    assert "Record opened" in page.text
    assert "Anna Example" in page.text


def test_a_refused_form_says_why_beside_each_field_and_keeps_what_was_typed(
    staff_client: Browser, unit_of_work: UnitOfWork
):
    data = typed(unit_of_work, kind="aws_root", customer="", aws_account_id="12", subject="Kept subject")
    answer = staff_client.submit("/records/new", data, form_page="/records/new")
    assert answer.status_code == 422
    assert "Enter the customer&#39;s name." in answer.text
    assert "An AWS account id has 12 digits" in answer.text
    assert 'value="Kept subject"' in answer.text
    assert 'value="12"' in answer.text
    assert count(unit_of_work) == 0


@pytest.mark.parametrize(
    "changes", [{"kind": ""}, {"kind": "gold"}, {"group": ""}, {"group": "x" * 22}, {"group": "?"}]
)
def test_a_choice_that_was_not_offered_is_refused(
    staff_client: Browser, unit_of_work: UnitOfWork, changes: dict[str, str]
):
    answer = staff_client.submit("/records/new", typed(unit_of_work) | changes, form_page="/records/new")
    assert answer.status_code == 422
    assert count(unit_of_work) == 0


def test_an_empty_post_is_refused_not_broken(staff_client: Browser, unit_of_work: UnitOfWork):
    assert staff_client.submit("/records/new", {}, form_page="/records/new").status_code == 422
    assert count(unit_of_work) == 0


@pytest.mark.parametrize("path", ["/records/new", "/records/{}/edit", "/records/{}/archive", "/records/{}/restore"])
def test_a_post_without_its_token_changes_nothing(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person, path: str
):
    record_id = open_record(unit_of_work, staff)
    before = count(unit_of_work, "audit_leaf")
    data = typed(unit_of_work, customer="Other", version="1")
    assert staff_client.post(path.format(id_text(record_id)), data=data).status_code == 400
    assert count(unit_of_work, "audit_leaf") == before


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_shown_as_text_everywhere(staff_client: Browser, unit_of_work: UnitOfWork, hostile: str):
    data = typed(unit_of_work, customer=hostile, subject=hostile)
    address = staff_client.submit("/records/new", data, form_page="/records/new").location
    for path in (address, f"{address}/edit", "/records", f"/send?record={address.rpartition('/')[2]}"):
        page = staff_client.get(path)
        assert page.status_code == 200
        assert str(escape(hostile)) in page.text
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
    assert stored(unit_of_work, id_from_text(address.rpartition("/")[2])).customer == hostile


@pytest.mark.parametrize("field", ["customer", "subject"])
def test_a_text_that_is_too_long_or_holds_nul_is_refused(staff_client: Browser, unit_of_work: UnitOfWork, field: str):
    for bad in ("x" * 201, "a\0b"):
        answer = staff_client.submit("/records/new", typed(unit_of_work, **{field: bad}), form_page="/records/new")
        assert answer.status_code == 422
    assert count(unit_of_work) == 0


def test_an_edit_shows_what_is_stored_and_saves_what_was_typed(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
):
    record_id = open_record(unit_of_work, staff, "Acme")
    address = f"/records/{id_text(record_id)}"
    form = staff_client.get(f"{address}/edit").text
    assert 'value="Acme"' in form
    data = typed(unit_of_work, customer="Acme Ltd", version=hidden_field(form, "version"))
    answer = staff_client.submit(f"{address}/edit", data, form_page=f"{address}/edit")
    assert (answer.status_code, answer.location) == (303, address)
    assert stored(unit_of_work, record_id).customer == "Acme Ltd"
    assert "Acme → Acme Ltd" in staff_client.get(address).text


def test_an_edit_that_came_too_late_shows_both_and_saves_when_sent_again(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
):
    record_id = open_record(unit_of_work, staff, "Acme")
    edit = f"/records/{id_text(record_id)}/edit"
    mine = typed(unit_of_work, customer="Mine", version="1")
    staff_client.submit(edit, typed(unit_of_work, customer="Theirs", version="1"), form_page=edit)
    answer = staff_client.submit(edit, mine, form_page=edit)
    assert answer.status_code == 409
    assert 'value="Mine"' in answer.text
    assert "Now saved: Theirs" in answer.text
    assert stored(unit_of_work, record_id).customer == "Theirs"
    again = staff_client.submit(edit, mine | {"version": hidden_field(answer.text, "version")}, form_page=edit)
    assert again.status_code == 303
    assert stored(unit_of_work, record_id).customer == "Mine"


@pytest.mark.parametrize("version", ["", "-1", "0", "9" * 30, "1.0", "١", "x", "2147483648"])
def test_a_damaged_version_is_treated_as_an_old_one(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person, version: str
):
    record_id = open_record(unit_of_work, staff, "Acme")
    edit = f"/records/{id_text(record_id)}/edit"
    answer = staff_client.submit(edit, typed(unit_of_work, customer="Mine", version=version), form_page=edit)
    assert answer.status_code == 409
    assert stored(unit_of_work, record_id).customer == "Acme"


def test_a_refused_edit_saves_nothing(staff_client: Browser, unit_of_work: UnitOfWork, staff: Person):
    record_id = open_record(unit_of_work, staff, "Acme")
    edit = f"/records/{id_text(record_id)}/edit"
    answer = staff_client.submit(edit, typed(unit_of_work, customer=" ", version="1"), form_page=edit)
    assert answer.status_code == 422
    assert stored(unit_of_work, record_id).version == 1


def test_archive_and_restore(staff_client: Browser, unit_of_work: UnitOfWork, staff: Person):
    record_id = open_record(unit_of_work, staff, "Acme")
    address = f"/records/{id_text(record_id)}"
    for _ in range(2):
        answer = staff_client.submit(f"{address}/archive", {})
        assert (answer.status_code, answer.location) == (303, address)
    assert "Acme" not in staff_client.get("/records").text
    assert "Acme" in staff_client.get("/records?archived=1").text
    assert "Record archived" in staff_client.get(address).text
    assert staff_client.get(f"{address}/edit").status_code == 409
    assert staff_client.submit(f"{address}/edit", typed(unit_of_work, version="2")).status_code == 409
    assert staff_client.submit(f"{address}/restore", {}).status_code == 303
    assert "Acme" in staff_client.get("/records").text


def test_a_record_with_a_live_link_is_not_archived(staff_client: Browser, unit_of_work: UnitOfWork, staff: Person):
    sent = send_secret(unit_of_work, staff, code=False)
    answer = staff_client.submit(f"/records/{id_text(sent.custody_id)}/archive", {})
    assert answer.status_code == 409
    assert "can still be opened" in answer.text
    assert not stored(unit_of_work, sent.custody_id).is_archived


def test_the_record_tells_what_became_of_its_shares(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person, visitor
):
    record_id = open_record(unit_of_work, staff, "Acme")
    send_secret(unit_of_work, staff, custody_id=record_id, label="First password")
    declined = send_secret(unit_of_work, staff, custody_id=record_id, label="Second password", code=False)
    decline(unit_of_work, visitor, declined.link, "", "Wrong person <b>")
    page = staff_client.get(f"/records/{id_text(record_id)}").text
    for shown in ("First password", "Second password", "Declined by the recipient", "Wrong person &lt;b&gt;"):
        assert shown in page
    assert "203.0.113.7" in page


def test_the_list_answers_htmx_with_its_part_and_everybody_else_with_the_page(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
):
    open_record(unit_of_work, staff, "Acme")
    open_record(unit_of_work, staff, "Other")
    page, part = staff_client.get("/records?q=acme"), staff_client.get("/records?q=acme", headers=HTMX)
    assert "<!doctype" in page.text.lower()
    assert "<!doctype" not in part.text.lower()
    for answer in (page, part):
        assert answer.status_code == 200
        assert "HX-Request" in answer.headers["Vary"]
        assert "Acme" in answer.text
        assert "Other" not in re.sub(r"Other credential", "", answer.text)


def test_forms_and_timeline_answer_htmx_with_their_part(staff_client: Browser, unit_of_work: UnitOfWork, staff: Person):
    address = f"/records/{id_text(open_record(unit_of_work, staff))}"
    for path in ("/records/new", f"{address}/edit", address):
        part = staff_client.get(path, headers=HTMX)
        assert part.status_code == 200
        assert "<!doctype" not in part.text.lower()
    refused = staff_client.submit("/records/new", typed(unit_of_work, customer=""), htmx=True)
    assert refused.status_code == 422
    assert "<!doctype" not in refused.text.lower()
    assert "Enter the customer" in refused.text


@pytest.mark.parametrize("query", ["%00", "%25", "%27%20OR%201=1", "%ff", "a" * 5000, "%E2%80%AE"])
@pytest.mark.parametrize("page", ["0", "-1", "99999999999999999999", "x", "%D9%A1", ""])
def test_no_question_to_the_list_breaks_it(staff_client: Browser, query: str, page: str):
    assert staff_client.get(f"/records?q={query}&page={page}&archived=maybe").status_code == 200


BAD_IDS = [
    *("x", "A" * 21, "A" * 23, "A" * 21 + "B", "A" * 21 + "=", "ä" * 22, "%00" * 22, "1", "-1", "9" * 40, "%2e%2e"),
    id_text(bytes(16)),
]


@pytest.mark.parametrize("bad", BAD_IDS)
def test_an_id_that_names_no_record_is_not_found(staff_client: Browser, bad: str):
    assert staff_client.get(f"/records/{bad}").status_code == 404
    assert staff_client.get(f"/records/{bad}/edit").status_code == 404
    for act in ("edit", "archive", "restore"):
        assert staff_client.submit(f"/records/{bad}/{act}", {"version": "1"}).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/records", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/records/{}", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/records/{}", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/records/{}/archive", {"POST", "OPTIONS"}),
        ("GET", "/records/{}/restore", {"POST", "OPTIONS"}),
        ("PUT", "/records/{}/edit", {"GET", "HEAD", "POST", "OPTIONS"}),
    ],
)
def test_a_wrong_method_changes_nothing_and_is_named(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person, method: str, path: str, allowed: set[str]
):
    record_id = open_record(unit_of_work, staff)
    before = count(unit_of_work, "audit_leaf")
    data = {} if method == "GET" else {"csrf_token": staff_client.token("/account")}
    answer = staff_client.open(path.format(id_text(record_id)), method=method, data=data)
    assert answer.status_code == 405
    assert set(answer.allow) == allowed
    assert count(unit_of_work, "audit_leaf") == before


def test_a_group_that_does_not_exist_is_refused_beside_its_field(staff_client: Browser, unit_of_work: UnitOfWork):
    answer = staff_client.submit("/records/new", typed(unit_of_work, group=id_text(new_id())))
    assert answer.status_code == 422
    assert "Choose a group from the list." in answer.text


def test_a_long_timeline_has_pages(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sharelink.audit.queries.EVENTS_PER_PAGE", 2)
    record_id = open_record(unit_of_work, staff)
    for _ in range(2):
        for act in ("archive", "restore"):
            with unit_of_work.write(staff.actor) as work:
                getattr(work.custody, act)(record_id)
    address = f"/records/{id_text(record_id)}"
    assert "Record opened" not in staff_client.get(address).text
    last = staff_client.get(f"{address}?page=3", headers=HTMX)
    assert "Record opened" in last.text
    for page in ("0", "99", "-1", "x", "9" * 30):
        assert staff_client.get(f"{address}?page={page}").status_code == 200


def test_without_an_audit_nothing_is_saved_and_the_answer_says_so(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
):
    record_id = open_record(unit_of_work, staff, "Acme")
    edit = f"/records/{id_text(record_id)}/edit"
    token = staff_client.token(edit)
    with unit_of_work.write(staff.actor) as work:
        work.session.execute(text("DELETE FROM audit_head"))
    data = typed(unit_of_work, customer="Other", version="1") | {"csrf_token": token}
    assert staff_client.post(edit, data=data).status_code == 503
    assert stored(unit_of_work, record_id).customer == "Acme"


def test_expired_links_do_not_keep_a_record_from_the_archive(
    app: Flask, unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
):
    sent = send_secret(unit_of_work, staff, code=False, lifetime=timedelta(hours=1))
    clock.move(hours=1)
    browser = Browser.of(app)
    browser.sign_in(staff)
    assert browser.submit(f"/records/{id_text(sent.custody_id)}/archive", {}).status_code == 303
    assert stored(unit_of_work, sent.custody_id).is_archived
