"""The auditor's page: what is found, that reading is written down, verification, export."""

import csv
import io
import json

import pytest
from flask import Flask
from sqlalchemy import select, text

from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent
from sharelink.audit.export import harmless_cell
from sharelink.audit.models import AuditLeaf
from sharelink.crypto.identifiers import id_text
from sharelink.custody.queries import record_detail
from sharelink.jobs.verifications import verify_once
from sharelink.settings import Settings
from sharelink.tlog.merkle import leaf_hash
from sharelink.tlog.signed_notes import base64_text
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import HTMX, Browser
from tests.factories import Person, make_person, open_record, send_secret


@pytest.fixture
def auditor(app: Flask, unit_of_work: UnitOfWork) -> Browser:
    browser = Browser.of(app)
    browser.sign_in(make_person(unit_of_work, "Audrey Example", "audrey@example.com", [Role.AUDITOR], []))
    return browser


@pytest.fixture
def record(unit_of_work: UnitOfWork, staff: Person) -> bytes:
    record = open_record(unit_of_work, staff, "=HYPERLINK(1)")
    send_secret(unit_of_work, staff, custody_id=record, code=False)
    open_record(unit_of_work, staff, "Another customer")
    return record


def reference(unit_of_work: UnitOfWork, record: bytes) -> str:
    with unit_of_work.read() as work:
        return record_detail(work.session, record).reference


def titles(page: str) -> list[str]:
    return [part.split("</h3>")[0] for part in page.split("<h3>")[1:]]


def types(unit_of_work: UnitOfWork, prefix: str) -> list[str]:
    with unit_of_work.read() as work:
        wanted = select(AuditLeaf.type).where(AuditLeaf.type.startswith(prefix)).order_by(AuditLeaf.index)
        return list(work.session.scalars(wanted))


def test_events_are_found_by_record_kind_person_outcome_and_day(
    auditor: Browser, unit_of_work: UnitOfWork, record: bytes, staff: Person
):
    everything = titles(auditor.get("/audit/log").text)
    assert len(everything) > 5
    of_record = titles(auditor.get(f"/audit/log?record={reference(unit_of_work, record)}").text)
    assert 0 < len(of_record) < len(everything)
    assert titles(auditor.get("/audit/log?kind=share.created").text) == ["Secret sent"] or len(of_record) >= 2
    shares = titles(auditor.get("/audit/log?kind=share.").text)
    assert len(shares) == 1
    assert len(titles(auditor.get(f"/audit/log?person={id_text(staff.account_id)}").text)) >= 3
    assert titles(auditor.get("/audit/log?kind=share.&outcome=refused").text) == []
    assert len(titles(auditor.get("/audit/log?kind=share.&since=2026-11-23&until=2026-11-23").text)) == 1
    assert titles(auditor.get("/audit/log?kind=share.&since=2026-11-24").text) == []
    assert titles(auditor.get("/audit/log?kind=share.&until=2026-11-22").text) == []


@pytest.mark.parametrize(
    "query",
    ["record=C-0000", "person=x", "kind=share", "outcome=x", "since=yesterday", "until=9999-12-31", "record=%00"],
)
def test_a_filter_that_cannot_be_read_is_told_and_never_a_failure(auditor: Browser, query: str):
    answer = auditor.get(f"/audit/log?{query}")
    assert answer.status_code == (200 if query == "record=%00" else 422)


def test_pages_go_on_where_the_last_one_ended(auditor: Browser, unit_of_work: UnitOfWork, staff: Person):
    for _ in range(60):
        auditor.get("/audit/log?kind=share.", headers=HTMX)
    first = auditor.get("/audit/log?kind=audit.")
    assert len(titles(first.text)) == 50
    address = first.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert len(titles(auditor.get(address).text)) == 11
    for odd in ("-1", "x", "9" * 30, "\u0663"):
        assert auditor.get(f"/audit/log?before={odd}").status_code == 200


