"""Two people who act at once: one step is taken, the other person hears that the record is elsewhere by now."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import text

from sharelink.accounts.changes import ChangeRequest
from sharelink.accounts.states import ChangeKind, Role
from sharelink.acts import administering, handing_over
from sharelink.custody.errors import ActNotAllowed, GroupsNotApart, ProposalUnavailable
from sharelink.custody.states import CustodyState
from sharelink.requests.errors import RequestClosed
from sharelink.requests.links import SubmitLink
from sharelink.shares.errors import LinkUnavailable
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.custody import handovers
from tests.custody.handovers import Team, make_team, record_in, state_of, waiting
from tests.factories import Person, ask_secret, make_person, send_secret, submit_answer

ROUNDS = 4


@pytest.fixture
def team(unit_of_work: UnitOfWork, staff: Person) -> Team:
    """Return a custodian and a colleague."""
    return make_team(unit_of_work, staff)


def race(app: Flask, *acts: Callable[[UnitOfWork], object]) -> list[str]:
    """Run the acts at once; return the names of what was refused, in no order."""
    start, outcomes = threading.Barrier(len(acts)), list[str]()

    def run(act: Callable[[UnitOfWork], object]) -> None:
        with app.app_context():
            start.wait()
            try:
                act(app.extensions[EXTENSION].unit_of_work)
            except (
                ActNotAllowed,
                ProposalUnavailable,
                GroupsNotApart,
                RequestClosed,
                LinkUnavailable,
            ) as error:
                outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def answer(mine: UnitOfWork, link: SubmitLink) -> None:
    submit_answer(mine, link, "a password")


def test_of_two_steps_at_once_one_is_taken(app: Flask, team: Team) -> None:
    actor = team.custodian.actor
    for _round in range(ROUNDS):
        record_id = record_in(team, CustodyState.ACTIVE)
        refused = race(
            app,
            partial(handing_over.suspend, actor=actor, custody_id=record_id, reason="odd"),
            partial(handing_over.mark_compromised, actor=team.second.actor, custody_id=record_id, reason="odd"),
        )
        assert refused == ["ActNotAllowed"]
        assert state_of(team, record_id) in {CustodyState.SUSPENDED, CustodyState.COMPROMISED}


def test_a_proposal_that_two_confirm_at_once_is_carried_out_once(app: Flask, team: Team) -> None:
    cleo = make_person(team.unit_of_work, "Cleo Example", "cleo@example.com", {Role.STAFF}, ())
    for _round in range(ROUNDS):
        record_id = record_in(team, CustodyState.VERIFIED)
        with team.unit_of_work.write(team.custodian.actor) as work:
            work.handover.propose_activation(record_id, "Carla", "by letter")
        (proposal,) = waiting(team, record_id)
        digest = bytes.fromhex(proposal.digest_text)
        acts = [
            partial(handing_over.confirm, actor=person.actor, proposal_id=proposal.id, digest=digest, is_proven=False)
            for person in (cleo, team.second)
        ]
        assert race(app, *acts) == ["ProposalUnavailable"]
        assert state_of(team, record_id) is CustodyState.ACTIVE


def test_a_compromise_never_leaves_a_live_link_behind(app: Flask, team: Team) -> None:
    for _round in range(ROUNDS):
        record_id = record_in(team, CustodyState.RECEIVED)
        asked = ask_secret(team.unit_of_work, team.custodian, custody_id=record_id)
        race(
            app,
            partial(handing_over.mark_compromised, actor=team.custodian.actor, custody_id=record_id, reason="odd"),
            partial(send_secret, person=team.second, custody_id=record_id, code=False),
            partial(answer, link=asked.submit_link),
        )
        assert state_of(team, record_id) is CustodyState.COMPROMISED
        with team.unit_of_work.read() as work:
            live = "SELECT count(*) FROM share WHERE custody_id = :record AND state IN ('awaiting', 'sealed', 'locked')"
            assert work.session.execute(text(live), {"record": record_id}).scalar_one() == 0
            versions = "SELECT count(*) FROM secret_version WHERE custody_id = :record AND retired_at IS NULL"
            assert work.session.execute(text(versions), {"record": record_id}).scalar_one() == 0


def test_of_two_submissions_at_once_both_are_kept_and_the_newest_is_in_custody(app: Flask, team: Team) -> None:
    for _round in range(ROUNDS):
        record_id = record_in(team, CustodyState.AWAITING_SECRET)
        links = [ask_secret(team.unit_of_work, team.custodian, custody_id=record_id).submit_link for _each in range(2)]
        acts = [partial(answer, link=link) for link in links]
        assert race(app, *acts) == []
        with team.unit_of_work.read() as work:
            found = "SELECT number, retired_at FROM secret_version WHERE custody_id = :record ORDER BY number"
            rows = work.session.execute(text(found), {"record": record_id}).all()
        assert [(row.number, row.retired_at is None) for row in rows] == [(1, False), (2, True)]


def test_nobody_slips_into_both_groups_while_they_are_being_set_apart(app: Flask, team: Team) -> None:
    operator = team.custodian.actor
    for number in range(ROUNDS):
        record_id = record_in(team, CustodyState.DRAFT)
        name = f"Second factor {number}"
        make_person(team.unit_of_work, "Mia Example", f"mia{number}@example.com", {Role.CUSTODIAN}, (name,))
        with team.unit_of_work.read() as work:
            mfa_group = work.accounts.groups.id_of(name)
        handovers.propose_policy(team, record_id, separate_mfa_group=mfa_group)
        (proposal,) = waiting(team, record_id)
        digest = bytes.fromhex(proposal.digest_text)
        request = ChangeRequest(ChangeKind.ADD_MEMBER, team.custodian.account_id, group_id=mfa_group)
        refused = race(
            app,
            partial(administering.change, actor=operator, request=request),
            partial(
                handing_over.confirm,
                actor=team.second.actor,
                proposal_id=proposal.id,
                digest=digest,
                is_proven=False,
            ),
        )
        assert len(refused) == 1
