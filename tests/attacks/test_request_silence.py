"""Strangers learn nothing at a request's links: one answer, the same queries, and nothing is written (promise 7)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from sharelink.actors import Actor
from sharelink.acts import submitting, tending
from sharelink.acts.requesting import Asked
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.link_keys import link_key_text, new_link_key
from sharelink.crypto.link_tokens import TokenPurpose, sign_token
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.asked_database import statements
from tests.attacks.installations import GENEROUS
from tests.attacks.open_links import everything
from tests.attacks.request_moves import BASE, LIMITS
from tests.browsers import HTMX, Browser, headers_of
from tests.factories import Person, ask_secret, make_person, send_secret, submit_answer
from tests.fakes import MovableClock

SECRET = "not for strangers"
SUBMIT_PATHS = ("/r/status", "/r/submit", "/r/receipt", "/r/report")
RETRIEVE_PATHS = ("/retrieve/status", "/retrieve/reveal")
NOT_FOUND = 404


@pytest.fixture
def app(make_app: Callable[[Settings], Flask], settings: Settings) -> Flask:
    """Return an application for a stranger in a hurry."""
    return make_app(settings.model_copy(update=LIMITS | {"rate_limit_status": GENEROUS}))


@pytest.fixture
def unit_of_work(app: Flask) -> Iterator[UnitOfWork]:
    with app.app_context():
        made: UnitOfWork = app.extensions[EXTENSION].unit_of_work
        yield made


@pytest.fixture
def staff(unit_of_work: UnitOfWork) -> Person:
    return make_person(unit_of_work, "Anna Example", "anna@example.com")


@dataclass(frozen=True)
class Lives:
    """One request in each state, and a send."""

    awaiting: Asked
    answered: Asked
    retrieved: Asked
    cancelled: Asked
    overdue: Asked
    reported: Asked
    send_token: str
    send_key: bytes

    @property
    def all(self) -> list[Asked]:
        return [self.awaiting, self.answered, self.retrieved, self.cancelled, self.overdue, self.reported]


@pytest.fixture
def lives(unit_of_work: UnitOfWork, staff: Person, clock: MovableClock) -> Lives:
    awaiting, answered, retrieved, cancelled, reported = (ask_secret(unit_of_work, staff) for _ in range(5))
    overdue = ask_secret(unit_of_work, staff, submit_lifetime=timedelta(seconds=1))
    for asked in (answered, retrieved, reported):
        submit_answer(unit_of_work, asked.submit_link, SECRET)
    with unit_of_work.write(staff.actor) as work:
        facts, _fields = work.requests.open_answer(retrieved.retrieval_link)
        work.requests.claim(facts, "take_into_custody", "T-1")
    tending.withdraw(unit_of_work, staff.actor, cancelled.share_id, "told by the test")
    submitting.report(unit_of_work, Actor.public("203.0.113.8", None), reported.submit_link)
    sent = send_secret(unit_of_work, staff)
    clock.move(seconds=2)
    return Lives(awaiting, answered, retrieved, cancelled, overdue, reported, sent.link.token, sent.link.link_key)


def submit_strangers(unit_of_work: UnitOfWork, lives: Lives) -> dict[str, str]:
    """Return links to submit by, each of somebody who lacks a part of a right one."""

    def link(token: str, key: bytes, fingerprint: bytes) -> str:
        return f"{BASE}/r/{token}#{link_key_text(key)}{link_key_text(fingerprint)}"

    right = lives.awaiting.submit_link
    keys = unit_of_work.keyring.token_keys
    unknown = sign_token(keys, TokenPurpose.SUBMIT, new_id(), unit_of_work.clock())
    found = {
        f"wrong key, {number}": link(asked.submit_link.token, new_link_key(), asked.submit_link.fingerprint)
        for number, asked in enumerate(lives.all)
    }
    return found | {
        "unknown": link(unknown, right.submit_key, right.fingerprint),
        "key of another": link(right.token, lives.answered.submit_link.submit_key, right.fingerprint),
        "token of another": link(lives.answered.submit_link.token, right.submit_key, right.fingerprint),
        "retrieval key": link(right.token, lives.awaiting.retrieval_link.retrieval_key, right.fingerprint),
        "retrieval token": link(lives.awaiting.retrieval_link.token, right.submit_key, right.fingerprint),
        "token of a send": link(lives.send_token, lives.send_key, right.fingerprint),
        "send as request": link(sign_token(keys, TokenPurpose.SUBMIT, _id_of_send(unit_of_work), unit_of_work.clock()),
                                lives.send_key, right.fingerprint),
        "forged": link(right.token[:-1] + ("A" if right.token[-1] != "A" else "B"), right.submit_key, bytes(32)),
        "nobody's": link("a.b.c", right.submit_key, right.fingerprint),
        "one key too few": right.url(BASE)[:-43],
        "one character more": right.url(BASE) + "A",
        "another path": right.url(BASE).replace("/r/", "/retrieve/"),
        "not canonical": right.url(BASE)[:-1] + _other_spelling(right.url(BASE)[-1]),
        "very long": link("a" * 3000, right.submit_key, right.fingerprint),
        "strange characters": f"{BASE}/r/é😀#" + "é" * 86,
    }  # fmt: skip


def retrieve_strangers(unit_of_work: UnitOfWork, lives: Lives) -> dict[str, str]:
    """Return links to retrieve by, each of somebody who lacks a part of a right one."""

    def link(token: str, key: bytes) -> str:
        return f"{BASE}/retrieve/{token}#{link_key_text(key)}"

    right = lives.answered.retrieval_link
    keys = unit_of_work.keyring.token_keys
    unknown = sign_token(keys, TokenPurpose.RETRIEVE, new_id(), unit_of_work.clock())
    found = {
        f"wrong key, {number}": link(asked.retrieval_link.token, new_link_key())
        for number, asked in enumerate(lives.all)
    }
    return found | {
        "unknown": link(unknown, right.retrieval_key),
        "key of another": link(right.token, lives.awaiting.retrieval_link.retrieval_key),
        "token of another": link(lives.awaiting.retrieval_link.token, right.retrieval_key),
        "submit key": link(right.token, lives.answered.submit_link.submit_key),
        "submit token": link(lives.answered.submit_link.token, right.retrieval_key),
        "token of a send": link(lives.send_token, lives.send_key),
        "send as request": link(
            sign_token(keys, TokenPurpose.RETRIEVE, _id_of_send(unit_of_work), unit_of_work.clock()), lives.send_key
        ),
        "forged": link(right.token[:-1] + ("A" if right.token[-1] != "A" else "B"), right.retrieval_key),
        "nobody's": link("a.b.c", right.retrieval_key),
    }


def misspelt(lives: Lives) -> dict[str, str]:
    """Return retrieval links that nobody has to look up to see that they are none."""
    right = lives.answered.retrieval_link.url(BASE)
    return {
        "one character less": right[:-1],
        "one character more": right + "A",
        "another path": right.replace("/retrieve/", "/r/"),
        "not canonical": right[:-1] + _other_spelling(right[-1]),
        "very long": right.replace("/retrieve/", "/retrieve/" + "a" * 3000),
        "strange characters": f"{BASE}/retrieve/é😀#" + "é" * 43,
    }


def _id_of_send(unit_of_work: UnitOfWork) -> bytes:
    with unit_of_work.read() as work:
        return bytes(work.session.execute(text("SELECT id FROM share WHERE kind = 'send'")).scalar_one())


def _other_spelling(character: str) -> str:
    """Return another last character of base64url for the same 32 bytes: it differs in the bits that are left over."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(character) ^ 1]


