"""Whatever is wrong with a token, there is one page and one answer, and never an error of ours."""

from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from flask import Flask

from sharelink.crypto.identifiers import id_from_text
from sharelink.crypto.link_tokens import TokenPurpose
from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.attacks.false_tokens import MEBIBYTE, false_tokens
from tests.attacks.installations import GENEROUS
from tests.attacks.open_links import LiveLinks, everything, live_links
from tests.attacks.request_moves import LIMITS
from tests.browsers import Browser, headers_of
from tests.factories import make_person

BASE = "http://localhost"
FIRST_POST = {"/s/": "status", "/r/": "status", "/statement/": "read", "/approve/": "status", "/retrieve/": "status"}
PURPOSES = {
    "/s/": TokenPurpose.OPEN,
    "/r/": TokenPurpose.SUBMIT,
    "/statement/": TokenPurpose.STATEMENT,
    "/approve/": TokenPurpose.APPROVE,
    "/retrieve/": TokenPurpose.RETRIEVE,
}
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def app(make_app: Callable[[Settings], Flask], settings: Settings) -> Flask:
    """Return an application for a stranger in a hurry."""
    return make_app(settings.model_copy(update=LIMITS | {"rate_limit_status": GENEROUS}))


@pytest.fixture
def unit_of_work(app: Flask) -> Iterator[UnitOfWork]:
    with app.app_context():
        made: UnitOfWork = app.extensions[EXTENSION].unit_of_work
        yield made


def tokens_of(unit_of_work: UnitOfWork, links: LiveLinks, folder: str) -> list[str]:
    """Return the false tokens of one kind of link."""
    token = links.path(folder).rpartition("/")[2]
    identifier = id_from_text(token.partition(".")[0])
    keys = unit_of_work.keyring.token_keys
    return list(false_tokens(token, PURPOSES[folder], identifier, keys, unit_of_work.clock()))


def walk(app: Flask, unit_of_work: UnitOfWork, *, every: int) -> int:
    """Try every so-manieth false token at every kind of link; return how many were tried."""
    anna = make_person(unit_of_work, "Anna Example", "anna@example.com")
    links = live_links(unit_of_work, anna, BASE)
    client, member, tried = Browser.of(app), Browser.of(app), 0
    member.sign_in(anna)
    before = everything(unit_of_work)
    for folder, url in links.urls.items():
        # Only for whoever is signed in does the service look at a retrieval link at all.
        browser = member if folder == "/retrieve/" else client
        page, key = browser.get(links.path(folder)).data, url.partition("#")[2]
        answers = set()
        for false in tokens_of(unit_of_work, links, folder)[::every]:
            tried += 1
            got = browser.get(folder + quote(false, safe="."))
            # A slash in the token is another address.
            assert (got.status_code, got.data == page) == (200, True) or got.status_code == 404, false[:200]
            answer = browser.post(folder + FIRST_POST[folder], data={"link": f"{BASE}{folder}{false}#{key}"})
            if answer.status_code == 413:
                assert len(false) >= MEBIBYTE
                continue
            answers.add((answer.status_code, answer.data, headers_of(answer)))
            assert len(answers) == 1, (answer.status_code, false[:200])
        assert {status for status, _data, _headers in answers} == {404}
        # A route that answers everybody with 404 would pass all of this.
        assert browser.post(folder + FIRST_POST[folder], data={"link": url}).status_code == 200
        before_next = everything(unit_of_work, lambda table: table in {"share", "secret_request", "root_use"})
        assert before_next == {table: before[table] for table in before_next}
    return tried


def test_false_tokens_get_one_page_and_one_answer(app: Flask, unit_of_work: UnitOfWork) -> None:
    assert walk(app, unit_of_work, every=19) > 500


@pytest.mark.soak
@pytest.mark.timeout(1_200)
def test_each_of_more_than_10000_false_tokens_gets_one_page_and_one_answer(
    app: Flask, unit_of_work: UnitOfWork
) -> None:
    assert walk(app, unit_of_work, every=1) > 10_000
