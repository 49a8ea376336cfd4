"""What administrators and groups see: open invitations, changes that wait, groups with their members."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session, aliased

from sharelink.accounts.errors import GroupNotFound
from sharelink.accounts.models import (
    Account,
    AccountChange,
    CustodianGroup,
    GroupMember,
    Invitation,
    InvitationGroup,
)
from sharelink.accounts.queries import Person, active_administrators, people
from sharelink.accounts.states import CHANGE_LABELS, ChangeKind, ChangeState, role_labels, roles_from_text
from sharelink.crypto.identifiers import id_text


@dataclass(frozen=True, slots=True)
class InvitationLine:
    """An invitation that waits to be followed. `invited_by` is empty for an operator at the command line."""

    id: bytes
    email: str
    role_labels: tuple[str, ...]
    group_names: tuple[str, ...]
    invited_by: str
    is_void: bool
    created_at: datetime
    expires_at: datetime

    @property
    def id_text(self) -> str:
        """The invitation's id as forms name it."""
        return id_text(self.id)


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A proposed change that waits for a second administrator."""

    id: bytes
    digest: bytes
    kind: ChangeKind
    account_id: bytes
    person_name: str
    group_name: str
    role_labels: tuple[str, ...]
    proposed_by: bytes
    proposed_by_name: str
    proposed_at: datetime
    expires_at: datetime

    @property
    def id_text(self) -> str:
        """The change's id as forms name it."""
        return id_text(self.id)

    @property
    def account_text(self) -> str:
        """The account's id as URLs name it."""
        return id_text(self.account_id)

    @property
    def digest_text(self) -> str:
        """The digest as forms and events name it."""
        return self.digest.hex()

    @property
    def label(self) -> str:
        """What shall happen, in words."""
        return CHANGE_LABELS[self.kind]


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group as a list shows it."""

    id: bytes
    name: str
    member_count: int

    @property
    def id_text(self) -> str:
        """The group's id as URLs name it."""
        return id_text(self.id)


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who is in a group now, and since when."""

    person: Person
    added_at: datetime


@dataclass(frozen=True, slots=True)
class GroupDetail:
    """A group as its own page shows it; `others` are the people who could be added."""

    id: bytes
    name: str
    created_at: datetime
    members: tuple[Member, ...]
    others: tuple[Person, ...]

    @property
    def id_text(self) -> str:
        """The group's id as URLs name it, and the name of its audit chain."""
        return id_text(self.id)


def open_invitations(session: Session, now: datetime) -> tuple[InvitationLine, ...]:
    """Return the invitations that were neither followed nor revoked and are not too old, newest first."""
    rows = session.execute(
        select(Invitation, Account.name)
        .outerjoin(Account, Account.id == Invitation.invited_by)
        .where(Invitation.used_at.is_(None), Invitation.revoked_at.is_(None), Invitation.expires_at > now)
        .order_by(Invitation.created_at.desc(), Invitation.id)
    ).all()
    groups: dict[bytes, list[str]] = {invitation.id: [] for invitation, _name in rows}
    names = (
        select(InvitationGroup.invitation_id, CustodianGroup.name)
        .join(CustodianGroup, CustodianGroup.id == InvitationGroup.group_id)
        .where(InvitationGroup.invitation_id.in_(groups))
        .order_by(CustodianGroup.name_key)
    )
    for row in session.execute(names):
        groups[row.invitation_id].append(row.name)
    administrators = active_administrators(session)
    return tuple(
        InvitationLine(
            id=invitation.id,
            email=invitation.email,
            role_labels=role_labels(roles_from_text(invitation.roles)),
            group_names=tuple(groups[invitation.id]),
            invited_by=name or "",
            is_void=invitation.invited_by is not None and invitation.invited_by not in administrators,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
        )
        for invitation, name in rows
    )


def pending_changes(session: Session, now: datetime) -> tuple[ChangeLine, ...]:
    """Return every change that waits for a second administrator, the oldest first."""
    return _changes(session, now)


