"""What administrators ask for, and what waits, for tests."""

from sqlalchemy import select

from sharelink.accounts.changes import ChangeRequest
from sharelink.accounts.models import AccountChange, GroupMember
from sharelink.accounts.people_view import ChangeLine, pending_changes
from sharelink.accounts.states import ChangeKind, ChangeState, Role
from sharelink.unit_of_work import UnitOfWork
from tests.factories import Person


def add(who: Person, group_id: bytes) -> ChangeRequest:
    return ChangeRequest(ChangeKind.ADD_MEMBER, who.account_id, group_id=group_id)


def reset(who: Person) -> ChangeRequest:
    return ChangeRequest(ChangeKind.RESET_FACTORS, who.account_id)


def roles(who: Person, *wanted: Role) -> ChangeRequest:
    return ChangeRequest(ChangeKind.SET_ROLES, who.account_id, roles=frozenset(wanted))


def waiting(unit_of_work: UnitOfWork) -> ChangeLine:
    with unit_of_work.read() as work:
        (line,) = pending_changes(work.session, work.now)
    return line


def members(unit_of_work: UnitOfWork, group_id: bytes) -> set[bytes]:
    with unit_of_work.read() as work:
        present = select(GroupMember.account_id).where(
            GroupMember.group_id == group_id, GroupMember.removed_at.is_(None)
        )
        return set(work.session.scalars(present))


def state_of(unit_of_work: UnitOfWork, change_id: bytes) -> ChangeState:
    with unit_of_work.read() as work:
        return ChangeState(work.session.scalars(select(AccountChange.state).where(AccountChange.id == change_id)).one())
