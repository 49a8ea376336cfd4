"""Strangers learn nothing at the link to a statement: one answer, the same queries, nothing written (promise 7)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask

from sharelink.crypto.identifiers import new_id
from sharelink.crypto.link_keys import link_key_text, new_link_key
from sharelink.crypto.link_tokens import TokenPurpose, sign_token
from sharelink.settings import Settings
from sharelink.statements.queries import statement_links
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.asked_database import statements
from tests.attacks.installations import GENEROUS
from tests.attacks.open_links import everything
from tests.attacks.request_moves import LIMITS
from tests.attacks.test_request_silence import seen
from tests.browsers import HTMX, Browser
from tests.factories import Person, ask_secret, make_person, send_secret
from tests.fakes import MovableClock
from tests.statements.steps import BASE, MONTH, Stated, stated

PATHS = tuple(f"/statement/{act}" for act in ("read", "confirm", "report", "bundle", "receipt"))
FORM = {"entries": "1", "message": "a stranger's text", "page": "2"}
UNREADABLE = {"checkpoint": "none", "share": "none"}
"""What a right link's holder would be told about: strangers must not."""
RIGHT_STATUS = {"/statement/receipt": 409}
"""What the holder of a right link gets; custody has not ended, so there is no receipt of that."""


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
class Links:
    """A live link, one of another record, a revoked one, one whose time is over, and links of other kinds."""

    right: Stated
    other: Stated
    revoked: Stated
    over: Stated
    send_token: str
    submit_token: str


@pytest.fixture
def links(unit_of_work: UnitOfWork, staff: Person, clock: MovableClock) -> Links:
    """Return links in every state."""
    over = stated(unit_of_work, staff)
    clock.move(seconds=MONTH.total_seconds())
    right, other, revoked = (stated(unit_of_work, staff) for _ in range(3))
    with unit_of_work.write(staff.actor) as work:
        line = statement_links(work.session, revoked.custody_id, work.now).lines[0]
        work.statements.revoke(revoked.custody_id, line.id)
    sent, asked = send_secret(unit_of_work, staff), ask_secret(unit_of_work, staff)
    return Links(right, other, revoked, over, sent.link.token, asked.submit_link.token)


def strangers(unit_of_work: UnitOfWork, links: Links) -> dict[str, str]:
    """Return links of people who lack a part of a right one."""

    def link(token: str, key: bytes) -> str:
        return f"{BASE}/statement/{token}#{link_key_text(key)}"

    right = links.right.link
    keys, now = unit_of_work.keyring.token_keys, unit_of_work.clock()
    return {
        "wrong key": link(right.token, new_link_key()),
        "key of another record": link(right.token, links.other.link.link_key),
        "token of another record": link(links.other.link.token, right.link_key),
        "wrong key of a revoked one": link(links.revoked.link.token, new_link_key()),
        "wrong key of one that is over": link(links.over.link.token, new_link_key()),
        "unknown": link(sign_token(keys, TokenPurpose.STATEMENT, new_id(), now), right.link_key),
        "id of the record": link(sign_token(keys, TokenPurpose.STATEMENT, links.right.custody_id, now), right.link_key),
        "token of a send": link(links.send_token, right.link_key),
        "token of a request": link(links.submit_token, right.link_key),
        "forged": link(right.token[:-1] + ("A" if right.token[-1] != "A" else "B"), right.link_key),
        "nobody's": link("a.b.c", right.link_key),
        "one character less": links.right.url[:-1],
        "one character more": links.right.url + "A",
        "another path": links.right.url.replace("/statement/", "/s/"),
        "very long": link("a" * 3000, right.link_key),
        "strange characters": f"{BASE}/statement/é😀#" + "é" * 43,
    }


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
@pytest.mark.parametrize("path", PATHS)
def test_strangers_get_one_answer_and_write_nothing(
    unit_of_work: UnitOfWork, client: Browser, links: Links, path: str, headers: dict[str, str]
) -> None:
    before, answers = everything(unit_of_work), {}
    for name, link in strangers(unit_of_work, links).items():
        answer = client.post(path, data=FORM | UNREADABLE | {"link": link}, headers=headers)
        answers[name] = seen(answer, link)
        assert "Set-Cookie" not in answer.headers
    assert len(set(answers.values())) == 1, {name: answer[0] for name, answer in answers.items()}
    assert {answer[0] for answer in answers.values()} == {404}
    assert everything(unit_of_work) == before
    # A route that answers everybody with 404 would pass all of this.
    assert client.post(path, data=FORM | {"link": links.right.url}).status_code == RIGHT_STATUS.get(path, 200)


@pytest.mark.parametrize("path", PATHS)
def test_strangers_run_the_same_queries_whatever_they_lack(
    app: Flask, unit_of_work: UnitOfWork, client: Browser, links: Links, path: str
) -> None:
    asked_of = {}
    found = strangers(unit_of_work, links)
    for name in ("wrong key", "key of another record", "wrong key of a revoked one", "unknown", "id of the record"):
        with statements(unit_of_work.engine) as asked:
            client.post(path, data=FORM | {"link": found[name]})
        asked_of[name] = tuple(asked)
    assert len(set(asked_of.values())) == 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("which", ["revoked", "over"])
def test_the_holder_of_a_link_that_has_ended_learns_that_alone_and_writes_nothing(
    unit_of_work: UnitOfWork, client: Browser, links: Links, path: str, which: str
) -> None:
    before = everything(unit_of_work)
    answer = client.post(path, data=FORM | {"link": getattr(links, which).url})
    assert answer.status_code == 410
    for secret in ("Carla", "Example GmbH", "CR-", "123456789012"):
        assert secret not in answer.text
    assert everything(unit_of_work) == before


def test_another_site_can_neither_report_nor_confirm(unit_of_work: UnitOfWork, client: Browser, links: Links) -> None:
    before = everything(unit_of_work)
    for path in PATHS:
        answer = client.post(
            path,
            data=FORM | {"link": links.right.url},
            headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        )
        assert answer.status_code == 403
    assert everything(unit_of_work) == before


def test_a_link_shows_its_own_record_alone(client: Browser, unit_of_work: UnitOfWork, links: Links) -> None:
    with unit_of_work.read() as work:
        lines = statement_links(work.session, links.other.custody_id, work.now).lines
    assert lines
    pages = [client.post("/statement/read", data={"link": each.url}).text for each in (links.right, links.other)]
    references = [page.split("CR-")[1][:6] for page in pages]
    assert references[0] != references[1]
    assert references[1] not in pages[0]
    assert references[0] not in pages[1]
