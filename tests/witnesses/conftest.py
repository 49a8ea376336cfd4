"""Fixtures of witnesses: one that runs on this machine, what it takes to ask it, and a log that grows."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sharelink.actors import Actor
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent
from sharelink.jobs.witnessing import ask_witnesses_once
from sharelink.tlog.signed_notes import VerifierKey
from sharelink.unit_of_work import UnitOfWork
from sharelink.webhooks.posting import Poster
from sharelink.witnesses.configured import Witnesses
from tests.fakes import MovableClock
from tests.witness_server import WitnessServer, running_witness


@pytest.fixture
def witness(unit_of_work: UnitOfWork, clock: MovableClock, tmp_path: Path) -> Iterator[WitnessServer]:
    """Yield a running witness of this log, whose clock is the one of the test."""
    log_key = unit_of_work.log_keys.public_keys[0].text()

    def seconds() -> float:
        return clock.now.timestamp()

    state = tmp_path / "witness.json"
    made = WitnessServer(state, bytes(range(32)), "customer.example/witness", log_key, seconds)
    with running_witness(made) as running:
        yield running


@pytest.fixture
def witnesses(witness: WitnessServer) -> Witnesses:
    """Return the witnesses of the settings: that one."""
    return Witnesses.of([(VerifierKey.parse(witness.vkey), witness.url)], 1)


@pytest.fixture
def grow(unit_of_work: UnitOfWork) -> Callable[[int], None]:
    """Return a function that lets some events happen, in one act."""

    def grow(count: int) -> None:
        with unit_of_work.write(Actor.system()) as work:
            for number in range(count):
                work.audit.append(
                    AuditEvent.SYSTEM_STARTED,
                    rec=SYSTEM_CHAIN,
                    actor=work.actor,
                    now=work.now,
                    facts={"number": number},
                )

    return grow


@pytest.fixture
def ask(unit_of_work: UnitOfWork, witnesses: Witnesses) -> Callable[[], int]:
    """Return a function that asks the witnesses that are due."""
    poster = Poster(allow_private=True, timeout_seconds=1, patience_seconds=1.5)
    return lambda: ask_witnesses_once(unit_of_work, witnesses, poster)
