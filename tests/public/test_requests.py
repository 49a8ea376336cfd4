"""Hostile requests: foreign origins, broken bodies, wrong methods. Each is refused before it is believed."""

import re
from urllib.parse import urlencode

import pytest

from sharelink.settings import Settings
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.security_headers import CONTENT_SECURITY_POLICY
from tests.browsers import Browser
from tests.factories import Person, send_secret

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "https://localhost"},
    ],
)
def test_another_sites_form_is_refused(
    unit_of_work: UnitOfWork, staff: Person, client: Browser, headers: dict[str, str]
) -> None:
    sent = send_secret(unit_of_work, staff)
    data = {"link": sent.link.url("http://localhost"), "code": sent.code or ""}
    assert client.post("/s/reveal", data=data, headers=headers).status_code == 403
    assert client.post("/s/reveal", data=data, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


@pytest.mark.parametrize("headers", [{"Origin": "http://localhost"}, {"Sec-Fetch-Site": "none"}, {}])
def test_ones_own_forms_and_old_browsers_are_let_through(client: Browser, headers: dict[str, str]) -> None:
    assert client.post("/s/status", data={"link": "x#y"}, headers=headers).status_code == 404


def test_a_body_that_stops_short_is_refused_and_consumes_nothing(
    unit_of_work: UnitOfWork, staff: Person, client: Browser
) -> None:
    sent = send_secret(unit_of_work, staff, code=False)
    body = urlencode({"link": sent.link.url("http://localhost")})
    cut = client.post(
        "/s/reveal", data=body, content_type=FORM, environ_overrides={"CONTENT_LENGTH": str(len(body) + 1)}
    )
    assert cut.status_code == 400
    assert client.post("/s/reveal", data=body, content_type=FORM).status_code == 200


def test_a_chunked_body_without_a_length_is_refused(client: Browser) -> None:
    answer = client.post(
        "/s/status",
        data=b"link=x",
        content_type=FORM,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"CONTENT_LENGTH": "", "wsgi.input_terminated": True},
    )
    assert answer.status_code == 400


def test_a_body_over_the_limit_is_413_and_a_person_can_read_it(client: Browser, settings: Settings) -> None:
    answer = client.post("/s/status", data={"link": "x" * settings.request_max_bytes})
    assert answer.status_code == 413
    assert "too much" in answer.text


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"link=%FF%FE", FORM),
        (b"link=\xff", FORM),
        (b"link=%ED%A0%80", FORM),
        (b"link=%4", FORM),
        (b"&".join(b"a%d=1" % number for number in range(100)), FORM),
        (b'{"link": "x"}', "application/json"),
        (b"link=x", "text/plain"),
        (b"link=x", "multipart/form-data; boundary=x"),
        (b"link=x", ""),
    ],
)
def test_a_body_that_is_not_an_honest_form_is_refused(client: Browser, body: bytes, content_type: str) -> None:
    assert client.post("/s/status", data=body, content_type=content_type).status_code == 400


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_other_methods_are_refused_and_never_a_500(client: Browser, method: str) -> None:
    for path in ("/s/x", "/s/status", "/sign-in", "/nowhere"):
        assert client.open(path, method=method).status_code in {400, 404, 405}


def test_every_kind_of_answer_carries_the_headers(client: Browser) -> None:
    answers = [
        client.get("/s/x"),
        client.get("/nowhere"),
        client.get("/static/nothing"),
        client.get("/sign-in"),
        client.get("/healthz"),
        client.post("/sign-in", data={}),
        client.post("/s/status", data={"link": "x#y"}),
        client.put("/s/status", data={}),
    ]
    for answer in answers:
        answer.close()
        assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        assert "unsafe" not in CONTENT_SECURITY_POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "strict-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Permissions-Policy" in answer.headers
        assert "Strict-Transport-Security" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_file_carries_the_headers_that_mean_anything_on_one(client: Browser) -> None:
    with client.get("/static/icons.svg") as answer:
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"


def test_only_a_versioned_asset_may_be_cached(client: Browser) -> None:
    (address,) = re.findall(r'"(/static/css/base\.css\?v=[0-9a-f]{12})"', client.get("/s/x").text)
    with client.get(address) as asset:
        assert "immutable" in asset.headers["Cache-Control"]
    assert client.get("/s/x?v=1").headers["Cache-Control"] == "no-store"
    # Else an address of the next release, asked for before the upgrade, stays in a shared cache with today's file.
    version = address.partition("=")[2]
    for other in ("", "?v=", "?v=0123456789ab", f"?v={version}0", f"?v={version.upper()}x", f"?V={version}"):
        with client.get(f"/static/css/base.css{other}") as asset:
            assert (asset.status_code, asset.headers["Cache-Control"]) == (200, "no-store")
    with client.get(f"/static/css/./base.css?v={version}") as asset:
        assert asset.headers["Cache-Control"] == "no-store"
