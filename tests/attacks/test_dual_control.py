"""Many hands at one use, over three server processes: one begins it, nobody counts twice (tests/access has more)."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from sqlalchemy import func, select

from sharelink.access.models import RootUse, UseDecision
from sharelink.access.states import UseState
from sharelink.audit.models import AuditLeaf
from sharelink.crypto.identifiers import id_text
from sharelink.unit_of_work import UnitOfWork
from tests.access.uses import Team, decide, declare, detail, make_team, set_policy, state
from tests.attacks.callers import Caller, race
from tests.attacks.installations import Installation
from tests.attacks.request_moves import LIMITS
from tests.audit.readings import verified
from tests.factories import Person

HANDS = 3
RACES = 20
DONE, REFUSED = 303, 409


@dataclass
class Arena:
    """Three servers; each of Anna, Ben and Cleo with a session at every one of them."""

    unit_of_work: UnitOfWork
    team: Team
    hands: dict[str, list[tuple[Caller, str]]]

    def at_once(self, who: list[str], path: str, fields: dict[str, str]) -> Counter[int]:
        """Let all sessions of these people post the same at the same moment; return the statuses."""
        hands = [hand for name in who for hand in self.hands[name]]
        posts = [(path, fields | {"csrf_token": token}) for _caller, token in hands]
        return Counter(answer.status for answer in race([caller for caller, _token in hands], posts))


@pytest.fixture(scope="module")
def arena(installation: Installation, unit_of_work: UnitOfWork, staff: Person, redis_address: str) -> Iterator[Arena]:
    servers = installation.start(HANDS, rate_limit_store=redis_address, trusted_proxy_hops=1, **LIMITS)
    team = make_team(unit_of_work, staff)
    set_policy(unit_of_work, team, approvals_needed=2)
    with ExitStack() as stack:
        hands: dict[str, list[tuple[Caller, str]]] = {"anna": [], "ben": [], "cleo": []}
        for number, server in enumerate(servers):
            for place, (name, person) in enumerate((("anna", team.anna), ("ben", team.ben), ("cleo", team.cleo))):
                caller = stack.enter_context(server.caller(f"198.51.100.{10 * number + place}"))
                caller.sign_in(person)
                hands[name].append((caller, caller.token("/account")))
        yield Arena(unit_of_work, team, hands)


def words_about(unit_of_work: UnitOfWork, use: bytes) -> int:
    with unit_of_work.read() as work:
        return work.session.scalar(select(func.count()).where(UseDecision.use_id == use)) or 0


def begun(arena: Arena) -> int:
    """Return how many events there are of uses that began."""
    with arena.unit_of_work.read() as work:
        wanted = select(func.count()).where(AuditLeaf.type == "access.checked_out")
        return work.session.scalar(wanted) or 0


def test_of_three_approvals_of_one_person_at_once_one_counts(arena: Arena) -> None:
    for _ in range(RACES):
        use = declare(arena.unit_of_work, arena.team.anna, arena.team.record)
        form = {"digest": detail(arena.unit_of_work, use).digest_text, "verdict": "approved"}
        assert arena.at_once(["ben"], f"/uses/{id_text(use)}/decide", form) == {DONE: 1, REFUSED: HANDS - 1}
        assert (words_about(arena.unit_of_work, use), state(arena.unit_of_work, use)) == (1, UseState.REQUESTED)


def test_of_two_approvers_at_once_both_count_and_the_use_is_approved_once(arena: Arena) -> None:
    for _ in range(RACES):
        use = declare(arena.unit_of_work, arena.team.anna, arena.team.record)
        form = {"digest": detail(arena.unit_of_work, use).digest_text, "verdict": "approved"}
        heard = arena.at_once(["ben", "cleo"], f"/uses/{id_text(use)}/decide", form)
        assert heard == {DONE: 2, REFUSED: 2 * HANDS - 2}
        assert (words_about(arena.unit_of_work, use), state(arena.unit_of_work, use)) == (2, UseState.APPROVED)


def test_of_three_check_outs_at_once_one_begins_the_use(arena: Arena) -> None:
    for _ in range(RACES):
        use = declare(arena.unit_of_work, arena.team.anna, arena.team.record)
        for person in (arena.team.ben, arena.team.cleo):
            decide(arena.unit_of_work, person, use)
        before = begun(arena)
        heard = arena.at_once(["anna"], f"/uses/{id_text(use)}/check-out", {"button": "pressed"})
        assert heard == {DONE: 1, REFUSED: HANDS - 1}
        with arena.unit_of_work.read() as work:
            assert work.session.get_one(RootUse, use).state is UseState.CHECKED_OUT
        assert begun(arena) == before + 1


def test_of_many_declarations_at_once_every_one_has_its_own_number_and_the_chain_is_whole(arena: Arena) -> None:
    fields = {"purpose": "billing_case", "ticket": "T-1", "reason": "A race.", "begins": "0", "lasts": "3600"}
    for _ in range(RACES // 2):
        heard = arena.at_once(["anna", "ben"], f"/records/{id_text(arena.team.record)}/uses/new", fields)
        assert heard == {DONE: 2 * HANDS}
    with arena.unit_of_work.read() as work:
        numbers = sorted(work.session.scalars(select(RootUse.number).where(RootUse.custody_id == arena.team.record)))
    assert numbers == list(range(1, len(numbers) + 1))
    verification, findings = verified(arena.unit_of_work)
    assert (findings, verification.counts.events > 0) == ([], True)
