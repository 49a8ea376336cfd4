"""No stranger learns by waiting whether a link exists, was used or is live: answers of all take equally long."""

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations

import pytest

from sharelink.crypto.link_tokens import TokenPurpose
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.callers import Caller, Post
from tests.attacks.installations import GENEROUS, Installation
from tests.attacks.open_links import events_but_noise, everything, live_links
from tests.attacks.servers import Server
from tests.attacks.strangers import posts, strangers_to, strangers_to_requests, strangers_to_sends
from tests.attacks.timing import auc, interleaved
from tests.factories import Person
from tests.reliability.figures import Figures

BASE = "http://localhost"
CODE = "ABCD-EFGH"
SAMPLES, TELLS_NOTHING = 4_000, 0.03
FEW_SAMPLES, TELLS_LITTLE = 400, 0.1
"""With 400 samples a class, chance alone moves the figure by 0.02; a query more moves it by 0.2 and more."""
ROUTES = (
    "/s/status", "/s/reveal", "/s/decline", "/s/report",
    "/r/status", "/r/submit", "/statement/read", "/approve/status", "/approve/decide", "/retrieve/status",
)  # fmt: skip
TOLD_OF_NOISE = {
    "staff_session", "noise_tally", "audit_leaf", "audit_disclosure", "audit_head", "audit_checkpoint", "audit_subtree",
}  # fmt: skip
"""What changes while strangers come by for minutes: a session is used, and once a minute an event counts them."""
Classes = Mapping[str, Callable[[], Post]]


@pytest.fixture
def server(installation: Installation) -> Iterator[Server]:
    """Yield a server that has refused nobody yet: a minute after the first stranger it writes how many there were."""
    limits = {"rate_limit_submit": GENEROUS, "rate_limit_submit_per_link": GENEROUS}
    (started,) = installation.start(command=("serve", "--no-worker"), **limits)
    yield started
    assert started.stop() == 0


@pytest.fixture(scope="module")
def classes(unit_of_work: UnitOfWork, staff: Person) -> dict[str, Classes]:
    """Return what strangers post at each address."""
    sends, requests = strangers_to_sends(unit_of_work, staff), strangers_to_requests(unit_of_work, staff)
    links = live_links(unit_of_work, staff, BASE)
    statements = strangers_to(unit_of_work, links, "/statement/", TokenPurpose.STATEMENT)
    approvals = strangers_to(unit_of_work, links, "/approve/", TokenPurpose.APPROVE)
    retrievals = strangers_to(unit_of_work, links, "/retrieve/", TokenPurpose.RETRIEVE)
    return {
        "/s/status": posts("/s/status", sends),
        "/s/reveal": posts("/s/reveal", sends, code=CODE),
        "/s/decline": posts("/s/decline", sends, code=CODE, note="no"),
        "/s/report": posts("/s/report", sends),
        "/r/status": posts("/r/status", requests),
        "/r/submit": posts("/r/submit", requests, **{"field-0": "an answer of a stranger"}),
        "/statement/read": posts("/statement/read", statements),
        "/approve/status": posts("/approve/status", approvals),
        "/approve/decide": posts("/approve/decide", approvals, code=CODE, verdict="approved", digest="00" * 32),
        "/retrieve/status": posts("/retrieve/status", retrievals),
    }


def farthest(caller: Caller, classes: Classes, rounds: int) -> dict[str, float]:
    """Return how far from telling nothing each pair of classes is; their answers are the same, byte by byte."""
    seconds, answers = interleaved(caller, classes, rounds)
    assert len(answers) == 1
    assert next(iter(answers))[0] == 404
    return {
        f"{one} or {other}": abs(auc(seconds[one], seconds[other]) - 0.5) for one, other in combinations(classes, 2)
    }


@pytest.mark.parametrize("path", ["/s/reveal", "/approve/status", "/statement/read"])
@pytest.mark.parametrize("installation", ["sqlite"], indirect=True, scope="module")
def test_a_stranger_learns_nothing_from_bytes_and_little_from_a_few_hundred_times(
    server: Server, unit_of_work: UnitOfWork, classes: dict[str, Classes], path: str
) -> None:
    before = everything(unit_of_work)
    with server.caller() as caller:
        found = farthest(caller, classes[path], FEW_SAMPLES)
        if max(found.values()) > TELLS_LITTLE:
            # A busy machine can lead one measurement astray; a true difference is there the second time, too.
            found = farthest(caller, classes[path], FEW_SAMPLES)
    assert max(found.values()) <= TELLS_LITTLE, found
    assert everything(unit_of_work) == before


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("path", ROUTES)
def test_a_stranger_learns_nothing_from_4000_times_of_each_class(
    server: Server,
    unit_of_work: UnitOfWork,
    staff: Person,
    classes: dict[str, Classes],
    path: str,
    request: pytest.FixtureRequest,
) -> None:
    with server.caller() as caller:
        if path.startswith("/retrieve/"):
            # Nobody who is signed out learns anything there but that they must sign in.
            caller.sign_in(staff)
            caller.get("/account")
        told = events_but_noise(unit_of_work)
        before = everything(unit_of_work, lambda table: table not in TOLD_OF_NOISE)
        found = farthest(caller, classes[path], SAMPLES)
    worst = max(found, key=lambda pair: found[pair])
    Figures(request.node).note(f"|AUC - 0.5| at {path}, {worst}", f"{found[worst]:.4f}")
    assert found[worst] <= TELLS_NOTHING, found
    assert everything(unit_of_work, before.__contains__) == before
    assert events_but_noise(unit_of_work) == told
