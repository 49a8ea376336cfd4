"""The customer's approval: by a link that was mailed, with a code that was mailed, by that contact and nobody else."""

import pytest

from sharelink.access.errors import NotAnApprover, TooManyCodes, UseMovedOn
from sharelink.access.links import ApproverLink, parse_approver_link
from sharelink.access.states import CODE_TRIES, CODES_PER_LINK, UseState
from sharelink.actors import Actor
from sharelink.acts import deciding
from sharelink.acts.deciding import TypedDecision
from sharelink.crypto.identifiers import id_text
from sharelink.crypto.link_keys import new_link_key
from sharelink.shares.errors import LinkUnavailable
from sharelink.unit_of_work import UnitOfWork
from tests.access.uses import (
    Team,
    add_contact,
    check_out,
    decide,
    declare,
    detail,
    kinds,
    mailed_code,
    mailed_link,
    make_team,
    set_policy,
    state,
)
from tests.accounts.records import recorded
from tests.factories import Person
from tests.fakes import MovableClock

CARLA = Actor.public("203.0.113.40", "Carla's browser")


@pytest.fixture
def team(unit_of_work: UnitOfWork, staff: Person) -> Team:
    made = make_team(unit_of_work, staff)
    add_contact(unit_of_work, made)
    set_policy(unit_of_work, made, approvals_needed=1, customer_approves=True)
    return made


@pytest.fixture
def use(unit_of_work: UnitOfWork, team: Team) -> bytes:
    return declare(unit_of_work, team.anna, team.record)


def say(
    unit_of_work: UnitOfWork, link: ApproverLink, code: str, verdict: str = "approved", *, actor: Actor = CARLA
) -> UseState | None:
    facts = deciding.look_as_contact(unit_of_work, actor, link)
    typed = TypedDecision(facts.digest_text, verdict, "From the customer.")
    return deciding.decide_as_contact(unit_of_work, actor, link, typed, code).state


def wrong(code: str) -> str:
    return code[:-1] + ("2" if code[-1] != "2" else "3")


def test_link_and_code_together_approve_and_the_record_names_the_contact(
    unit_of_work: UnitOfWork, team: Team, use: bytes
) -> None:
    link = mailed_link(unit_of_work, use)
    deciding.look_as_contact(unit_of_work, CARLA, link)
    deciding.ask_code(unit_of_work, CARLA, link)
    assert say(unit_of_work, link, mailed_code(unit_of_work, use)) is UseState.APPROVED
    check_out(unit_of_work, team.anna, use)
    assert kinds(unit_of_work, team.record) == [
        "access.requested",
        "access.customer_asked",
        "access.link_opened",
        "access.code_asked",
        "access.approved",
        "access.checked_out",
    ]
    approved = recorded(unit_of_work, id_text(team.record))[-2]
    assert (approved.personal["actor_name"], approved.facts["by_customer"]) == ("Carla Customer", True)
    said = detail(unit_of_work, use).line.said
    assert [(one.name, one.by_customer, one.note) for one in said] == [("Carla Customer", True, "From the customer.")]


def test_a_denial_of_the_customer_is_final(unit_of_work: UnitOfWork, team: Team, use: bytes) -> None:
    link = mailed_link(unit_of_work, use)
    deciding.ask_code(unit_of_work, CARLA, link)
    assert say(unit_of_work, link, mailed_code(unit_of_work, use), "denied") is UseState.DENIED
    with pytest.raises(UseMovedOn):
        decide(unit_of_work, team.ben, use)


def test_approvals_of_ours_alone_do_not_replace_the_customers(unit_of_work: UnitOfWork, team: Team, use: bytes) -> None:
    for person in (team.ben, team.cleo):
        assert decide(unit_of_work, person, use) is UseState.REQUESTED


def test_the_link_works_once(unit_of_work: UnitOfWork, use: bytes) -> None:
    link = mailed_link(unit_of_work, use)
    deciding.ask_code(unit_of_work, CARLA, link)
    code = mailed_code(unit_of_work, use)
    say(unit_of_work, link, code)
    with pytest.raises(UseMovedOn):
        say(unit_of_work, link, code, "denied")
    with pytest.raises(UseMovedOn):
        deciding.ask_code(unit_of_work, CARLA, link)