def has_lapsed_changes(session: Session, now: datetime) -> bool:
    """Tell whether a proposed change still waits although its time is over."""
    lapsed = select(AccountChange.id).where(AccountChange.state == ChangeState.PENDING, AccountChange.expires_at <= now)
    return session.execute(lapsed.limit(1)).first() is not None


def pending_changes_of_account(session: Session, now: datetime, account_id: bytes) -> tuple[ChangeLine, ...]:
    """Return the changes of one account that wait."""
    return _changes(session, now, AccountChange.account_id == account_id)


def pending_changes_of_group(session: Session, now: datetime, group_id: bytes) -> tuple[ChangeLine, ...]:
    """Return the changes that wait and concern one group: of who is in it, or of one of its members."""
    members = select(GroupMember.account_id).where(GroupMember.group_id == group_id, GroupMember.removed_at.is_(None))
    of_member = and_(AccountChange.group_id.is_(None), AccountChange.account_id.in_(members))
    return _changes(session, now, (AccountChange.group_id == group_id) | of_member)


def group_list(session: Session, group_ids: Collection[bytes] | None) -> tuple[GroupLine, ...]:
    """Return the groups with these ids, or all groups for None, by name."""
    wanted: Select[*tuple[Any, ...]] = (
        select(CustodianGroup.id, CustodianGroup.name, func.count(GroupMember.id).label("members"))
        .outerjoin(GroupMember, and_(GroupMember.group_id == CustodianGroup.id, GroupMember.removed_at.is_(None)))
        .group_by(CustodianGroup.id, CustodianGroup.name, CustodianGroup.name_key)
        .order_by(CustodianGroup.name_key)
    )
    if group_ids is not None:
        wanted = wanted.where(CustodianGroup.id.in_(group_ids))
    return tuple(GroupLine(row.id, row.name, row.members) for row in session.execute(wanted))


def group_detail(session: Session, group_id: bytes) -> GroupDetail:
    """Return everything that the page of a group shows of the group itself.

    Raises:
        GroupNotFound: there is no such group.
    """
    group = session.get(CustodianGroup, group_id, populate_existing=True)
    if group is None:
        raise GroupNotFound("there is no such group")
    stays = select(GroupMember.account_id, GroupMember.added_at).where(
        GroupMember.group_id == group_id, GroupMember.removed_at.is_(None)
    )
    added = {row.account_id: row.added_at for row in session.execute(stays)}
    everybody = people(session)
    return GroupDetail(
        id=group.id,
        name=group.name,
        created_at=group.created_at,
        members=tuple(Member(one, added[one.id]) for one in everybody if one.id in added),
        others=tuple(one for one in everybody if one.id not in added and not one.is_disabled),
    )


def _changes(session: Session, now: datetime, *conditions: ColumnElement[bool]) -> tuple[ChangeLine, ...]:
    concerned, author = aliased(Account), aliased(Account)
    rows = session.execute(
        select(AccountChange, concerned.name, author.name, CustodianGroup.name)
        .join(concerned, concerned.id == AccountChange.account_id)
        .join(author, author.id == AccountChange.proposed_by)
        .outerjoin(CustodianGroup, CustodianGroup.id == AccountChange.group_id)
        .where(AccountChange.state == ChangeState.PENDING, AccountChange.expires_at > now, *conditions)
        .order_by(AccountChange.proposed_at, AccountChange.id),
        execution_options={"populate_existing": True},
    ).all()
    return tuple(
        ChangeLine(
            id=change.id,
            digest=change.digest,
            kind=ChangeKind(change.kind),
            account_id=change.account_id,
            person_name=person_name,
            group_name=group_name or "",
            role_labels=() if change.roles is None else role_labels(roles_from_text(change.roles)),
            proposed_by=change.proposed_by,
            proposed_by_name=author_name,
            proposed_at=change.proposed_at,
            expires_at=change.expires_at,
        )
        for change, person_name, author_name, group_name in rows
    )