def form_with(link: str, staff: Person) -> dict[str, str]:
    """Return one form that would do for every one of the routes."""
    own = {"field-0": "a stranger's text", "format": "json", "space_ok": "yes"}
    return own | {"link": link, "purpose": "take_into_custody", "ticket": "T-1"}


def seen(answer: TestResponse, link: str) -> tuple[int, str, bytes]:
    """Return all of an answer; the link that was typed comes back in forms, and is taken out of text and length."""
    body = answer.data.replace(link.encode(), b"[the typed link]")
    length = answer.headers.pop("Content-Length")
    assert length == str(len(answer.data))
    return answer.status_code, headers_of(answer), body


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
@pytest.mark.parametrize("path", SUBMIT_PATHS)
def test_strangers_at_a_submit_link_get_one_answer_and_write_nothing(
    unit_of_work: UnitOfWork, staff: Person, client: Browser, lives: Lives, path: str, headers: dict[str, str]
) -> None:
    before, answers = everything(unit_of_work), {}
    for name, link in submit_strangers(unit_of_work, lives).items():
        answer = client.post(path, data=form_with(link, staff), headers=headers)
        answers[name] = seen(answer, link)
        assert "Set-Cookie" not in answer.headers
    assert len(set(answers.values())) == 1, {name: answer[0] for name, answer in answers.items()}
    assert {answer[0] for answer in answers.values()} == {NOT_FOUND}
    assert everything(unit_of_work) == before
    # A route that answers everybody with 404 would pass all of this.
    assert client.post("/r/status", data=form_with(lives.awaiting.submit_link.url(BASE), staff)).status_code == 200


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
@pytest.mark.parametrize("path", RETRIEVE_PATHS)
def test_signed_in_strangers_at_a_retrieval_link_get_one_answer_and_write_nothing(
    unit_of_work: UnitOfWork, staff: Person, staff_client: Browser, lives: Lives, path: str, headers: dict[str, str]
) -> None:
    staff_client.get("/account")
    before, answers = everything(unit_of_work), {}
    for name, link in (retrieve_strangers(unit_of_work, lives) | misspelt(lives)).items():
        answers[name] = seen(staff_client.post(path, data=form_with(link, staff), headers=headers), link)
    assert len(set(answers.values())) == 1, {name: answer[0] for name, answer in answers.items()}
    assert {answer[0] for answer in answers.values()} == {NOT_FOUND}
    assert everything(unit_of_work) == before
    right = lives.answered.retrieval_link.url(BASE)
    assert staff_client.post("/retrieve/reveal", data=form_with(right, staff)).status_code == 200


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
@pytest.mark.parametrize("path", RETRIEVE_PATHS)
def test_signed_out_a_retrieval_link_is_asked_to_sign_in_whether_it_is_one_or_not(
    app: Flask,
    unit_of_work: UnitOfWork,
    staff: Person,
    client: Browser,
    lives: Lives,
    path: str,
    headers: dict[str, str],
) -> None:
    before = everything(unit_of_work)
    rightful = {f"right link, {number}": asked.retrieval_link.url(BASE) for number, asked in enumerate(lives.all)}
    with statements(unit_of_work.engine) as asked_of_the_database:
        answers, misspelt_answers = (
            {
                name: seen(client.post(path, data=form_with(link, staff), headers=headers), link)
                for name, link in links.items()
            }
            for links in (rightful | retrieve_strangers_without_database(unit_of_work, lives), misspelt(lives))
        )
    assert asked_of_the_database == []
    assert len(set(answers.values())) == 1, {name: answer[0] for name, answer in answers.items()}
    assert {answer[0] for answer in answers.values()} == {403}
    assert "Set-Cookie" not in str(answers)
    # What is not even spelled like a link needs no database to be told so.
    assert len(set(misspelt_answers.values())) == 1
    assert {answer[0] for answer in misspelt_answers.values()} == {NOT_FOUND}
    assert everything(unit_of_work) == before


