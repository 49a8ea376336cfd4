"""The customer's pages: one for every token, then the truth for whoever holds the whole link, and one answer."""

import json

import pytest

from sharelink.acts.requesting import Asked
from sharelink.custody.states import RecordKind
from sharelink.requests.states import RequestTemplate
from sharelink.shares.states import ShareState
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import HTMX, Browser
from tests.factories import Person, ask_secret, open_record
from tests.fakes import MovableClock
from tests.secret_requests.test_lifecycle import row_of, taken

SECRET = "correct horse battery staple"
BASE = "http://localhost:8000"


@pytest.fixture
def asked(unit_of_work: UnitOfWork, staff: Person) -> Asked:
    """Return a request for one text, not answered yet."""
    return ask_secret(unit_of_work, staff, purpose="To look after <it> & nothing else.")


def link_of(asked: Asked) -> str:
    return asked.submit_link.url(BASE)


def submit(client: Browser, asked: Asked, text: str = SECRET, **more: str):
    return client.post("/r/submit", data={"link": link_of(asked), "field-0": text} | more)


def test_get_is_one_page_for_every_token_and_sets_no_cookie(client: Browser, asked: Asked) -> None:
    ours = client.get(f"/r/{asked.submit_link.token}")
    strange = client.get("/r/anything-at-all")
    assert (ours.status_code, ours.data) == (200, strange.data)
    assert "Set-Cookie" not in ours.headers


def test_the_holder_of_the_whole_link_sees_who_asks_why_and_until_when(client: Browser, asked: Asked) -> None:
    page = client.post("/r/status", data={"link": link_of(asked)})
    assert page.status_code == 200
    for told in ("To look after &lt;it&gt; &amp; nothing else.", "Confidential text", "1,000", "20,000", "65,536"):
        assert told in page.text
    assert "Set-Cookie" not in page.headers


def test_the_customer_submits_once_and_the_link_then_tells_the_truth(
    client: Browser, asked: Asked, unit_of_work: UnitOfWork, staff: Person
) -> None:
    thanks = submit(client, asked)
    assert (thanks.status_code, SECRET in thanks.text) == (200, False)
    second = submit(client, asked, "another text")
    assert (second.status_code, "another text" in second.text) == (409, False)
    later = client.post("/r/status", data={"link": link_of(asked)})
    assert "This was not me" in later.text
    assert SECRET not in later.text
    assert taken(unit_of_work, staff, asked) == [SECRET]


