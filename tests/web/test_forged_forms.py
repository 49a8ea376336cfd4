"""No form of any role can be sent by another site, and nobody is led to one."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from sharelink.accounts.states import Role
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.persistence.database import Base
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.authentication import local_path
from sharelink.web.registration import PUBLIC
from tests.browsers import HTMX, Browser, hidden_field
from tests.factories import Person, make_person

EVIL = "https://evil.example"
FORGED: dict[str, dict[str, str]] = {
    "another site": {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    "a neighbour of ours": {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    "an older browser": {"Origin": EVIL},
    "a sandboxed frame": {"Origin": "null"},
    "a name that begins like ours": {"Origin": "http://localhost.evil.example"},
    "what is no address": {"Origin": "http://["},
}
PUBLIC_NAMES = {blueprint.name for blueprint in PUBLIC}
LIMITLESS = {"/sign-out": "whoever wants to leave, may"}

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def forms(app: Flask) -> list[tuple[str, bool]]:
    """Return every address that takes a form, with some id where one belongs, and whether it is a public one."""
    found = []
    for rule in app.url_map.iter_rules():
        assert rule.methods is not None
        if "POST" in rule.methods:
            address = re.sub(r"<[a-z_]+>", lambda _part: id_text(new_id()), rule.rule)
            found.append((address, rule.endpoint.partition(".")[0] in PUBLIC_NAMES))
    return found


def spoiled(token: str) -> str:
    """Return a form's token with another signature. Of the last character some bits count for nothing."""
    return token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:]


def everything(unit_of_work: UnitOfWork) -> dict[str, list[Any]]:
    with unit_of_work.read() as work:
        return {name: work.session.execute(select(table)).all() for name, table in Base.metadata.tables.items()}


@pytest.fixture
def browsers(app: Flask, unit_of_work: UnitOfWork) -> dict[str, tuple[Browser, str]]:
    """Return a browser of somebody with each role, of somebody half signed in, and of a stranger; with form tokens."""
    made: dict[str, tuple[Browser, str]] = {}
    people: dict[str, Person] = {
        role.value: make_person(unit_of_work, role.value.title(), f"{role.value}@example.com", [role]) for role in Role
    }
    for name, person in people.items():
        browser = Browser.of(app)
        browser.sign_in(person)
        made[name] = (browser, browser.token("/account"))
    half = Browser.of(app)
    half.give_password(people["staff"])
    made["half signed in"] = (half, half.token("/sign-in/second-step"))
    stranger = Browser.of(app)
    made["stranger"] = (stranger, stranger.token("/sign-in"))
    return made


def test_no_form_of_any_role_can_be_sent_by_another_site(
    app: Flask, unit_of_work: UnitOfWork, browsers: dict[str, tuple[Browser, str]]
) -> None:
    before, addresses = everything(unit_of_work), forms(app)
    assert len(addresses) > 70
    for number, (name, (browser, token)) in enumerate(browsers.items()):
        for place, (address, _is_public) in enumerate(addresses):
            # With everything that a signed-in person's own form would carry. Every role meets every way somewhere.
            data = {"csrf_token": token, "button": "pressed"}
            for turn, (way, headers) in enumerate(FORGED.items()):
                if name == "administrator" or (number + place + turn) % len(FORGED) == 0:
                    answer = browser.post(address, data=data, headers=headers)
                    assert answer.status_code == 403, (name, way, address)
    assert everything(unit_of_work) == before


def test_no_staff_form_is_taken_without_its_token_or_with_somebody_elses(
    app: Flask, unit_of_work: UnitOfWork, browsers: dict[str, tuple[Browser, str]]
) -> None:
    before, others_token = everything(unit_of_work), browsers["stranger"][1]
    for name, (browser, own) in browsers.items():
        others = browsers["staff"][1] if name == "stranger" else others_token
        for address in [address for address, is_public in forms(app) if not is_public]:
            for token in ("", others, spoiled(own)) if name == "administrator" else ("",):
                headers = HTMX if token else {}
                answer = browser.post(address, data={"csrf_token": token, "button": "x"}, headers=headers)
                assert answer.status_code == 400, (name, address)
    assert everything(unit_of_work) == before


