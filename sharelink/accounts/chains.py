"""Events about people, on the chain of the account and on the chains of the groups that it concerns.

A group hears of everything that changes who can reach its secrets; on its chain an account has another name than on
every other chain, so that nobody can follow a person through all of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.accounts.models import Account, GroupMember
from sharelink.actors import Actor
from sharelink.audit.events import AuditEvent, Outcome
from sharelink.audit.leaves import pseudonym
from sharelink.audit.log import AuditLog
from sharelink.crypto.identifiers import id_from_text, id_text
from sharelink.crypto.keyring import Keyring

Facts = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True)
class AccountChains:
    """Appends events about accounts, within one unit of work."""

    session: Session
    audit: AuditLog
    keyring: Keyring
    actor: Actor
    now: datetime

    def append(
        self,
        event: AuditEvent,
        account: Account,
        *,
        groups: Iterable[bytes] = (),
        facts: Facts | None = None,
        personal: Mapping[str, str] | None = None,
        outcome: Outcome = Outcome.SUCCESS,
    ) -> None:
        """Append `event` to the chain of `account`, and to the chain of each of `groups` with the person's name."""
        self.audit.append(
            event,
            rec=id_text(account.id),
            actor=self.actor,
            now=self.now,
            obj=("account", account.id),
            outcome=outcome,
            facts=facts,
            personal=personal,
        )
        for group_id in sorted(set(groups)):
            self.append_to_group(event, account, group_id, facts=facts, outcome=outcome)

    def append_to_group(
        self,
        event: AuditEvent,
        account: Account,
        group_id: bytes,
        *,
        facts: Facts | None = None,
        outcome: Outcome = Outcome.SUCCESS,
    ) -> None:
        """Append `event` about `account` to the chain of one group only."""
        chain = id_text(group_id)
        self.audit.append(
            event,
            rec=chain,
            actor=self.actor,
            now=self.now,
            # The same name as in the events that the member will cause on this chain, and no other.
            obj=("account", id_from_text(pseudonym(self.keyring.audit_key, chain, account.id))),
            outcome=outcome,
            facts=facts,
            personal={"member_name": account.name},
        )

    def groups_of(self, account_id: bytes) -> frozenset[bytes]:
        """Return the groups that the account is in now."""
        present = select(GroupMember.group_id).where(
            GroupMember.account_id == account_id, GroupMember.removed_at.is_(None)
        )
        return frozenset(self.session.scalars(present))
