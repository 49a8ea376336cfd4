"""Attacks on dual control: whoever wants to be two people, another request, another time, another contact."""

import pytest
from sqlalchemy.exc import IntegrityError

from sharelink.access.errors import (
    AlreadyDecided,
    NobodyToApprove,
    NotAnApprover,
    NotApproved,
    NotItsUser,
    OwnUse,
    PolicyChanged,
    UseChanged,
    UseMovedOn,
    WindowClosed,
)
from sharelink.access.models import UseDecision
from sharelink.access.states import UseState, Verdict
from sharelink.accounts.changes import ChangeRequest
from sharelink.accounts.states import ChangeKind, Role
from sharelink.actors import Actor
from sharelink.acts import administering, deciding
from sharelink.acts.deciding import TypedDecision
from sharelink.crypto.identifiers import new_id
from sharelink.custody.models import Contact
from sharelink.errors import StorageUnavailable
from sharelink.unit_of_work import UnitOfWork
from tests.access.uses import (
    HOUR,
    Team,
    add_contact,
    check_in,
    check_out,
    decide,
    declare,
    detail,
    group_of,
    kinds,
    mailed_code,
    mailed_link,
    make_team,
    set_policy,
    tamper,
)
from tests.factories import Person, make_person
from tests.fakes import MovableClock

VISITOR = Actor.public("203.0.113.66", "Somebody")


@pytest.fixture
def team(unit_of_work: UnitOfWork, staff: Person) -> Team:
    made = make_team(unit_of_work, staff)
    set_policy(unit_of_work, made, approvals_needed=1)
    return made


@pytest.fixture
def approved(unit_of_work: UnitOfWork, team: Team) -> bytes:
    use = declare(unit_of_work, team.anna, team.record)
    decide(unit_of_work, team.cleo, use)
    return use


def move(unit_of_work: UnitOfWork, person: Person, group: bytes, kind: ChangeKind) -> None:
    """Let an operator change the members of a group."""
    request = ChangeRequest(kind, person.account_id, group_id=group)
    with unit_of_work.write(Actor.operator()) as work:
        administering.carry_out(work, request)


def test_one_person_in_two_groups_is_one_approval(unit_of_work: UnitOfWork, team: Team) -> None:
    both = make_person(
        unit_of_work, "Eve Example", "eve@example.com", {Role.APPROVER, Role.CUSTODIAN}, ["Custodians", "Others"]
    )
    set_policy(unit_of_work, team, approvals_needed=2)
    use = declare(unit_of_work, team.anna, team.record)
    assert decide(unit_of_work, both, use) is UseState.REQUESTED
    with pytest.raises(AlreadyDecided):
        decide(unit_of_work, both, use)
    with pytest.raises(NotApproved):
        check_out(unit_of_work, team.anna, use)


def test_nobody_approves_their_own_whatever_roles_and_groups_they_are_given(
    unit_of_work: UnitOfWork, team: Team
) -> None:
    use = declare(unit_of_work, team.anna, team.record)
    with unit_of_work.write(Actor.operator()) as work:
        roles = frozenset({Role.STAFF, Role.CUSTODIAN, Role.APPROVER, Role.ADMINISTRATOR})
        work.accounts.administration.set_roles(team.anna.account_id, roles)
    move(unit_of_work, team.anna, group_of(unit_of_work, "Keepers of second factors"), ChangeKind.ADD_MEMBER)
    with pytest.raises(OwnUse):
        decide(unit_of_work, team.anna, use)


def test_the_database_itself_refuses_a_word_about_ones_own(unit_of_work: UnitOfWork, team: Team) -> None:
    use = declare(unit_of_work, team.anna, team.record)
    for requester in (team.anna, team.ben):
        forged = UseDecision(
            id=new_id(),
            use_id=use,
            requester_id=requester.account_id,
            account_id=team.anna.account_id,
            contact_id=None,
            name="Anna",
            verdict=Verdict.APPROVED,
            digest=bytes(32),
            note=None,
            decided_at=unit_of_work.clock(),
        )
        with pytest.raises(StorageUnavailable) as refused, unit_of_work.write(Actor.system()) as work:
            work.session.add(forged)
        assert isinstance(refused.value.__cause__, IntegrityError)


