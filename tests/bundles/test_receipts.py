"""Receipts: what the log says of one share or of the end of custody, for the person concerned and nobody else."""

from datetime import timedelta

import pytest

from sharelink.acts.sending import Sent
from sharelink.crypto.identifiers import id_text
from sharelink.custody.states import CustodyState
from sharelink.jobs.sweeper import destroy_epochs_once, sweep_once
from sharelink.unit_of_work import UnitOfWork
from tests.accounts.records import recorded_types
from tests.browsers import Browser, hidden_field
from tests.bundles.downloaded import Files, fields_of, policy_of, proof_of, said_by_shell, unpacked
from tests.custody.handovers import make_team, record_in
from tests.factories import Person, ask_secret, send_secret, submit_answer
from tests.fakes import MovableClock
from tests.statements.steps import add_contact, make_link, stated

BASE = "http://localhost"


@pytest.fixture
def sent(unit_of_work: UnitOfWork, staff: Person) -> Sent:
    """Return a send without a code."""
    return send_secret(unit_of_work, staff, code=False, lifetime=timedelta(hours=1))


def attested(files: Files) -> dict[str, str]:
    """Return what a receipt attests, checked by its own policy: the type of the entry in each file."""
    named = [name for name in files if name.endswith(".json")]
    for name in named:
        policy_of(files).check_entry(files[name], proof_of(files, name))
    return {name.removesuffix(".json"): fields_of(files, name)["type"] for name in named}


def reveal(client: Browser, sent: Sent) -> str:
    """Reveal a send; return the page's acknowledgement."""
    page = client.post("/s/reveal", data={"link": sent.link.url(BASE)})
    assert page.status_code == 200
    return hidden_field(page.text, "receipt")


def test_the_page_that_showed_the_text_and_the_holder_of_the_link_get_the_same_receipt(
    client: Browser, sent: Sent, tmp_path
) -> None:
    acknowledgement = reveal(client, sent)
    by_page = unpacked(client.post("/s/receipt", data={"receipt": acknowledgement}).data)
    by_link = unpacked(client.post("/s/receipt", data={"link": sent.link.url(BASE)}).data)
    assert attested(by_page) == attested(by_link) == {"revealed": "share.revealed"}
    assert fields_of(by_page, "revealed.json")["obj"] == {"kind": "share", "ref": id_text(sent.share_id)}
    assert "disclosures.jsonl" not in by_page
    said = said_by_shell(by_page, tmp_path / "receipt")
    assert said[1:] == ["log signature: ok", "revealed.json: ok"]
    assert "WRONG" in "".join(said_by_shell(by_page | {"revealed.json": b"{}"}, tmp_path / "changed"))


def test_the_button_stands_on_the_pages_after_a_reveal(client: Browser, sent: Sent) -> None:
    acknowledgement = reveal(client, sent)
    stored = client.post("/s/stored", data={"receipt": acknowledgement}).text
    assert 'action="/s/receipt"' in stored
    assert hidden_field(stored, "receipt") == acknowledgement
    assert 'action="/s/receipt"' in client.post("/s/status", data={"link": sent.link.url(BASE)}).text


def test_there_is_no_receipt_before_anything_has_happened_and_none_for_strangers(client: Browser, sent: Sent) -> None:
    assert client.post("/s/receipt", data={"link": sent.link.url(BASE)}).status_code == 409
    reveal(client, sent)
    stranger = sent.link.url(BASE)[:-1] + "-"
    answers = [
        client.post("/s/receipt", data=data)
        for data in ({"link": stranger}, {"receipt": "a.b.c"}, {"link": f"{BASE}/s/a.b.c#{'A' * 43}"})
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.data for answer in answers}) == 1


def test_a_receipt_writes_nothing_but_that_its_checkpoint_was_handed_out(
    client: Browser, unit_of_work: UnitOfWork, sent: Sent
) -> None:
    reveal(client, sent)
    before = recorded_types(unit_of_work, id_text(sent.custody_id))
    client.post("/s/receipt", data={"link": sent.link.url(BASE)})
    assert recorded_types(unit_of_work, id_text(sent.custody_id)) == before


def test_once_the_key_of_its_day_is_gone_the_receipt_says_destroyed(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, sent: Sent, clock: MovableClock
) -> None:
    clock.move(hours=2)
    sweep_once(unit_of_work)
    page = f"/shares/{id_text(sent.share_id)}"
    client.sign_in(staff)
    before = unpacked(client.submit(f"{page}/receipt", {}, form_page=page).data)
    assert attested(before) == {"ended-unread": "share.expired"}
    clock.move(days=2)
    destroy_epochs_once(unit_of_work, timedelta(hours=1), read_database_clock=lambda _session: clock.now)
    client.sign_in(staff)
    after = unpacked(client.submit(f"{page}/receipt", {}, form_page=page).data)
    assert attested(after) == {"ended-unread": "share.expired", "destroyed": "key.destroyed"}
    assert fields_of(after, "destroyed.json")["facts"]["day"] == "2026-11-23"


def test_whoever_submitted_gets_proof_that_it_was_received(
    client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    asked = ask_secret(unit_of_work, staff)
    form = {"link": asked.submit_link.url(BASE), "format": "proof"}
    assert client.post("/r/receipt", data=form).status_code == 409
    submit_answer(unit_of_work, asked.submit_link, "a secret of a test")
    files = unpacked(client.post("/r/receipt", data=form).data)
    assert attested(files) == {"received": "request.submitted"}
    client.sign_in(staff)
    page = f"/requests/{id_text(asked.share_id)}"
    assert attested(unpacked(client.submit(f"{page}/receipt", {}, form_page=page).data)) == attested(files)


def test_the_customer_gets_receipts_of_their_own_record_alone(
    client: Browser, unit_of_work: UnitOfWork, staff: Person
) -> None:
    ours, other = stated(unit_of_work, staff), stated(unit_of_work, staff)
    sent = [send_secret(unit_of_work, staff, code=False, custody_id=record.custody_id) for record in (ours, other)]
    for each in sent:
        reveal(client, each)
    assert id_text(sent[0].share_id) in client.post("/statement/read", data={"link": ours.url}).text
    right, foreign, none = (
        client.post("/statement/receipt", data={"link": ours.url, "share": share})
        for share in (id_text(sent[0].share_id), id_text(sent[1].share_id), "x")
    )
    assert attested(unpacked(right.data)) == {"revealed": "share.revealed"}
    assert (foreign.status_code, none.status_code) == (404, 404)


@pytest.mark.parametrize("state", [CustodyState.RELEASED, CustodyState.CLOSED])
def test_the_end_of_custody_is_attested_to_both_sides(
    client: Browser, unit_of_work: UnitOfWork, staff: Person, state: CustodyState
) -> None:
    record_id = record_in(make_team(unit_of_work, staff), state)
    link = make_link(unit_of_work, staff, record_id, add_contact(unit_of_work, staff, record_id, "Dana Director")).url(
        BASE
    )
    assert "the end of custody" in client.post("/statement/read", data={"link": link}).text
    theirs = unpacked(client.post("/statement/receipt", data={"link": link, "share": ""}).data)
    assert attested(theirs) == {"custody-ended": f"custody.{state.value}"}
    client.sign_in(staff)
    page = f"/records/{id_text(record_id)}"
    assert "Receipt of the end" in client.get(page).text
    ours = client.submit(f"{page}/receipt", {}, form_page=page)
    assert attested(unpacked(ours.data)) == attested(theirs)
