"""What the demonstration shows of custody: every state a record and a use can be in, and a statement to read."""

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.access.queries import UseLine, uses_of
from sharelink.access.states import UseState
from sharelink.access.waiting import my_uses
from sharelink.accounts.permissions import Reach
from sharelink.actors import Actor
from sharelink.acts import stating
from sharelink.acts.verifying import verification
from sharelink.cli.demo_examples import Examples
from sharelink.cloudtrail.queries import reconciliation
from sharelink.cloudtrail.states import MismatchKind
from sharelink.custody.calendar import calendar_of
from sharelink.custody.contacts import contacts_of
from sharelink.custody.items import items_of
from sharelink.custody.models import CustodyRecord
from sharelink.custody.proposal_view import waiting_proposals
from sharelink.custody.states import TERMINAL_STATES, CustodyState, ProposalKind, RecordKind
from sharelink.custody.steps import steps_of
from sharelink.custody.versions import versions_of
from sharelink.shares.holds import Hold, HoldReason
from sharelink.unit_of_work import UnitOfWork
from tests.cli.conftest import Demonstration

EVERYWHERE = Reach(True, frozenset())
IN_CUSTODY = set(CustodyState) - {CustodyState.DRAFT, CustodyState.AWAITING_SECRET, CustodyState.ABANDONED}


@pytest.fixture
def unit_of_work(demonstration: Demonstration) -> UnitOfWork:
    """Return what looks at the demonstration."""
    return demonstration.unit_of_work


@pytest.fixture
def examples(demonstration: Demonstration) -> Examples:
    """Return what the demonstration puts into an empty installation."""
    return demonstration.examples


def records(session: Session) -> list[CustodyRecord]:
    return list(session.scalars(select(CustodyRecord)))


def uses(session: Session) -> list[UseLine]:
    return [use for record in records(session) for use in uses_of(session, record.id, None)]


@pytest.mark.usefixtures("examples")
def test_there_is_a_record_in_every_state_and_the_log_fits(unit_of_work: UnitOfWork, tmp_path: Path) -> None:
    with unit_of_work.read() as work:
        found = records(work.session)
        assert {record.state for record in found} == set(CustodyState)
        assert {record.kind for record in found if record.state is CustodyState.ACTIVE} == set(RecordKind)
        for record in found:
            assert_complete(work.session, record)
        overdue = {
            record.customer
            for record in found
            if record.state is CustodyState.ACTIVE
            for line in calendar_of(work.session, record.id, work.now)
            if line.is_overdue
        }
        assert overdue == {"Gipfelbahn Betriebs GmbH"}
        held = work.session.scalars(
            select(CustodyRecord.state)
            .join(Hold, Hold.custody_id == CustodyRecord.id)
            .where(Hold.lifted_at.is_(None), Hold.reason == HoldReason.SUSPENDED)
        ).all()
    assert held == [CustodyState.SUSPENDED]

    assert list(verification(unit_of_work, tmp_path / "checkpoints.txt").findings()) == []


def assert_complete(session: Session, record: CustodyRecord) -> None:
    steps = steps_of(session, record.id)
    assert (steps[-1].to_state if steps else CustodyState.DRAFT) is record.state
    assert all(step.evidence for step in steps)
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    if record.state not in IN_CUSTODY:
        return
    contacts = contacts_of(session, record.id)
    assert contacts
    assert all(contact.is_confirmed and contact.confirmed_by != contact.added_by for contact in contacts)
    versions = versions_of(session, record.id)
    assert versions
    if record.state is CustodyState.RECEIVED:
        return
    assert items_of(session, record.id)
    kept = [version for version in versions if version.retired_at is None]
    assert bool(kept) == (record.state not in TERMINAL_STATES | {CustodyState.COMPROMISED})


def test_there_is_a_use_in_every_state_and_something_waits_for_everybody(
    unit_of_work: UnitOfWork, examples: Examples
) -> None:
    _administrator, staff, custodian, colleague, approver, _auditor = examples.accounts
    with unit_of_work.read() as work:
        found = uses(work.session)
        assert {use.state for use in found} == set(UseState)
        assert [use.state for use in found if use.is_break_glass] == [UseState.CHECKED_IN]
        waiting = {proposal.kind for proposal in waiting_proposals(work.session, None, staff.account_id, work.now)}
        assert waiting == {ProposalKind.ADD_CONTACT, ProposalKind.ACTIVATE}
        of_approver = my_uses(work.session, approver.account_id, work.now, EVERYWHERE)
        assert of_approver.to_decide
        assert any(use.is_break_glass for use in of_approver.to_review)
        of_custodian = my_uses(work.session, custodian.account_id, work.now, Reach(False, frozenset()))
        assert {use.state for use in of_custodian.mine} == {UseState.REQUESTED, UseState.APPROVED, UseState.CHECKED_OUT}
        of_colleague = my_uses(work.session, colleague.account_id, work.now, Reach(False, frozenset()))
        assert {use.state for use in of_colleague.mine} == {UseState.OVERDUE}


def test_the_printed_statement_can_be_read_and_tells_of_every_use(unit_of_work: UnitOfWork, examples: Examples) -> None:
    visitor = Actor.public("203.0.113.9", "A phone")
    reading = stating.read(unit_of_work, visitor, examples.try_statement.link)
    assert reading.facts.contact_name == examples.try_statement.contact_name
    with unit_of_work.read() as work:
        told = uses_of(work.session, reading.facts.custody_id, None)
    assert {use.state for use in told} == set(UseState) - {UseState.OVERDUE}
    assert reading.statement.log.is_unbroken


@pytest.mark.usefixtures("examples")
def test_root_sign_ins_are_brought_in_and_one_of_them_is_not_explained(unit_of_work: UnitOfWork) -> None:
    with unit_of_work.read() as work:
        found = [reconciliation(work.session, record.id) for record in records(work.session)]
    (shown,) = [each for each in found if each.import_count]
    assert (shown.matched_count, shown.undeclared_count, shown.unexplained_count) == (3, 2, 1)
    assert {each.kind for each in shown.mismatches} == {MismatchKind.UNDECLARED}
