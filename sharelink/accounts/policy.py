"""The rules about who may be what, as the operator chose them. Docs: docs/adr/0010."""

from collections.abc import Collection
from dataclasses import dataclass

from sharelink.accounts.states import Role

FIRST_ROLES = frozenset({Role.ADMINISTRATOR, Role.STAFF, Role.CUSTODIAN})

BOTH_DUTIES = "Nobody is administrator and custodian at once: whoever decides who opens secrets must not open them."


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """What is asked of accounts beyond the permission table.

    `separation_of_duties`: nobody is administrator and custodian, and what gives somebody a way to secrets (groups,
    factors, the administrator role itself) takes a second administrator.
    `local_sign_in`: people may sign in by themselves; without it only break-glass accounts may, and all others come
    from the provider.
    """

    separation_of_duties: bool = False
    local_sign_in: bool = True

    @property
    def first_roles(self) -> frozenset[Role]:
        """The roles of the first account."""
        return FIRST_ROLES - {Role.CUSTODIAN} if self.separation_of_duties else FIRST_ROLES

    def roles_problem(self, roles: Collection[Role]) -> str | None:
        """Return why one account may not have all of `roles`, or None."""
        if not roles:
            return "Choose at least one role."
        if self.separation_of_duties and {Role.ADMINISTRATOR, Role.CUSTODIAN} <= set(roles):
            return BOTH_DUTIES
        return None
