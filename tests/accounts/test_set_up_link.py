"""The set-up link makes the first account, once, within its time, and never beside an administrator."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from sharelink.accounts.errors import SetUpLinkUnavailable
from sharelink.accounts.models import Account, SetUpLink
from sharelink.accounts.passwords import prepare_password
from sharelink.accounts.queries import person
from sharelink.accounts.sessions import StartedSession
from sharelink.accounts.stages import Stage
from sharelink.accounts.states import Role
from sharelink.actors import Actor
from sharelink.acts.joining import set_up
from sharelink.crypto.bearer_keys import BearerPurpose, bearer_key_hash
from sharelink.crypto.identifiers import id_text
from sharelink.errors import InvalidInput
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.wiring import EXTENSION
from tests.accounts.records import recorded_types
from tests.accounts.steps import half_of
from tests.factories import make_person
from tests.fakes import MovableClock

GOOD_PASSWORD = "tapioca violin marsh eleven"


def new_link(unit_of_work: UnitOfWork) -> str | None:
    with unit_of_work.write(Actor.system()) as work:
        return work.accounts.new_set_up_link(timedelta(hours=1))


def follow(unit_of_work: UnitOfWork, link: str | None, email: str = "anna@example.com") -> StartedSession:
    visitor = Actor.public("203.0.113.7", "Test browser")
    return set_up(unit_of_work, visitor, link=link or "", name="Anna Example", email=email, password=GOOD_PASSWORD)


def count_of_accounts(unit_of_work: UnitOfWork) -> int:
    with unit_of_work.read() as work:
        return work.session.scalars(select(func.count()).select_from(Account)).one()


def test_the_link_makes_the_first_account_and_lets_it_add_a_second_factor(unit_of_work: UnitOfWork) -> None:
    started = follow(unit_of_work, new_link(unit_of_work))
    half = half_of(unit_of_work, started)
    assert (half.email, half.stage) == ("anna@example.com", Stage.ENROLMENT)
    with unit_of_work.read() as work:
        made = person(work.session, half.account_id)
    assert made.roles == {Role.ADMINISTRATOR, Role.STAFF, Role.CUSTODIAN}
    assert made.group_names == ("Custodians",)
    assert recorded_types(unit_of_work, id_text(half.account_id)) == [
        "admin.account_created",
        "admin.member_added",
        "auth.password_accepted",
    ]


def test_the_whole_link_may_be_pasted(unit_of_work: UnitOfWork) -> None:
    assert follow(unit_of_work, f" http://127.0.0.1:8000/set-up#{new_link(unit_of_work)}\n")


def test_a_used_link_is_dead(unit_of_work: UnitOfWork) -> None:
    link = new_link(unit_of_work)
    follow(unit_of_work, link)
    with pytest.raises(SetUpLinkUnavailable):
        follow(unit_of_work, link, "eve@example.com")
    assert count_of_accounts(unit_of_work) == 1


def test_the_link_dies_after_an_hour(unit_of_work: UnitOfWork, clock: MovableClock) -> None:
    link = new_link(unit_of_work)
    clock.move(hours=1)
    with pytest.raises(SetUpLinkUnavailable):
        follow(unit_of_work, link)
    clock.move(seconds=-1)
    assert follow(unit_of_work, link)


def test_a_newer_link_replaces_the_older(unit_of_work: UnitOfWork) -> None:
    older, newer = new_link(unit_of_work), new_link(unit_of_work)
    assert older != newer
    with pytest.raises(SetUpLinkUnavailable):
        follow(unit_of_work, older)
    assert follow(unit_of_work, newer)


def test_there_is_no_link_and_none_works_once_there_is_an_administrator(unit_of_work: UnitOfWork) -> None:
    link = new_link(unit_of_work)
    make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[Role.ADMINISTRATOR])
    with pytest.raises(SetUpLinkUnavailable):
        follow(unit_of_work, link)
    assert new_link(unit_of_work) is None
    with unit_of_work.read() as work:
        assert work.session.execute(select(SetUpLink)).first() is None


def test_there_is_a_link_while_nobody_administers(unit_of_work: UnitOfWork) -> None:
    make_person(unit_of_work, "Ben Example", "ben@example.com", roles=[Role.STAFF])
    assert follow(unit_of_work, new_link(unit_of_work))


@pytest.mark.parametrize("link", ["A" * 43, "http://127.0.0.1:8000/set-up#" + "A" * 43])
def test_an_invented_link_does_not_work(unit_of_work: UnitOfWork, link: str) -> None:
    new_link(unit_of_work)
    with pytest.raises(SetUpLinkUnavailable):
        follow(unit_of_work, link)


@pytest.mark.parametrize("link", ["", "A" * 42, "http://127.0.0.1:8000/set-up", "http://127.0.0.1:8000/set-up#"])
def test_a_link_that_is_cut_off_is_told_beside_its_field(unit_of_work: UnitOfWork, link: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        follow(unit_of_work, link)
    assert set(refused.value.fields) == {"key"}


def test_a_refused_form_leaves_the_link_alive(unit_of_work: UnitOfWork) -> None:
    link = new_link(unit_of_work)
    with pytest.raises(InvalidInput):
        follow(unit_of_work, link, "no address")
    assert follow(unit_of_work, link)


@pytest.mark.parametrize("reason", ["used", "too old", "administrator", "replaced"])
def test_the_transaction_itself_refuses_a_link_that_died_while_the_password_was_hashed(
    unit_of_work: UnitOfWork, clock: MovableClock, reason: str
) -> None:
    key_hash = bearer_key_hash(BearerPurpose.SET_UP, new_link(unit_of_work) or "")
    assert key_hash is not None
    prepared = prepare_password(GOOD_PASSWORD, name="Anna Example", email="anna@example.com")
    if reason == "used":
        with unit_of_work.write(Actor.system()) as work:
            work.session.execute(update(SetUpLink).values(used_at=work.now))
    elif reason == "too old":
        clock.move(hours=1)
    elif reason == "administrator":
        make_person(unit_of_work, "Ben Example", "ben@example.com")
    else:
        new_link(unit_of_work)
    before = count_of_accounts(unit_of_work)
    with (
        pytest.raises(SetUpLinkUnavailable),
        unit_of_work.write(Actor.public("203.0.113.7", None)) as work,
    ):
        work.accounts.set_up(key_hash, "Anna Example", "anna@example.com", prepared)
    assert count_of_accounts(unit_of_work) == before


def test_of_racing_posts_one_makes_the_account(app: Flask) -> None:
    unit_of_work: UnitOfWork = app.extensions[EXTENSION].unit_of_work
    with app.app_context():
        link = new_link(unit_of_work)
    start = threading.Barrier(4)
    made: list[bool] = []

    def race(number: int) -> None:
        with app.app_context():
            start.wait()
            try:
                follow(unit_of_work, link, f"person{number}@example.com")
                made.append(True)
            except SetUpLinkUnavailable:
                made.append(False)

    racers = [threading.Thread(target=race, args=(number,)) for number in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(made) == [False, False, False, True]
    with app.app_context():
        assert count_of_accounts(unit_of_work) == 1
