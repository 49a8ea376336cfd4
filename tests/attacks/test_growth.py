"""No stranger can make the database, the log, the memory or the disk grow without bound: floods, and what is left."""

import json
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import select, text

from sharelink.audit.models import AuditLeaf
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.link_keys import link_key_text, new_link_key
from sharelink.crypto.link_tokens import TokenPurpose, sign_token
from sharelink.persistence.database import Base
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.canaries import files_below
from tests.attacks.installations import Installation
from tests.attacks.servers import Server
from tests.factories import Person, send_secret

BASE = "http://localhost"
MEBIBYTE = 1024 * 1024
LINE_BYTES = 400
LINES_A_MINUTE = 100
FLOOD_BYTES_A_MINUTE = 500_000
"""However many requests come in it; one line for each of 100,000 would be 20 MB."""
KIND_OF_LIMIT = {"ratelimit.tripped": "purpose", "strangers.refused": "refused"}
FEW, MANY = 300, 6000
OWN_TOKEN = "of the browser that asks"

pytestmark = pytest.mark.parametrize("installation", ["sqlite"], indirect=True, scope="module")


def strangers(unit_of_work: UnitOfWork, staff: Person) -> list[tuple[str, str, dict[str, str] | None]]:
    """Return what somebody without a link may ask for, in every way in which it is refused: method, path, form."""
    sent = send_secret(unit_of_work, staff, "x", code=False)
    unknown = sign_token(unit_of_work.keyring.token_keys, TokenPurpose.OPEN, new_id(), unit_of_work.clock())
    key = link_key_text(new_link_key())
    found: list[tuple[str, str, dict[str, str] | None]] = [
        ("GET", f"/s/{sent.link.token}", None),
        ("GET", "/nowhere", None),
        ("GET", "/sign-in", None),
        ("GET", "/", None),
        ("DELETE", "/s/status", None),
        ("POST", "/sign-in", {"email": "nobody@example.com", "password": "x" * 20, "csrf_token": "x"}),
        ("POST", "/sign-in", {"email": "nobody@example.com", "password": "x" * 20, "csrf_token": OWN_TOKEN}),
        ("POST", "/sign-in/passkey/challenge", {"csrf_token": OWN_TOKEN}),
        ("POST", "/set-up", {"key": key, "csrf_token": OWN_TOKEN}),
        ("POST", "/join", {"link": f"{BASE}/join#{key}", "csrf_token": OWN_TOKEN}),
        ("POST", "/records/new", {"customer": "x"}),
    ]
    for link in (f"{BASE}/s/{unknown}#{key}", f"{BASE}/s/{sent.link.token}#{key}", f"{BASE}/s/a.b.c#{key}"):
        found += [("POST", path, {"link": link}) for path in ("/s/status", "/s/reveal", "/s/report")]
        found += [
            ("POST", path, {"link": link.replace("/s/", path[: path.rindex("/") + 1])})
            for path in ("/r/submit", "/approve/code", "/statement/read", "/retrieve/reveal")
        ]
    return found


def flood(server: Server, asked: list[tuple[str, str, dict[str, str] | None]], requests: int) -> Counter[int]:
    """Ask for all of it again and again; return how often which status was the answer."""
    statuses: Counter[int] = Counter()
    with server.caller() as caller:
        token = caller.token("/sign-in")
        for number in range(requests):
            method, path, form = asked[number % len(asked)]
            if form is not None and form.get("csrf_token") == OWN_TOKEN:
                form = form | {"csrf_token": token}
            if form is None:
                caller._send(method, path, b"", {})
                statuses[caller.answer().status] += 1
            else:
                broken = {"Content-Type": "text/plain"} if number % 7 == 0 else {}
                foreign = {"Sec-Fetch-Site": "cross-site"} if number % 11 == 0 else {}
                statuses[caller.post(path, form, broken | foreign).status] += 1
    return statuses


