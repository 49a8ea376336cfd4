"""The people of the proofs about two administrators."""

import pytest

from sharelink.accounts.queries import groups_for_choice
from sharelink.accounts.states import Role
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person, make_person


@pytest.fixture
def ada(unit_of_work: UnitOfWork) -> Person:
    """Return the first administrator."""
    return make_person(unit_of_work, "Ada", "ada@example.com", roles=[Role.ADMINISTRATOR], groups=[])


@pytest.fixture
def bob(unit_of_work: UnitOfWork) -> Person:
    """Return the second administrator."""
    return make_person(unit_of_work, "Bob", "bob@example.com", roles=[Role.ADMINISTRATOR], groups=[])


@pytest.fixture
def clara(unit_of_work: UnitOfWork) -> Person:
    """Return a custodian in the group "Nord"."""
    return make_person(unit_of_work, "Clara", "clara@example.com", roles=[Role.CUSTODIAN], groups=["Nord"])


@pytest.fixture
def nord(unit_of_work: UnitOfWork, clara: Person) -> bytes:
    """Return the id of the group of `clara`."""
    with unit_of_work.read() as work:
        return groups_for_choice(work.session, None)[0].id


@pytest.fixture
def dan(unit_of_work: UnitOfWork) -> Person:
    """Return a custodian in no group."""
    return make_person(unit_of_work, "Dan", "dan@example.com", roles=[Role.CUSTODIAN], groups=[])