def test_reading_and_exporting_are_events_that_tell_no_value(auditor: Browser, unit_of_work: UnitOfWork, record: bytes):
    auditor.get(f"/audit/log?record={reference(unit_of_work, record)}")
    auditor.submit("/audit/log/export", {"format": "csv", "kind": "share."})
    assert types(unit_of_work, "audit.") == ["audit.viewed", "audit.exported"]
    with unit_of_work.read() as work:
        leaves = work.session.scalars(select(AuditLeaf.leaf).where(AuditLeaf.type == AuditEvent.AUDIT_VIEWED.value))
        assert [json.loads(leaf)["facts"] for leaf in leaves] == [{"asked": "record"}]


def test_json_lines_carry_the_exact_bytes_of_each_event(auditor: Browser, record: bytes):
    answer = auditor.submit("/audit/log/export", {"format": "jsonl"})
    assert answer.headers["Content-Disposition"] == "attachment; filename=audit.jsonl"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["index"] for line in lines] == list(range(len(lines)))
    assert all(base64_text(leaf_hash(line["leaf"].encode())) == line["leaf_hash"] for line in lines)
    assert "=HYPERLINK(1)" in {line["personal"].get("customer") for line in lines}


def test_no_cell_of_the_csv_begins_a_formula(auditor: Browser, record: bytes):
    rows = list(csv.reader(io.StringIO(auditor.submit("/audit/log/export", {"format": "csv"}).text)))
    assert rows[0][:3] == ["index", "time", "type"]
    assert len(rows) > 5
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)
    for text_ in ("=1", "+1", "-1", "@x", "\t=1", " =1", "\uff1d1"):
        assert harmless_cell(text_) == f"'{text_}"
    assert harmless_cell("plain") == "plain"


def test_an_export_in_an_unknown_form_or_with_an_odd_filter_exports_nothing(auditor: Browser, unit_of_work: UnitOfWork):
    for form in ({"format": "exe"}, {}, {"format": "csv", "since": "x"}):
        assert auditor.submit("/audit/log/export", form).status_code == 422
    assert types(unit_of_work, "audit.") == []


def test_a_verification_is_done_by_the_worker_and_its_end_is_an_event(
    auditor: Browser, unit_of_work: UnitOfWork, settings: Settings, record: bytes
):
    assert "Verify the whole log" in auditor.get("/audit/log").text
    running = auditor.submit("/audit/log/verification", {}, htmx=True)
    assert "Waiting for a worker" in running.text
    assert verify_once(unit_of_work, settings.checkpoint_file)
    assert not verify_once(unit_of_work, settings.checkpoint_file)
    assert "Everything fits" in auditor.get("/audit/log/verification", headers=HTMX).text
    assert types(unit_of_work, "audit.verif") == ["audit.verified"]


def test_a_changed_log_is_said_on_the_page(
    auditor: Browser, unit_of_work: UnitOfWork, settings: Settings, record: bytes
):
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text("UPDATE audit_leaf SET event_type = 'share.stored' WHERE leaf_index = 1"))
    auditor.submit("/audit/log/verification", {})
    assert verify_once(unit_of_work, settings.checkpoint_file)
    page = auditor.get("/audit/log").text
    assert "The log was changed: 1 finding" in page
    assert "Event 1: the column for type" in page
    assert types(unit_of_work, "audit.verif") == ["audit.verification_failed"]


def test_a_run_whose_worker_was_stopped_is_begun_anew(
    auditor: Browser, unit_of_work: UnitOfWork, settings: Settings, clock, record: bytes
):
    auditor.submit("/audit/log/verification", {})
    assert not verify_once(unit_of_work, settings.checkpoint_file, is_stopping=lambda: True)
    assert not verify_once(unit_of_work, settings.checkpoint_file)
    clock.move(seconds=61)
    assert verify_once(unit_of_work, settings.checkpoint_file)