def rows(unit_of_work: UnitOfWork) -> dict[str, int]:
    with unit_of_work.read() as work:
        return {
            name: work.session.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one()
            for name in Base.metadata.tables
        }


def disk_bytes(installation: Installation) -> int:
    return sum(len(content) for content in files_below(installation.files).values())


def noise(unit_of_work: UnitOfWork) -> Counter[tuple[str, str]]:
    """Return how many events there are of each kind of noise."""
    with unit_of_work.read() as work:
        leaves = work.session.execute(select(AuditLeaf.type, AuditLeaf.leaf)).all()
    return Counter(
        (leaf.type, str(json.loads(leaf.leaf)["facts"][KIND_OF_LIMIT[leaf.type]]))
        for leaf in leaves
        if leaf.type in KIND_OF_LIMIT
    )


@pytest.fixture
def server(installation: Installation) -> Iterator[Server]:
    """Yield a server with the limits that are shipped, which counts in memory."""
    shipped = {
        "rate_limit_open": "300 per minute",
        "rate_limit_status": "60 per minute",
        "rate_limit_reveal": "20 per minute",
    }
    (server,) = installation.start(**shipped, rate_limit_sign_in="10 per minute", rate_limit_create="60 per minute")
    yield server
    server.kill()


def test_a_flood_leaves_one_event_of_each_kind_a_bounded_log_and_no_memory(
    installation: Installation, unit_of_work: UnitOfWork, staff: Person, server: Server
) -> None:
    assert_a_flood_leaves_little(installation, unit_of_work, staff, server, 1500)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_flood_of_100_000_leaves_no_more(
    installation: Installation, unit_of_work: UnitOfWork, staff: Person, server: Server
) -> None:
    assert_a_flood_leaves_little(installation, unit_of_work, staff, server, 100_000)


def assert_a_flood_leaves_little(
    installation: Installation, unit_of_work: UnitOfWork, staff: Person, server: Server, requests: int
) -> None:
    asked = strangers(unit_of_work, staff)
    flood(server, asked, FEW)
    before, noisy_before, disk, memory = (
        rows(unit_of_work),
        noise(unit_of_work),
        disk_bytes(installation),
        server.memory_bytes(),
    )
    written, began_at = len(server.said().encode()), time.monotonic()
    statuses = flood(server, asked, requests)
    minutes = int((time.monotonic() - began_at) // 60) + 2
    assert statuses[429] > requests / 3
    assert not [status for status in statuses if status >= 500]
    assert {400, 403, 404} <= statuses.keys()
    assert server.memory_bytes() - memory < 16 * MEBIBYTE
    assert server.stop() == 0
    log_bytes = len(server.said().encode()) - written
    # As many kinds of lines as there are pairs of route and answer.
    assert log_bytes < minutes * 60 * LINES_A_MINUTE * LINE_BYTES
    assert "more lines like this were left out" in server.said()
    if requests > MANY:
        assert log_bytes < min(minutes * FLOOD_BYTES_A_MINUTE, requests * LINE_BYTES / 20)
    after, told = rows(unit_of_work), noise(unit_of_work) - noisy_before
    assert {kind for _type, kind in told} >= {"link", "body", "origin", "form", "status", "reveal", "sign_in", "submit"}
    assert max(told.values()) <= minutes
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    # Tries to sign in live for a quarter of an hour, and their number is what the limit lets through.
    for short_lived in ("sign_in_attempt", "passkey_challenge"):
        assert grown.pop(short_lived, 0) <= 10 * minutes
    most_events = minutes * (len(told) + 2)
    # Leaves, their disclosures, and the tree and checkpoints over them.
    for name in [name for name in grown if name.startswith("audit_")]:
        assert grown.pop(name) <= 2 * most_events, name
    assert grown.pop("noise_tally", 0) <= len(told)
    assert grown == {}
    assert disk_bytes(installation) - disk < 1 * MEBIBYTE
