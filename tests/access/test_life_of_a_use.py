"""A use from its declaration to its review: who may do what, when, and what the record keeps of it."""

import pytest

from sharelink.access.errors import (
    AlreadyDecided,
    NobodyToApprove,
    NotAnApprover,
    NotApproved,
    NotItsUser,
    OwnUse,
    UseMovedOn,
    WindowClosed,
)
from sharelink.access.queries import open_use, uses_of
from sharelink.access.states import UseState
from sharelink.access.waiting import my_uses
from sharelink.accounts.permissions import Permission, reach
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.acts import deciding, declaring
from sharelink.crypto.identifiers import id_text
from sharelink.errors import InvalidInput
from sharelink.unit_of_work import UnitOfWork
from tests.access.uses import (
    DECLARED,
    HOUR,
    Team,
    check_in,
    check_out,
    decide,
    declare,
    detail,
    group_of,
    kinds,
    make_team,
    set_policy,
    state,
    sweep,
)
from tests.accounts.records import recorded
from tests.factories import Person, open_record
from tests.fakes import MovableClock


@pytest.fixture
def team(unit_of_work: UnitOfWork, staff: Person) -> Team:
    return make_team(unit_of_work, staff)


def test_without_approvals_a_use_is_declared_checked_out_checked_in_and_reviewed(
    unit_of_work: UnitOfWork, team: Team
) -> None:
    use = declare(unit_of_work, team.anna, team.record)
    assert state(unit_of_work, use) is UseState.APPROVED
    check_out(unit_of_work, team.anna, use)
    check_in(unit_of_work, team.anna, use, "not_done", "The case was closed already.")
    deciding.review(unit_of_work, team.ben.actor, use, "as_declared", "", is_proven=False)
    line = detail(unit_of_work, use).line
    assert (line.state, line.number, line.purpose_label) == (UseState.REVIEWED, 1, "Billing case with AWS")
    assert (line.outcome_label, line.outcome_note) == ("Signed in, but not done", "The case was closed already.")
    assert (line.checked_in_by, line.reviewed_by) == (team.anna.name, team.ben.name)
    assert kinds(unit_of_work, team.record) == [
        "access.requested",
        "access.checked_out",
        "access.checked_in",
        "access.reviewed",
    ]


def test_with_approvals_it_waits_for_as_many_people_as_the_policy_says(unit_of_work: UnitOfWork, team: Team) -> None:
    set_policy(unit_of_work, team, approvals_needed=2)
    use = declare(unit_of_work, team.anna, team.record)
    with pytest.raises(NotApproved):
        check_out(unit_of_work, team.anna, use)
    assert decide(unit_of_work, team.ben, use) is UseState.REQUESTED
    with pytest.raises(NotApproved):
        check_out(unit_of_work, team.anna, use)
    assert decide(unit_of_work, team.cleo, use) is UseState.APPROVED
    check_out(unit_of_work, team.anna, use)
    assert state(unit_of_work, use) is UseState.CHECKED_OUT


def test_the_events_tell_purpose_window_and_digest_and_keep_texts_erasable(
    unit_of_work: UnitOfWork, team: Team
) -> None:
    set_policy(unit_of_work, team, approvals_needed=1)
    use = declare(unit_of_work, team.anna, team.record)
    decide(unit_of_work, team.cleo, use, note="Agreed.")
    found = [event for event in recorded(unit_of_work, id_text(team.record)) if event.type.startswith("access.")]
    asked, approved = found
    digest = detail(unit_of_work, use).digest_text
    assert asked.object_ref == id_text(use)
    assert (asked.facts["number"], asked.facts["purpose"], asked.facts["digest"]) == (1, "billing_case", digest)
    assert (asked.facts["from"], asked.facts["until"]) == ("2026-11-23T12:00:00Z", "2026-11-23T16:00:00Z")
    assert (asked.personal["ticket"], asked.personal["reason"]) == ("T-1", DECLARED.reason)
    assert (approved.facts["digest"], approved.facts["approvals_missing"]) == (digest, 0)
    assert (approved.personal["note"], approved.personal["actor_name"]) == ("Agreed.", team.cleo.name)
    assert not any("T-1" in str(event.facts) or "Agreed" in str(event.facts) for event in found)


