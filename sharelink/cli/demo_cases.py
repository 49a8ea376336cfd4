"""What people do with a record of the demonstration, one act at a time; `days` is always how long ago that was."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta

from sharelink.actors import Actor
from sharelink.acts import handing_over, receiving, retrieving, sending
from sharelink.cli.demo_requests import Play
from sharelink.cli.demo_stage import ADDRESSES, BROWSER, DemoAccount, Stage
from sharelink.crypto.identifiers import new_id
from sharelink.crypto.passwords import CHARACTER_CLASSES, generate_password
from sharelink.custody.contacts import checked_contact
from sharelink.custody.details import checked_details
from sharelink.custody.items import checked_item, items_of
from sharelink.custody.policy import record_policy
from sharelink.custody.proposal_view import proposals_of
from sharelink.custody.release import release_checklist
from sharelink.custody.states import CustodyState, ItemKind, RecordField, RecordKind, Scenario, Side
from sharelink.requests.states import RequestTemplate
from sharelink.work import Work

CHANNEL = "A call to the number in the contract"
_OPERATOR = "Example Reseller GmbH"
_TERMS = (
    "Root access for what AWS reserves to the root user, and for billing. Nothing else, and never without a ticket."
)
_CUSTOMER_VISITOR = Actor.public(ADDRESSES[1], BROWSER)
_HOUR = 1 / 24


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer of the demonstration, and the person whom one deals with there."""

    name: str
    subject: str
    domain: str
    contact: str
    role: str
    aws_account_id: str = ""

    @property
    def kind(self) -> RecordKind:
        """What kind of credential their record is about."""
        return RecordKind.AWS_ROOT if self.aws_account_id else RecordKind.CREDENTIAL

    @property
    def email(self) -> str:
        """The contact's own address."""
        return f"{self.contact.split()[0].lower()}@{self.domain}"

    @property
    def root_email(self) -> str:
        """Where AWS writes to."""
        return f"aws-root+{self.domain.partition('.')[0]}@reseller.example"

    @property
    def details(self) -> dict[RecordField, str]:
        """What is typed when their record is opened."""
        return {
            RecordField.CUSTOMER: self.name,
            RecordField.SUBJECT: self.subject,
            RecordField.AWS_ACCOUNT_ID: self.aws_account_id,
            RecordField.ROOT_EMAIL: self.root_email,
            RecordField.CONTRACT_REFERENCE: f"C-2026-{self.aws_account_id[:3]}",
            RecordField.DISTRIBUTION_LIST: f"access-list@{self.domain}",
        }


@dataclass(frozen=True, slots=True)
class Team:
    """The custodian who looks after a record with their group, and staff, who are the second person."""

    stage: Stage
    staff: DemoAccount
    custodian: DemoAccount
    group_id: bytes
    vault: str


