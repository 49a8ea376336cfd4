"""The recipient's way over HTTP: GET changes nothing, strangers learn nothing, the holder gets the text once."""

import html
import re

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from werkzeug.test import TestResponse

from sharelink.acts.sending import Sent
from sharelink.audit.models import AuditLeaf
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.link_keys import new_link_key
from sharelink.crypto.link_tokens import TokenPurpose, sign_token
from sharelink.persistence.database import db
from sharelink.shares.links import OpenLink
from sharelink.shares.models import Share
from sharelink.unit_of_work import UnitOfWork
from tests.browsers import HTMX, Browser, headers_of, hidden_field
from tests.factories import Person, send_secret
from tests.fakes import MovableClock

BASE = "http://localhost"
SECRET = "\n<script>alert(1)</script> & \u202e 😀\ttab "


def url(sent: Sent) -> str:
    return sent.link.url(BASE)


def wrong_code(sent: Sent) -> str:
    code = (sent.code or "").replace("-", "")
    return code[:-1] + ("2" if code[-1] != "2" else "3")


def shown_text(answer: TestResponse) -> str:
    found = re.search(r'<textarea id="secret-text"[^>]*>\n(.*?)</textarea>', answer.text, re.DOTALL)
    assert found
    return html.unescape(found.group(1))


def states(unit_of_work: UnitOfWork) -> list[str]:
    with unit_of_work.read() as work:
        return [str(state) for state in work.session.execute(select(Share.state)).scalars()]


def test_get_is_one_page_for_every_token_and_asks_no_database(
    app: Flask, unit_of_work: UnitOfWork, staff: Person, client: Browser
) -> None:
    sent = send_secret(unit_of_work, staff)
    with app.app_context():
        db.session.execute(text("ALTER TABLE share RENAME TO share_that_nobody_asks"))
        db.session.commit()
    pages = {
        client.get(f"/s/{token}").data for token in (sent.link.token, "unknown", "x" * 5_000, "%F0%9F%98%80", "a.b.c")
    }
    assert len(pages) == 1
    assert sent.link.token.encode() not in pages.pop()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods_change_nothing(unit_of_work: UnitOfWork, staff: Person, client: Browser, method: str) -> None:
    sent = send_secret(unit_of_work, staff)
    for path in (f"/s/{sent.link.token}", "/s/status", "/s/reveal", "/s/decline", "/s/stored"):
        answer = client.open(path, method=method)
        assert answer.status_code == 200
        assert "Location" not in answer.headers
    with unit_of_work.read() as work:
        types = work.session.execute(select(AuditLeaf.type)).scalars().all()
    assert "share.opened" not in types
    assert states(unit_of_work) == ["sealed"]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_the_whole_way_with_a_code(
    unit_of_work: UnitOfWork, staff: Person, client: Browser, headers: dict[str, str]
) -> None:
    sent = send_secret(unit_of_work, staff, SECRET, instruction="for the root account")
    status = client.post("/s/status", data={"link": url(sent)}, headers=headers)
    assert status.status_code == 200
    assert staff.name in status.text
    assert "for the root account" in status.text
    assert ("<html" in status.text) is not bool(headers)
    revealed = client.post(
        "/s/reveal", data={"link": hidden_field(status.text, "link"), "code": sent.code or ""}, headers=headers
    )
    assert revealed.status_code == 200
    assert shown_text(revealed) == SECRET
    assert url(sent) not in revealed.text
    stored = client.post("/s/stored", data={"receipt": hidden_field(revealed.text, "receipt")}, headers=headers)
    assert stored.status_code == 200
    again = client.post("/s/reveal", data={"link": url(sent), "code": sent.code or ""}, headers=headers)
    assert again.status_code == 410
    assert "<script>alert" not in again.text


