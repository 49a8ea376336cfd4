"""What an answer of the provider must not open: forged, replayed, stale, mixed up, meant for others or elsewhere."""

import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text

from tests.accounts.records import recorded
from tests.attacks.canaries import spellings
from tests.browsers import Browser
from tests.openid_provider import CLIENT_SECRET
from tests.sso.conftest import Organisation
from tests.sso.test_coming_in import everybody, refusal


def is_out(browser: Browser) -> bool:
    return str(browser.get("/").headers.get("Location", "")).startswith("/sign-in")


@pytest.mark.parametrize(
    ("claims", "behaviour"),
    [
        ({"nonce": "another"}, {}),
        ({"nonce": None}, {}),
        ({"nonce": "\ud800"}, {}),
        ({"iss": "https://evil.example"}, {}),
        ({"iss": None}, {}),
        ({"aud": "another-client"}, {}),
        ({"aud": ["sharelink-tests", "another-client"]}, {}),
        ({"aud": ["sharelink-tests", "another-client"], "azp": "another-client"}, {}),
        ({"azp": "another-client"}, {}),
        ({"aud": None}, {}),
        ({"exp": 1}, {}),
        ({"exp": None}, {}),
        ({"exp": "tomorrow"}, {}),
        ({"iat": 1}, {}),
        ({"iat": 10**11}, {}),
        ({"iat": True}, {}),
        ({"nbf": 10**10}, {}),
        ({"sub": ""}, {}),
        ({"sub": None}, {}),
        ({"sub": "x" * 256}, {}),
        ({"sub": ["anna"]}, {}),
        ({}, {"alg": "none"}),
        ({}, {"alg": "HS256"}),
        ({}, {"foreign_key": True}),
    ],
    ids=str,
)
def test_a_token_that_does_not_hold_signs_nobody_in(
    org: Organisation, claims: dict[str, Any], behaviour: dict[str, Any]
) -> None:
    org.tell("staff", "admins", claims=claims, **behaviour)
    browser, answer = org.come()
    assert refusal(answer) == "token_refused"
    assert is_out(browser)
    assert everybody(org) == []
    assert [event.facts["why"] for event in recorded(org.unit_of_work) if event.type == "auth.sso_refused"] == [
        "token_refused"
    ]


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "Ed25519"])
def test_the_algorithms_that_are_allowed_work(org: Organisation, algorithm: str) -> None:
    org.tell("staff", alg=algorithm)
    assert org.come()[1].headers["Location"] == "/"


def test_a_token_may_be_as_late_as_clocks_differ_and_no_later(org: Organisation) -> None:
    moment = int(org.clock.now.timestamp())
    org.tell("staff", claims={"exp": moment - 29})
    assert org.come()[1].headers["Location"] == "/"
    org.tell("staff", claims={"exp": moment - 31})
    assert refusal(org.come()[1]) == "token_refused"


def test_keys_that_the_provider_changed_meanwhile_are_fetched_anew(org: Organisation) -> None:
    assert org.come()[1].headers["Location"] == "/"
    org.tell("staff", rotate=True)
    assert org.come()[1].headers["Location"] == "/"


def test_an_answer_works_once(org: Organisation) -> None:
    browser = Browser.of(org.app)
    back = org.leave(browser)
    assert browser.get(back).headers["Location"] == "/"
    assert refusal(browser.get(back)) == "unknown_or_used_state"
    other_state = parse_qs(urlsplit(org.leave(fresh := Browser.of(org.app))).query)["state"][0]
    used_code = parse_qs(urlsplit(back).query)["code"][0]
    assert refusal(fresh.get(f"/sign-in/sso/callback?state={other_state}&code={used_code}")) == "code_refused"
    assert is_out(fresh)


def test_an_answer_works_only_in_the_browser_that_left(org: Organisation) -> None:
    attacker, victim = Browser.of(org.app), Browser.of(org.app)
    back = org.leave(attacker, user="mallory")
    assert refusal(victim.get(back)) == "unknown_or_used_state"
    org.leave(victim)
    assert refusal(victim.get(back)) == "unknown_or_used_state"
    assert is_out(victim)
    # It was not used up by the wrong browser either.
    assert attacker.get(back).headers["Location"] == "/"


def test_a_code_of_somebody_else_is_worth_nothing_in_ones_own_sign_in(org: Organisation) -> None:
    victim, attacker = Browser.of(org.app), Browser.of(org.app)
    stolen = parse_qs(urlsplit(org.leave(victim)).query)["code"][0]
    state = parse_qs(urlsplit(org.leave(attacker, user="mallory")).query)["state"][0]
    # PKCE: the code hangs on the verifier of the browser that left with it.
    assert refusal(attacker.get(f"/sign-in/sso/callback?state={state}&code={stolen}")) == "code_refused"
    assert is_out(attacker)


def test_two_windows_of_one_browser_do_not_disturb_each_other(org: Organisation) -> None:
    browser = Browser.of(org.app)
    first, second = org.leave(browser), org.leave(browser)
    assert browser.get(first).headers["Location"] == "/"
    assert browser.get(second).headers["Location"] == "/"


def test_after_ten_minutes_an_answer_is_too_late(org: Organisation) -> None:
    browser = Browser.of(org.app)
    back = org.leave(browser)
    org.clock.move(minutes=10)
    assert refusal(browser.get(back)) == "unknown_or_used_state"


@pytest.mark.parametrize("query", ["", "state=", "state=x&code=y", "code=y", "error=access_denied", "state=%00"])
def test_an_answer_without_a_state_of_ours_is_refused_and_writes_no_event(org: Organisation, query: str) -> None:
    before = len(recorded(org.unit_of_work))
    assert refusal(Browser.of(org.app).get(f"/sign-in/sso/callback?{query}")) == "unknown_or_used_state"
    assert len(recorded(org.unit_of_work)) == before


