"""Neither figures, nor logs of any level and format, nor readiness tell a secret, link, key, code or password."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from flask import Flask
from sqlalchemy import text

from sharelink.actors import Actor
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.logs import configure_logging
from sharelink.settings import LogFormat, LogLevel, Settings
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.canaries import code_spellings, found_in, key_spellings, spellings
from tests.browsers import Browser
from tests.factories import Person, ask_secret, send_secret, submit_answer

TOKEN = "a-monitor-that-holds-this-token-may-read"
BASE = "http://localhost"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"metrics_token": TOKEN, "trusted_proxy_hops": 1})


@pytest.fixture
def as_before() -> Iterator[None]:
    """Put logging back to what the test found."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers, root.level = handlers, level


def life_of_secrets(
    app: Flask, unit_of_work: UnitOfWork, staff: Person, answers: dict[str, bytes]
) -> dict[str, set[bytes]]:
    """Send, reveal and submit, with errors at every step; return what must be found nowhere, and note the answers."""
    number = id_text(new_id())
    secret, password = f"Kanarie {number[:11]} ü", f"Canary password {number[11:]}"
    sent, asked = send_secret(unit_of_work, staff, secret), ask_secret(unit_of_work, staff)
    submit_answer(unit_of_work, asked.submit_link, secret)
    visitor = Browser.of(app)
    link, code = sent.link.url(BASE), sent.code or ""
    token, key = link.rpartition("/")[2].split("#")
    form = {"link": link, "code": code, "secret": secret, "password": password}
    hostile = {"X-Request-ID": key, "Authorization": f"Bearer {key}", "User-Agent": secret.encode("latin-1", "replace")}
    visitor.get(f"/s/{token}?key={key}", headers=hostile)
    visitor.get(f"/{secret}/{token}", headers=hostile)
    visitor.open(f"/s/{token}/{key}", method="PUT", data=form)
    visitor.post("/s/reveal", data=form | {"code": "2222-2222" if code != "2222-2222" else "3333-3333"})
    visitor.post("/s/reveal", data=form, content_type="text/plain")
    visitor.post("/sign-in", data={"email": staff.email, "password": password})
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text("ALTER TABLE share_client RENAME TO away"))
    assert visitor.post("/s/reveal", data=form).status_code == 503
    answers["ready"] = visitor.get("/readyz", headers=hostile).data
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text("ALTER TABLE away RENAME TO share_client"))
    assert secret in visitor.post("/s/reveal", data=form).text
    visitor.post("/r/submit", data={"link": asked.submit_link.url(BASE), "field-0": secret})
    answers["figures"] = visitor.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).data
    answers["refused"] = visitor.get("/metrics", headers=hostile).data
    canaries = {"secret": spellings(number[:11]) | spellings(number[11:]), "password": spellings(password)}
    canaries |= {"token": spellings(token) | spellings(token.rpartition(".")[2]), "code": code_spellings(code)}
    canaries |= {"link key": key_spellings(key), "monitor's token": spellings(TOKEN)}
    for name, other in (("submit link", asked.submit_link), ("retrieval link", asked.retrieval_link)):
        other_token, _, other_key = other.url(BASE).rpartition("/")[2].partition("#")
        canaries[name] = spellings(other_token.rpartition(".")[2]) | spellings(other_key)
    return canaries


def test_nothing_that_watches_tells_what_must_not_be_told(
    app: Flask, unit_of_work: UnitOfWork, staff: Person, capfd: pytest.CaptureFixture[str], as_before: None
) -> None:
    for log_format in LogFormat:
        for level in LogLevel:
            configure_logging(log_format, level)
            answers: dict[str, bytes] = {}
            canaries = life_of_secrets(app, unit_of_work, staff, answers)
            written = capfd.readouterr().err
            # The search would find nothing in nothing.
            assert "unavailable" in written
            assert b"sharelink_events_total" in answers["figures"]
            haystacks = answers | {f"log, {log_format}, {level}": written.encode()}
            assert not found_in(haystacks, canaries)
            assert found_in({"a page": b" ".join(next(iter(each)) for each in canaries.values())}, canaries)
