"""What is the same for everybody travels compressed; no other page does: its length would tell what is in it."""

import gzip

import pytest

from sharelink.assets import asset_directory
from tests.browsers import Browser

GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.mark.parametrize("name", ["css/base.css", "js/link_key.js", "vendor/htmx-4.0.1.min.js", "icons.svg"])
def test_a_static_file_is_compressed_for_browsers(client: Browser, name: str) -> None:
    content = (asset_directory("static") / name).read_bytes()
    with client.get(f"/static/{name}", headers=GZIP) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.data) == content
        assert int(answer.headers["Content-Length"]) == len(answer.data) < len(content)
        assert "Accept-Encoding" in answer.headers["Vary"]


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0"])
def test_it_is_not_compressed_for_others(client: Browser, accepted: str) -> None:
    with client.get("/static/css/base.css", headers={"Accept-Encoding": accepted}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert answer.data == (asset_directory("static") / "css/base.css").read_bytes()


def test_a_browser_that_has_the_file_is_sent_nothing(client: Browser) -> None:
    with client.get("/static/css/base.css", headers=GZIP) as first:
        tag = first.headers["ETag"]
    with client.get("/static/css/base.css", headers={**GZIP, "If-None-Match": tag}) as answer:
        assert answer.status_code == 304
        assert answer.data == b""


@pytest.mark.parametrize("page", ["/s/anything", "/r/anything", "/approve/anything", "/statement/anything"])
def test_the_first_page_of_a_link_is_compressed_because_nothing_in_it_is_anybodys(client: Browser, page: str) -> None:
    answer = client.get(page, headers=GZIP)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == client.get(page.replace("anything", "another")).data


@pytest.mark.parametrize("page", ["/sign-in", "/retrieve/anything", "/nothing-is-here"])
def test_other_pages_are_never_compressed(client: Browser, page: str) -> None:
    assert "Content-Encoding" not in client.get(page, headers=GZIP).headers


def test_what_a_link_shows_is_never_compressed(client: Browser) -> None:
    assert "Content-Encoding" not in client.post("/s/status", data={"link": "x"}, headers=GZIP).headers
