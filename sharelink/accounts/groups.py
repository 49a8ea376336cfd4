"""The acts on custodian groups: found, make, add a member, remove a member. A stay has a beginning and an end."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sharelink.accounts.chains import AccountChains
from sharelink.accounts.details import name_key, name_problem, normalised_name
from sharelink.accounts.errors import AlreadySo, GroupNotFound
from sharelink.accounts.models import Account, CustodianGroup, GroupMember
from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent
from sharelink.audit.log import AuditLog
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Groups:
    """The acts on groups in one unit of work. Every one of them is an event on the group's own chain."""

    session: Session
    audit: AuditLog
    chains: AccountChains
    actor: Actor
    now: datetime

    def create(self, typed_name: str) -> bytes:
        """Make an empty group and return its id.

        Raises:
            InvalidInput: the name cannot be accepted, or there is a group of this name, whatever the letter case.
        """
        name = normalised_name(typed_name)
        if problem := name_problem(name):
            raise InvalidInput({"name": problem})
        if self._of_name(name) is not None:
            raise InvalidInput({"name": "There is a group of this name already."})
        try:
            with self.session.begin_nested():
                return self._make(name).id
        except IntegrityError:
            raise InvalidInput({"name": "There is a group of this name already."}) from None

    def named(self, name: str) -> CustodianGroup:
        """Return the group of that normalised name, made if there is none."""
        return self._of_name(name) or self._make(name)

    def id_of(self, typed_name: str) -> bytes:
        """Return the id of the group of that name.

        Raises:
            GroupNotFound: there is none.
        """
        group = self._of_name(normalised_name(typed_name))
        if group is None:
            raise GroupNotFound("there is no group of this name")
        return group.id

    def found_or_made(self, typed_name: str) -> bytes:
        """Return the id of the group of that name, made if there is none.

        Raises:
            InvalidInput: in the field "groups": the name cannot be accepted.
        """
        name = normalised_name(typed_name)
        if problem := name_problem(name):
            raise InvalidInput({"groups": problem})
        return self.named(name).id

    def check_exists(self, group_id: bytes) -> None:
        """Make sure that there is such a group.

        Raises:
            GroupNotFound: there is none.
        """
        if self.session.get(CustodianGroup, group_id) is None:
            raise GroupNotFound("there is no such group")

    def is_member(self, group_id: bytes, account_id: bytes) -> bool:
        """Tell whether the account is in the group now."""
        return group_id in self.chains.groups_of(account_id)

    def add(self, group_id: bytes, account: Account) -> None:
        """Begin a stay of the account in the group.

        Raises:
            AlreadySo: it is a member.
        """
        if self.is_member(group_id, account.id):
            raise AlreadySo("this person is in the group already")
        self.session.add(
            GroupMember(id=new_id(), group_id=group_id, account_id=account.id, added_at=self.now, removed_at=None)
        )
        self.session.flush()
        self.chains.append_to_group(AuditEvent.ADMIN_MEMBER_ADDED, account, group_id)
        self._note_on_account(AuditEvent.ADMIN_MEMBER_ADDED, account, group_id)

    def remove(self, group_id: bytes, account: Account) -> None:
        """End the stay of the account in the group; what it reached through the group ends with the next request.

        Raises:
            AlreadySo: it is no member.
        """
        ended = self.session.execute(
            update(GroupMember)
            .where(
                GroupMember.group_id == group_id,
                GroupMember.account_id == account.id,
                GroupMember.removed_at.is_(None),
            )
            .values(removed_at=self.now)
            .returning(GroupMember.id),
            execution_options={"synchronize_session": False},
        )
        if ended.first() is None:
            raise AlreadySo("this person is not in the group")
        self.chains.append_to_group(AuditEvent.ADMIN_MEMBER_REMOVED, account, group_id)
        self._note_on_account(AuditEvent.ADMIN_MEMBER_REMOVED, account, group_id)

    def _note_on_account(self, event: AuditEvent, account: Account, group_id: bytes) -> None:
        name = self.session.get_one(CustodianGroup, group_id).name
        self.chains.append(event, account, personal={"group_name": name})

    def _of_name(self, name: str) -> CustodianGroup | None:
        return self.session.scalar(select(CustodianGroup).where(CustodianGroup.name_key == name_key(name)))

    def _make(self, name: str) -> CustodianGroup:
        group = CustodianGroup(id=new_id(), name=name, name_key=name_key(name), created_at=self.now)
        self.session.add(group)
        self.session.flush()
        self.audit.append(
            AuditEvent.ADMIN_GROUP_CREATED,
            rec=id_text(group.id),
            actor=self.actor,
            now=self.now,
            obj=("group", group.id),
            facts={"name": name},
        )
        return group