def test_one_denial_is_final(unit_of_work: UnitOfWork, team: Team) -> None:
    set_policy(unit_of_work, team, approvals_needed=1)
    use = declare(unit_of_work, team.anna, team.record)
    assert decide(unit_of_work, team.ben, use, "denied", "Not now.") is UseState.DENIED
    with pytest.raises(UseMovedOn):
        decide(unit_of_work, team.cleo, use)
    with pytest.raises(UseMovedOn):
        check_out(unit_of_work, team.anna, use)


def test_a_denial_after_the_approval_stops_a_use_that_has_not_begun(unit_of_work: UnitOfWork, team: Team) -> None:
    set_policy(unit_of_work, team, approvals_needed=1)
    use = declare(unit_of_work, team.anna, team.record)
    decide(unit_of_work, team.cleo, use)
    assert decide(unit_of_work, team.ben, use, "denied", "The ticket is another customer's.") is UseState.DENIED


def test_a_denial_without_a_reason_is_asked_for_it(unit_of_work: UnitOfWork, team: Team) -> None:
    set_policy(unit_of_work, team, approvals_needed=1)
    use = declare(unit_of_work, team.anna, team.record)
    with pytest.raises(InvalidInput) as refused:
        decide(unit_of_work, team.ben, use, "denied", " ")
    assert set(refused.value.fields) == {"note"}


def test_nobody_decides_twice_or_about_their_own_or_without_being_asked(unit_of_work: UnitOfWork, team: Team) -> None:
    set_policy(unit_of_work, team, approvals_needed=2)
    use = declare(unit_of_work, team.anna, team.record)
    decide(unit_of_work, team.ben, use)
    for person, error in ((team.ben, AlreadyDecided), (team.anna, OwnUse), (team.dora, NotAnApprover)):
        with pytest.raises(error):
            decide(unit_of_work, person, use)
    assert state(unit_of_work, use) is UseState.REQUESTED
    assert kinds(unit_of_work, team.record)[-2:] == ["access.refused", "access.refused"]


def test_a_use_is_withdrawn_by_its_declarer_alone_and_then_it_is_over(unit_of_work: UnitOfWork, team: Team) -> None:
    use = declare(unit_of_work, team.anna, team.record)
    with pytest.raises(NotItsUser):
        declaring.withdraw(unit_of_work, team.ben.actor, use)
    declaring.withdraw(unit_of_work, team.anna.actor, use)
    with pytest.raises(UseMovedOn):
        check_out(unit_of_work, team.anna, use)