@dataclass(frozen=True, slots=True)
class Case:
    """One record, with those who look after it."""

    team: Team
    customer: Customer
    id: bytes

    def write(self, days: float) -> AbstractContextManager[Work]:
        """Begin a transaction of the custodian, that long ago."""
        return self.team.stage.ago(days=days).write(self.team.custodian.actor)

    def add_contact(self, days: float) -> bytes:
        """Add the customer's contact, who waits for a second person; return the contact's id."""
        details = checked_contact(
            side=Side.CUSTOMER, name=self.customer.contact, email=self.customer.email, role_text=self.customer.role
        )
        with self.write(days) as work:
            return work.contacts.add(self.id, details)

    def confirm(self, days: float, how: str = "") -> None:
        """Confirm, as the second person, the one thing that waits on the record."""
        unit_of_work, staff = self.team.stage.ago(days=days), self.team.staff
        with unit_of_work.read() as work:
            (proposal,) = proposals_of(work.session, self.id, staff.account_id, work.now)
        digest = bytes.fromhex(proposal.digest_text)
        handing_over.confirm(unit_of_work, staff.actor, proposal.id, digest, is_proven=False, how=how)

    def meet(self, days: float) -> bytes:
        """Have a contact of the customer confirmed and the terms written down; return the contact's id."""
        contact_id = self.add_contact(days)
        self.confirm(days - _HOUR, "Called the number in the contract.")
        with self.write(days - 2 * _HOUR) as work:
            since = (work.now - timedelta(days=1)).date()
            work.terms.save(self.id, operator_name=_OPERATOR, purpose=_TERMS, since=since)
        return contact_id

    def begin(self, days: float, scenario: Scenario, contact_id: bytes | None) -> None:
        """Begin the handover."""
        with self.write(days) as work:
            work.handover.begin(self.id, scenario.value, CHANNEL, contact_id)

    def receive(self, days: float, scenario: Scenario) -> None:
        """Bring the secret here, the way that the scenario says, and to where it is kept."""
        if scenario is Scenario.CHANGE:
            self.send("New root password", days)
            return
        play = Play(self.team.stage, self.team.staff, self.team.custodian)
        template = RequestTemplate.AWS_ROOT if self.customer.aws_account_id else RequestTemplate.TEXT
        asked = play.ask(self.id, "Password, to be handed over", template, days=days)
        play.answer(asked, *self.answer, days=days - 3 * _HOUR)
        detail = play.show(asked, "OPS-398", days=days - 4 * _HOUR)
        stored_at = self.team.stage.ago(days=days - 5 * _HOUR)
        retrieving.accept(stored_at, self.team.custodian.actor, detail, self.team.vault)

    @property
    def answer(self) -> tuple[str, ...]:
        """What the customer submits when they are asked for the secret."""
        if self.customer.aws_account_id:
            return self.customer.aws_account_id, self.customer.root_email, "a root password of an example", "", ""
        return ("a password of an example",)

    def send(self, label: str, days: float, *, is_stored: bool = True) -> None:
        """Send a generated password to the customer, who takes it an hour later if `is_stored`."""
        staff = self.team.staff.actor
        sent = sending.send(
            self.team.stage.ago(days=days),
            staff,
            sending.SendRequest(
                secret=generate_password(20, frozenset(CHARACTER_CLASSES), True).text,
                form_id=new_id(),
                lifetime=timedelta(days=7),
                label=label,
                instruction="Store it in your vault, then press “I stored it”.",
                code_waiver_reason=None,
                custody_id=self.id,
            ),
        )
        if is_stored:
            then = self.team.stage.ago(days=days - _HOUR)
            shown = receiving.reveal(then, _CUSTOMER_VISITOR, sent.link, sent.code or "")
            receiving.acknowledge(then, _CUSTOMER_VISITOR, shown.receipt, stored=True)

    def write_down(self, days: float) -> None:
        """Write the items down, each with its holder and place, and look at those that can be looked at."""
        kind = self.customer.kind
        with self.write(days) as work:
            for item, holder, place, tail in _ITEMS[kind]:
                details = checked_item(
                    kind,
                    kind=item.value,
                    label="",
                    holder=holder.format(customer=self.customer.name),
                    place=place.format(vault=self.team.vault, mailbox=self.customer.root_email),
                    serial_tail=tail,
                    state_text="",
                )
                work.items.add(self.id, details)
        self.check_items(days - _HOUR)

    def check_items(self, days: float) -> None:
        """Look at every item."""
        with self.write(days) as work:
            for item in items_of(work.session, self.id):
                none_seen = item.kind is ItemKind.ACCESS_KEYS
                work.items.check(item.id, "" if none_seen else "There, and works.", none_seen=none_seen)

    def verify(self, days: float) -> None:
        """Say that the custodian signed in with the secret ten minutes before."""
        tail = "4711" if self.customer.aws_account_id else ""
        with self.write(days) as work:
            work.handover.verify(self.id, work.now - timedelta(minutes=10), tail)

    def propose_activation(self, days: float) -> None:
        """Propose to take the record into custody."""
        with self.write(days) as work:
            work.handover.propose_activation(self.id, self.customer.contact, CHANNEL)

    def begin_release(self, days: float) -> None:
        """Begin to hand everything back, the two together."""
        with self.write(days) as work:
            work.handover.propose_release(self.id, self.customer.contact, CHANNEL)
        self.confirm(days - _HOUR)

    def complete_release(self, days: float) -> None:
        """Tick everything off."""
        unit_of_work = self.team.stage.ago(days=days)
        with unit_of_work.read() as work:
            ticked = [line.key for line in release_checklist(work.session, self.id)]
        custodian = self.team.custodian.actor
        handing_over.complete_release(
            unit_of_work, custodian, self.id, ticked, confirmed_by=self.customer.contact, channel=CHANNEL
        )

    def begin_closing(self, days: float) -> None:
        """Begin to close the account, the two together."""
        with self.write(days) as work:
            work.handover.propose_closing(self.id, "The customer leaves AWS and closes the account.")
        self.confirm(days - _HOUR)

    def ask_for_approval(self, days: float) -> None:
        """Have the policy ask for one approval and for tickets of our own desk, the two together."""
        with self.write(days) as work:
            policy = replace(record_policy(work.session, self.id), approvals_needed=1, ticket_pattern="OPS-#")
            work.policies.propose(self.id, policy)
        self.confirm(days - _HOUR)


def open_case(team: Team, customer: Customer, days: float) -> Case:
    """Open a draft."""
    details = checked_details(customer.kind, customer.details)
    with team.stage.ago(days=days).write(team.staff.actor) as work:
        return Case(team, customer, work.custody.open(details, team.group_id))


def case_in(
    team: Team, customer: Customer, state: CustodyState, *, days: float, scenario: Scenario = Scenario.KEEP
) -> Case:
    """Open a record `days` ago and take it, within three days, to a state on the way into custody."""
    case = open_case(team, customer, days)
    contact_id = case.meet(days - 4 * _HOUR)

    def activate() -> None:
        case.propose_activation(days - 2.6)
        case.confirm(days - 2.8)

    steps: tuple[tuple[CustodyState, Callable[[], None]], ...] = (
        (CustodyState.DRAFT, lambda: case.begin(days - 1, scenario, contact_id)),
        (CustodyState.AWAITING_SECRET, lambda: case.receive(days - 1.2, scenario)),
        (CustodyState.RECEIVED, lambda: _store_and_verify(case, days - 2)),
        (CustodyState.VERIFIED, activate),
    )
    for reached, step in steps:
        if state is reached:
            break
        step()
    return case


def _store_and_verify(case: Case, days: float) -> None:
    case.write_down(days)
    case.verify(days - 2 * _HOUR)


_ITEMS = {
    RecordKind.AWS_ROOT: (
        (ItemKind.PASSWORD, "Custodians of the record", "{vault}", ""),
        (ItemKind.MFA_DEVICE, "Keeper of the safe", "Safe in Hamburg, drawer 3", "4711"),
        (ItemKind.MAILBOX, "Service desk", "{mailbox}", ""),
        (ItemKind.RECOVERY_PHONE, "{customer}", "Switchboard of the customer", "88"),
        (ItemKind.ACCESS_KEYS, "Nobody", "Nowhere", ""),
    ),
    RecordKind.CREDENTIAL: ((ItemKind.PASSWORD, "Custodians of the record", "{vault}", ""),),
}
