"""Who may do what: one table. Routes and objects are both checked against it, and a test walks all of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from sharelink.accounts.states import Role


class Permission(StrEnum):
    """One thing that a signed-in person may be allowed to do."""

    RECORD_READ = "record:read"
    RECORD_EDIT = "record:edit"
    SHARE_SEND = "share:send"
    REQUEST_CREATE = "request:create"
    REQUEST_RETRIEVE = "request:retrieve"
    HOLD_RELEASE = "hold:release"
    CUSTODY_UPKEEP = "custody:upkeep"
    CUSTODY_STEP = "custody:step"
    CUSTODY_VERIFY = "custody:verify"
    CUSTODY_CONFIRM = "custody:confirm"
    CUSTODY_STOP = "custody:stop"
    ACCESS_DECLARE = "access:declare"
    ACCESS_APPROVE = "access:approve"
    ACCESS_REVIEW = "access:review"
    STATEMENT_SHARE = "statement:share"
    ACCOUNT_LIST = "account:list"
    ACCOUNT_ADMINISTER = "account:administer"
    GROUP_READ = "group:read"
    OUTBOX_ADMINISTER = "outbox:administer"
    AUDIT_READ = "audit:read"
    MONITOR_ADMINISTER = "monitor:administer"
    OWN_ACCOUNT = "account:own"


class Scope(StrEnum):
    """On which objects a role carries a permission."""

    ANY = "any"
    OWN_GROUP = "own_group"


PERMISSIONS: Mapping[Permission, Mapping[Role, Scope]] = MappingProxyType(
    {
        Permission.RECORD_READ: {
            Role.STAFF: Scope.ANY,
            Role.APPROVER: Scope.ANY,
            Role.AUDITOR: Scope.ANY,
            Role.CUSTODIAN: Scope.OWN_GROUP,
        },
        Permission.RECORD_EDIT: {Role.STAFF: Scope.ANY, Role.CUSTODIAN: Scope.OWN_GROUP},
        Permission.SHARE_SEND: {Role.STAFF: Scope.ANY, Role.CUSTODIAN: Scope.OWN_GROUP},
        Permission.REQUEST_CREATE: {Role.STAFF: Scope.ANY, Role.CUSTODIAN: Scope.OWN_GROUP},
        Permission.REQUEST_RETRIEVE: {Role.CUSTODIAN: Scope.OWN_GROUP},
        Permission.HOLD_RELEASE: {Role.STAFF: Scope.ANY, Role.CUSTODIAN: Scope.OWN_GROUP},
        Permission.CUSTODY_UPKEEP: {Role.STAFF: Scope.ANY, Role.CUSTODIAN: Scope.OWN_GROUP},
        Permission.CUSTODY_STEP: {Role.STAFF: Scope.ANY, Role.CUSTODIAN: Scope.OWN_GROUP},
        # Only who reaches the secret can have tried it.
        Permission.CUSTODY_VERIFY: {Role.CUSTODIAN: Scope.OWN_GROUP},
        Permission.CUSTODY_CONFIRM: {Role.STAFF: Scope.ANY, Role.CUSTODIAN: Scope.OWN_GROUP},
        # Whoever sees that something is wrong can stop it alone.
        Permission.CUSTODY_STOP: {Role.STAFF: Scope.ANY, Role.APPROVER: Scope.ANY, Role.CUSTODIAN: Scope.OWN_GROUP},
        Permission.ACCESS_DECLARE: {Role.CUSTODIAN: Scope.OWN_GROUP},
        Permission.ACCESS_APPROVE: {Role.APPROVER: Scope.ANY, Role.CUSTODIAN: Scope.OWN_GROUP},
        Permission.ACCESS_REVIEW: {Role.APPROVER: Scope.ANY, Role.CUSTODIAN: Scope.OWN_GROUP},
        Permission.STATEMENT_SHARE: {Role.STAFF: Scope.ANY, Role.CUSTODIAN: Scope.OWN_GROUP},
        Permission.ACCOUNT_LIST: {Role.ADMINISTRATOR: Scope.ANY},
        Permission.ACCOUNT_ADMINISTER: {Role.ADMINISTRATOR: Scope.ANY},
        Permission.GROUP_READ: {
            Role.ADMINISTRATOR: Scope.ANY,
            Role.AUDITOR: Scope.ANY,
            Role.STAFF: Scope.OWN_GROUP,
            Role.APPROVER: Scope.OWN_GROUP,
            Role.CUSTODIAN: Scope.OWN_GROUP,
        },
        Permission.OUTBOX_ADMINISTER: {Role.ADMINISTRATOR: Scope.ANY},
        Permission.AUDIT_READ: {Role.AUDITOR: Scope.ANY},
        Permission.MONITOR_ADMINISTER: {Role.ADMINISTRATOR: Scope.ANY, Role.AUDITOR: Scope.ANY},
        Permission.OWN_ACCOUNT: dict.fromkeys(Role, Scope.ANY),
    }
)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far somebody's permission goes: everywhere, or to the objects of some groups."""

    everywhere: bool
    group_ids: frozenset[bytes]

    @property
    def is_empty(self) -> bool:
        """Whether the permission reaches nothing at all."""
        return not self.everywhere and not self.group_ids

    def covers(self, group_id: bytes) -> bool:
        """Tell whether the permission reaches an object of that group."""
        return self.everywhere or group_id in self.group_ids


def reach(permission: Permission, roles: Collection[Role], group_ids: frozenset[bytes]) -> Reach:
    """Return how far `permission` goes for somebody with `roles` who is in the groups `group_ids`."""
    scopes = {scope for role, scope in PERMISSIONS[permission].items() if role in roles}
    return Reach(
        everywhere=Scope.ANY in scopes,
        group_ids=group_ids if Scope.OWN_GROUP in scopes else frozenset(),
    )
