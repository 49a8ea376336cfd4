"""What administrators change about people, where more than accounts is touched: factors, and holds of the groups.

Each is one transaction. While separation of duties is on, what gives somebody a way to secrets is only proposed here,
and carried out when a second administrator approves it.
"""

from collections.abc import Collection

from sharelink.accounts.changes import ChangeRequest
from sharelink.accounts.passwords import prepare_password
from sharelink.accounts.queries import person
from sharelink.accounts.states import ChangeKind
from sharelink.actors import Actor
from sharelink.custody.groups_apart import check_groups_apart
from sharelink.unit_of_work import UnitOfWork
from sharelink.work import Work


def change(unit_of_work: UnitOfWork, actor: Actor, request: ChangeRequest) -> bool:
    """Make a change, or propose it where a second administrator must approve it; return whether it is made.

    Raises:
        AccountNotFound, GroupNotFound: there is none.
        AlreadySo, InvalidInput, LastAdministrator, OwnFactors: it cannot be made; nothing was changed.
        ChangeWaits: another change of this account waits.
    """
    with unit_of_work.write(actor) as work:
        # First of all, so that the answer still holds when the change is made.
        work.accounts.administration.take_turn()
        if work.accounts.changes.needs_second(request):
            work.accounts.changes.propose(request)
            return False
        carry_out(work, request)
        return True


def change_groups(
    unit_of_work: UnitOfWork, actor: Actor, account_id: bytes, *, added: Collection[str], removed: Collection[str]
) -> None:
    """Add an account to groups and remove it from others, all or nothing, for an operator, who acts alone.

    Args:
        unit_of_work: what makes transactions.
        actor: the operator.
        account_id: whose groups.
        added: names of groups; one that does not exist yet is made.
        removed: names of groups.

    Raises:
        InvalidInput: the name of a new group cannot be accepted.
        AccountNotFound, GroupNotFound, AlreadySo: it cannot be done; nothing was changed.
    """
    with unit_of_work.write(actor) as work:
        groups = work.accounts.groups
        asked = [(ChangeKind.ADD_MEMBER, groups.found_or_made(name)) for name in added]
        asked += [(ChangeKind.REMOVE_MEMBER, groups.id_of(name)) for name in removed]
        for kind, group_id in asked:
            carry_out(work, ChangeRequest(kind, account_id, group_id=group_id))


def approve(unit_of_work: UnitOfWork, actor: Actor, change_id: bytes, digest: bytes) -> ChangeRequest:
    """Approve what another administrator proposed, and make it; return what was made.

    Raises:
        ChangeUnavailable: unknown, decided, void, or about something that has changed since.
        OwnChange: the actor proposed it.
        PermissionDenied: the actor is no administrator any more.
    """
    with unit_of_work.write(actor) as work:
        request = work.accounts.changes.approve(change_id, digest)
        carry_out(work, request)
        return request


def set_password(unit_of_work: UnitOfWork, actor: Actor, account_id: bytes, password: str) -> None:
    """Set another password for somebody else; every session of the account ends, its factors stay.

    Raises:
        AccountNotFound: there is no such account.
        InvalidInput: the password cannot be accepted.
        PasswordHashingBusy, StorageUnavailable: nothing was changed.
    """
    with unit_of_work.read(actor) as work:
        known = person(work.session, account_id)
    prepared = prepare_password(password, name=known.name, email=known.email)
    with unit_of_work.write(actor) as work:
        work.accounts.administration.set_password(account_id, prepared)


def carry_out(work: Work, request: ChangeRequest) -> None:
    """Make a change, with everything that hangs on it: factors, and words spoken by groups that are others now.

    Raises: what `Changes.carry_out` raises, and

    GroupsNotApart: somebody would be in a record's custodian group and in the group that keeps its second factor.
    """
    touched_groups = work.accounts.changes.carry_out(request)
    if request.kind is ChangeKind.RESET_FACTORS:
        work.factors.reset(request.account_id)
    void_words_of(work, touched_groups)


def void_words_of(work: Work, group_ids: Collection[bytes]) -> None:
    """Void what was proposed on, or said by, groups that are others now, and make sure that they are still apart.

    Raises:
        GroupsNotApart: somebody would be in a record's custodian group and in the group that keeps its second factor.
    """
    check_groups_apart(work.session, group_ids)
    work.holds.void_words(group_ids)
    work.proposals.void_about(group_ids)
