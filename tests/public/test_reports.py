"""“This was not me” over HTTP: the holder of an ended link reports it, strangers get their one answer."""

import pytest
from sqlalchemy import func, select, update

from sharelink.actors import Actor
from sharelink.acts import receiving, tending
from sharelink.acts.sending import Sent
from sharelink.audit.models import AuditLeaf
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.link_keys import new_link_key
from sharelink.crypto.link_tokens import TokenPurpose, sign_token
from sharelink.shares.links import OpenLink
from sharelink.shares.models import Share
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import HTMX, Browser, headers_of, hidden_field
from tests.factories import Person, send_secret
from tests.fakes import MovableClock
from tests.shares.lives import events, leaf_count, lock, put_on_hold, row

BASE = "http://localhost"
REPORT = 'action="/s/report"'


def url(sent: Sent) -> str:
    return sent.link.url(BASE)


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_the_button_of_an_ended_page_reports_and_the_page_says_so_afterwards(
    unit_of_work: UnitOfWork, staff: Person, client: Browser, headers: dict[str, str]
) -> None:
    sent = send_secret(unit_of_work, staff, code=False)
    client.post("/s/reveal", data={"link": url(sent)})
    ended = client.post("/s/status", data={"link": url(sent)}, headers=headers)
    assert REPORT in ended.text
    reported = client.post("/s/report", data={"link": hidden_field(ended.text, "link")}, headers=headers)
    assert reported.status_code == 200
    assert "It is reported" in reported.text
    assert ("<html" in reported.text) is not bool(headers)
    assert "Set-Cookie" not in reported.headers
    assert events(unit_of_work, sent)[-2:] == ["share.tamper_reported", "custody.held"]
    after = client.post("/s/status", data={"link": url(sent)}, headers=headers).text
    assert "This has been reported" in after
    assert REPORT not in after
    again = client.post("/s/report", data={"link": url(sent)}, headers=headers)
    assert again.status_code == 409
    assert "cannot be reported here" in again.text
    assert events(unit_of_work, sent).count("share.tamper_reported") == 1


def test_every_ended_page_offers_the_button_for_thirty_days_and_says_how_it_ended(
    unit_of_work: UnitOfWork, staff: Person, client: Browser, visitor: Actor, clock: MovableClock
) -> None:
    revealed, declined, withdrawn, replaced, expired = (send_secret(unit_of_work, staff, code=False) for _ in range(5))
    clock.move(days=7, seconds=-1)
    receiving.reveal(unit_of_work, visitor, revealed.link, "")
    receiving.decline(unit_of_work, visitor, declined.link, "", "not mine")
    tending.withdraw(unit_of_work, staff.actor, withdrawn.share_id, "internal words")
    send_secret(unit_of_work, staff, custody_id=replaced.custody_id, replaces_id=replaced.share_id)
    clock.move(seconds=1)
    said = {
        revealed: "This text has been shown",
        declined: "This text was declined",
        withdrawn: "The sender took this text back",
        replaced: "There is a newer link for this",
        expired: "The time to read this text is over",
    }
    for days, is_offered in ((0, True), (31, False)):
        clock.move(days=days)
        for sent, words in said.items():
            page = client.post("/s/status", data={"link": url(sent)}).text
            assert words in page
            assert (REPORT in page) is is_offered, words
            assert "internal words" not in page
            assert staff.name in page


def test_a_live_page_has_no_such_button_and_a_report_of_it_is_refused(
    unit_of_work: UnitOfWork, staff: Person, client: Browser
) -> None:
    sealed, locked = send_secret(unit_of_work, staff), send_secret(unit_of_work, staff)
    lock(unit_of_work, locked)
    for sent in (sealed, locked):
        assert REPORT not in client.post("/s/status", data={"link": url(sent)}).text
        assert client.post("/s/report", data={"link": url(sent)}).status_code == 409
        assert row(unit_of_work, sent).reported_at is None


