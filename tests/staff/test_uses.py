"""The pages of declared uses, and a retrieval that happens inside one."""

import pytest
from flask import Flask

from sharelink.access.states import UseState
from sharelink.acts.requesting import Asked
from sharelink.crypto.identifiers import id_text
from sharelink.custody.states import RecordKind
from sharelink.unit_of_work import UnitOfWork
from tests.access.uses import (
    Team,
    add_contact,
    decide,
    declare,
    detail,
    group_of,
    kinds,
    mailed_code,
    mailed_link,
    make_team,
    set_policy,
    state,
)
from tests.accounts.records import recorded
from tests.browsers import HTMX, Browser, hidden_field
from tests.factories import Person, ask_secret, open_record, submit_answer
from tests.fakes import MovableClock

BASE = "http://localhost"
SECRET = "correct horse of the uses"
FORM = {
    "purpose": "billing_case",
    "ticket": "T-1",
    "reason": "Raise the limit.",
    "begins": "0",
    "lasts": "14400",
}


@pytest.fixture
def team(unit_of_work: UnitOfWork, staff: Person) -> Team:
    return make_team(unit_of_work, staff)


@pytest.fixture
def answered(unit_of_work: UnitOfWork, team: Team) -> Asked:
    asked = ask_secret(unit_of_work, team.anna, custody_id=team.record)
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    return asked


def browser_of(app: Flask, person: Person) -> Browser:
    browser = Browser.of(app)
    browser.sign_in(person)
    return browser


def reveal(browser: Browser, asked: Asked, **fields: str) -> tuple[int, str]:
    answer = browser.post("/retrieve/reveal", data={"link": asked.retrieval_link.url(BASE)} | fields)
    return answer.status_code, answer.text


def test_declared_by_one_approved_by_another_used_once_and_checked_in(
    app: Flask, unit_of_work: UnitOfWork, team: Team, answered: Asked
) -> None:
    set_policy(unit_of_work, team, approvals_needed=1)
    anna, cleo = browser_of(app, team.anna), browser_of(app, team.cleo)
    looked = anna.post("/retrieve/status", data={"link": answered.retrieval_link.url(BASE)})
    assert f"/records/{id_text(team.record)}/uses/new" in looked.text
    assert reveal(anna, answered, purpose="billing_case", ticket="T-1")[0] == 409

    record = f"/records/{id_text(team.record)}"
    declared = anna.submit(f"{record}/uses/new", FORM, form_page=f"{record}/uses/new")
    page = declared.headers["Location"]
    assert "Waits for approval" in anna.get(page).text
    assert "Approve</button>" not in anna.get(page).text
    assert page in cleo.get("/").text

    shown = cleo.get(page).text
    digest = hidden_field(shown, "digest")
    refused = cleo.submit(f"{page}/decide", {"digest": digest, "verdict": "denied", "note": ""}, form_page=page)
    assert (refused.status_code, "Say why" in refused.text) == (422, True)
    approved = cleo.submit(f"{page}/decide", {"digest": digest, "verdict": "approved", "note": "Fine."}, form_page=page)
    assert approved.headers["Location"] == page

    looked = anna.post("/retrieve/status", data={"link": answered.retrieval_link.url(BASE)})
    assert "Check out your use" in looked.text
    assert SECRET not in reveal(anna, answered)[1]
    assert anna.submit(f"{page}/check-out", {}, form_page=page).status_code == 303
    looked = anna.post("/retrieve/status", data={"link": answered.retrieval_link.url(BASE)})
    assert 'name="purpose"' not in looked.text
    status, text = reveal(anna, answered)
    assert (status, text.count(SECRET), f"{page}#check-in" in text) == (200, 1, True)
    assert "is open until" in anna.get(f"/requests/{id_text(answered.share_id)}").text

    wrong = anna.submit(f"{page}/check-in", {"outcome": "", "outcome_note": "My note"}, form_page=page)
    assert (wrong.status_code, "My note" in wrong.text) == (422, True)
    done = anna.submit(f"{page}/check-in", {"outcome": "done", "outcome_note": ""}, form_page=page)
    assert done.status_code == 303
    reviewed = cleo.submit(f"{page}/review", {"finding": "as_declared", "review_note": ""}, form_page=page)
    assert reviewed.status_code == 303
    assert "As declared, says Cleo Example" in anna.get(page).text
    retrieved = [event for event in recorded(unit_of_work, id_text(team.record)) if event.type == "request.retrieved"]
    assert [(event.facts["purpose"], event.personal["ticket"]) for event in retrieved] == [("billing_case", "T-1")]
    assert retrieved[0].facts["use"] == page.removeprefix("/uses/")
    assert [state for state in kinds(unit_of_work, team.record) if state == "access.refused"] == ["access.refused"] * 2


