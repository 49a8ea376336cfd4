"""What the demonstration shows: an example of every state, and links for whoever wants to try one."""

import pytest
from sqlalchemy import select

from sharelink.accounts.permissions import Reach
from sharelink.accounts.queries import groups_for_choice
from sharelink.actors import Actor
from sharelink.acts import retrieving, submitting
from sharelink.cli.demo_examples import Examples
from sharelink.custody.models import CustodyRecord
from sharelink.custody.share_lines import ShareLine, my_work, shares_of_record
from sharelink.shares.states import ShareKind, ShareState
from sharelink.unit_of_work import UnitOfWork
from tests.cli.conftest import Demonstration

REQUESTS = {
    "Waiting for the answer",
    "Opened, not answered yet",
    "No answer yet, time to remind",
    "Submitted, not retrieved yet",
    "Retrieved",
    "Retrieved, delivery unconfirmed",
    "Retrieved, sign-in worked",
    "Retrieved, was wrong",
    "Asked again",
    "Not answered in time",
    "Answer expired unread",
    "Cancelled",
    "Answer erased unread",
}


@pytest.fixture
def unit_of_work(demonstration: Demonstration) -> UnitOfWork:
    """Return what looks at the demonstration."""
    return demonstration.unit_of_work


@pytest.fixture
def examples(demonstration: Demonstration) -> Examples:
    """Return what the demonstration puts into an empty installation."""
    return demonstration.examples


def lines(unit_of_work: UnitOfWork, kind: ShareKind) -> list[ShareLine]:
    with unit_of_work.read() as work:
        records = work.session.scalars(select(CustodyRecord.id)).all()
        found = [line for record in records for line in shares_of_record(work.session, record, work.now)]
    return [line for line in found if line.kind is kind]


def test_there_is_a_share_in_every_state(unit_of_work: UnitOfWork, examples: Examples) -> None:
    assert examples.accounts
    requests = lines(unit_of_work, ShareKind.REQUEST)
    assert {line.state_label for line in requests} == REQUESTS
    assert not [line for line in requests if line.is_held]
    assert {line.state for line in lines(unit_of_work, ShareKind.SEND)} == set(ShareState) - {ShareState.AWAITING}


def test_everybody_finds_their_work_and_the_printed_links_wait(unit_of_work: UnitOfWork, examples: Examples) -> None:
    _administrator, staff, custodian, *_others = examples.accounts
    with unit_of_work.read() as work:
        groups = {group.name: group.id for group in groups_for_choice(work.session, None)}
        of_staff = my_work(work.session, staff.account_id, work.now, Reach(False, frozenset()))
        reach = Reach(False, frozenset({groups["Custodians"]}))
        of_custodian = my_work(work.session, custodian.account_id, work.now, reach)
    assert of_staff.to_remind
    assert of_staff.awaiting
    assert of_staff.submitted == of_custodian.submitted != ()

    tried = examples.try_requests
    visitor = Actor.public("203.0.113.9", "A phone")
    assert submitting.look(unit_of_work, visitor, tried.submit_link).state is ShareState.AWAITING
    facts, record = retrieving.look(unit_of_work, custodian.actor, tried.retrieval_link)
    assert (facts.state, record.group_name) == (ShareState.SEALED, "Custodians")
