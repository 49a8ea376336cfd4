"""The states of a custody record, and the kinds of credential that a record can be about."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class CustodyState(StrEnum):
    """Where a custody record stands. Which may follow which: `sharelink.custody.transitions`."""

    DRAFT = "draft"
    AWAITING_SECRET = "awaiting_secret"  # noqa: S105 - a state's name, not a password
    RECEIVED = "received"
    VERIFIED = "verified"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    RELEASE_PENDING = "release_pending"
    RELEASED = "released"
    CLOSING = "closing"
    CLOSED = "closed"
    COMPROMISED = "compromised"
    ABANDONED = "abandoned"


TERMINAL_STATES = frozenset({CustodyState.RELEASED, CustodyState.CLOSED, CustodyState.ABANDONED})
"""Custody has ended: nothing new happens to such a record."""


class Scenario(StrEnum):
    """Which way the credential changes hands; chosen when the handover begins."""

    KEEP = "keep"
    CHANGE = "change"


SCENARIO_LABELS: Mapping[Scenario, str] = {
    Scenario.KEEP: "The customer keeps the password and submits it",
    Scenario.CHANGE: "The password is changed, and the new one is sent",
}


class Act(StrEnum):
    """What the state of a record may allow or refuse."""

    SEND = "send"
    REQUEST = "request"
    RETRIEVE = "retrieve"
    ROOT_ACCESS = "root_access"
    EDIT = "edit"
    CONTACTS = "contacts"
    ITEMS = "items"
    POLICY = "policy"
    CALENDAR = "calendar"


_UPKEEP = frozenset({Act.EDIT, Act.CONTACTS, Act.ITEMS, Act.CALENDAR})
_EVERYTHING = frozenset(Act)

ALLOWED_ACTS: Mapping[CustodyState, frozenset[Act]] = {
    # Secrets may be exchanged before custody begins.
    CustodyState.DRAFT: _EVERYTHING,
    CustodyState.AWAITING_SECRET: _EVERYTHING,
    CustodyState.RECEIVED: _EVERYTHING,
    CustodyState.VERIFIED: _EVERYTHING,
    CustodyState.ACTIVE: _EVERYTHING,
    CustodyState.SUSPENDED: _UPKEEP,
    # Handing back takes a last send, and access to clear up; nothing new comes in.
    CustodyState.RELEASE_PENDING: _UPKEEP | {Act.SEND, Act.RETRIEVE, Act.ROOT_ACCESS},
    CustodyState.CLOSING: _UPKEEP | {Act.RETRIEVE, Act.ROOT_ACCESS},
    # The way in is changed first; a secret is asked for or sent when the handover begins again.
    CustodyState.COMPROMISED: _UPKEEP | {Act.POLICY, Act.ROOT_ACCESS},
    CustodyState.RELEASED: frozenset(),
    CustodyState.CLOSED: frozenset(),
    CustodyState.ABANDONED: frozenset(),
}
"""The one place that says what a state allows."""

STATE_LABELS: Mapping[CustodyState, str] = {
    CustodyState.DRAFT: "Draft",
    CustodyState.AWAITING_SECRET: "Awaiting the secret",
    CustodyState.RECEIVED: "Secret received",
    CustodyState.VERIFIED: "Verified",
    CustodyState.ACTIVE: "In custody",
    CustodyState.SUSPENDED: "Suspended",
    CustodyState.RELEASE_PENDING: "Being released",
    CustodyState.RELEASED: "Released",
    CustodyState.CLOSING: "Being closed",
    CustodyState.CLOSED: "Closed",
    CustodyState.COMPROMISED: "Compromised",
    CustodyState.ABANDONED: "Abandoned",
}


STATE_TONES: Mapping[CustodyState, str] = {
    CustodyState.ACTIVE: "done",
    CustodyState.SUSPENDED: "warn",
    CustodyState.RELEASE_PENDING: "warn",
    CustodyState.CLOSING: "warn",
    CustodyState.COMPROMISED: "bad",
}
"""How a state is to be taken where that is not plain: done, warn or bad."""


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
    DISTRIBUTION_LIST = "distribution_list"


class Side(StrEnum):
    """Which of the two co-owners somebody belongs to."""

    CUSTOMER = "customer"
    OPERATOR = "operator"


class ItemKind(StrEnum):
    """What belongs to a credential and is looked after by itself."""

    PASSWORD = "password"  # noqa: S105 - an item's name, not a password
    MFA_DEVICE = "mfa_device"
    MAILBOX = "mailbox"
    RECOVERY_PHONE = "recovery_phone"
    ACCESS_KEYS = "access_keys"


class VersionOrigin(StrEnum):
    """Where a version of the secret came from."""

    CUSTOMER = "customer"
    GENERATED = "generated"
    EXTERNAL = "external"


class ProposalKind(StrEnum):
    """What takes a second person."""

    ADD_CONTACT = "add_contact"
    REMOVE_CONTACT = "remove_contact"
    POLICY = "policy"
    ACTIVATE = "activate"
    RELEASE = "release"
    CLOSING = "closing"


class ProposalState(StrEnum):
    """What became of a proposal."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    VOID = "void"


