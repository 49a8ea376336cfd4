"""Four workers, one of them killed at its work: nothing that was queued is lost."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from sharelink.accounts.states import Role
from sharelink.audit.events import AuditEvent
from sharelink.crypto.identifiers import id_text
from sharelink.jobs.deliveries import BATCH
from sharelink.outbox.models import OutboxEntry
from sharelink.outbox.policy import OutboxPolicy
from sharelink.times import from_microseconds
from sharelink.unit_of_work import UnitOfWork
from tests.attacks.conftest import installation_on
from tests.attacks.installations import Installation
from tests.attacks.servers import wait_until
from tests.factories import Person, make_person
from tests.mail_server import RunningMailServer
from tests.outbox.telling import open_told_record

LETTERS, WORKERS = 400, 4
LETTERS_AT_A_TIME = 200


@pytest.fixture(params=["sqlite", "postgresql"])
def new_installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """Yield an installation of the test's own."""
    yield from installation_on(request, tmp_path)


def queue(unit_of_work: UnitOfWork, person: Person, custody_id: bytes, count: int) -> None:
    with unit_of_work.write(person.actor) as work:
        for _ in range(count):
            work.audit.append(AuditEvent.CUSTODY_REVIEWED, rec=id_text(custody_id), actor=work.actor, now=work.now)


def count_of(unit_of_work: UnitOfWork, state: str) -> int:
    with unit_of_work.read() as work:
        return work.session.scalar(select(func.count()).where(OutboxEntry.state == state)) or 0


def is_settled(unit_of_work: UnitOfWork) -> bool:
    """Tell whether the workers that live have nothing in hand: for seconds, nothing more was accepted."""
    before = count_of(unit_of_work, "accepted")
    time.sleep(4)
    return before == count_of(unit_of_work, "accepted") >= LETTERS - BATCH


@pytest.mark.slow
def test_of_400_letters_with_4_workers_and_one_killed_400_arrive(
    new_installation: Installation, mail: RunningMailServer
) -> None:
    unit_of_work = new_installation.unit_of_work
    person = make_person(unit_of_work, "Anna Example", "anna@example.com", [Role.STAFF])
    custody_id = open_told_record(unit_of_work, person, to="list@example.com")
    # The service in this process has no mail server; for this once it queues as one that has.
    object.__setattr__(unit_of_work, "outbox_policy", OutboxPolicy(mail=True))
    for _ in range(0, LETTERS, LETTERS_AT_A_TIME):
        queue(unit_of_work, person, custody_id, LETTERS_AT_A_TIME)
    assert count_of(unit_of_work, "queued") == LETTERS

    changes = {name: value for name, value in mail.settings.items() if value != ""}
    workers = new_installation.launch(WORKERS, command=("worker",), **changes)
    wait_until(lambda: len(mail.raw) >= LETTERS // 10, 60, lambda: f"no letters: {workers[0].said()[-2000:]}")
    workers[0].kill()
    wait_until(lambda: is_settled(unit_of_work), 200, lambda: f"{count_of(unit_of_work, 'queued')} wait")
    assert count_of(unit_of_work, "queued") <= BATCH
    # What the dead one had in hand is left alone until its lease ends. So long nobody waits here.
    with unit_of_work.write(person.actor) as work:
        work.session.execute(
            update(OutboxEntry).where(OutboxEntry.state == "queued").values(next_at=from_microseconds(0))
        )
    wait_until(
        lambda: count_of(unit_of_work, "accepted") == LETTERS, 60, lambda: f"{count_of(unit_of_work, 'queued')} wait"
    )
    for worker in workers[1:]:
        worker.stop()
    repeats = Counter(letter["Message-ID"] for letter in mail.letters)
    assert len(repeats) == LETTERS
    # The letter that was on its way when its worker died may have come twice.
    assert sum(repeats.values()) <= LETTERS + 1