def test_a_mistake_keeps_what_was_typed_and_says_what_to_mend(
    client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    asked = ask_secret(
        unit_of_work,
        staff,
        template=RequestTemplate.OWN,
        own_fields=(("User", "line", True), ("PIN", "password", True)),
    )
    page = client.post("/r/submit", data={"link": link_of(asked), "field-0": "anna <b>", "field-1": ""}, headers=HTMX)
    assert page.status_code == 422
    assert "Fill this in." in page.text
    assert "anna &lt;b&gt;" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert row_of(unit_of_work, asked).state is ShareState.AWAITING


def test_stray_white_space_is_asked_about_and_kept_when_it_is_meant(
    client: Browser, asked: Asked, unit_of_work: UnitOfWork, staff: Person
) -> None:
    question = submit(client, asked, SECRET + " ")
    assert (question.status_code, 'name="space_ok"' in question.text) == (422, True)
    assert submit(client, asked, SECRET + " ", space_ok="yes").status_code == 200
    assert taken(unit_of_work, staff, asked) == [SECRET + " "]


def test_what_the_record_knows_is_filled_in_for_an_aws_root(
    client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    custody_id = open_record(unit_of_work, staff, kind=RecordKind.AWS_ROOT)
    asked = ask_secret(unit_of_work, staff, custody_id=custody_id, template=RequestTemplate.AWS_ROOT)
    page = client.post("/r/status", data={"link": link_of(asked)})
    for preset in ("123456789012", "root@example.com"):
        assert f'value="{preset}"' in page.text


@pytest.mark.parametrize("spoiled", ["%FF", "%C3%28", "%ED%A0%80", "a%00b"])
def test_invalid_text_is_refused_and_never_altered(
    client: Browser, asked: Asked, unit_of_work: UnitOfWork, spoiled: str
) -> None:
    link = link_of(asked).replace("#", "%23")
    answer = client.post(
        "/r/submit", data=f"link={link}&field-0={spoiled}", content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code in {400, 422}
    assert row_of(unit_of_work, asked).state is ShareState.AWAITING


def test_the_requester_sees_a_preview_and_cannot_answer(
    staff_client: Browser, asked: Asked, unit_of_work: UnitOfWork
) -> None:
    page = staff_client.post("/r/status", data={"link": link_of(asked)})
    assert "preview" in page.text
    assert submit(staff_client, asked).status_code == 403
    assert row_of(unit_of_work, asked).state is ShareState.AWAITING


def test_the_receipt_comes_as_text_and_as_json_without_the_secret(client: Browser, asked: Asked) -> None:
    assert client.post("/r/receipt", data={"link": link_of(asked)}).status_code == 404
    submit(client, asked)
    text = client.post("/r/receipt", data={"link": link_of(asked), "format": "text"})
    as_json = client.post("/r/receipt", data={"link": link_of(asked), "format": "json"})
    kept = json.loads(as_json.text)
    assert kept["fields"] == ["Confidential text"]
    assert link_of(asked).endswith(kept["sealed_to_key_sha256"])
    for answer in (text, as_json):
        assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="receipt-{kept["reference"]}')
        assert kept["audit_event"] in answer.text
        assert SECRET not in answer.text


def test_this_was_not_me_puts_the_record_on_hold(
    client: Browser, asked: Asked, unit_of_work: UnitOfWork, staff: Person
) -> None:
    assert client.post("/r/report", data={"link": link_of(asked)}).status_code == 409
    submit(client, asked)
    assert client.post("/r/report", data={"link": link_of(asked)}).status_code == 200
    with unit_of_work.read() as work:
        assert work.requests.find(asked.submit_link).is_held
    assert "reported" in client.post("/r/status", data={"link": link_of(asked)}).text


def test_after_its_time_the_link_says_so(client: Browser, asked: Asked, clock: MovableClock) -> None:
    clock.move(days=8)
    page = client.post("/r/status", data={"link": link_of(asked)})
    assert page.status_code == 200
    assert "is over" in page.text
    assert submit(client, asked).status_code == 409


def test_links_of_strangers_get_one_answer(client: Browser, asked: Asked, unit_of_work: UnitOfWork) -> None:
    whole = link_of(asked)
    token_of_other_purpose = f"{BASE}/r/{asked.retrieval_link.token}#{whole.partition('#')[2]}"
    wrong_key = whole.partition("#")[0] + "#" + "A" * 86
    answers = {
        (answer.status_code, answer.data)
        for link in (token_of_other_purpose, wrong_key, f"{BASE}/r/AAAA.BBBB.CCCC#{'A' * 86}", whole[:-1], whole + "A")
        for path in ("/r/status", "/r/submit", "/r/receipt", "/r/report")
        for answer in [client.post(path, data={"link": link, "field-0": SECRET})]
    }
    assert [status for status, _body in answers] == [404]
    assert row_of(unit_of_work, asked).state is ShareState.AWAITING


def test_without_javascript_a_link_without_its_key_is_asked_for_again(client: Browser) -> None:
    page = client.post("/r/status", data={"link": f"{BASE}/r/AAAA.BBBB.CCCC"})
    assert (page.status_code, "after the # sign" in page.text) == (422, True)


def test_all_clients_together_are_limited_per_link(client: Browser, unit_of_work: UnitOfWork, staff: Person) -> None:
    limited, other = ask_secret(unit_of_work, staff), ask_secret(unit_of_work, staff)
    statuses = []
    for number in range(61):
        address = {"REMOTE_ADDR": f"203.0.113.{number}"}
        answer = client.post("/r/submit", data={"link": link_of(limited), "field-0": ""}, environ_overrides=address)
        statuses.append(answer.status_code)
    assert (set(statuses[:60]), statuses[60]) == ({422}, 429)
    free = client.post(
        "/r/submit", data={"link": link_of(other), "field-0": ""}, environ_overrides={"REMOTE_ADDR": "203.0.113.99"}
    )
    assert free.status_code == 422


def test_whoever_has_only_the_token_cannot_use_up_the_tries_of_the_link(client: Browser, asked: Asked) -> None:
    without_key = link_of(asked).partition("#")[0] + "#" + "A" * 86
    for number in range(61):
        address = {"REMOTE_ADDR": f"203.0.113.{number}"}
        client.post("/r/submit", data={"link": without_key, "field-0": SECRET}, environ_overrides=address)
    assert submit(client, asked).status_code == 200
