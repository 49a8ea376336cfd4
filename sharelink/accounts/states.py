"""The roles that an account can have, and what they are called."""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Role(StrEnum):
    """What an account may be; an account has a set of them."""

    STAFF = "staff"
    CUSTODIAN = "custodian"
    APPROVER = "approver"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


ROLE_LABELS: Mapping[Role, str] = {
    Role.STAFF: "Staff",
    Role.CUSTODIAN: "Custodian",
    Role.APPROVER: "Approver",
    Role.AUDITOR: "Auditor",
    Role.ADMINISTRATOR: "Administrator",
}


def role_labels(roles: Iterable[Role]) -> tuple[str, ...]:
    """Return what `roles` are called on pages, always in the same order."""
    held = set(roles)
    return tuple(label for role, label in ROLE_LABELS.items() if role in held)


def roles_text(roles: Iterable[Role]) -> str:
    """Return `roles` as one text that events and rows keep: sorted, with commas."""
    return ",".join(sorted(set(roles)))


def roles_from_text(text: str) -> frozenset[Role]:
    """Return the roles that `roles_text` wrote."""
    return frozenset(Role(part) for part in text.split(",") if part)


class ChangeKind(StrEnum):
    """A change of an account that may take a second administrator."""

    ADD_MEMBER = "add_member"
    REMOVE_MEMBER = "remove_member"
    SET_ROLES = "set_roles"
    ENABLE = "enable"
    RESET_FACTORS = "reset_factors"


CHANGE_LABELS: Mapping[ChangeKind, str] = {
    ChangeKind.ADD_MEMBER: "add to the group",
    ChangeKind.REMOVE_MEMBER: "remove from the group",
    ChangeKind.SET_ROLES: "change the roles",
    ChangeKind.ENABLE: "enable the account again",
    ChangeKind.RESET_FACTORS: "reset the second factors",
}


class ChangeState(StrEnum):
    """Where a proposed change stands; every state but the first is final."""

    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"
    VOID = "void"
