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


@dataclass(frozen=True, slots=True)
class RecordTemplate:
    """What a kind of record is called, which details it has, and which of them a draft must have."""

    label: str
    fields: frozenset[RecordField]
    required: frozenset[RecordField]


_COMMON_FIELDS = frozenset({RecordField.CUSTOMER, RecordField.SUBJECT})

# A draft is opened at first contact, when nobody may know the account yet: only the customer is required.
RECORD_TEMPLATES: Mapping[RecordKind, RecordTemplate] = {
    RecordKind.AWS_ROOT: RecordTemplate(
        label="AWS management account root",
        fields=_COMMON_FIELDS | {RecordField.AWS_ACCOUNT_ID, RecordField.ROOT_EMAIL, RecordField.CONTRACT_REFERENCE},
        required=frozenset({RecordField.CUSTOMER}),
    ),
    RecordKind.CREDENTIAL: RecordTemplate(
        label="Other credential",
        fields=_COMMON_FIELDS,
        required=frozenset({RecordField.CUSTOMER}),
    ),
}