def test_no_public_answer_sets_a_cookie_or_redirects(unit_of_work: UnitOfWork, staff: Person, client: Browser) -> None:
    sent = send_secret(unit_of_work, staff)
    answers = [
        client.get(f"/s/{sent.link.token}"),
        client.post("/s/status", data={"link": url(sent)}),
        client.post("/s/reveal", data={"link": url(sent), "code": wrong_code(sent)}),
        client.post("/s/reveal", data={"link": url(sent), "code": sent.code or ""}),
        client.post("/s/reveal", data={"link": url(sent)}),
        client.post("/s/decline", data={"link": url(sent)}),
        client.post("/s/status", data={"link": "nonsense#x"}),
    ]
    for answer in answers:
        assert "Set-Cookie" not in answer.headers
        assert answer.status_code not in range(300, 400)
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/s/status", "/s/reveal", "/s/decline", "/s/receipt"])
def test_strangers_get_one_answer_whatever_they_hold(
    unit_of_work: UnitOfWork, staff: Person, client: Browser, clock: MovableClock, path: str
) -> None:
    live, used, declined, expired, locked = (send_secret(unit_of_work, staff) for _ in range(5))
    client.post("/s/reveal", data={"link": url(used), "code": used.code or ""})
    client.post("/s/decline", data={"link": url(declined), "code": declined.code or ""})
    for number in range(10):
        environ = {"REMOTE_ADDR": f"198.51.100.{number}"}
        client.post("/s/reveal", data={"link": url(locked), "code": wrong_code(locked)}, environ_base=environ)
    with unit_of_work.write(staff.actor) as work:
        work.session.execute(update(Share).where(Share.id == expired.share_id).values(expires_at=clock.now))
    tokens = [sent.link.token for sent in (live, used, declined, expired, locked)]
    tokens += [sign_token(unit_of_work.keyring.token_keys, TokenPurpose.OPEN, new_id(), clock.now), "forged", "a.b.c"]
    with unit_of_work.read() as work:
        before = work.session.execute(select(func.count()).select_from(AuditLeaf)).scalar_one()
    answers = set()
    for token in tokens:
        link = OpenLink(token, new_link_key()).url(BASE)
        answer = client.post(path, data={"link": link, "code": "ABCDEFGH", "note": "x"})
        answers.add((answer.status_code, answer.data, headers_of(answer)))
    assert len(answers) == 1
    assert answers.pop()[0] == 404
    with unit_of_work.read() as work:
        assert work.session.execute(select(func.count()).select_from(AuditLeaf)).scalar_one() == before


def test_a_wrong_code_says_so_beside_the_field_and_consumes_nothing(
    unit_of_work: UnitOfWork, staff: Person, client: Browser
) -> None:
    sent = send_secret(unit_of_work, staff)
    answer = client.post("/s/reveal", data={"link": url(sent), "code": wrong_code(sent)})
    assert answer.status_code == 422
    assert "4 tries are left" in answer.text
    assert wrong_code(sent) not in answer.text
    for code in ("", "short"):
        assert client.post("/s/reveal", data={"link": url(sent), "code": code}).status_code == 422
    assert client.post("/s/reveal", data={"link": url(sent), "code": sent.code or ""}).status_code == 200


def test_a_paused_client_hears_when_to_come_back(unit_of_work: UnitOfWork, staff: Person, client: Browser) -> None:
    sent = send_secret(unit_of_work, staff)
    for _ in range(4):
        client.post("/s/reveal", data={"link": url(sent), "code": wrong_code(sent)})
    answer = client.post("/s/reveal", data={"link": url(sent), "code": wrong_code(sent)})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) in range(899, 902)
    assert "15 minutes" in answer.text


def test_the_holder_of_an_ended_link_reads_the_truth(
    unit_of_work: UnitOfWork, staff: Person, client: Browser, clock: MovableClock
) -> None:
    used, declined, old = (send_secret(unit_of_work, staff) for _ in range(3))
    client.post("/s/reveal", data={"link": url(used), "code": used.code or ""})
    client.post("/s/decline", data={"link": url(declined), "code": declined.code or ""})
    clock.move(days=7)
    for sent, words in ((used, "has been shown"), (declined, "decline"), (old, "over")):
        answer = client.post("/s/status", data={"link": url(sent)})
        assert answer.status_code == 200
        assert words in answer.text
        assert staff.name in answer.text


def test_the_creators_browser_gets_a_preview_and_cannot_consume(
    unit_of_work: UnitOfWork, staff: Person, staff_client: Browser, client: Browser
) -> None:
    sent = send_secret(unit_of_work, staff)
    preview = staff_client.post("/s/status", data={"link": url(sent)})
    assert "You created this" in preview.text
    assert 'action="/s/reveal"' not in preview.text
    for path in ("/s/reveal", "/s/decline"):
        refused = staff_client.post(path, data={"link": url(sent), "code": sent.code or ""})
        assert refused.status_code == 403
    assert client.post("/s/reveal", data={"link": url(sent), "code": sent.code or ""}).status_code == 200


def test_a_link_without_its_key_is_told_apart_with_a_hint(client: Browser) -> None:
    answer = client.post("/s/status", data={"link": "https://localhost/s/abc"})
    assert answer.status_code == 422
    assert "whole link" in answer.text


def test_an_acknowledgement_of_nobody_is_one_answer(client: Browser) -> None:
    for path in ("/s/displayed", "/s/stored"):
        for receipt in ("", "x", "a.b.c", "é" * 50):
            assert client.post(path, data={"receipt": receipt}).status_code == 404
