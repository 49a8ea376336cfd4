"""The permission table as the design states it."""

import pytest

from sharelink.accounts.permissions import PERMISSIONS, Permission, reach
from sharelink.accounts.states import ROLE_LABELS, Role, role_labels

OURS, THEIRS = b"group of ours" + bytes(3), b"group of theirs" + bytes(1)

READERS_OF_ALL = {Role.STAFF, Role.APPROVER, Role.AUDITOR}


@pytest.mark.parametrize("role", Role)
def test_every_role_reaches_exactly_the_records_it_should(role: Role) -> None:
    read = reach(Permission.RECORD_READ, {role}, frozenset({OURS}))
    assert read.covers(THEIRS) == (role in READERS_OF_ALL)
    assert read.covers(OURS) == (role in READERS_OF_ALL | {Role.CUSTODIAN})
    for permission in (Permission.RECORD_EDIT, Permission.SHARE_SEND):
        write = reach(permission, {role}, frozenset({OURS}))
        assert write.covers(THEIRS) == (role is Role.STAFF)
        assert write.covers(OURS) == (role in {Role.STAFF, Role.CUSTODIAN})


def test_the_administrator_role_alone_opens_no_record() -> None:
    for permission in (Permission.RECORD_READ, Permission.RECORD_EDIT, Permission.SHARE_SEND):
        assert reach(permission, {Role.ADMINISTRATOR}, frozenset({OURS})).is_empty


def test_a_custodian_without_a_group_reaches_nothing() -> None:
    assert reach(Permission.RECORD_READ, {Role.CUSTODIAN}, frozenset()).is_empty


def test_a_member_of_a_group_who_is_no_custodian_gains_nothing_by_it() -> None:
    assert reach(Permission.RECORD_EDIT, {Role.AUDITOR}, frozenset({OURS})).is_empty


def test_nobody_without_a_role_may_do_anything() -> None:
    for permission in Permission:
        assert reach(permission, set(), frozenset({OURS})).is_empty


def test_every_permission_and_every_role_has_its_row_and_its_name() -> None:
    assert set(PERMISSIONS) == set(Permission)
    assert set(ROLE_LABELS) == set(Role)
    assert role_labels([Role.ADMINISTRATOR, Role.STAFF]) == ("Staff", "Administrator")