def test_a_link_mailed_again_has_another_key_and_the_earlier_one_is_dead(unit_of_work: UnitOfWork, use: bytes) -> None:
    first, second = mailed_link(unit_of_work, use), mailed_link(unit_of_work, use)
    assert first.key != second.key
    with pytest.raises(LinkUnavailable):
        deciding.look_as_contact(unit_of_work, CARLA, first)
    assert deciding.look_as_contact(unit_of_work, CARLA, second).is_open


def test_a_link_with_another_key_or_another_purposes_token_is_a_strangers_and_writes_nothing(
    unit_of_work: UnitOfWork, team: Team, use: bytes
) -> None:
    link = mailed_link(unit_of_work, use)
    before = kinds(unit_of_work, team.record)
    for forged in (ApproverLink(link.token, new_link_key()), ApproverLink("AAAA.BBBB.CCCC", link.key)):
        for act in (deciding.look_as_contact, deciding.ask_code):
            with pytest.raises(LinkUnavailable):
                act(unit_of_work, CARLA, forged)
    with pytest.raises(LinkUnavailable):
        parse_approver_link("http://localhost/statement/AAAA.BBBB.CCCC#" + "A" * 43)
    assert kinds(unit_of_work, team.record) == before


def test_wrong_codes_are_counted_and_then_the_right_one_is_no_use(
    unit_of_work: UnitOfWork, team: Team, use: bytes
) -> None:
    link = mailed_link(unit_of_work, use)
    deciding.ask_code(unit_of_work, CARLA, link)
    code = mailed_code(unit_of_work, use)
    for _ in range(CODE_TRIES):
        assert say(unit_of_work, link, wrong(code)) is None
    assert say(unit_of_work, link, code) is None
    assert kinds(unit_of_work, team.record).count("access.code_failed") == CODE_TRIES
    deciding.ask_code(unit_of_work, CARLA, link)
    assert say(unit_of_work, link, code) is None
    assert say(unit_of_work, link, mailed_code(unit_of_work, use).lower()) is UseState.APPROVED


def test_a_code_is_good_for_ten_minutes_and_only_the_newest(
    unit_of_work: UnitOfWork, use: bytes, clock: MovableClock
) -> None:
    link = mailed_link(unit_of_work, use)
    deciding.ask_code(unit_of_work, CARLA, link)
    first = mailed_code(unit_of_work, use)
    deciding.ask_code(unit_of_work, CARLA, link)
    second = mailed_code(unit_of_work, use)
    assert say(unit_of_work, link, first) is None
    clock.move(minutes=10)
    assert say(unit_of_work, link, second) is None


def test_nobody_fills_the_contacts_mailbox_through_us(unit_of_work: UnitOfWork, use: bytes) -> None:
    link = mailed_link(unit_of_work, use)
    for _ in range(CODES_PER_LINK):
        deciding.ask_code(unit_of_work, CARLA, link)
    with pytest.raises(TooManyCodes):
        deciding.ask_code(unit_of_work, CARLA, link)


def test_the_link_ends_with_the_window_and_after_a_day_at_most(
    unit_of_work: UnitOfWork, use: bytes, clock: MovableClock
) -> None:
    link = mailed_link(unit_of_work, use)
    clock.move(hours=4)
    assert not deciding.look_as_contact(unit_of_work, CARLA, link).is_open
    with pytest.raises(UseMovedOn):
        deciding.ask_code(unit_of_work, CARLA, link)


def test_whoever_is_signed_in_here_is_not_the_customer(unit_of_work: UnitOfWork, team: Team, use: bytes) -> None:
    link = mailed_link(unit_of_work, use)
    for person in (team.anna, team.ben):
        with pytest.raises(NotAnApprover):
            deciding.ask_code(unit_of_work, person.actor, link)
    deciding.ask_code(unit_of_work, CARLA, link)
    code = mailed_code(unit_of_work, use)
    with pytest.raises(NotAnApprover):
        say(unit_of_work, link, code, actor=team.anna.actor)
    assert state(unit_of_work, use) is UseState.REQUESTED
    assert kinds(unit_of_work, team.record).count("access.refused") == 3


def test_the_database_keeps_neither_key_nor_code(unit_of_work: UnitOfWork, use: bytes) -> None:
    link = mailed_link(unit_of_work, use)
    deciding.ask_code(unit_of_work, CARLA, link)
    code = mailed_code(unit_of_work, use)
    with unit_of_work.read() as work:
        connection = work.session.connection()
        for table in ("approval_link", "approval_code", "root_use"):
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}"):
                kept = b"\0".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row)
                assert link.key not in kept
                assert code.encode() not in kept
                assert code.replace("-", "").encode() not in kept
