"""The page of a share over HTTP: what it is, what to do next, and doing it."""

import html
import re

import pytest
from flask import Flask
from sqlalchemy import func, select

from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.acts import receiving, tending
from sharelink.acts.sending import Sent
from sharelink.crypto.identifiers import id_text
from sharelink.shares.models import Share
from sharelink.shares.states import EndReason, ShareState
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import Browser, hidden_field
from tests.factories import Person, make_person, open_record, send_secret
from tests.fakes import MovableClock
from tests.shares.lives import lock, put_on_hold, row


def page_of(sent: Sent) -> str:
    return f"/shares/{id_text(sent.share_id)}"


def forms(page: str) -> set[str]:
    """Return the last words of the addresses that the forms of the page go to."""
    return {address.rpartition("/")[2] for address in re.findall(r'<form[^>]*action="(/shares/[^"]+)"', page)}


def share_count(unit_of_work: UnitOfWork) -> int:
    with unit_of_work.read() as work:
        return int(work.session.execute(select(func.count()).select_from(Share)).scalar_one())


def test_the_page_says_what_it_is_and_what_to_do_next_in_every_state(
    unit_of_work: UnitOfWork, staff: Person, staff_client: Browser, visitor: Actor, clock: MovableClock
) -> None:
    sealed, locked, withdrawn = (send_secret(unit_of_work, staff) for _ in range(3))
    unconfirmed, stored, declined, expired = (send_secret(unit_of_work, staff, code=False) for _ in range(4))
    lock(unit_of_work, locked)
    tending.withdraw(unit_of_work, staff.actor, withdrawn.share_id, "went to <the> wrong person")
    receiving.reveal(unit_of_work, visitor, unconfirmed.link, "")
    receipt = receiving.reveal(unit_of_work, visitor, stored.link, "").receipt
    receiving.acknowledge(unit_of_work, visitor, receipt, stored=True)
    receiving.decline(unit_of_work, visitor, declined.link, "", "not mine")
    for sent, words, actions, again in (
        (sealed, "Nobody has opened the link", {"withdraw"}, True),
        (locked, "was it a slip, unlock it", {"withdraw", "unlock"}, True),
        (withdrawn, "went to <the> wrong person", {"receipt"}, True),
        (unconfirmed, "Revealed, delivery unconfirmed", {"receipt"}, True),
        (stored, "nothing left to do", {"receipt"}, False),
        (declined, "not mine", {"receipt"}, True),
    ):
        page = staff_client.get(page_of(sent)).text
        assert words in html.unescape(page)
        assert forms(page) == actions
        assert (f"/send?reissue={id_text(sent.share_id)}" in page) is again
        assert sent.link.token not in page
    clock.move(days=7)
    staff_client = Browser.of(staff_client.application)
    staff_client.sign_in(staff)
    page = staff_client.get(page_of(expired)).text
    assert "Its time was over" in page
    assert forms(page) == {"receipt"}


def test_withdrawing_asks_for_a_reason_and_then_burns(
    unit_of_work: UnitOfWork, staff: Person, staff_client: Browser, client: Browser
) -> None:
    sent = send_secret(unit_of_work, staff)
    refused = staff_client.submit(f"{page_of(sent)}/withdraw", {"reason": " "})
    assert refused.status_code == 422
    assert "Say why" in refused.text
    long = staff_client.submit(f"{page_of(sent)}/withdraw", {"reason": "é" * 501})
    assert (long.status_code, "é" * 501 in long.text) == (422, True)
    assert row(unit_of_work, sent).state is ShareState.SEALED
    done = staff_client.submit(f"{page_of(sent)}/withdraw", {"reason": "wrong person"})
    assert (done.status_code, done.headers["Location"]) == (303, page_of(sent))
    assert row(unit_of_work, sent).end_reason is EndReason.WITHDRAWN
    told = client.post("/s/status", data={"link": sent.link.url("http://localhost")}).text
    assert "took this text back" in told
    assert "wrong person" not in told
    record = staff_client.get(f"/records/{id_text(sent.custody_id)}").text
    assert "Withdrawn by staff" in record
    assert "wrong person" in record


