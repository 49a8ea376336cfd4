"""At the link to a statement: what its holder sees, what is noted, what they can say, and when the link has ended."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from sharelink.crypto.identifiers import id_text
from sharelink.custody.errors import ContactNotConfirmed
from sharelink.custody.models import Contact
from sharelink.custody.states import RecordKind, Side
from sharelink.settings import Settings
from sharelink.statements.queries import statement_links
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.accounts.records import recorded, recorded_types
from tests.browsers import HTMX, Browser
from tests.factories import Person, make_person, open_record, send_secret
from tests.fakes import MovableClock
from tests.outbox.telling import entries, open_told_record
from tests.statements.steps import MONTH, Stated, add_contact, add_uses, make_link, stated


@pytest.fixture
def shown(unit_of_work: UnitOfWork, staff: Person) -> Stated:
    """Return a record with a link to its statement."""
    return stated(unit_of_work, staff)


def types_of(unit_of_work: UnitOfWork, custody_id: bytes) -> list[str]:
    types = recorded_types(unit_of_work, id_text(custody_id))
    return [kind for kind in types if kind.startswith(("statement", "custody.h"))]


def test_the_page_of_a_link_is_the_same_for_every_token(client: Browser, shown: Stated) -> None:
    right = client.get(f"/statement/{shown.link.token}")
    other = client.get("/statement/nobody.knows.this")
    assert (right.status_code, right.data) == (200, other.data)
    assert "Set-Cookie" not in right.headers


def test_the_statement_is_shown_whole_or_as_a_fragment(client: Browser, shown: Stated) -> None:
    page = client.post("/statement/read", data={"link": shown.url})
    assert page.status_code == 200
    assert "Custody statement" in page.text
    assert "Carla Customer" in page.text
    assert "What this does not prove" in page.text
    assert "Set-Cookie" not in page.headers
    fragment = client.post("/statement/read", data={"link": shown.url}, headers=HTMX)
    assert "<html" not in fragment.text
    assert "What this does not prove" in fragment.text


def test_reading_is_an_event_once_per_client_and_day(
    client: Browser, unit_of_work: UnitOfWork, shown: Stated, clock: MovableClock
) -> None:
    for _ in range(3):
        client.post("/statement/read", data={"link": shown.url})
    assert types_of(unit_of_work, shown.custody_id).count("statement.read") == 1
    client.post("/statement/read", data={"link": shown.url}, environ_base={"REMOTE_ADDR": "198.51.100.77"})
    assert types_of(unit_of_work, shown.custody_id).count("statement.read") == 2
    clock.move(days=1)
    client.post("/statement/read", data={"link": shown.url})
    assert types_of(unit_of_work, shown.custody_id).count("statement.read") == 3
    event = recorded(unit_of_work, id_text(shown.custody_id))[-1]
    assert event.personal["contact"] == "Carla Customer"
    assert event.facts["entries"] == 4


def test_saying_that_it_is_right_is_an_event_once_for_what_was_seen(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, shown: Stated
) -> None:
    form = {"link": shown.url, "entries": "2"}
    answer = client.post("/statement/confirm", data=form)
    assert (answer.status_code, "up to entry 2" in answer.text) == (200, True)
    client.post("/statement/confirm", data=form)
    assert types_of(unit_of_work, shown.custody_id).count("statement.acknowledged") == 1
    send_secret(unit_of_work, staff, custody_id=shown.custody_id)
    client.post("/statement/confirm", data=form | {"entries": "3"})
    event = recorded(unit_of_work, id_text(shown.custody_id))[-1]
    assert (event.type, event.facts["entries"]) == ("statement.acknowledged", 3)


@pytest.mark.parametrize("entries", ["", "x", "-1", "9" * 15, "9" * 400, "²"])
def test_nobody_confirms_more_than_there_is(
    client: Browser, unit_of_work: UnitOfWork, shown: Stated, entries: str
) -> None:
    assert client.post("/statement/confirm", data={"link": shown.url, "entries": entries}).status_code == 200
    event = recorded(unit_of_work, id_text(shown.custody_id))[-1]
    assert 0 <= int(str(event.facts["entries"])) <= 2


def test_a_report_puts_the_record_on_hold_and_says_why(
    client: Browser, unit_of_work: UnitOfWork, shown: Stated
) -> None:
    answer = client.post("/statement/report", data={"link": shown.url, "message": "Who is <b>Ben</b>?"})
    assert (answer.status_code, "on hold" in answer.text) == (200, True)
    assert types_of(unit_of_work, shown.custody_id)[-2:] == ["statement.reported", "custody.held"]
    event = recorded(unit_of_work, id_text(shown.custody_id))[-2]
    assert event.personal["message"] == "Who is <b>Ben</b>?"
    assert event.facts == {}
    page = client.post("/statement/read", data={"link": shown.url}).text
    assert "reported a problem" in page
    assert "Who is &lt;b&gt;Ben&lt;/b&gt;?" in page


@pytest.mark.parametrize("message", ["", "   ", "x" * 2001, "a\0b"])
def test_a_report_without_words_comes_back_with_what_was_typed(
    client: Browser, unit_of_work: UnitOfWork, shown: Stated, message: str
) -> None:
    answer = client.post("/statement/report", data={"link": shown.url, "message": message})
    assert (answer.status_code, 'id="message-error"' in answer.text) == (422, True)
    assert message.strip() in answer.text or "\0" in message
    assert "custody.held" not in types_of(unit_of_work, shown.custody_id)


def test_a_statement_never_approves(app: Flask) -> None:
    rules = {rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/statement")}
    acts = {"read", "confirm", "report", "bundle", "receipt"}
    assert rules == {"/statement/<token>", *(f"/statement/{act}" for act in acts)}


def test_somebody_of_ours_may_look_and_not_answer(
    staff_client: Browser, unit_of_work: UnitOfWork, shown: Stated
) -> None:
    page = staff_client.post("/statement/read", data={"link": shown.url})
    assert (page.status_code, "You are signed in here" in page.text, "Report it" in page.text) == (200, True, False)
    for path, form in (("confirm", {"entries": "1"}), ("report", {"message": "x"})):
        answer = staff_client.post(f"/statement/{path}", data={"link": shown.url} | form)
        assert answer.status_code == 403
    assert types_of(unit_of_work, shown.custody_id)[-1] == "statement.read"
    assert recorded(unit_of_work, id_text(shown.custody_id))[-1].personal["actor_name"] == "Anna Example"


def test_a_revoked_link_shows_nothing_and_says_so_to_whoever_holds_all_of_it(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, shown: Stated
) -> None:
    with unit_of_work.read() as work:
        link_id = statement_links(work.session, shown.custody_id, work.now).lines[0].id
    for _ in range(2):
        with unit_of_work.write(staff.actor) as work:
            work.statements.revoke(shown.custody_id, link_id)
    assert types_of(unit_of_work, shown.custody_id).count("statement.link_revoked") == 1
    assert_ended(client, shown)


def test_a_link_ends_with_its_time(client: Browser, shown: Stated, clock: MovableClock) -> None:
    clock.move(seconds=MONTH.total_seconds())
    assert_ended(client, shown)


def test_a_link_ends_with_its_contact(client: Browser, unit_of_work: UnitOfWork, staff: Person, shown: Stated) -> None:
    with unit_of_work.write(staff.actor) as work:
        work.session.get_one(Contact, shown.contact_id).removed_at = work.now
    assert_ended(client, shown)


def assert_ended(client: Browser, shown: Stated) -> None:
    for path in ("read", "confirm", "report"):
        answer = client.post(f"/statement/{path}", data={"link": shown.url, "message": "x", "entries": "1"})
        assert (answer.status_code, "This link has ended" in answer.text) == (410, True)
        assert "Example GmbH" not in answer.text


@pytest.mark.parametrize("who", ["unconfirmed", "of ours", "of another record", "removed", "nobody"])
def test_only_a_confirmed_contact_of_the_customer_gets_a_link(
    unit_of_work: UnitOfWork, staff: Person, shown: Stated, who: str
) -> None:
    other = open_record(unit_of_work, staff)
    contact_id = bytes(16)
    if who != "nobody":
        contact_id = add_contact(
            unit_of_work,
            staff,
            other if who == "of another record" else shown.custody_id,
            "Otto Other",
            side=Side.OPERATOR if who == "of ours" else Side.CUSTOMER,
            is_confirmed=who != "unconfirmed",
        )
    if who == "removed":
        with unit_of_work.write(staff.actor) as work:
            work.session.get_one(Contact, contact_id).removed_at = work.now
    with pytest.raises(ContactNotConfirmed):
        make_link(unit_of_work, staff, shown.custody_id, contact_id)


def test_a_long_list_of_uses_is_numbered_and_complete(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, shown: Stated
) -> None:
    add_uses(unit_of_work, staff, shown, 2_000)
    first = client.post("/statement/read", data={"link": shown.url}).text
    assert "Numbers 2,000 to 1,751 of 2,000" in first
    parts = [client.post("/statement/read", data={"link": shown.url, "page": str(page)}).text for page in range(1, 9)]
    everywhere = "".join(parts)
    for number in range(1, 2_001):
        assert everywhere.count(f'<td role="cell" class="number">{number}</td>') == 1
    whole = client.post("/statement/read", data={"link": shown.url, "page": "0"}).text
    assert whole.count('class="number"') == 2_000
    assert "All 2,000" in whole
    assert "Missing" not in whole


def test_a_use_that_is_missing_is_named(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, shown: Stated
) -> None:
    add_uses(unit_of_work, staff, shown, 3)
    add_uses(unit_of_work, staff, shown, 2, first=6)
    page = client.post("/statement/read", data={"link": shown.url}).text
    assert "Missing: 5, 4." in page


def test_a_credential_of_another_kind_is_told_without_words_of_aws(
    client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    plain = stated(unit_of_work, staff, RecordKind.CREDENTIAL)
    page = client.post("/statement/read", data={"link": plain.url})
    assert page.status_code == 200
    assert "AWS" not in page.text
    assert "CloudTrail" not in page.text


def test_a_letter_alone_holds_a_link_that_nobody_here_has_seen(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, shown: Stated, clock: MovableClock
) -> None:
    with unit_of_work.write(staff.actor) as work:
        link_id = work.statements.order_letter(shown.custody_id, shown.contact_id, timedelta(days=7))
    with unit_of_work.write(staff.actor) as work:
        first = work.statements.link_for_letter(link_id)
    clock.move(minutes=1)
    with unit_of_work.write(staff.actor) as work:
        again = work.statements.link_for_letter(link_id)
    assert first.contact_email == "carla@customer.example"
    read = [
        client.post("/statement/read", data={"link": made.link.url("http://localhost")}).status_code
        for made in (first, again)
    ]
    assert read == [404, 200]


def test_a_holder_cannot_fill_log_or_mailbox_by_saying_it_again_and_again(
    make_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    changes = {"rate_limit_submit_per_link": "3 per hour", "smtp_host": "localhost", "smtp_from": "us@example.com"}
    limited = make_app(settings.model_copy(update=changes))
    with limited.app_context():
        unit_of_work: UnitOfWork = limited.extensions[EXTENSION].unit_of_work
        staff = make_person(unit_of_work, "Anna Example", "anna@example.com")
        told_record = open_told_record(unit_of_work, staff)
        contact_id = add_contact(unit_of_work, staff, told_record)
        link = make_link(unit_of_work, staff, told_record, contact_id).url("http://localhost")
        other = stated(unit_of_work, staff)

        def say(what: str, number: int, url: str) -> int:
            form = {"link": url, "message": f"wrong {number}", "entries": str(number)}
            network = {"REMOTE_ADDR": f"203.0.113.{number}"}
            return Browser.of(limited).post(f"/statement/{what}", data=form, environ_overrides=network).status_code

        assert [say("read", number, link) for number in range(5)] == [200] * 5
        assert [say("report", number, link) for number in range(3)] == [200] * 3
        written = types_of(unit_of_work, told_record)
        assert [say(what, 9, link) for what in ("report", "confirm", "bundle")] == [429] * 3
        assert types_of(unit_of_work, told_record) == written
        assert say("report", 9, other.url) == 200, "another link has tries of its own"
        told = [entry.event_type for entry in entries(unit_of_work) if entry.rec == id_text(told_record)]
        assert [told.count(kind) for kind in ("statement.read", "statement.reported", "custody.held")] == [1, 1, 1]