def test_a_row_that_says_approved_without_anybodys_approval_cannot_be_checked_out(
    unit_of_work: UnitOfWork, team: Team
) -> None:
    use = declare(unit_of_work, team.anna, team.record)
    tamper(unit_of_work, use, state=UseState.APPROVED)
    with pytest.raises(NotApproved):
        check_out(unit_of_work, team.anna, use)
    # Fewer approvals needed, written into the row, are not what was requested.
    tamper(unit_of_work, use, approvals_needed=0)
    with pytest.raises(UseChanged):
        check_out(unit_of_work, team.anna, use)
    assert kinds(unit_of_work, team.record).count("access.refused") == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"purpose": "close_account"},
        {"ticket": "T-2"},
        {"reason": "Something else."},
        {"window_end": "later"},
        {"is_break_glass": True},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_request_that_was_edited_after_its_approval_is_worth_nothing(
    unit_of_work: UnitOfWork, team: Team, approved: bytes, clock: MovableClock, changed: dict[str, object]
) -> None:
    if "window_end" in changed:
        changed = {"window_end": clock.now + 20 * HOUR}
    tamper(unit_of_work, approved, **changed)
    with pytest.raises(UseChanged):
        check_out(unit_of_work, team.anna, approved)


def test_an_approval_is_of_what_was_shown_and_of_nothing_else(unit_of_work: UnitOfWork, team: Team) -> None:
    shown = declare(unit_of_work, team.anna, team.record)
    other = declare(unit_of_work, team.anna, team.record, purpose="close_account")
    digest = detail(unit_of_work, shown).digest_text
    for forged in (digest, "00" * 32, "no digest"):
        with pytest.raises(UseChanged):
            deciding.decide(unit_of_work, team.ben.actor, other, TypedDecision(forged, "approved", ""))
    tamper(unit_of_work, shown, ticket="T-9")
    with pytest.raises(UseChanged):
        deciding.decide(unit_of_work, team.ben.actor, shown, TypedDecision(digest, "approved", ""))


def test_a_use_is_begun_once_and_never_again(unit_of_work: UnitOfWork, team: Team, approved: bytes) -> None:
    check_out(unit_of_work, team.anna, approved)
    with pytest.raises(UseMovedOn):
        check_out(unit_of_work, team.anna, approved)
    check_in(unit_of_work, team.anna, approved)
    with pytest.raises(UseMovedOn):
        check_out(unit_of_work, team.anna, approved)


def test_nobody_begins_the_use_of_somebody_else(unit_of_work: UnitOfWork, team: Team, approved: bytes) -> None:
    with pytest.raises(NotItsUser):
        check_out(unit_of_work, team.ben, approved)


def test_a_late_use_is_refused_before_any_background_work(
    unit_of_work: UnitOfWork, team: Team, approved: bytes, clock: MovableClock
) -> None:
    clock.move(hours=4)
    with pytest.raises(WindowClosed):
        check_out(unit_of_work, team.anna, approved)
    late = declare(unit_of_work, team.anna, team.record)
    clock.move(hours=4)
    with pytest.raises(WindowClosed):
        decide(unit_of_work, team.ben, late)


def test_an_approval_ages_out_after_a_day_even_in_a_long_window(
    unit_of_work: UnitOfWork, team: Team, clock: MovableClock
) -> None:
    set_policy(unit_of_work, team, longest_window_seconds=3 * 86_400)
    use = declare(unit_of_work, team.anna, team.record, lasts_seconds=str(3 * 86_400))
    decide(unit_of_work, team.cleo, use)
    clock.move(hours=24)
    with pytest.raises(NotApproved):
        check_out(unit_of_work, team.anna, use)


def test_approvals_of_two_days_are_not_added_up(unit_of_work: UnitOfWork, team: Team, clock: MovableClock) -> None:
    set_policy(unit_of_work, team, approvals_needed=2, longest_window_seconds=3 * 86_400)
    use = declare(unit_of_work, team.anna, team.record, lasts_seconds=str(3 * 86_400))
    decide(unit_of_work, team.cleo, use)
    clock.move(hours=24)
    assert decide(unit_of_work, team.ben, use) is UseState.REQUESTED


