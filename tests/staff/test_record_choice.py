"""Choosing among many records: twenty are offered, a search brings others, Enter never picks a wrong one."""

import html
import re

import pytest
from sqlalchemy import func, select

from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.queries import CHOICE_MAX
from sharelink.shares.models import Share
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser
from tests.factories import Person, open_record

FORMS = pytest.mark.parametrize("form", ["/send", "/request"])


@pytest.fixture
def records(unit_of_work: UnitOfWork, staff: Person) -> list[str]:
    return [id_text(open_record(unit_of_work, staff, f"Customer {number}")) for number in range(CHOICE_MAX + 3)]


def offered(page: str) -> dict[str, str]:
    """Return what the field offers: value and text, without the question and without "a new record"."""
    found = re.search(r'<select[^>]*name="record".*?</select>', page, re.DOTALL)
    assert found, "there is no field"
    options = re.findall(r'<option[^>]*value="([^"]*)"[^>]*>([^<]*)', found[0])
    return {value: html.unescape(text) for value, text in options if value not in {"", "new"}}


def chosen(page: str) -> str:
    found = re.search(r'<option selected value="([^"]*)"', page)
    assert found, "nothing is chosen"
    return found[1]


def secrets_sent(unit_of_work: UnitOfWork) -> int:
    with unit_of_work.read() as work:
        return int(work.session.execute(select(func.count()).select_from(Share)).scalar_one())


@FORMS
def test_of_many_records_twenty_are_offered_and_none_is_chosen(
    staff_client: Browser, records: list[str], form: str
) -> None:
    page = staff_client.get(form).text
    assert len(offered(page)) == CHOICE_MAX
    assert chosen(page) == ""
    assert "Find a record" in page


@FORMS
def test_few_records_need_no_search(staff_client: Browser, unit_of_work: UnitOfWork, staff: Person, form: str) -> None:
    record = id_text(open_record(unit_of_work, staff))
    page = staff_client.get(form).text
    assert "Find a record" not in page
    assert chosen(page) == record


@FORMS
def test_the_record_that_the_address_names_is_chosen_among_any_number(
    staff_client: Browser, records: list[str], form: str
) -> None:
    for record in (records[0], records[-1]):
        page = staff_client.get(f"{form}?record={record}").text
        assert chosen(page) == record
        assert len(offered(page)) == CHOICE_MAX


@FORMS
def test_a_search_finds_any_record_with_and_without_javascript(
    staff_client: Browser, records: list[str], form: str
) -> None:
    typed = {"record_search": "customer 21", "secret": "keep me", "purpose": "keep me"}
    page = staff_client.submit(f"{form}/records", typed, form_page=form)
    assert (page.status_code, next(iter(offered(page.text).values()))[:11]) == (200, "Customer 21")
    assert "keep me" in page.text
    fragment = staff_client.submit(f"{form}/records", typed, form_page=form, htmx=True)
    assert offered(fragment.text) == offered(page.text)
    assert chosen(fragment.text) == next(iter(offered(page.text)))
    assert "keep me" not in fragment.text
    nothing = staff_client.submit(f"{form}/records", {"record_search": "nobody\0 %_"}, form_page=form, htmx=True)
    assert offered(nothing.text) == {}
    assert "No record fits" in nothing.text


def test_words_that_were_not_searched_for_yet_are_searched_for_and_nothing_is_sent(
    staff_client: Browser, unit_of_work: UnitOfWork, records: list[str]
) -> None:
    typed = {
        "form_id": id_text(new_id()),
        "record": records[0],
        "record_search": "customer 1",
        "record_searched": "",
        "secret": "x",
        "lifetime": "3600",
        "code_on": "y",
    }
    page = staff_client.submit("/send", typed, form_page="/send")
    assert page.status_code == 422
    assert "Choose the record" in page.text
    assert secrets_sent(unit_of_work) == 0
    assert staff_client.submit("/send", typed | {"record_searched": "customer 1"}, form_page="/send").status_code == 201


def test_the_fragment_belongs_to_htmx(staff_client: Browser, records: list[str]) -> None:
    answer = staff_client.submit("/send/records", {}, form_page="/send", htmx=True)
    assert answer.vary.as_set() >= {"hx-request"}
    assert "<h1" not in answer.text