def test_who_breaks_it_off_there_is_told_so(org: Organisation) -> None:
    browser, answer = org.come("nobody")
    assert refusal(answer) == "declined_at_provider"
    assert "broken off" in browser.get(answer.headers["Location"]).text


def test_an_answer_in_the_name_of_another_provider_is_refused(org: Organisation) -> None:
    browser = Browser.of(org.app)
    back = org.leave(browser)
    mixed = back.replace("iss=http", "iss=https")
    assert mixed != back
    assert refusal(browser.get(mixed)) == "declined_at_provider"


def test_the_way_out_and_the_way_back_are_counted_like_other_sign_ins(
    organisation: Callable[..., Organisation],
) -> None:
    org = organisation(rate_limit_sign_in="3 per minute")
    with org.app.app_context():
        browser, answer = org.come()
        assert answer.headers["Location"] == "/"
        stranger = Browser.of(org.app)
        answers = [stranger.get("/sign-in/sso/callback?state=x").status_code for _ in range(2)]
        assert answers == [303, 429]
        assert stranger.get("/sign-in/sso").status_code == 429
        assert browser.get("/").status_code == 200


def test_another_site_cannot_begin_a_sign_in(org: Organisation) -> None:
    answer = Browser.of(org.app).get("/sign-in/sso", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/sign-in")


@pytest.mark.parametrize(
    ("required", "good", "bad"),
    [
        ({"sso_required_amr": "mfa pwd"}, {"amr": ["pwd", "mfa", "otp"]}, [{}, {"amr": ["pwd"]}, {"amr": {"mfa": 1}}]),
        ({"sso_required_acr": "gold silver"}, {"acr": "silver"}, [{}, {"acr": "bronze"}, {"acr": ["gold"]}]),
        (
            {"sso_required_amr": "mfa", "sso_required_acr": "gold"},
            {"amr": ["mfa"], "acr": "gold"},
            [{"amr": ["mfa"]}, {"acr": "gold"}],
        ),
    ],
    ids=["amr", "acr", "both"],
)
def test_who_did_not_sign_in_there_as_required_is_refused(
    organisation: Callable[..., Organisation], required: dict[str, str], good: dict[str, Any], bad: list[dict[str, Any]]
) -> None:
    org = organisation(**required)
    with org.app.app_context():
        for claims in bad:
            org.tell("staff", claims=claims)
            assert refusal(org.come()[1]) == "methods_missing"
        org.tell("staff", claims=good)
        assert org.come()[1].headers["Location"] == "/"


@pytest.mark.parametrize(
    "behaviour",
    [
        {"down": True},
        {"redirects": True},
        {"calls_itself": "https://evil.example"},
        {"token_endpoint": "http://login.example/token"},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": None},
    ],
    ids=str,
)
def test_a_provider_that_is_down_or_not_itself_is_told_clearly(org: Organisation, behaviour: dict[str, Any]) -> None:
    org.tell("staff", **behaviour)
    answer = Browser.of(org.app).get("/sign-in/sso", follow_redirects=True)
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert answer.headers["Retry-After"] == "30"


def test_a_provider_whose_port_is_closed_is_told_clearly(organisation: Callable[..., Organisation]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    org = organisation(sso_issuer=f"http://127.0.0.1:{port}")
    assert Browser.of(org.app).get("/sign-in/sso", follow_redirects=True).status_code == 503
    assert Browser.of(org.app).get("/sign-in").status_code == 200


def test_a_provider_that_goes_down_on_the_way_back_is_told_clearly(org: Organisation) -> None:
    browser = Browser.of(org.app)
    back = org.leave(browser)
    org.tell("staff", down=True)
    answer = browser.get(back)
    assert answer.headers["Location"] == "/sign-in/sso/failed?why=unavailable"
    assert browser.get(answer.headers["Location"]).status_code == 503
    assert is_out(browser)


def test_no_secret_of_the_way_there_and_back_is_in_a_log_a_page_an_address_or_a_table(
    org: Organisation, capfd: pytest.CaptureFixture[str]
) -> None:
    shown, addresses = [], []
    browser = Browser.of(org.app)
    sent = []
    for user, behaviour in (("anna", {}), ("nobody", {}), ("bob", {"alg": "none"}), ("carl", {"foreign_key": True})):
        org.tell("staff", **behaviour)
        back = org.leave(browser, user=user)
        sent += [values[0] for name, values in parse_qs(urlsplit(back).query).items() if name in {"state", "code"}]
        answer = browser.get(back)
        page = browser.get(answer.headers["Location"], follow_redirects=True)
        addresses.append(answer.headers["Location"])
        shown += [answer.text, page.text, browser.get("/account/security").text]
        if user == "anna":
            browser.submit("/sign-out", {})
    with org.unit_of_work.read() as work:
        tables = [
            str(row._asdict())
            for table in ("sso_flow", "sso_identity", "staff_session", "audit_leaf", "audit_disclosure")
            for row in work.session.execute(text(f"SELECT * FROM {table}"))
        ]
    seen = org.provider.seen()
    logged = "".join(capfd.readouterr())
    canaries = {CLIENT_SECRET, *sent, *seen["tokens"][-3:], *seen["verifiers"]}
    assert len(canaries) > 8
    haystack = json.dumps([shown, addresses, tables]).encode() + logged.encode()
    assert [canary for canary in canaries if any(one in haystack for one in spellings(canary))] == []
