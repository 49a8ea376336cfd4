"""The service answers under its own name only, and repeats no other."""

from collections.abc import Callable

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from sharelink.settings import Settings

MakeApp = Callable[[Settings], Flask]
PAGES = ("/s/abc", "/sign-in", "/nowhere", "/records")
FOREIGN = (
    *("evil.example", "share.example.com.evil.example", "evil.example:443", "share.example.com:8443", "localhost"),
    *("share.example.com@evil.example", "share.example.com, evil.example", "share.example.com/evil", "127.0.0.1", ""),
    *("share.example.com\\evil", "share.example.com:x", "share.example.com evil", "[::1", "xn--share", "sh\u00e4re"),
)
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def asked(app: Flask, path: str, host: str, method: str = "GET", **headers: str) -> TestResponse:
    # Not by a test client: it reads the host for its cookies, and stumbles over some.
    environ = EnvironBuilder(path, method=method, headers={name.replace("_", "-"): headers[name] for name in headers})
    made = environ.get_environ() | {"HTTP_HOST": host.encode().decode("latin-1")}
    return TestResponse(*run_wsgi_app(app, made), request=environ.get_request())


@pytest.fixture
def public_app(make_app: MakeApp, settings: Settings) -> Flask:
    return make_app(settings.model_copy(update={"base_url": "https://share.example.com"}))


def test_another_host_gets_one_page_that_repeats_nothing(public_app: Flask) -> None:
    pages = set()
    for host in FOREIGN:
        for path in PAGES:
            answer = asked(public_app, path, host)
            assert answer.status_code == 421, (host, path)
            assert not host or host not in answer.text
            assert "Set-Cookie" not in answer.headers
            assert "evil" not in str(answer.headers)
            pages.add(answer.text)
    assert len(pages) == 1
    assert "start page" not in pages.pop(), "it would lead to the same page again"
    assert asked(public_app, "/s/status", "evil.example", "POST").status_code == 421
    assert "<html" not in asked(public_app, "/sign-in", "evil.example", HX_Request="true").text


@pytest.mark.parametrize("host", ["share.example.com", "SHARE.example.com:443", "share.example.com."])
def test_the_own_name_is_answered_in_every_spelling(public_app: Flask, host: str) -> None:
    assert [asked(public_app, path, host).status_code for path in ("/s/abc", "/sign-in")] == [200, 200]


def test_probes_may_ask_by_address_and_the_refusal_has_its_style(public_app: Flask) -> None:
    with public_app.test_client().get("/static/css/base.css", headers={"Host": "evil.example"}) as style:
        assert style.status_code == 200
    assert asked(public_app, "/healthz", "10.0.0.7:8000").status_code == 200
    assert asked(public_app, "/readyz", "10.0.0.7:8000").status_code in {200, 503}


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Host", "Forwarded", "X-Forwarded-Server"])
@pytest.mark.parametrize("hops", [0, 1, 2])
def test_no_forwarded_header_names_the_host(make_app: MakeApp, settings: Settings, header: str, hops: int) -> None:
    app = make_app(settings.model_copy(update={"base_url": "https://share.example.com", "trusted_proxy_hops": hops}))
    client = app.test_client()
    said = "host=share.example.com" if header == "Forwarded" else "share.example.com"
    assert client.get("/sign-in", headers={"Host": "evil.example", header: said}).status_code == 421
    evil = client.get("/", headers={"Host": "share.example.com", header: said.replace("share.example.com", "evil.ex")})
    assert evil.status_code == 303
    assert evil.headers["Location"] == "/sign-in"


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:9000", "share.localhost", "localhost"])
def test_a_service_of_this_machine_has_every_name_of_it(app: Flask, host: str) -> None:
    assert asked(app, "/sign-in", host).status_code == 200
    assert asked(app, "/sign-in", "rebound.example:8000").status_code == 421


def test_plain_http_is_no_origin_of_an_https_service(public_app: Flask) -> None:
    def post(origin: str) -> int:
        return asked(public_app, "/s/status", "share.example.com", "POST", Origin=origin).status_code

    assert post("http://share.example.com") == 403
    assert post("null") == 403
    assert post("https://share.example.com") == 400, "no form was sent"