def test_a_member_who_was_removed_neither_begins_nor_counts_as_an_approval(
    unit_of_work: UnitOfWork, team: Team
) -> None:
    custodians = group_of(unit_of_work, "Custodians")
    by_ben = declare(unit_of_work, team.anna, team.record)
    decide(unit_of_work, team.ben, by_ben)
    by_cleo = declare(unit_of_work, team.anna, team.record)
    decide(unit_of_work, team.cleo, by_cleo)
    move(unit_of_work, team.ben, custodians, ChangeKind.REMOVE_MEMBER)
    with pytest.raises(NotApproved):
        check_out(unit_of_work, team.anna, by_ben)
    move(unit_of_work, team.anna, custodians, ChangeKind.REMOVE_MEMBER)
    with pytest.raises(NotItsUser):
        check_out(unit_of_work, team.anna, by_cleo)


def test_the_word_of_an_approver_whose_account_was_disabled_does_not_count(
    unit_of_work: UnitOfWork, team: Team, approved: bytes
) -> None:
    with unit_of_work.write(Actor.operator()) as work:
        work.accounts.disable_account(team.cleo.email)
    with pytest.raises(NotApproved):
        check_out(unit_of_work, team.anna, approved)


def test_a_policy_that_changed_since_the_request_ends_its_worth(
    unit_of_work: UnitOfWork, team: Team, approved: bytes
) -> None:
    waiting = declare(unit_of_work, team.ben, team.record)
    set_policy(unit_of_work, team, approvals_needed=2)
    with pytest.raises(PolicyChanged):
        check_out(unit_of_work, team.anna, approved)
    with pytest.raises(PolicyChanged):
        decide(unit_of_work, team.cleo, waiting)


# The customer's word


def test_a_forged_contact_gets_no_link_and_no_word(unit_of_work: UnitOfWork, team: Team) -> None:
    set_policy(unit_of_work, team, customer_approves=True)
    # The requester's own address, a colleague's, and the record's own mailbox are nobody's of the customer.
    for email in ("anna@example.com", "cleo@example.com", "root@example.com"):
        add_contact(unit_of_work, team, email)
    with pytest.raises(NobodyToApprove):
        declare(unit_of_work, team.anna, team.record)
    # One that a single person added and confirmed, straight in the database or because nobody else was there.
    alone = add_contact(unit_of_work, team, "eve@customer.example")
    with unit_of_work.write(Actor.system()) as work:
        contact = work.session.get_one(Contact, alone)
        contact.confirmed_by = contact.added_by
    with pytest.raises(NobodyToApprove):
        declare(unit_of_work, team.anna, team.record)


def test_a_contact_that_was_removed_after_the_mail_has_no_word_any_more(unit_of_work: UnitOfWork, team: Team) -> None:
    contact_id = add_contact(unit_of_work, team)
    set_policy(unit_of_work, team, customer_approves=True)
    use = declare(unit_of_work, team.anna, team.record)
    link = mailed_link(unit_of_work, use)
    deciding.ask_code(unit_of_work, VISITOR, link)
    code = mailed_code(unit_of_work, use)
    with unit_of_work.write(Actor.system()) as work:
        work.session.get_one(Contact, contact_id).removed_at = work.now
    typed = TypedDecision(detail(unit_of_work, use).digest_text, "approved", "")
    with pytest.raises(NotAnApprover):
        deciding.decide_as_contact(unit_of_work, VISITOR, link, typed, code)


def test_a_requester_who_reads_the_customers_mail_signs_in_and_is_refused(unit_of_work: UnitOfWork, team: Team) -> None:
    add_contact(unit_of_work, team)
    set_policy(unit_of_work, team, customer_approves=True)
    use = declare(unit_of_work, team.anna, team.record)
    link = mailed_link(unit_of_work, use)
    deciding.ask_code(unit_of_work, VISITOR, link)
    typed = TypedDecision(detail(unit_of_work, use).digest_text, "approved", "")
    with pytest.raises(NotAnApprover):
        deciding.decide_as_contact(unit_of_work, team.anna.actor, link, typed, mailed_code(unit_of_work, use))