def test_what_came_too_late_is_told_on_the_page_of_the_share(
    unit_of_work: UnitOfWork, staff: Person, staff_client: Browser, visitor: Actor
) -> None:
    sent = send_secret(unit_of_work, staff, code=False)
    assert staff_client.submit(f"{page_of(sent)}/unlock", {}).status_code == 409
    receiving.reveal(unit_of_work, visitor, sent.link, "")
    late = staff_client.submit(f"{page_of(sent)}/withdraw", {"reason": "wrong person"})
    assert late.status_code == 409
    assert "It had ended before" in late.text
    assert "Revealed, delivery unconfirmed" in late.text


def test_unlocking_lets_the_recipient_go_on(
    unit_of_work: UnitOfWork, staff: Person, staff_client: Browser, visitor: Actor
) -> None:
    sent = send_secret(unit_of_work, staff)
    lock(unit_of_work, sent)
    assert "10 of 10 tries used" in staff_client.get(page_of(sent)).text
    assert staff_client.submit(f"{page_of(sent)}/unlock", {}).status_code == 303
    assert "10 of 15 tries used" in staff_client.get(page_of(sent)).text
    assert receiving.reveal(unit_of_work, visitor, sent.link, sent.code or "").text


@pytest.mark.parametrize("address", ["/shares/{}", "/shares/{}/withdraw", "/shares/{}/unlock"])
def test_an_id_that_is_none_is_not_found(staff_client: Browser, address: str) -> None:
    for text in (id_text(bytes(16)), "x", "A" * 21 + "B", "A" * 5_000, "%00", "é"):
        path = address.format(text)
        answer = staff_client.get(path) if path.count("/") == 2 else staff_client.submit(path, {"reason": "x"})
        assert answer.status_code == 404, text


def test_the_ways_of_a_share_answer_to_their_own_method_only(
    unit_of_work: UnitOfWork, staff: Person, staff_client: Browser
) -> None:
    sent = send_secret(unit_of_work, staff)
    for path in (f"{page_of(sent)}/withdraw", f"{page_of(sent)}/unlock"):
        assert staff_client.get(path).status_code == 405
    assert staff_client.submit(page_of(sent), {}).status_code == 405
    assert row(unit_of_work, sent).state is ShareState.SEALED


def test_who_may_only_read_sees_no_forms_and_other_groups_see_nothing(
    app: Flask, unit_of_work: UnitOfWork, staff: Person
) -> None:
    sent = send_secret(unit_of_work, staff)
    lock(unit_of_work, sent)
    auditor = make_person(unit_of_work, "Audrey", "audrey@example.com", {Role.AUDITOR, Role.CUSTODIAN}, ["Others"])
    other = make_person(unit_of_work, "Noor", "noor@example.com", {Role.CUSTODIAN}, ["Others"])
    reader, stranger = Browser.of(app), Browser.of(app)
    reader.sign_in(auditor)
    stranger.sign_in(other)
    page = reader.get(page_of(sent)).text
    assert forms(page) == set()
    assert "reissue" not in page
    assert stranger.get(page_of(sent)).status_code == 403
    assert stranger.get(f"/send?reissue={id_text(sent.share_id)}").status_code == 403
    for browser in (reader, stranger):
        for act in ("unlock", "withdraw"):
            assert browser.submit(f"{page_of(sent)}/{act}", {"reason": "mine now"}).status_code == 403
    assert row(unit_of_work, sent).state is ShareState.LOCKED