def test_a_form_that_carries_a_file_is_not_taken_without_its_token(
    app: Flask, unit_of_work: UnitOfWork, browsers: dict[str, tuple[Browser, str]]
) -> None:
    views = {rule.rule: app.view_functions[rule.endpoint] for rule in app.url_map.iter_rules()}
    addresses = [rule for rule, view in views.items() if getattr(view, "takes_file", False)]
    assert addresses == ["/records/<record_text>/sign-ins/import"]
    address = addresses[0].replace("<record_text>", id_text(new_id()))
    for name, (browser, own) in browsers.items():
        if name in {"stranger", "half signed in"}:
            continue
        for token, is_taken in {"": False, spoiled(own): False, own: True}.items():
            file = (BytesIO(b"[]"), "sign-ins.json", "application/json")
            data = {"csrf_token": token, "file": file}
            answer = browser.post(address, data=data, content_type="multipart/form-data")
            # With its token it gets as far as the question who may, and of which record.
            expected = {403, 404} if is_taken else {400}
            assert answer.status_code in expected, (name, is_taken)
    after = everything(unit_of_work)
    assert after["cloudtrail_import"] == after["root_sign_in"] == []


def test_every_form_is_held_to_a_limit(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if rule.methods and "POST" in rule.methods and rule.rule not in LIMITLESS:
            assert getattr(view, "limits", ()), rule.rule


def leading_elsewhere() -> Iterator[str]:
    """Yield what browsers, or libraries, have read as an address of another site."""
    yield from (EVIL, "//evil.example", "///evil.example", "////evil.example/x", "/\\evil.example", "\\\\evil.example")
    yield from ("/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example", "/ /evil.example\x00")
    yield from ("https:evil.example", "https:/evil.example", "javascript:alert(1)", "data:text/html,x", "evil.example")
    yield from ("//localhost@evil.example", "http://localhost@evil.example", "/..//evil.example/%2f..", "/%5cevil\\")
    yield from ("/.//evil.example", "/a/%2E%2e//evil.example", "/a/.%2e/..//evil.example")
    yield from ("//[evil", "//evil.example\\@localhost", "/\u2028/evil.example", "?next=//evil.example", "#//evil", ".")
    yield from ("/\x0b/evil.example", "/sign-in?next=//evil.example", "/sign-out", "/" + "a" * 3000)


def test_no_page_leads_elsewhere_after_the_sign_in(app: Flask, staff: Person) -> None:
    for wanted in leading_elsewhere():
        assert local_path(wanted) is None, wanted
        browser = Browser.of(app)
        token = hidden_field(browser.get("/sign-in", query_string={"next": wanted}).text, "csrf_token")
        options = browser.post("/sign-in/passkey/challenge", data={"csrf_token": token}).json
        assert options is not None
        data = {"csrf_token": token, "passkey": staff.passkey.get(options), "next": wanted}
        answer = browser.post("/sign-in/passkey", data=data)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/"), wanted


def test_addresses_with_slashes_too_many_are_no_way_out(app: Flask) -> None:
    client = app.test_client()
    for path in ("//evil.example", "//evil.example/..", "/\\evil.example", "///", "//sign-in", "/s//x", "/static//"):
        answer = client.get("/", environ_overrides={"PATH_INFO": path})
        assert answer.status_code in {200, 303, 404, 308}, path
        location = answer.headers.get("Location", "/x")
        assert not location.startswith(("//", "/\\")), path
        assert location.removeprefix("http://localhost").startswith("/"), path


def test_signed_out_people_are_led_back_to_their_page_and_nowhere_else(app: Flask) -> None:
    client = app.test_client()
    for path, query in (("/records", "q=//evil.example"), ("/", "next=//evil.example"), ("/people", "\\evil")):
        location = client.get(path, query_string=query).headers["Location"]
        assert location.startswith("/sign-in")
        assert "//evil" not in location.partition("?next=")[0]
