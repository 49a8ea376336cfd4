"""Who a client is, for limits and for the audit, is what the connection and the counted proxies say; nothing else."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from sharelink.settings import Settings
from sharelink.web.wiring import EXTENSION
from tests.browsers import HTMX
from tests.factories import make_person, send_secret

MakeApp = Callable[[Settings], Flask]
PROXY, CLIENT = "10.0.0.1", "203.0.113.7"
LIMIT = 2

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def forged() -> Iterator[dict[str, str]]:
    """Yield every way in which a client may claim to be another one; each time another one."""
    for number, name in enumerate(
        ("X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Cluster-Client-IP", "Client-IP", "Via")
    ):
        yield {name: f"198.51.100.{number}"}
    yield {"Forwarded": "for=198.51.100.99;host=evil.example;proto=https"}
    yield {"X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "1", "X-Forwarded-Prefix": "/evil"}
    yield {"X-Forwarded-Proto": "https"}


@pytest.fixture(params=[0, 1, 2])
def hops(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def client(make_app: MakeApp, settings: Settings, hops: int) -> FlaskClient:
    few = {"rate_limit_reveal": f"{LIMIT} per hour", "rate_limit_open": "5 per hour", "trusted_proxy_hops": hops}
    return make_app(settings.model_copy(update=few)).test_client()


def honest(hops: int, claimed: str = "") -> dict[str, str]:
    """Return the header as `hops` proxies write it: each adds whom it was asked by."""
    chain = [claimed] if claimed else []
    chain += [CLIENT, PROXY][:hops]
    return {"X-Forwarded-For": ", ".join(chain)} if chain else {}


def reveal(client: FlaskClient, hops: int, headers: dict[str, str]) -> int:
    peer = PROXY if hops else CLIENT
    data = {"link": "x#y"}
    return client.post("/s/reveal", data=data, headers=headers, environ_overrides={"REMOTE_ADDR": peer}).status_code


def test_no_header_makes_another_client_of_one(client: FlaskClient, hops: int) -> None:
    assert [reveal(client, hops, honest(hops)) for _ in range(LIMIT)] == [404] * LIMIT
    for claim in forged():
        assert reveal(client, hops, honest(hops) | claim) == 429, claim
    for number in range(20):
        claimed = f"198.51.100.{number}"
        assert reveal(client, hops, honest(hops, claimed)) == 429, "further left stands what the client says"
    assert reveal(client, hops, honest(hops, "198.51.100.1, " * 100 + "x")) == 429
    if hops:
        another = ", ".join(["203.0.113.8", PROXY][:hops])
        assert reveal(client, hops, {"X-Forwarded-For": another}) == 404, "whom the proxy names is another client"


@pytest.mark.parametrize("hops", [2], indirect=True)
def test_fewer_entries_than_proxies_are_believed_in_nothing(client: FlaskClient, hops: int) -> None:
    assert [reveal(client, hops, {"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(LIMIT + 2)] == [
        *[404] * LIMIT,
        *[429] * 2,
    ]


def test_the_audit_names_the_same_client(make_app: MakeApp, settings: Settings, hops: int) -> None:
    app = make_app(settings.model_copy(update={"trusted_proxy_hops": hops}))
    with app.app_context():
        work_with = app.extensions[EXTENSION].unit_of_work
        sent = send_secret(work_with, make_person(work_with, "Anna Example", "anna@example.com"), code=False)
    headers = honest(hops, "198.51.100.1") | {"X-Real-IP": "198.51.100.2", "Forwarded": "for=198.51.100.3"}
    opened = app.test_client().post(
        "/s/status",
        data={"link": sent.link.url("http://localhost")},
        headers=headers,
        environ_overrides={"REMOTE_ADDR": PROXY if hops else CLIENT},
    )
    assert opened.status_code == 200
    with app.app_context(), work_with.read() as work:
        told = work.session.execute(
            text(
                "SELECT disclosure FROM audit_disclosure JOIN audit_leaf USING (leaf_index)"
                " WHERE event_type = 'share.opened' AND name = 'ip'"
            )
        ).scalar_one()
    assert json.loads(urlsafe_b64decode(told + "=" * (-len(told) % 4)))[2] == CLIENT


def test_pages_of_links_are_limited_in_words_a_person_understands(client: FlaskClient) -> None:
    for path in ("/s/x", "/r/x", "/approve/x", "/statement/x", "/retrieve/x"):
        assert client.get(path).status_code == 200
    for path in ("/s/x", "/sign-in", "/join", "/set-up", "/sign-in/second-step"):
        page = client.get(path)
        assert page.status_code == 429
        assert page.headers["Retry-After"] == "3600"
        assert "That was a little too fast" in page.text
        assert "Try again in 1 hour." in page.text
        assert "<html" in page.text
        fragment = client.get(path, headers=HTMX).text
        assert "That was a little too fast" in fragment
        assert "<html" not in fragment
    assert client.head("/s/x").status_code == 429
    assert client.get("/healthz").status_code == 200
    with client.get("/static/css/base.css") as style:
        assert style.status_code == 200
