"""Fills a fresh installation with examples, through the services themselves, at moments of the last half year."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sharelink.accounts.queries import groups_for_choice
from sharelink.accounts.states import Role, role_labels
from sharelink.actors import Actor
from sharelink.acts import joining, receiving, sending, tending
from sharelink.cli.demo_custody import TryStatement, fill_with_custody
from sharelink.cli.demo_requests import TryRequests, fill_with_requests
from sharelink.cli.demo_stage import ADDRESSES, BROWSER, DemoAccount, Stage
from sharelink.crypto.access_codes import new_access_code
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.passwords import CHARACTER_CLASSES, generate_password
from sharelink.custody.details import checked_details
from sharelink.custody.states import RecordField, RecordKind
from sharelink.errors import SharelinkError
from sharelink.shares.errors import CodeRefused, ShareEnded
from sharelink.shares.links import OpenLink
from sharelink.unit_of_work import UnitOfWork

DAY_GROUP, NIGHT_GROUP = "Custodians", "Night shift"
_PASSWORD_CHARACTERS = 20


@dataclass(frozen=True, slots=True, repr=False)
class TryIt:
    """A live link with its code, for whoever wants to be a recipient."""

    link: OpenLink
    code: str


@dataclass(frozen=True, slots=True)
class Examples:
    """What was made, as far as a visitor of the demonstration needs it."""

    accounts: list[DemoAccount]
    try_it: TryIt
    try_requests: TryRequests
    try_statement: TryStatement


def fill_with_examples(unit_of_work: UnitOfWork) -> Examples:
    """Make accounts of every role, records of every kind, shares in every state. Needs an empty installation."""
    stage = Stage(unit_of_work, unit_of_work.clock())
    accounts = _accounts(stage.ago(days=180))
    staff, custodian, colleague, approver = accounts[1:5]
    statement = fill_with_custody(stage, staff, custodian, colleague, approver)
    records = _records(stage, staff)
    requests = fill_with_requests(stage, staff, custodian, records[0], records[2])
    return Examples(accounts, _sends(stage, staff, records), requests, statement)


def _accounts(unit_of_work: UnitOfWork) -> list[DemoAccount]:
    return [
        _account(unit_of_work, "Ada Administrator", {Role.ADMINISTRATOR}),
        _account(unit_of_work, "Sam Staff", {Role.STAFF}),
        _account(unit_of_work, "Clara Custodian", {Role.CUSTODIAN}, DAY_GROUP),
        _account(unit_of_work, "Noor Custodian", {Role.CUSTODIAN}, NIGHT_GROUP),
        _account(unit_of_work, "Pat Approver", {Role.APPROVER}),
        _account(unit_of_work, "Audrey Auditor", {Role.AUDITOR}),
    ]


def _account(unit_of_work: UnitOfWork, name: str, roles: Collection[Role], *groups: str) -> DemoAccount:
    first = name.partition(" ")[0].lower()
    email = f"{first}@reseller.example"
    password = generate_password(_PASSWORD_CHARACTERS, frozenset(CHARACTER_CLASSES) - {"symbols"}, True).text
    account_id = joining.create_account(
        unit_of_work, Actor.operator(), name=name, email=email, roles=roles, groups=groups, password=password
    )
    described_as = ", ".join((*role_labels(roles), *groups))
    return DemoAccount(account_id, name, email, described_as, password)


def _records(stage: Stage, staff: DemoAccount) -> list[bytes]:
    with stage.unit_of_work.read() as work:
        groups = {group.name: group.id for group in groups_for_choice(work.session, None)}
    opened = []
    for days, kind, group, details in _RECORDS:
        with stage.ago(days=days).write(staff.actor) as work:
            opened.append(work.custody.open(checked_details(kind, details), groups[group]))
    with stage.ago(days=12).write(staff.actor) as work:
        work.custody.archive(opened.pop())
    return opened


_RECORDS = (
    (
        20,
        RecordKind.AWS_ROOT,
        DAY_GROUP,
        {
            RecordField.CUSTOMER: "Harbour Logistics GmbH",
            RecordField.SUBJECT: "Organisation of the group",
            RecordField.AWS_ACCOUNT_ID: "111122223333",
            RecordField.ROOT_EMAIL: "aws-root+harbour@reseller.example",
            RecordField.CONTRACT_REFERENCE: "C-2026-014",
        },
    ),
    (
        18,
        RecordKind.AWS_ROOT,
        NIGHT_GROUP,
        {
            RecordField.CUSTOMER: "Nordlicht Energie AG",
            RecordField.SUBJECT: "Production",
            RecordField.AWS_ACCOUNT_ID: "444455556666",
            RecordField.ROOT_EMAIL: "aws-root+nordlicht@reseller.example",
            RecordField.CONTRACT_REFERENCE: "C-2026-021",
        },
    ),
    (
        16,
        RecordKind.CREDENTIAL,
        DAY_GROUP,
        {RecordField.CUSTOMER: "Bäckerei Ölmüller", RecordField.SUBJECT: "Administrator of the web shop"},
    ),
    (
        14,
        RecordKind.CREDENTIAL,
        NIGHT_GROUP,
        {RecordField.CUSTOMER: "Old Mill Museum", RecordField.SUBJECT: "Registrar account"},
    ),
)


def _sends(stage: Stage, staff: DemoAccount, records: list[bytes]) -> TryIt:
    first, second, third = records
    recipient = Actor.public(ADDRESSES[0], BROWSER)

    stored = _send(stage.ago(days=10), staff, first, "Root password after the change")
    shown = receiving.reveal(stage.ago(days=9), recipient, stored.link, stored.code or "")
    receiving.acknowledge(stage.ago(days=9, minutes=-1), recipient, shown.receipt, stored=True)

    unconfirmed = _send(stage.ago(days=6), staff, second, "Root password after the change")
    receiving.reveal(stage.ago(days=5), recipient, unconfirmed.link, unconfirmed.code or "")

    declined = _send(stage.ago(days=5), staff, third, "Password of the web shop")
    note = "I left the company last week. Please ask Ms Weber."
    receiving.decline(stage.ago(days=4), recipient, declined.link, declined.code or "", note)

    _send(stage.ago(days=4), staff, second, "Recovery codes", lifetime=timedelta(days=1))
    with stage.ago(days=2, hours=23).write(Actor.system()) as work:
        work.shares.expire_due(100)

    _guess_until_locked(stage, _send(stage.ago(days=2), staff, first, "Billing user"))

    looked_at = _send(stage.ago(hours=30), staff, second, "Account of the monitoring")
    receiving.look(stage.ago(hours=3), recipient, looked_at.link)

    mistaken = _send(stage.ago(days=3), staff, first, "Recovery codes of the mailbox")
    why = "Sent to the former contact by mistake."
    tending.withdraw(stage.ago(days=3, minutes=-4), staff.actor, mistaken.share_id, why)

    slipped = _send(stage.ago(days=3), staff, first, "Password of the ticketing system")
    _guess_until_locked(stage, slipped)
    tending.unlock(stage.ago(hours=20), staff.actor, slipped.share_id)

    lost = _send(stage.ago(days=2), staff, third, "Password of the newsletter")
    _send(stage.ago(days=1), staff, third, "Password of the newsletter", replaces_id=lost.share_id)

    taken = _send(stage.ago(days=2), staff, second, "Console password")
    receiving.reveal(stage.ago(hours=26), Actor.public(ADDRESSES[1], BROWSER), taken.link, taken.code or "")
    receiving.report(stage.ago(hours=2), recipient, taken.link)

    _send(stage.ago(hours=21), staff, third, "Password of the mailbox", lifetime=timedelta(hours=24))
    unopened = _send(stage.unit_of_work, staff, first, "Password of the new administrator")
    return TryIt(unopened.link, unopened.code or "")


def _send(
    unit_of_work: UnitOfWork,
    staff: DemoAccount,
    record: bytes,
    label: str,
    *,
    lifetime: timedelta = timedelta(days=7),
    replaces_id: bytes | None = None,
) -> sending.Sent:
    request = sending.SendRequest(
        secret=generate_password(_PASSWORD_CHARACTERS, frozenset(CHARACTER_CLASSES), False).text,
        form_id=new_id(),
        lifetime=lifetime,
        label=label,
        instruction="Store it in your vault, then press “I stored it”.",
        code_waiver_reason=None,
        custody_id=record,
        replaces_id=replaces_id,
    )
    return sending.send(unit_of_work, staff.actor, request)


def _guess_until_locked(stage: Stage, sent: sending.Sent) -> None:
    """Type wrong codes as three strangers would, until the share is locked."""
    for minutes, address in enumerate(ADDRESSES):
        unit_of_work = stage.ago(days=1, minutes=-10 * minutes)
        guesser = Actor.public(address, BROWSER)
        try:
            while True:
                _guess(unit_of_work, guesser, sent)
        except ShareEnded:
            return
        except SharelinkError:
            # This one is paused; the next goes on.
            continue


def _guess(unit_of_work: UnitOfWork, guesser: Actor, sent: sending.Sent) -> None:
    try:
        receiving.reveal(unit_of_work, guesser, sent.link, new_access_code())
    except CodeRefused:
        return