class CalendarKind(StrEnum):
    """What is done again and again while a credential is in custody."""

    REVIEW = "review"
    DRILL = "drill"


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
    """What a kind of record is called, which details it has, which of them a draft must have, and what access takes.

    `access_is_declared`: whether a secret is retrieved only inside a declared use. `item_labels`: the kinds of item it
    has. `released_items`: which of them must be back in the customer's hands at a release. `needs_contact`: whether a
    handover begins only when a contact of the customer is confirmed.
    """

    label: str
    fields: frozenset[RecordField]
    required: frozenset[RecordField]
    purposes: tuple[Purpose, ...]
    ticket_required: bool
    access_is_declared: bool
    item_labels: Mapping[ItemKind, str]
    released_items: tuple[ItemKind, ...]
    needs_contact: bool


_COMMON_FIELDS = frozenset({RecordField.CUSTOMER, RecordField.SUBJECT, RecordField.DISTRIBUTION_LIST})

# A draft is opened at first contact, when nobody may know the account yet: only the customer is required.
RECORD_TEMPLATES: Mapping[RecordKind, RecordTemplate] = {
    RecordKind.AWS_ROOT: RecordTemplate(
        label="AWS management account root",
        fields=_COMMON_FIELDS | {RecordField.AWS_ACCOUNT_ID, RecordField.ROOT_EMAIL, RecordField.CONTRACT_REFERENCE},
        required=frozenset({RecordField.CUSTOMER}),
        purposes=tuple(purpose for purpose in Purpose if purpose is not Purpose.AGREED_TASK),
        ticket_required=True,
        access_is_declared=True,
        item_labels={
            ItemKind.PASSWORD: "Root password",
            ItemKind.MFA_DEVICE: "MFA device",
            ItemKind.MAILBOX: "Root mailbox",
            ItemKind.RECOVERY_PHONE: "Recovery phone",
            ItemKind.ACCESS_KEYS: "Root access keys",
        },
        released_items=(ItemKind.PASSWORD, ItemKind.MFA_DEVICE, ItemKind.MAILBOX),
        needs_contact=True,
    ),
    RecordKind.CREDENTIAL: RecordTemplate(
        label="Other credential",
        fields=_COMMON_FIELDS,
        required=frozenset({RecordField.CUSTOMER}),
        purposes=(Purpose.TAKE_INTO_CUSTODY, Purpose.AGREED_TASK, Purpose.ACCESS_DRILL),
        ticket_required=False,
        access_is_declared=False,
        item_labels={ItemKind.PASSWORD: "Credential"},
        released_items=(ItemKind.PASSWORD,),
        needs_contact=False,
    ),
}