def test_sending_again_takes_the_settings_over_and_asks_only_for_the_secret(
    unit_of_work: UnitOfWork, staff: Person, staff_client: Browser, client: Browser
) -> None:
    old = send_secret(unit_of_work, staff, "the old secret", code=False, label="Root & branch", instruction="Store it.")
    form = staff_client.get(f"/send?reissue={id_text(old.share_id)}").text
    assert "The old link ends when the new one is made" in form
    assert "the old secret" not in form
    assert 'value="Root &amp; branch"' in form
    assert 'value="told by the test"' in form
    assert "Store it." in form
    assert not re.search(r'name="code_on"[^>]*checked', form)
    fields = {
        name: hidden_field(form, name) for name in ("csrf_token", "form_id", "replaces", "label", "code_waiver_reason")
    } | {"record": id_text(old.custody_id), "lifetime": "604800"}
    missing = staff_client.post("/send", data=fields | {"secret": ""})
    assert (missing.status_code, hidden_field(missing.text, "replaces")) == (422, id_text(old.share_id))
    assert row(unit_of_work, old).state is ShareState.SEALED
    assert staff_client.post("/send", data=fields | {"secret": "the new secret"}).status_code == 201
    assert row(unit_of_work, old).end_reason is EndReason.REPLACED
    told = client.post("/s/status", data={"link": old.link.url("http://localhost")}).text
    assert "There is a newer link" in told
    page = staff_client.get(page_of(old)).text
    new = re.search(r'It was sent again: <a href="(/shares/[^"]+)"', page)
    assert new
    assert page_of(old) in staff_client.get(new[1]).text
    assert "reissue=" not in page


def test_what_cannot_be_sent_again_is_told_beside_a_field_and_the_secret_stays_typed(
    unit_of_work: UnitOfWork, staff: Person, staff_client: Browser
) -> None:
    old = send_secret(unit_of_work, staff)
    elsewhere = open_record(unit_of_work, staff)
    send_secret(unit_of_work, staff, custody_id=old.custody_id, replaces_id=old.share_id)
    for record, replaces, words in (
        (elsewhere, id_text(old.share_id), "on another record"),
        (old.custody_id, id_text(bytes(16)), "on another record"),
        (old.custody_id, id_text(old.share_id), "sent again meanwhile"),
        (old.custody_id, "nonsense", "Start again from"),
    ):
        form = staff_client.get("/send").text
        fields = {name: hidden_field(form, name) for name in ("csrf_token", "form_id")}
        fields |= {"record": id_text(record), "replaces": replaces, "lifetime": "3600", "code_on": "y"}
        answer = staff_client.post("/send", data=fields | {"secret": "typed with care"})
        assert (answer.status_code, words in answer.text) == (422, True), words
        assert "typed with care" in answer.text
    assert share_count(unit_of_work) == 2


@pytest.mark.parametrize("text", ["x", id_text(bytes(16))])
def test_an_address_that_names_no_share_gives_a_fresh_form_or_is_not_found(staff_client: Browser, text: str) -> None:
    answer = staff_client.get(f"/send?reissue={text}")
    assert answer.status_code == (200 if text == "x" else 404)


def test_my_work_shows_what_is_locked_held_reported_or_unconfirmed(
    unit_of_work: UnitOfWork, staff: Person, staff_client: Browser, visitor: Actor
) -> None:
    locked = send_secret(unit_of_work, staff, label="locked one")
    lock(unit_of_work, locked)
    unconfirmed = send_secret(unit_of_work, staff, code=False, label="unconfirmed one")
    receiving.reveal(unit_of_work, visitor, unconfirmed.link, "")
    reported = put_on_hold(unit_of_work, staff, visitor)
    page = staff_client.get("/").text
    for words in ('id="locked"', 'id="reported"', 'id="held"', "Revealed, delivery unconfirmed"):
        assert words in page
    for sent in (locked, unconfirmed, reported):
        assert page_of(sent) in page
    assert f"/send?reissue={id_text(unconfirmed.share_id)}" in page
    assert f"/records/{id_text(reported.custody_id)}" in page
