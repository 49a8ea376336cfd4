"""The states of a custody record, and the kinds of credential that a record can be about."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class CustodyState(StrEnum):
    """Where a custody record stands."""

    DRAFT = "draft"


class RecordKind(StrEnum):
    """What kind of credential a record is about."""

    AWS_ROOT = "aws_root"
    CREDENTIAL = "credential"


class RecordField(StrEnum):
    """The details of a record that a person types."""

    CUSTOMER = "customer"
    SUBJECT = "subject"
    AWS_ACCOUNT_ID = "aws_account_id"
    ROOT_EMAIL = "root_email"
    CONTRACT_REFERENCE = "contract_reference"


class Purpose(StrEnum):
    """Why a custodian reaches a secret: a closed list. For root: what AWS reserves to it, and the billing case.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-tasks.html
    """

    TAKE_INTO_CUSTODY = "take_into_custody"
    BILLING_CASE = "billing_case"
    ACCOUNT_SETTINGS = "account_settings"
    PAYMENT_SETTINGS = "payment_settings"
    ROOT_PASSWORD = "root_password"  # noqa: S105 - a purpose's name, not a password
    MFA_CHANGE = "mfa_change"
    RESTORE_ACCESS = "restore_access"
    CLOSE_ACCOUNT = "close_account"
    ACCESS_DRILL = "access_drill"
    AGREED_TASK = "agreed_task"


PURPOSE_LABELS: Mapping[Purpose, str] = {
    Purpose.TAKE_INTO_CUSTODY: "Take into custody: retrieve, store, check",
    Purpose.BILLING_CASE: "Billing case with AWS",
    Purpose.ACCOUNT_SETTINGS: "Change account name or root e-mail address",
    Purpose.PAYMENT_SETTINGS: "Change payment or tax settings",
    Purpose.ROOT_PASSWORD: "Change the root password",
    Purpose.MFA_CHANGE: "Register or replace a second factor (MFA)",
    Purpose.RESTORE_ACCESS: "Restore access that only root can restore",
    Purpose.CLOSE_ACCOUNT: "Close the account",
    Purpose.ACCESS_DRILL: "Access drill",
    Purpose.AGREED_TASK: "Task agreed with the customer",
}


@dataclass(frozen=True, slots=True)
class RecordTemplate:
    """What a kind of record is called, which details it has, which of them a draft must have, and what access takes."""

    label: str
    fields: frozenset[RecordField]
    required: frozenset[RecordField]
    purposes: tuple[Purpose, ...]
    ticket_required: bool


_COMMON_FIELDS = frozenset({RecordField.CUSTOMER, RecordField.SUBJECT})

# A draft is opened at first contact, when nobody may know the account yet: only the customer is required.
RECORD_TEMPLATES: Mapping[RecordKind, RecordTemplate] = {
    RecordKind.AWS_ROOT: RecordTemplate(
        label="AWS management account root",
        fields=_COMMON_FIELDS | {RecordField.AWS_ACCOUNT_ID, RecordField.ROOT_EMAIL, RecordField.CONTRACT_REFERENCE},
        required=frozenset({RecordField.CUSTOMER}),
        purposes=tuple(purpose for purpose in Purpose if purpose is not Purpose.AGREED_TASK),
        ticket_required=True,
    ),
    RecordKind.CREDENTIAL: RecordTemplate(
        label="Other credential",
        fields=_COMMON_FIELDS,
        required=frozenset({RecordField.CUSTOMER}),
        purposes=(Purpose.TAKE_INTO_CUSTODY, Purpose.AGREED_TASK, Purpose.ACCESS_DRILL),
        ticket_required=False,
    ),
}
