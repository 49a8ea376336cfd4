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
