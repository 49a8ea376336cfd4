"""The background work on uses: in batches, each once, and nothing where nothing is due."""

import pytest

from sharelink.access.states import UseState
from sharelink.jobs import uses
from sharelink.jobs.uses import expire_uses_once
from sharelink.unit_of_work import UnitOfWork
from tests.access.uses import check_out, declare, kinds, state
from tests.factories import Person, open_record
from tests.fakes import MovableClock


def test_what_is_due_is_moved_on_in_batches_and_once(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses, "BATCH_USES", 2)
    record = open_record(unit_of_work, staff)
    declared = [declare(unit_of_work, staff, record, purpose="agreed_task") for _ in range(5)]
    check_out(unit_of_work, staff, declared[0])
    assert expire_uses_once(unit_of_work) == 0
    clock.move(hours=4)
    assert expire_uses_once(unit_of_work, is_stopping=lambda: True) == 2
    assert expire_uses_once(unit_of_work) == 3
    assert expire_uses_once(unit_of_work) == 0
    assert state(unit_of_work, declared[0]) is UseState.OVERDUE
    assert {state(unit_of_work, use) for use in declared[1:]} == {UseState.EXPIRED}
    assert kinds(unit_of_work, record).count("access.expired") == 4