def retrieve_strangers_without_database(unit_of_work: UnitOfWork, lives: Lives) -> dict[str, str]:
    """Return strangers' links that are made without a look at the database."""
    right, keys = lives.answered.retrieval_link, unit_of_work.keyring.token_keys
    unknown = sign_token(keys, TokenPurpose.RETRIEVE, new_id(), unit_of_work.clock())
    return {
        "wrong key": f"{BASE}/retrieve/{right.token}#{link_key_text(new_link_key())}",
        "unknown": f"{BASE}/retrieve/{unknown}#{link_key_text(right.retrieval_key)}",
        "submit token": f"{BASE}/retrieve/{lives.answered.submit_link.token}#{link_key_text(right.retrieval_key)}",
        "nobody's": f"{BASE}/retrieve/a.b.c#{link_key_text(right.retrieval_key)}",
    }


def without_names(asked: list[str]) -> list[str]:
    """Return statements without the names that SQLAlchemy numbers."""
    return [re.sub(r"\s+", " ", statement) for statement in asked]


@pytest.mark.parametrize("path", [*SUBMIT_PATHS, *RETRIEVE_PATHS])
def test_unknown_and_live_with_a_wrong_key_ask_the_database_the_same(
    app: Flask,
    unit_of_work: UnitOfWork,
    staff: Person,
    client: Browser,
    staff_client: Browser,
    lives: Lives,
    path: str,
) -> None:
    is_submit = path in SUBMIT_PATHS
    links = (submit_strangers if is_submit else retrieve_strangers)(unit_of_work, lives)
    browser = client if is_submit else staff_client
    asked = {}
    for name in ("unknown", "wrong key, 0", "wrong key, 1", "wrong key, 2", "wrong key, 4", "send as request"):
        with statements(unit_of_work.engine) as found:
            browser.post(path, data=form_with(links[name], staff))
        asked[name] = without_names(found)
    assert len(set(map(tuple, asked.values()))) == 1, {name: len(found) for name, found in asked.items()}
    assert any("secret_request" in statement for statement in asked["unknown"])


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods_ask_no_database_and_are_one_page_for_every_token(
    app: Flask,
    unit_of_work: UnitOfWork,
    client: Browser,
    staff_client: Browser,
    lives: Lives,
    method: str,
) -> None:
    before = everything(unit_of_work)
    submit_tokens = [asked.submit_link.token for asked in lives.all]
    retrieve_tokens = [asked.retrieval_link.token for asked in lives.all]
    strange = ["unknown", "x" * 5_000, "%F0%9F%98%80", "a.b.c", "status", "submit", "reveal"]
    with statements(unit_of_work.engine) as asked_of_the_database:
        for folder, tokens in (("/r/", submit_tokens), ("/retrieve/", retrieve_tokens)):
            answers = [
                browser.open(folder + token, method=method)
                for browser in (client, staff_client)
                for token in [*tokens, *strange]
            ]
            known = [answer for answer in answers if method != "OPTIONS"]
            assert len({(answer.status_code, headers_of(answer), answer.data) for answer in known}) <= 1
            for answer in answers:
                assert answer.status_code == 200
                assert not {"Set-Cookie", "Location"} & set(answer.headers.keys())
                assert not any(token.encode() in answer.data for token in tokens)
    assert asked_of_the_database == []
    assert everything(unit_of_work) == before


def test_no_answer_of_the_public_routes_sets_a_cookie_or_redirects(
    client: Browser, lives: Lives, staff: Person
) -> None:
    for asked in lives.all:
        for path in (*SUBMIT_PATHS, *RETRIEVE_PATHS):
            link = (asked.submit_link if path in SUBMIT_PATHS else asked.retrieval_link).url(BASE)
            answer = client.post(path, data=form_with(link, staff))
            assert not {"Set-Cookie", "Location"} & set(answer.headers.keys()), path
            assert answer.headers["Cache-Control"] == "no-store"
            assert SECRET not in answer.text
