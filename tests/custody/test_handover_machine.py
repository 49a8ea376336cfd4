"""Whatever people try, in whatever order: no path leaves the table, none skips its evidence or its second person."""

import json
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select, text

from sharelink.acts import handing_over, tending
from sharelink.custody.contacts import confirmed_contacts
from sharelink.custody.models import CustodyProposal, CustodyRecord, CustodyStep
from sharelink.custody.states import TERMINAL_STATES, CustodyState, ProposalState, Scenario
from sharelink.custody.transitions import TRANSITIONS, Evidence
from sharelink.errors import SharelinkError, StorageUnavailable
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work
from tests.custody.handovers import Team, make_team, record_in, waiting
from tests.factories import Person, ask_secret, send_secret, submit_answer

WORDS = st.sampled_from(["as agreed", "because", "", "  "])
FIRST = st.booleans()


class Custody(RuleBasedStateMachine):
    """One record, two people who try things, and a third hand at the database."""

    def __init__(self, team: Team, visited: set[CustodyState]) -> None:
        super().__init__()
        self.team, self.visited = team, visited
        self.record_id, self.contact_id = b"", b""
        self.path = [CustodyState.DRAFT]

    @initialize(start=st.sampled_from(sorted(set(CustodyState) - TERMINAL_STATES)))
    def start_somewhere(self, start: CustodyState) -> None:
        self.record_id = record_in(self.team, start)
        with self.team.unit_of_work.read() as work:
            (self.contact_id,) = (contact.id for contact in confirmed_contacts(work.session, self.record_id))

    def attempt(self, act: Callable[[], object]) -> None:
        """Do something that may be refused by name."""
        try:
            act()
        except SharelinkError as error:
            assert not isinstance(error, StorageUnavailable), error.__cause__  # noqa: PT017 - it is refused by name

    def person(self, is_first: bool) -> Person:
        return self.team.custodian if is_first else self.team.second

    def work(self, is_first: bool, act: Callable[[Work], object]) -> None:
        def write() -> None:
            with self.team.unit_of_work.write(self.person(is_first).actor) as work:
                act(work)

        self.attempt(write)

    @rule(is_first=FIRST, scenario=st.sampled_from(["", *Scenario]), channel=WORDS, with_contact=st.booleans())
    def begin(self, is_first: bool, scenario: str, channel: str, with_contact: bool) -> None:
        contact_id = self.contact_id if with_contact else None
        self.work(is_first, lambda work: work.handover.begin(self.record_id, scenario, channel, contact_id))

    @rule()
    def submit(self) -> None:
        make, asker = self.team.unit_of_work, self.team.custodian
        self.attempt(
            lambda: submit_answer(make, ask_secret(make, asker, custody_id=self.record_id).submit_link, "secret")
        )

    @rule(is_first=FIRST)
    def send(self, is_first: bool) -> None:
        self.attempt(
            lambda: send_secret(self.team.unit_of_work, self.person(is_first), custody_id=self.record_id, code=False)
        )

    @rule(is_first=FIRST, note=WORDS)
    def receive_elsewhere(self, is_first: bool, note: str) -> None:
        self.work(is_first, lambda work: work.handover.receive_elsewhere(self.record_id, note))

    @rule(is_first=FIRST, is_known=st.booleans())
    def verify(self, is_first: bool, is_known: bool) -> None:
        self.work(is_first, lambda work: work.handover.verify(self.record_id, work.now if is_known else None))

    @rule(is_first=FIRST, word=WORDS, what=st.sampled_from(["activation", "release", "closing"]))
    def propose(self, is_first: bool, word: str, what: str) -> None:
        acts: dict[str, Callable[[Work], None]] = {
            "activation": lambda work: work.handover.propose_activation(self.record_id, word, word),
            "release": lambda work: work.handover.propose_release(self.record_id, word, word),
            "closing": lambda work: work.handover.propose_closing(self.record_id, word),
        }
        self.work(is_first, acts[what])

    @rule(is_first=FIRST, is_proven=st.booleans())
    def confirm(self, is_first: bool, is_proven: bool) -> None:
        for proposal in waiting(self.team, self.record_id):
            digest = bytes.fromhex(proposal.digest_text)
            make, actor = self.team.unit_of_work, self.person(is_first).actor
            self.attempt(partial(handing_over.confirm, make, actor, proposal.id, digest, is_proven=is_proven))

    @rule(is_first=FIRST, reason=WORDS, what=st.sampled_from(["suspend", "mark_compromised", "close", "abandon"]))
    def go(self, is_first: bool, reason: str, what: str) -> None:
        act = getattr(handing_over, what)
        self.attempt(lambda: act(self.team.unit_of_work, self.person(is_first).actor, self.record_id, reason))

    @rule(is_first=FIRST, is_proven=st.booleans())
    def release_hold(self, is_first: bool, is_proven: bool) -> None:
        actor = self.person(is_first).actor
        self.attempt(lambda: tending.release_hold(self.team.unit_of_work, actor, self.record_id, is_proven=is_proven))

    @rule(ticks=st.sets(st.sampled_from(["kind-password", "kind-mfa_device", "kind-mailbox", "copies"])), word=WORDS)
    def complete_release(self, ticks: set[str], word: str) -> None:
        make, actor = self.team.unit_of_work, self.team.custodian.actor
        self.attempt(
            lambda: handing_over.complete_release(make, actor, self.record_id, ticks, confirmed_by=word, channel=word)
        )

    @rule(to_state=st.sampled_from(CustodyState))
    def tamper(self, to_state: CustodyState) -> None:
        if to_state is self.path[-1]:
            return
        with pytest.raises(StorageUnavailable), self.team.unit_of_work.write(self.team.custodian.actor) as work:
            work.session.execute(
                text("UPDATE custody_record SET state = :to, scenario = 'keep' WHERE id = :record"),
                {"to": to_state.value, "record": self.record_id},
            )

    @invariant()
    def every_step_is_in_the_table_with_its_evidence_and_its_second_person(self) -> None:
        with self.team.unit_of_work.read() as work:
            state = work.session.get_one(CustodyRecord, self.record_id).state
            wanted = select(CustodyStep).where(CustodyStep.custody_id == self.record_id).order_by(CustodyStep.number)
            steps = work.session.scalars(wanted).all()
            self.path = [CustodyState.DRAFT, *(step.to_state for step in steps)]
            assert state is self.path[-1]
            assert [step.from_state for step in steps] == self.path[:-1]
            for step in steps:
                transition = TRANSITIONS[step.from_state, step.to_state]
                evidence = {Evidence(name): value for name, value in json.loads(step.evidence).items()}
                assert all(str(evidence.get(name, "")).strip() for name in transition.evidence)
                if transition.second_person is not None:
                    assert step.proposal_id is not None
                    proposal = work.session.get_one(CustodyProposal, step.proposal_id)
                    assert (proposal.state, proposal.kind) == (ProposalState.CONFIRMED, transition.second_person)
                    assert proposal.decided_by not in {None, proposal.proposed_by}
        self.visited.update(self.path)


def test_no_path_leaves_the_table_and_none_skips_its_evidence(unit_of_work: UnitOfWork, staff: Person) -> None:
    team, visited = make_team(unit_of_work, staff), set[CustodyState]()
    run_state_machine_as_test(
        lambda: Custody(team, visited),
        settings=hypothesis_settings(
            max_examples=12,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert len(visited) > len(CustodyState) / 2