def test_only_custodians_of_the_record_declare(unit_of_work: UnitOfWork, team: Team) -> None:
    for person in (team.cleo, team.dora):
        with pytest.raises(NotItsUser):
            declare(unit_of_work, person, team.record)
    assert kinds(unit_of_work, team.record) == ["access.refused", "access.refused"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"purpose": "curiosity"}, "purpose"),
        ({"purpose": "agreed_task"}, "purpose"),
        ({"ticket": " "}, "ticket"),
        ({"ticket": "x" * 101}, "ticket"),
        ({"reason": " "}, "reason"),
        ({"reason": "\0"}, "reason"),
        ({"starts_in_seconds": "43201"}, "begins"),
        ({"starts_in_seconds": "-1"}, "begins"),
        ({"lasts_seconds": "14401"}, "lasts"),
        ({"lasts_seconds": ""}, "lasts"),
    ],
)
def test_what_the_policy_does_not_allow_cannot_be_declared(
    unit_of_work: UnitOfWork, team: Team, changed: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        declare(unit_of_work, team.anna, team.record, **changed)
    assert set(refused.value.fields) == {field}
    assert kinds(unit_of_work, team.record) == []


def test_the_policys_ticket_pattern_is_asked(unit_of_work: UnitOfWork, team: Team) -> None:
    set_policy(unit_of_work, team, ticket_pattern="OPS-#")
    with pytest.raises(InvalidInput) as refused:
        declare(unit_of_work, team.anna, team.record)
    assert set(refused.value.fields) == {"ticket"}
    declare(unit_of_work, team.anna, team.record, ticket="OPS-42")


def test_a_request_that_nobody_could_approve_is_not_taken(unit_of_work: UnitOfWork, team: Team) -> None:
    set_policy(unit_of_work, team, approvals_needed=3)
    with pytest.raises(NobodyToApprove):
        declare(unit_of_work, team.anna, team.record)
    set_policy(unit_of_work, team, approvals_needed=1, customer_approves=True)
    with pytest.raises(NobodyToApprove):
        declare(unit_of_work, team.anna, team.record)


def test_it_begins_only_within_its_window(unit_of_work: UnitOfWork, team: Team, clock: MovableClock) -> None:
    use = declare(unit_of_work, team.anna, team.record, starts_in_seconds="3600", lasts_seconds="3600")
    with pytest.raises(WindowClosed):
        check_out(unit_of_work, team.anna, use)
    clock.move(hours=2)
    with pytest.raises(WindowClosed):
        check_out(unit_of_work, team.anna, use)
    clock.move(seconds=-1)
    check_out(unit_of_work, team.anna, use)


def test_what_does_not_begin_in_time_expires_and_what_does_not_end_in_time_is_overdue_and_to_be_reviewed(
    unit_of_work: UnitOfWork, team: Team, clock: MovableClock
) -> None:
    forgotten = declare(unit_of_work, team.anna, team.record)
    open_too_long = declare(unit_of_work, team.ben, team.record)
    check_out(unit_of_work, team.ben, open_too_long)
    clock.move(hours=4, microseconds=-1)
    assert sweep(unit_of_work) == 0
    clock.move(microseconds=1)
    assert sweep(unit_of_work) == 2
    assert sweep(unit_of_work) == 0
    assert state(unit_of_work, forgotten) is UseState.EXPIRED
    assert state(unit_of_work, open_too_long) is UseState.OVERDUE
    check_in(unit_of_work, team.ben, open_too_long)
    line = detail(unit_of_work, open_too_long).line
    assert line.was_late
    assert line.review_due_at == clock.now + 24 * HOUR
    assert kinds(unit_of_work, team.record)[-3:] == ["access.expired", "access.overdue", "access.checked_in"]


def test_a_colleague_checks_in_for_somebody_who_forgot_and_is_named(unit_of_work: UnitOfWork, team: Team) -> None:
    use = declare(unit_of_work, team.anna, team.record)
    check_out(unit_of_work, team.anna, use)
    with pytest.raises(NotItsUser):
        check_in(unit_of_work, team.dora, use)
    check_in(unit_of_work, team.ben, use, "not_used", "Anna is ill.")
    assert detail(unit_of_work, use).line.checked_in_by == team.ben.name
    with pytest.raises(UseMovedOn):
        check_in(unit_of_work, team.anna, use)


def test_break_glass_begins_at_once_and_is_reviewed_by_somebody_else(
    unit_of_work: UnitOfWork, team: Team, clock: MovableClock
) -> None:
    set_policy(unit_of_work, team, approvals_needed=2)
    use = declaring.break_glass(unit_of_work, team.anna.actor, team.record, DECLARED)
    line = detail(unit_of_work, use).line
    assert (line.state, line.is_break_glass) == (UseState.CHECKED_OUT, True)
    assert line.review_due_at == clock.now + 24 * HOUR
    check_in(unit_of_work, team.anna, use)
    with pytest.raises(OwnUse):
        deciding.review(unit_of_work, team.anna.actor, use, "as_declared", "", is_proven=True)
    clock.move(hours=25)
    deciding.review(unit_of_work, team.cleo.actor, use, "concern", "The ticket says nothing of it.", is_proven=False)
    events = recorded(unit_of_work, id_text(team.record))
    assert [event.type for event in events][-4:] == [
        "access.break_glass",
        "access.checked_in",
        "access.refused",
        "access.reviewed",
    ]
    assert (events[-1].facts["is_late"], events[-1].facts["finding"]) == (True, "concern")


def test_the_only_person_reviews_their_own_when_freshly_proven_or_after_a_day(
    unit_of_work: UnitOfWork, staff: Person, clock: MovableClock
) -> None:
    record = open_record(unit_of_work, staff)
    declared = {"purpose": "agreed_task"}
    for proven in (True, False):
        use = declare(unit_of_work, staff, record, **declared)
        check_out(unit_of_work, staff, use)
        check_in(unit_of_work, staff, use)
        if not proven:
            with pytest.raises(OwnUse):
                deciding.review(unit_of_work, staff.actor, use, "as_declared", "", is_proven=False)
            clock.move(days=1)
        deciding.review(unit_of_work, staff.actor, use, "as_declared", "", is_proven=proven)


def test_the_separate_mfa_group_must_have_a_word_in_it(unit_of_work: UnitOfWork, team: Team) -> None:
    keepers = group_of(unit_of_work, "Keepers of second factors")
    set_policy(unit_of_work, team, approvals_needed=1, separate_mfa_group=keepers)
    use = declare(unit_of_work, team.anna, team.record)
    assert decide(unit_of_work, team.ben, use) is UseState.REQUESTED
    assert decide(unit_of_work, team.dora, use) is UseState.APPROVED


def test_uses_of_a_record_are_numbered_without_a_gap(unit_of_work: UnitOfWork, team: Team) -> None:
    for person in (team.anna, team.ben, team.anna):
        declare(unit_of_work, person, team.record)
    with unit_of_work.read() as work:
        assert [line.number for line in uses_of(work.session, team.record, None)] == [3, 2, 1]


def test_everybody_sees_what_waits_for_them(unit_of_work: UnitOfWork, team: Team, clock: MovableClock) -> None:
    set_policy(unit_of_work, team, approvals_needed=2)
    waiting = declare(unit_of_work, team.anna, team.record)
    glass = declaring.break_glass(unit_of_work, team.ben.actor, team.record, DECLARED)
    check_in(unit_of_work, team.ben, glass)

    def seen(person: Person, roles: set[Role], groups: set[bytes]) -> tuple[list[bytes], list[bytes], list[bytes]]:
        with unit_of_work.read() as work:
            mine = my_uses(
                work.session,
                person.account_id,
                work.now,
                reach(Permission.ACCESS_APPROVE, roles, frozenset(groups)),
            )
        return [u.id for u in mine.to_decide], [u.id for u in mine.mine], [u.id for u in mine.to_review]

    custodians = {group_of(unit_of_work, "Custodians")}
    assert seen(team.anna, {Role.CUSTODIAN}, custodians) == ([], [waiting], [glass])
    assert seen(team.ben, {Role.CUSTODIAN}, custodians) == ([waiting], [], [])
    assert seen(team.cleo, {Role.APPROVER}, set()) == ([waiting], [], [glass])
    assert seen(team.dora, {Role.CUSTODIAN}, {bytes(16)}) == ([], [], [])
    decide(unit_of_work, team.cleo, waiting)
    assert seen(team.cleo, {Role.APPROVER}, set())[0] == []


def test_the_end_of_custody_ends_what_has_not_begun_and_leaves_what_is_open_to_be_checked_in(
    unit_of_work: UnitOfWork, team: Team
) -> None:
    waiting, running = declare(unit_of_work, team.anna, team.record), declare(unit_of_work, team.ben, team.record)
    check_out(unit_of_work, team.ben, running)
    with unit_of_work.write(Actor.system()) as work:
        work.use_endings.close_all(team.record)
    line = detail(unit_of_work, waiting).line
    assert (line.state, line.end_reason) == (UseState.WITHDRAWN, "record_ended")
    with unit_of_work.read() as work:
        assert open_use(work.session, team.record, team.ben.account_id, work.now) is not None
    check_in(unit_of_work, team.ben, running)
