"""Monitor tokens on their page and on the command line: made, shown once, listed, revoked, on record."""

import html
import re

import pytest
from click.testing import CliRunner

from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.cli.audit import audit
from sharelink.errors import InvalidInput
from sharelink.monitors.tokens import MOST_TOKENS
from tests.accounts.records import recorded
from tests.browsers import Browser
from tests.factories import make_person


def shown_token(page):
    found = re.search(r"<textarea[^>]*>\s*([A-Za-z0-9_-]{43})</textarea>", html.unescape(page))
    assert found is not None
    return found[1]


def reads(app, token):
    answer = Browser.of(app).get("/audit/checkpoint", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code == 200


def test_a_token_is_made_on_the_page_shown_once_and_revoked(app, staff_client, unit_of_work):
    page = staff_client.submit("/monitors", {"name": "Customer's monitor", "days": "30"}, form_page="/monitors").text
    token = shown_token(page)
    assert reads(app, token)
    listed = staff_client.get("/monitors").text
    assert token not in listed
    assert "Customer&#39;s monitor" in listed
    (address,) = re.findall(r'action="(/monitors/[\w-]+/revoke)"', listed)
    answer = staff_client.submit(address, {}, form_page="/monitors")
    assert answer.headers["Location"] == "/monitors?done=revoked"
    assert not reads(app, token)
    assert "Customer&#39;s monitor" not in staff_client.get("/monitors").text
    assert staff_client.submit(address, {}, form_page="/monitors").status_code == 404
    types = [event.type for event in recorded(unit_of_work)]
    assert [kind for kind in types if kind.startswith("audit.")] == [
        "audit.token_created",
        "audit.monitored",
        "audit.token_revoked",
    ]
    assert token not in "".join(str(event) for event in recorded(unit_of_work))


def test_what_cannot_be_used_is_said_and_makes_nothing(staff_client):
    for name, days in (("", "90"), ("x" * 121, "90"), ("A monitor", "9999"), ("A monitor", "")):
        answer = staff_client.submit("/monitors", {"name": name, "days": days}, form_page="/monitors")
        assert (answer.status_code, 'aria-invalid="true"' in answer.text) == (422, True)
    assert "There is no token yet." in staff_client.get("/monitors").text


def test_an_auditor_may_make_tokens_too(app, unit_of_work):
    eve = make_person(unit_of_work, "Eve Example", "eve@example.com", roles=[Role.AUDITOR], groups=[])
    browser = Browser.of(app)
    browser.sign_in(eve)
    answer = browser.submit("/monitors", {"name": "Eve's monitor", "days": "30"}, form_page="/monitors")
    assert reads(app, shown_token(answer.text))


def test_there_is_an_end_to_tokens(unit_of_work):
    with unit_of_work.write(Actor.operator()) as work:
        for number in range(MOST_TOKENS):
            work.monitor_tokens.create(f"Monitor {number}", 1)
    with pytest.raises(InvalidInput), unit_of_work.write(Actor.operator()) as work:
        work.monitor_tokens.create("One more", 1)


def test_the_command_line_makes_lists_and_revokes(app, unit_of_work):
    run = CliRunner().invoke
    made = run(audit, ["monitor-token", "create", "--name", "Night watch", "--days", "7"])
    token = made.stdout.strip()
    assert reads(app, token)
    listed = run(audit, ["monitor-token", "list"]).stdout
    assert token not in listed
    identifier = listed.split("  ")[0]
    assert "Night watch  until 2026-11-30  last used 2026-11-23" in listed
    assert run(audit, ["monitor-token", "revoke", "nonsense"]).exit_code == 1
    assert run(audit, ["monitor-token", "revoke", identifier]).output == "Revoked.\n"
    assert not reads(app, token)
    again = run(audit, ["monitor-token", "revoke", identifier])
    assert (again.exit_code, "no such token" in again.output) == (1, True)
    created = next(event for event in recorded(unit_of_work) if event.type == "audit.token_created")
    assert (created.actor_kind, created.personal["token_name"]) == ("operator", "Night watch")