def test_the_senders_own_browser_is_offered_no_report(
    unit_of_work: UnitOfWork, staff: Person, staff_client: Browser, visitor: Actor
) -> None:
    sent = send_secret(unit_of_work, staff, code=False)
    receiving.reveal(unit_of_work, visitor, sent.link, "")
    assert REPORT not in staff_client.post("/s/status", data={"link": url(sent)}).text


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_a_held_share_says_so_has_no_forms_and_refuses_with_423(
    unit_of_work: UnitOfWork, staff: Person, client: Browser, visitor: Actor, headers: dict[str, str]
) -> None:
    sent, locked = (send_secret(unit_of_work, staff) for _ in range(2))
    lock(unit_of_work, locked)
    for each in (sent, locked):
        put_on_hold(unit_of_work, staff, visitor, each.custody_id)
        page = client.post("/s/status", data={"link": url(each)}, headers=headers)
        assert page.status_code == 200
        assert "on hold for now" in page.text
        assert staff.name in page.text
        assert "<form" not in page.text
        for path in ("/s/reveal", "/s/decline"):
            refused = client.post(path, data={"link": url(each), "code": each.code or "", "note": "x"}, headers=headers)
            assert refused.status_code == 423
            assert "on hold for now" in refused.text
            assert "<form" not in refused.text
        assert row(unit_of_work, each).outer_ciphertext is not None


def test_strangers_get_one_answer_whatever_they_hold_and_write_nothing(
    unit_of_work: UnitOfWork, staff: Person, client: Browser, visitor: Actor, clock: MovableClock
) -> None:
    live, used, declined, withdrawn, expired, locked, reported = (
        send_secret(unit_of_work, staff, code=number != 1) for number in range(7)
    )
    receiving.reveal(unit_of_work, visitor, used.link, "")
    receiving.decline(unit_of_work, visitor, declined.link, declined.code or "", "")
    tending.withdraw(unit_of_work, staff.actor, withdrawn.share_id, "a mistake")
    lock(unit_of_work, locked)
    receiving.reveal(unit_of_work, visitor, reported.link, reported.code or "")
    receiving.report(unit_of_work, visitor, reported.link)
    held = send_secret(unit_of_work, staff, custody_id=reported.custody_id)
    with unit_of_work.write(staff.actor) as work:
        work.session.execute(update(Share).where(Share.id == expired.share_id).values(expires_at=clock.now))
    sends = (live, used, declined, withdrawn, expired, locked, reported, held)
    tokens = [sent.link.token for sent in sends]
    tokens += [sign_token(unit_of_work.keyring.token_keys, TokenPurpose.OPEN, new_id(), clock.now), "forged", "a.b.c"]
    before = [(row(unit_of_work, sent).state, row(unit_of_work, sent).reported_at) for sent in sends]
    leaves = leaf_count(unit_of_work)
    for path in ("/s/report", "/s/status", "/s/reveal", "/s/decline"):
        answers = set()
        for token in tokens:
            link = OpenLink(token, new_link_key()).url(BASE)
            answer = client.post(path, data={"link": link, "code": "ABCDEFGH", "note": "x"})
            answers.add((answer.status_code, answer.data, headers_of(answer)))
        assert len(answers) == 1, path
        assert answers.pop()[0] == 404
    assert leaf_count(unit_of_work) == leaves
    assert [(row(unit_of_work, sent).state, row(unit_of_work, sent).reported_at) for sent in sends] == before


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_look_at_the_address_reports_nothing(
    unit_of_work: UnitOfWork, staff: Person, client: Browser, visitor: Actor, method: str
) -> None:
    sent = send_secret(unit_of_work, staff, code=False)
    receiving.reveal(unit_of_work, visitor, sent.link, "")
    assert client.open("/s/report", method=method).status_code == 200
    assert row(unit_of_work, sent).reported_at is None


def test_another_site_reports_nothing_and_a_link_without_its_key_is_a_mendable_mistake(
    unit_of_work: UnitOfWork, staff: Person, client: Browser, visitor: Actor
) -> None:
    sent = send_secret(unit_of_work, staff, code=False)
    receiving.reveal(unit_of_work, visitor, sent.link, "")
    foreign = client.post("/s/report", data={"link": url(sent)}, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert client.post("/s/report", data={"link": f"{BASE}/s/{sent.link.token}"}).status_code == 422
    with unit_of_work.read() as work:
        reports = select(func.count()).select_from(AuditLeaf).where(AuditLeaf.type == "share.tamper_reported")
        assert work.session.execute(reports).scalar_one() == 0
