"""What reaches standard error: enough to mend things, nothing that opens, submits or signs in."""

import json
import logging
import re
import sqlite3
from collections.abc import Callable, Iterator

import pytest
import structlog
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from sharelink.actors import Actor
from sharelink.errors import StorageUnavailable
from sharelink.logs import configure_logging, redact
from sharelink.settings import LogFormat, LogLevel
from tests.factories import Person, send_secret

CANARY = "Canary-of-this-test-4711"
KEY = "q1W2e3R4t5Z6u7I8o9P0a1S2d3F4g5H6j7K8l9Y0x1C"

Lines = Callable[[], str]


@pytest.fixture(params=list(LogFormat))
def lines(request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """Configure logging as a serving process does, and return what it has written so far."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure_logging(request.param, LogLevel.DEBUG)
    yield lambda: capfd.readouterr().err
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers, root.level = handlers, level


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (f"/s/abc.{KEY}/status", "/s/[removed]/status"),
        ("/s/short", "/s/[removed]"),
        ("/r/short", "/r/[removed]"),
        ("/retrieve/short?x=1", "/retrieve/[removed]?[removed]"),
        (f"https://share.example.com/s/abc#{KEY}", "https://share.example.com/s/[removed]#[removed]"),
        (f"https://share.example.com/set-up#{KEY}", "https://share.example.com/set-up#[removed]"),
        ("/sign-in?next=/records/7", "/sign-in?[removed]"),
        (f"Cookie: __Host-sharelink_session={CANARY}; other=1", "Cookie: [removed]"),
        (f"('Set-Cookie', 'a={CANARY}')", "('Set-Cookie', [removed]"),
        (f"sharelink_session={CANARY} rest", "sharelink_session=[removed] rest"),
        (f"the key is {KEY}.", "the key is [removed]."),
        ("0123456789abcdef" * 4, "[removed]"),
        ("a_function_with_a_name_of_more_than_forty_letters", "a_function_with_a_name_of_more_than_forty_letters"),
        ("route /s/<token>/status", "route /s/<token>/status"),
        ("sharelink/persistence/database.py:12", "sharelink/persistence/database.py:12"),
    ],
)
def test_what_looks_like_a_link_a_key_or_a_cookie_is_removed(written, kept):
    assert redact(written) == kept


def test_other_peoples_log_lines_go_through_the_same_nets(lines):
    logging.getLogger("waitress").error("Exception while serving %s", f"/s/{CANARY}/reveal?x={CANARY}")
    logging.getLogger("any.library").warning("headers %r", {"Cookie": CANARY})
    written = lines()
    assert "Exception while serving /s/[removed]/reveal" in written
    assert CANARY not in written


def test_fields_that_never_belong_in_a_line_are_emptied_at_any_depth(lines):
    structlog.get_logger("sharelink.test").error("x", password=CANARY, outer={"form": {"secret": CANARY}}, n=3)
    written = lines()
    assert CANARY not in written
    assert "3" in written


def test_an_exception_is_written_with_places_and_kinds_but_no_message_and_no_variable(lines):
    secret_in_a_variable = CANARY

    def fail() -> None:
        try:
            int(secret_in_a_variable)
        except ValueError as error:
            raise RuntimeError(secret_in_a_variable) from error

    try:
        fail()
    except RuntimeError:
        structlog.get_logger("sharelink.test").exception("failed")
        logging.getLogger("any.library").exception("failed too")
    written = lines()
    assert CANARY not in written
    assert written.count("builtins.ValueError") == 2
    assert written.count("in fail") == 4


def test_our_own_errors_and_databases_codes_are_told(lines):
    log = structlog.get_logger("sharelink.test")
    log.error("failed", exc_info=StorageUnavailable("the queue of writers is too long"))
    try:
        with create_engine("sqlite://").connect() as connection:
            connection.execute(text("SELECT :x FROM missing_table"), {"x": CANARY})
    except DBAPIError:
        log.exception("failed")
    try:
        sqlite3.connect(":memory:").execute("SELECT ? FROM missing_table", (CANARY,))
    except sqlite3.Error:
        log.exception("failed")
    written = lines()
    assert "the queue of writers is too long" in written
    assert written.count("OperationalError, SQLITE_ERROR") == 3, "of SQLAlchemy, of its cause, and of the driver itself"
    assert CANARY not in written


def test_statements_are_not_logged_even_at_the_lowest_level(lines):
    with create_engine("sqlite://").connect() as connection:
        connection.execute(text("SELECT :x"), {"x": CANARY})
    assert CANARY not in lines()


def test_one_line_per_request_names_the_route_and_never_the_path(app: Flask, lines: Lines):
    client = app.test_client()
    client.get(f"/s/{CANARY}?q={CANARY}", headers={"Cookie": f"a={CANARY}", "User-Agent": CANARY})
    client.get(f"/{CANARY}")
    client.open("/healthz", method=CANARY.upper())
    written = lines()
    assert CANARY not in written
    assert CANARY.upper() not in written
    assert "/s/<token>" in written
    assert written.count("sharelink.access") == 3


def test_no_step_of_a_shares_life_writes_its_secret_link_or_code(app: Flask, staff: Person, unit_of_work, lines: Lines):
    sent = send_secret(unit_of_work, staff, CANARY)
    client = app.test_client()
    link = sent.link.url("http://localhost")
    token, key = link.rsplit("/", 1)[1].split("#")
    client.get(f"/s/{token}")
    client.post(f"/s/{token}", data={"link": link})
    client.post("/s/status", data={"link": link})
    answers = [client.post("/s/reveal", data={"link": link, "code": sent.code}).text for _ in range(3)]
    assert [CANARY in answer for answer in answers] == [True, False, False]
    written = lines()
    for canary in (CANARY, token, token.split(".")[0], key, sent.code):
        assert canary not in written


@pytest.mark.parametrize("lines", [LogFormat.JSON], indirect=True)
def test_json_lines_are_json_and_carry_the_requests_id(app: Flask, lines: Lines):
    app.test_client().get("/sign-in")
    (line,) = [found for found in map(json.loads, lines().splitlines()) if found["logger"] == "sharelink.access"]
    assert (line["route"], line["method"], line["status"], line["level"]) == ("/sign-in", "GET", 200, "info")
    assert len(line["request_id"]) == 16


def lines_of(lines: Lines) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines().splitlines()]


@pytest.mark.parametrize("lines", [LogFormat.JSON], indirect=True)
def test_every_line_the_answer_and_the_error_page_carry_one_number(app: Flask, staff, unit_of_work, lines: Lines):
    sent = send_secret(unit_of_work, staff, CANARY)
    with unit_of_work.write(Actor.system()) as work:
        work.session.execute(text("ALTER TABLE share RENAME TO away"))
    lines()
    answer = app.test_client().post("/s/status", data={"link": "x"}, headers={"X-Request-ID": "f" * 32})
    broken = app.test_client().post("/s/status", data={"link": sent.link.url("http://localhost")})
    assert broken.status_code == 503
    number = broken.headers["X-Request-ID"]
    assert f"<code>{number}</code>" in broken.text
    written = lines_of(lines)
    mine = [line for line in written if line["request_id"] == number]
    assert {"sharelink.access", "sharelink.web"} <= {line["logger"] for line in mine}
    assert {line["request_id"] for line in written} == {number, answer.headers["X-Request-ID"]}
    # Nobody in front is trusted here, and a refusal that a person can mend shows no number.
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-ID"])
    assert answer.headers["X-Request-ID"] not in answer.text


@pytest.mark.parametrize("lines", [LogFormat.JSON], indirect=True)
@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("0123456789abcdef0123456789abcdef", True),
        ("01234567-89ab-4def-8123-456789abcdef", True),
        ("0123456789abcdef", True),
        ("0123456789ABCDEF", False),
        ("0123456789abcdef0", False),
        (KEY, False),
        (f"{CANARY}", False),
        ("0123456789abcdef\n", False),
        ("", False),
    ],
)
def test_a_number_comes_from_a_trusted_proxy_if_it_has_the_shape_of_one(make_app, settings, lines: Lines, given, taken):
    client = make_app(settings.model_copy(update={"trusted_proxy_hops": 1})).test_client()
    answer = client.get("/sign-in", environ_base={"HTTP_X_REQUEST_ID": given})
    assert (answer.headers["X-Request-ID"] == given) is taken
    assert re.fullmatch("[0-9a-f-]{16,36}", answer.headers["X-Request-ID"])
    assert [line["request_id"] for line in lines_of(lines)] == [answer.headers["X-Request-ID"]]


def test_the_number_is_made_of_nothing_that_the_request_holds(app: Flask):
    client = app.test_client()
    numbers = {client.post("/s/status", data={"link": f"/s/{CANARY}#{KEY}"}).headers["X-Request-ID"] for _ in range(9)}
    assert len(numbers) == 9
