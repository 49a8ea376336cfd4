"""Scanners, previews, search engines and prefetchers look at links all day: nothing is consumed, nothing recorded."""

import re
from html.parser import HTMLParser
from itertools import product

import pytest

from sharelink.unit_of_work import UnitOfWork
from tests.attacks.open_links import POST_PATHS, LiveLinks, everything, live_links
from tests.attacks.passers_by import PASSERS_BY
from tests.browsers import Browser, headers_of
from tests.factories import Person

BASE = "http://localhost"
UNSAFE_METHODS = ("PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "CONNECT", "POST", "SEARCH")


@pytest.fixture
def links(unit_of_work: UnitOfWork, staff: Person) -> LiveLinks:
    return live_links(unit_of_work, staff, BASE)


class HeadOfPage(HTMLParser):
    """The title and the meta elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.title = ""
        self.metas: list[dict[str, str]] = []
        self._in_title = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "meta":
            self.metas.append({name: value or "" for name, value in attrs})
        self._in_title = tag == "title"

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
            self._in_title = False


def test_nobody_who_passes_by_consumes_opens_or_learns_anything(
    unit_of_work: UnitOfWork, client: Browser, links: LiveLinks
) -> None:
    before = everything(unit_of_work)
    assert len({each.name for each in PASSERS_BY}) >= 40
    for folder, url in links.urls.items():
        page = client.get(links.path(folder))
        assert page.status_code == 200
        for each in PASSERS_BY:
            answer = client.open(links.path(folder), method=each.method, headers=each.all_headers)
            assert answer.status_code == 200, each
            assert not {"Set-Cookie", "Location", "Content-Range", "Link", "Refresh"} & set(answer.headers.keys()), each
            assert "noindex" in answer.headers["X-Robots-Tag"]
            assert answer.headers["Cache-Control"] == "no-store"
            if each.method == "GET":
                assert answer.data == page.data, f"{each} gets a page of its own"
            key = url.partition("#")[2]
            assert key not in answer.text
    assert everything(unit_of_work) == before


def test_what_a_preview_could_quote_is_neutral(client: Browser, links: LiveLinks) -> None:
    for folder in links.urls:
        answer = client.get(links.path(folder))
        head = HeadOfPage(answer.text)
        assert head.title in {f"{name} · Example Reseller" for name in TITLES}, head.title
        names = {meta.get("name") or meta.get("property") or "charset" for meta in head.metas}
        assert names <= {"charset", "viewport", "robots", "color-scheme", "format-detection", "htmx-config"}, names
        robots = next(meta["content"] for meta in head.metas if meta.get("name") == "robots")
        assert {"noindex", "nofollow", "noarchive"} <= set(robots.split(", "))
        # No card, no oEmbed, no canonical address, no structured content, no picture.
        assert not re.search(r"og:|twitter:|oembed|canonical|ld\+json|<img|itemprop", answer.text)
        assert links.path(folder).rpartition("/")[2] not in answer.text


TITLES = {"One-time link", "Custody statement", "Your approval", "For custodians only"}


def test_whoever_asks_for_the_addresses_of_the_forms_without_a_form_changes_nothing(
    unit_of_work: UnitOfWork, client: Browser, links: LiveLinks
) -> None:
    before = everything(unit_of_work)
    for folder, names in POST_PATHS.items():
        key = links.urls[folder].partition("#")[2]
        for name in names:
            for query in ("", f"?link={links.urls[folder].replace('#', '%23')}&code={links.code}", f"?key={key}"):
                for method in ("GET", "HEAD", "OPTIONS"):
                    answer = client.open(f"{folder}{name}{query}", method=method)
                    assert answer.status_code == 200, (method, folder, name)
                    assert key not in answer.text
    assert everything(unit_of_work) == before


def test_other_methods_at_a_link_are_one_refusal(unit_of_work: UnitOfWork, client: Browser, links: LiveLinks) -> None:
    before = everything(unit_of_work)
    for method, (folder, url) in product(UNSAFE_METHODS, links.urls.items()):
        answers = {
            (answer.status_code, answer.data, headers_of(answer))
            for path in (links.path(folder), f"{folder}nobody.knows.this")
            for answer in [client.open(path, method=method, data={"link": url, "code": links.code})]
        }
        assert len(answers) == 1, (method, folder)
        assert {status for status, _data, _headers in answers} <= {400, 404, 405}, (method, folder)
    assert everything(unit_of_work) == before


def test_a_method_that_is_smuggled_into_a_field_or_header_does_not_count(
    unit_of_work: UnitOfWork, client: Browser, links: LiveLinks
) -> None:
    before = everything(unit_of_work)
    for folder, url in links.urls.items():
        for name in POST_PATHS[folder]:
            for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
                answer = client.get(f"{folder}{name}?_method=POST", headers={header: "POST"}, data={"link": url})
                assert answer.status_code in {200, 400}
    assert everything(unit_of_work) == before