def test_where_nobody_approves_the_retrieval_declares_and_begins_the_use(
    staff_client: Browser, unit_of_work: UnitOfWork, team: Team, answered: Asked
) -> None:
    assert reveal(staff_client, answered, purpose="agreed_task", ticket="T-7")[0] == 422
    assert kinds(unit_of_work, team.record) == []
    status, text = reveal(staff_client, answered, purpose="take_into_custody", ticket="T-7")
    assert (status, text.count(SECRET)) == (200, 1)
    assert kinds(unit_of_work, team.record) == ["access.requested", "access.checked_out"]
    assert "My uses" in staff_client.get("/").text


def test_a_plain_credential_is_retrieved_without_a_use_until_its_policy_asks_for_approvals(
    staff_client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    record = open_record(unit_of_work, staff, kind=RecordKind.CREDENTIAL)
    asked = ask_secret(unit_of_work, staff, custody_id=record)
    submit_answer(unit_of_work, asked.submit_link, SECRET)
    assert reveal(staff_client, asked, purpose="agreed_task")[0] == 200
    assert kinds(unit_of_work, record) == []


def test_a_use_whose_window_is_over_reveals_nothing(
    app: Flask, staff_client: Browser, unit_of_work: UnitOfWork, team: Team, answered: Asked, clock: MovableClock
) -> None:
    set_policy(unit_of_work, team, approvals_needed=1)
    use = declare(unit_of_work, team.anna, team.record, lasts_seconds="900")
    decide(unit_of_work, team.cleo, use)
    page = f"/uses/{id_text(use)}"
    staff_client.submit(f"{page}/check-out", {}, form_page=page)
    clock.move(minutes=15)
    status, text = reveal(browser_of(app, team.anna), answered)
    assert (status, SECRET in text) == (409, False)


def test_an_open_use_stops_revealing_when_its_approver_or_the_policy_is_gone(
    staff_client: Browser, unit_of_work: UnitOfWork, team: Team, answered: Asked
) -> None:
    set_policy(unit_of_work, team, approvals_needed=1)
    use = declare(unit_of_work, team.anna, team.record)
    decide(unit_of_work, team.cleo, use)
    page = f"/uses/{id_text(use)}"
    staff_client.submit(f"{page}/check-out", {}, form_page=page)
    set_policy(unit_of_work, team, approvals_needed=2)
    status, text = reveal(staff_client, answered)
    assert (status, SECRET in text, "policy of the record has changed" in text) == (409, False, True)


def test_break_glass_stands_in_red_and_waits_for_a_review(app: Flask, unit_of_work: UnitOfWork, team: Team) -> None:
    set_policy(unit_of_work, team, approvals_needed=1)
    anna, ben = browser_of(app, team.anna), browser_of(app, team.ben)
    form_page = f"/records/{id_text(team.record)}/uses/break-glass"
    assert "Both owners are told at once" in anna.get(form_page).text
    empty = anna.submit(form_page, FORM | {"reason": ""}, form_page=form_page)
    assert (empty.status_code, "T-1" in empty.text) == (422, True)
    page = anna.submit(form_page, FORM, form_page=form_page).headers["Location"]
    assert "Begun without approval." in ben.get(page).text
    assert "Break-glass" in ben.get(f"/records/{id_text(team.record)}/uses").text
    anna.submit(f"{page}/check-in", {"outcome": "not_used"}, form_page=page)
    assert "Uses to review" in ben.get("/").text
    assert "Uses to review" not in anna.get("/").text


def test_a_keeper_of_the_second_factor_sees_and_decides_and_other_custodians_do_not(
    app: Flask, unit_of_work: UnitOfWork, team: Team
) -> None:
    dora = browser_of(app, team.dora)
    before = f"/uses/{id_text(declare(unit_of_work, team.anna, team.record))}"
    assert dora.get(before).status_code == 403
    keepers = group_of(unit_of_work, "Keepers of second factors")
    set_policy(unit_of_work, team, approvals_needed=1, separate_mfa_group=keepers)
    use = declare(unit_of_work, team.anna, team.record)
    page = f"/uses/{id_text(use)}"
    assert "by a custodian of Keepers of second factors" in dora.get(page).text
    assert page in dora.get("/").text
    form = {"digest": detail(unit_of_work, use).digest_text, "verdict": "approved"}
    assert dora.submit(f"{page}/decide", form, form_page=page).status_code == 303
    assert state(unit_of_work, use) is UseState.APPROVED
    assert dora.submit(f"{page}/check-out", {}, form_page=page).status_code == 403


def test_a_form_with_mistakes_comes_back_as_it_was(staff_client: Browser, team: Team) -> None:
    address = f"/records/{id_text(team.record)}/uses/new"
    refused = staff_client.submit(address, FORM | {"purpose": "curiosity", "ticket": ""}, form_page=address)
    assert refused.status_code == 422
    for text in ("Choose what you need it for.", "Enter the ticket", "Raise the limit."):
        assert text in refused.text


# The customer's page


@pytest.fixture
def asked_customer(unit_of_work: UnitOfWork, team: Team) -> bytes:
    add_contact(unit_of_work, team)
    set_policy(unit_of_work, team, approvals_needed=1, customer_approves=True)
    return declare(unit_of_work, team.anna, team.record)


def test_the_customers_page_is_the_same_for_every_token_and_sets_no_cookie(
    client: Browser, staff_client: Browser, unit_of_work: UnitOfWork, asked_customer: bytes
) -> None:
    path = mailed_link(unit_of_work, asked_customer).url(BASE).removeprefix(BASE).partition("#")[0]
    pages = {browser.get(where).data for browser in (client, staff_client) for where in (path, "/approve/x")}
    assert len(pages) == 1
    assert "Set-Cookie" not in client.get(path).headers


def test_the_customer_reads_asks_for_a_code_and_approves(
    client: Browser, unit_of_work: UnitOfWork, asked_customer: bytes
) -> None:
    link = {"link": mailed_link(unit_of_work, asked_customer).url(BASE)}
    read = client.post("/approve/status", data=link)
    assert (read.status_code, "Set-Cookie" in read.headers) == (200, False)
    for text in ("Billing case with AWS", "Anna Example", "T-1", "carla@customer.example", "123456789012"):
        assert text in read.text
    early = client.post("/approve/decide", data=link | {"verdict": "approved", "digest": "0" * 64, "code": "ABCD-2345"})
    assert (early.status_code, "Have a new one sent" in early.text) == (422, True)
    sent = client.post("/approve/code", data=link, headers=HTMX)
    assert (sent.status_code, "on its way" in sent.text) == (200, True)
    code = mailed_code(unit_of_work, asked_customer)
    assert code not in sent.text
    form = link | {"digest": hidden_field(sent.text, "digest"), "verdict": "approved", "note": "Go on"}
    wrong = client.post("/approve/decide", data=form | {"code": "2222-2222"})
    assert (wrong.status_code, "4 tries are left" in wrong.text, "Go on" in wrong.text) == (422, True, True)
    done = client.post("/approve/decide", data=form | {"code": code})
    assert (done.status_code, "You approved this" in done.text) == (200, True)
    again = client.post("/approve/decide", data=form | {"code": code, "verdict": "denied"})
    assert (again.status_code, "You approved this" in again.text) == (409, True)
    assert state(unit_of_work, asked_customer) is UseState.APPROVED


def test_every_link_that_is_not_whole_gets_one_answer(
    client: Browser, unit_of_work: UnitOfWork, asked_customer: bytes
) -> None:
    whole = mailed_link(unit_of_work, asked_customer).url(BASE)
    links = [whole[:-3] + "AAA", f"{BASE}/approve/AAAA.BBBB.CCCC#{'A' * 43}", whole.replace("/approve/", "/s/")]
    for path in ("/approve/status", "/approve/code", "/approve/decide"):
        form = {"verdict": "approved", "digest": "0" * 64}
        answers = {(a.status_code, a.data) for a in (client.post(path, data=form | {"link": link}) for link in links)}
        assert [status for status, _body in answers] == [404], path


def test_somebody_signed_in_reads_that_they_cannot_decide_for_the_customer(
    staff_client: Browser, unit_of_work: UnitOfWork, asked_customer: bytes
) -> None:
    link = {"link": mailed_link(unit_of_work, asked_customer).url(BASE)}
    read = staff_client.post("/approve/status", data=link)
    assert "You are signed in here, so you cannot decide." in read.text
    assert staff_client.post("/approve/code", data=link).status_code == 409


def test_no_staff_page_shows_the_customers_link_or_code(
    staff_client: Browser, unit_of_work: UnitOfWork, team: Team, client: Browser, asked_customer: bytes
) -> None:
    link = mailed_link(unit_of_work, asked_customer)
    client.post("/approve/code", data={"link": link.url(BASE)})
    code = mailed_code(unit_of_work, asked_customer)
    for path in (f"/uses/{id_text(asked_customer)}", f"/records/{id_text(team.record)}/uses", "/"):
        page = staff_client.get(path).text
        assert link.token not in page
        assert code not in page
    assert "has opened their link" in staff_client.get(f"/uses/{id_text(asked_customer)}").text
