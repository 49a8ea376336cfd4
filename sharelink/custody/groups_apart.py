"""Where a record's second factor is kept by a group of its own: nobody may be in both groups."""

from collections.abc import Collection

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased

from sharelink.accounts.models import CustodianGroup, GroupMember
from sharelink.custody.errors import GroupsNotApart
from sharelink.custody.models import CustodyRecord, StoredPolicy


def check_apart(session: Session, password_group: bytes, mfa_group: bytes | None) -> None:
    """Make sure that nobody is in both groups, and that it stays so until the commit; None has no members.

    Raises:
        GroupsNotApart: somebody is, it is the same group twice, or there is no such group.
    """
    if mfa_group is None:
        return
    # Who changes the members of a group takes the same lock, after the change: one of the two sees the other's work.
    if mfa_group not in _locked(session, {password_group, mfa_group}) or mfa_group == password_group:
        raise GroupsNotApart("the second factor belongs to another group")
    one, other = aliased(GroupMember), aliased(GroupMember)
    both = session.execute(
        select(one.account_id)
        .join(other, other.account_id == one.account_id)
        .where(one.group_id == password_group, one.removed_at.is_(None))
        .where(other.group_id == mfa_group, other.removed_at.is_(None))
        .limit(1)
    ).first()
    if both is not None:
        raise GroupsNotApart("somebody is in both groups")


def check_groups_apart(session: Session, group_ids: Collection[bytes]) -> None:
    """Make sure that nobody is in both groups of any record that one of `group_ids` looks after.

    Call it after the members of these groups have changed, in the same transaction.

    Raises:
        GroupsNotApart: somebody would be.
    """
    _locked(session, group_ids)
    pairs = session.execute(
        select(CustodyRecord.group_id, StoredPolicy.separate_mfa_group)
        .join(StoredPolicy, StoredPolicy.custody_id == CustodyRecord.id)
        .where(or_(CustodyRecord.group_id.in_(group_ids), StoredPolicy.separate_mfa_group.in_(group_ids)))
        .where(StoredPolicy.separate_mfa_group.is_not(None))
        .distinct()
        .order_by(CustodyRecord.group_id, StoredPolicy.separate_mfa_group)
    ).all()
    for password_group, mfa_group in pairs:
        check_apart(session, password_group, mfa_group)


def _locked(session: Session, group_ids: Collection[bytes]) -> set[bytes]:
    wanted = select(CustodianGroup.id).where(CustodianGroup.id.in_(group_ids)).order_by(CustodianGroup.id)
    return set(session.scalars(wanted.with_for_update(key_share=True)))
