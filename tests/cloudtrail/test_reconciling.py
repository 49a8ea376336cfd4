"""Bringing files in and holding them against declared uses, in the database."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from sharelink.acts import reconciling
from sharelink.acts.reconciling import TypedImport
from sharelink.cloudtrail.errors import ExportRejected, MismatchNotFound, NoAccountNumber
from sharelink.cloudtrail.queries import imports_of, sign_in_page
from sharelink.cloudtrail.states import MismatchKind
from sharelink.crypto.identifiers import id_from_text, id_text
from sharelink.custody.errors import RecordArchived
from sharelink.custody.states import RecordKind
from sharelink.errors import InvalidInput, StorageUnavailable
from sharelink.unit_of_work import UnitOfWork
from tests.access.uses import check_in, check_out, declare
from tests.accounts.records import recorded, recorded_types
from tests.cloudtrail.files import bring_in, csv_file, csv_row, event_id, found, lines, packed, records, sign_in
from tests.factories import Person, open_record
from tests.fakes import MovableClock


@pytest.fixture
def record(unit_of_work: UnitOfWork, staff: Person) -> bytes:
    return open_record(unit_of_work, staff, kind=RecordKind.AWS_ROOT)


def use(
    unit_of_work: UnitOfWork,
    clock: MovableClock,
    person: Person,
    record: bytes,
    *,
    minutes: int = 30,
    outcome: str = "done",
) -> bytes:
    """Declare, begin and end a use that lasts so long."""
    use_id = declare(unit_of_work, person, record)
    check_out(unit_of_work, person, use_id)
    clock.move(minutes=minutes)
    check_in(unit_of_work, person, use_id, outcome)
    return use_id


def kinds(unit_of_work: UnitOfWork, record: bytes) -> list[str]:
    return [kind for kind in recorded_types(unit_of_work, id_text(record)) if kind.startswith("cloudtrail.")]


def facts(unit_of_work: UnitOfWork, record: bytes, kind: str) -> dict[str, Any]:
    return next(dict(event.facts) for event in reversed(recorded(unit_of_work, id_text(record))) if event.type == kind)


def test_a_sign_in_within_a_use_agrees_with_it(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock, record: bytes
) -> None:
    use(unit_of_work, clock, staff, record)
    at = clock() - timedelta(minutes=10)
    clock.move(hours=1)
    bring_in(unit_of_work, staff, record, records([sign_in(1, at)]))
    seen = found(unit_of_work, record)
    assert (seen.sign_in_count, seen.matched_count, seen.mismatches) == (1, 1, ())
    assert kinds(unit_of_work, record) == ["cloudtrail.imported"]
    assert facts(unit_of_work, record, "cloudtrail.imported") == {"format": "json", "sign_ins": 1, "new": 1}
    with unit_of_work.read() as work:
        (line,) = sign_in_page(work.session, record, 1).sign_ins
    assert (line.use_number, line.use_person) == (1, "Anna Example")


def test_a_sign_in_outside_and_a_use_without_one_stand_on_the_record(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock, record: bytes
) -> None:
    use(unit_of_work, clock, staff, record)
    clock.move(hours=5)
    bring_in(unit_of_work, staff, record, records([sign_in(1, clock() - timedelta(hours=2))]))
    seen = found(unit_of_work, record)
    assert [each.kind for each in seen.mismatches] == [MismatchKind.UNDECLARED, MismatchKind.UNSEEN]
    assert (seen.mismatch_count, seen.unexplained_count) == (2, 2)
    assert kinds(unit_of_work, record) == ["cloudtrail.imported", "cloudtrail.unmatched"]
    assert facts(unit_of_work, record, "cloudtrail.unmatched") == {"sign_ins": 1, "uses": 1}


def test_a_sign_in_after_the_window_is_outside_although_nobody_checked_in(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock, record: bytes
) -> None:
    use(unit_of_work, clock, staff, record, minutes=10 * 60)
    # The window had four hours.
    sign_ins = [sign_in(1, clock() - timedelta(hours=9)), sign_in(2, clock() - timedelta(hours=1))]
    clock.move(hours=1)
    bring_in(unit_of_work, staff, record, records(sign_ins))
    assert [each.kind for each in found(unit_of_work, record).mismatches] == [MismatchKind.UNDECLARED]


def test_a_use_is_missed_only_where_files_cover_all_of_it(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock, record: bytes
) -> None:
    clock.move(hours=1)
    use(unit_of_work, clock, staff, record)
    clock.move(hours=1)
    # It covers the second half of the use, then all of it.
    bring_in(unit_of_work, staff, record, records([]), days=1 / 24)
    assert found(unit_of_work, record).mismatches == ()
    bring_in(unit_of_work, staff, record, records([]), days=2 / 24)
    assert [each.kind for each in found(unit_of_work, record).mismatches] == [MismatchKind.UNSEEN]
    assert facts(unit_of_work, record, "cloudtrail.unmatched") == {"sign_ins": 0, "uses": 1}


@pytest.mark.parametrize(("outcome", "is_seen"), [("not_used", False), ("done", True)])
def test_what_was_checked_in_as_it_was_agrees(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock, record: bytes, outcome: str, is_seen: bool
) -> None:
    use(unit_of_work, clock, staff, record, outcome=outcome)
    sign_ins = [sign_in(1, clock() - timedelta(minutes=10))] if is_seen else []
    clock.move(hours=1)
    bring_in(unit_of_work, staff, record, records(sign_ins))
    assert found(unit_of_work, record).mismatches == ()


def test_not_used_and_a_sign_in_contradict_each_other_and_a_failed_try_does_not(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock, record: bytes
) -> None:
    use(unit_of_work, clock, staff, record, outcome="not_used")
    at = clock() - timedelta(minutes=10)
    clock.move(hours=1)
    bring_in(unit_of_work, staff, record, records([sign_in(1, at, result="Failure")]))
    assert found(unit_of_work, record).mismatches == ()
    bring_in(unit_of_work, staff, record, records([sign_in(2, at)]))
    assert [each.kind for each in found(unit_of_work, record).mismatches] == [MismatchKind.CONTRADICTED]


def test_a_use_that_is_still_open_when_the_file_comes_matches_for_good(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock, record: bytes
) -> None:
    use_id = declare(unit_of_work, staff, record)
    check_out(unit_of_work, staff, use_id)
    clock.move(hours=1)
    bring_in(unit_of_work, staff, record, records([sign_in(1, clock() - timedelta(minutes=20))]))
    check_in(unit_of_work, staff, use_id)
    assert found(unit_of_work, record).mismatches == ()


def test_the_same_file_again_changes_nothing_but_that_it_was_brought_in(
    unit_of_work: UnitOfWork, staff: Person, record: bytes
) -> None:
    at = unit_of_work.clock() - timedelta(days=1)
    file = records([sign_in(number, at) for number in range(3)])
    bring_in(unit_of_work, staff, record, file)
    bring_in(unit_of_work, staff, record, packed(file))
    bring_in(unit_of_work, staff, record, csv_file([csv_row(1, at), csv_row(7, at)]))
    seen = found(unit_of_work, record)
    assert (seen.sign_in_count, seen.import_count, seen.has_csv) == (4, 3, True)
    with unit_of_work.read() as work:
        assert [(line.number, line.new_count) for line in imports_of(work.session, record)] == [(3, 1), (2, 0), (1, 3)]


@pytest.mark.parametrize(
    "file",
    [
        lambda now: lines([sign_in(5, now - timedelta(days=1)), sign_in(1, now - timedelta(days=2))]),
        lambda now: lines([sign_in(5, now - timedelta(days=1)), sign_in(6, now - timedelta(days=31))]),
        lambda now: lines([sign_in(5, now - timedelta(days=1)), sign_in(6, now)]),
        lambda now: lines([sign_in(5, now - timedelta(days=1)), sign_in(6, eventID="")]),
    ],
    ids=["another time than before", "before the time covered", "after it", "a bad row"],
)
def test_a_file_with_one_bad_row_leaves_nothing_behind(
    unit_of_work: UnitOfWork, staff: Person, record: bytes, file: Any
) -> None:
    now = unit_of_work.clock()
    bring_in(unit_of_work, staff, record, records([sign_in(1, now - timedelta(days=1))]))
    before = kinds(unit_of_work, record)
    with pytest.raises(ExportRejected) as refused:
        bring_in(unit_of_work, staff, record, file(now))
    assert [problem.place for problem in refused.value.problems] == ["Event 2, line 2"]
    seen = found(unit_of_work, record)
    assert (seen.sign_in_count, seen.import_count) == (1, 1)
    assert kinds(unit_of_work, record) == before


def test_the_time_covered_must_be_over_and_have_a_beginning(
    unit_of_work: UnitOfWork, staff: Person, record: bytes
) -> None:
    now = unit_of_work.clock()
    for start, end, field in (
        (now - timedelta(days=1), now - timedelta(minutes=14), "covers_until"),
        (now - timedelta(days=1), now - timedelta(days=1), "covers_from"),
        (None, now - timedelta(days=1), "covers_from"),
        (now - timedelta(days=1), None, "covers_until"),
    ):
        with pytest.raises(InvalidInput) as refused:
            reconciling.bring_in(unit_of_work, staff.actor, record, TypedImport(records([]), "x", start, end))
        assert set(refused.value.fields) == {field}


def test_a_record_without_an_account_or_archived_takes_no_file(
    unit_of_work: UnitOfWork, staff: Person, record: bytes
) -> None:
    with pytest.raises(NoAccountNumber):
        bring_in(unit_of_work, staff, open_record(unit_of_work, staff), records([]))
    with unit_of_work.write(staff.actor) as work:
        work.custody.archive(record)
    with pytest.raises(RecordArchived):
        bring_in(unit_of_work, staff, record, records([]))


def test_an_explanation_stays_beside_the_mismatch_and_a_second_one_beside_the_first(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock, record: bytes
) -> None:
    use(unit_of_work, clock, staff, record)
    clock.move(hours=5)
    bring_in(unit_of_work, staff, record, records([sign_in(1, clock() - timedelta(hours=2))]))
    for mismatch in found(unit_of_work, record).mismatches:
        about = id_from_text(mismatch.id_text)
        reconciling.explain(unit_of_work, staff.actor, record, about, "The customer did it themselves.")
        clock.move(minutes=1)
        reconciling.explain(unit_of_work, staff.actor, record, about, "They have confirmed it in writing.")
    seen = found(unit_of_work, record)
    assert (seen.mismatch_count, seen.unexplained_count) == (2, 0)
    for mismatch in seen.mismatches:
        assert [each.text[:4] for each in mismatch.explanations] == ["The ", "They"]
    last = recorded(unit_of_work, id_text(record))[-1]
    assert (last.type, last.personal["text"]) == ("cloudtrail.explained", "They have confirmed it in writing.")


def test_only_a_mismatch_of_this_record_is_explained(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock, record: bytes
) -> None:
    use_id = use(unit_of_work, clock, staff, record)
    clock.move(hours=5)
    sign_ins = [sign_in(1, clock() - timedelta(hours=5, minutes=10)), sign_in(2, clock() - timedelta(hours=2))]
    bring_in(unit_of_work, staff, record, records(sign_ins))
    with unit_of_work.read() as work:
        undeclared, matched = sign_in_page(work.session, record, 1).sign_ins
    other = open_record(unit_of_work, staff, kind=RecordKind.AWS_ROOT)
    for custody_id, about in ((record, matched.id), (record, use_id), (record, bytes(16)), (other, undeclared.id)):
        with pytest.raises(MismatchNotFound):
            reconciling.explain(unit_of_work, staff.actor, custody_id, about, "x")
    with pytest.raises(InvalidInput):
        reconciling.explain(unit_of_work, staff.actor, record, undeclared.id, "  ")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE root_sign_in SET signed_in_at = signed_in_at + 1",
        "UPDATE root_sign_in SET use_id = NULL",
        "DELETE FROM root_sign_in",
        "UPDATE cloudtrail_import SET covers_until = covers_until + 1",
        "DELETE FROM cloudtrail_import",
        "UPDATE mismatch_explanation SET text = 'another'",
        "DELETE FROM mismatch_explanation",
    ],
)
def test_the_database_refuses_to_forget(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock, record: bytes, statement: str
) -> None:
    use(unit_of_work, clock, staff, record)
    clock.move(hours=5)
    sign_ins = [sign_in(1, clock() - timedelta(hours=5, minutes=10)), sign_in(2, clock() - timedelta(hours=2))]
    bring_in(unit_of_work, staff, record, records(sign_ins))
    (mismatch,) = found(unit_of_work, record).mismatches
    reconciling.explain(unit_of_work, staff.actor, record, id_from_text(mismatch.id_text), "Known.")
    with pytest.raises(StorageUnavailable) as refused, unit_of_work.write(staff.actor) as work:
        work.session.execute(text(statement))
    assert isinstance(refused.value.__cause__, IntegrityError)


def test_ten_thousand_sign_ins_come_in_at_once_and_page(unit_of_work: UnitOfWork, staff: Person, record: bytes) -> None:
    start = unit_of_work.clock() - timedelta(days=20)
    file = packed(lines(sign_in(number, start + timedelta(minutes=number)) for number in range(10_000)))
    bring_in(unit_of_work, staff, record, file)
    seen = found(unit_of_work, record)
    assert (seen.sign_in_count, seen.undeclared_count, len(seen.mismatches)) == (10_000, 10_000, 200)
    assert facts(unit_of_work, record, "cloudtrail.unmatched") == {"sign_ins": 10_000, "uses": 0}
    with unit_of_work.read() as work:
        page = sign_in_page(work.session, record, 200)
    assert (page.page_count, len(page.sign_ins), page.sign_ins[-1].event_id) == (200, 50, event_id(0))
