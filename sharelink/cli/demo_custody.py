"""Records in every state of custody, for the demonstration: customers from first contact to the end, by the acts."""

from dataclasses import dataclass
from datetime import timedelta

from sharelink.actors import Actor
from sharelink.acts import handing_over, stating
from sharelink.cli.demo_cases import Case, Customer, Team, case_in, open_case
from sharelink.cli.demo_requests import Play
from sharelink.cli.demo_sign_ins import fill_with_sign_ins
from sharelink.cli.demo_stage import ADDRESSES, BROWSER, DemoAccount, Stage
from sharelink.cli.demo_uses import Uses, fill_with_decided_uses, fill_with_undecided_uses
from sharelink.custody.contacts import confirmed_contacts
from sharelink.custody.states import CalendarKind, CustodyState, Purpose, Scenario
from sharelink.requests.states import RequestTemplate
from sharelink.statements.links import StatementLink

_READER = Actor.public(ADDRESSES[2], BROWSER)

_WESTSTRAND = Customer(
    "Weststrand Pharma AG", "Organisation of the group", "weststrand.example", "Wiebke Hansen", "CISO", "210000000017"
)
_GIPFELBAHN = Customer(
    "Gipfelbahn Betriebs GmbH", "Ticket shop", "gipfelbahn.example", "Anton Gruber", "Head of IT", "220000000024"
)
_AUWALD = Customer("Stadtbibliothek Auwald", "Registrar account", "auwald.example", "Lena Roth", "Head of the library")
_SEEHOF = Customer("Seehof Hotels", "Booking", "seehof.example", "Urs Keller", "Managing director", "230000000031")
_FERRY = Customer("Kiel Ferry Lines", "Production", "kielferry.example", "Ole Brandt", "IT manager", "240000000048")
_LINDGREN = Customer("Lindgren Möbel AB", "Web shop", "lindgren.example", "Astrid Lindgren", "CTO", "250000000055")
_TALBRUECKE = Customer(
    "Talbrücke Versicherung", "Claims platform", "talbruecke.example", "Jonas Weiss", "Head of cloud", "260000000062"
)
_KLINIK = Customer("Odenwald Klinik", "Archive of images", "odenwald.example", "Mira Sommer", "CIO", "270000000079")
_AGRAR = Customer("Marschland Agrar eG", "Sensors", "marschland.example", "Hauke Petersen", "Chairman", "280000000086")
_OPTIK = Customer("Bergmann Optik", "Branches", "bergmann.example", "Ruth Bergmann", "Owner", "290000000093")
_FJORD = Customer("Fjord Analytics", "Sandbox", "fjord.example", "Ingrid Dahl", "Head of data", "310000000010")
_LENZ = Customer("Papierhaus Lenz", "Old web shop", "lenz.example", "Karl Lenz", "Owner", "320000000027")
_RHEINBLICK = Customer(
    "Rheinblick Medien", "Streaming", "rheinblick.example", "Tarek Aydin", "Head of operations", "330000000034"
)
_KINO = Customer("Solaris Kino", "Ticket shop", "solaris.example", "Petra Vogt", "Manager", "340000000041")


@dataclass(frozen=True, slots=True, repr=False)
class TryStatement:
    """A live link to a customer's statement, for whoever wants to be that customer."""

    link: StatementLink
    contact_name: str


def fill_with_custody(
    stage: Stage, staff: DemoAccount, day: DemoAccount, night: DemoAccount, approver: DemoAccount
) -> TryStatement:
    """Make records in every state, half of them looked after by the custodian `day`, half by `night`.

    `staff` is the second person of both, and `approver` decides about uses.
    """
    by_day = _team(stage, staff, day, "Vault, root users of the day group")
    by_night = _team(stage, staff, night, "Vault, root users of the night shift")
    kept = _kept(by_day, approver)
    _looked_after(by_night, approver)
    _on_the_way_in(by_day, by_night)
    _interrupted(by_day)
    _on_the_way_out(by_day, by_night)
    _ended(by_day, by_night, approver)
    return _statement(kept)


def _team(stage: Stage, staff: DemoAccount, custodian: DemoAccount, vault: str) -> Team:
    with stage.unit_of_work.read() as work:
        (group_id,) = work.accounts.chains.groups_of(custodian.account_id)
    return Team(stage, staff, custodian, group_id, vault)


def _kept(team: Team, approver: DemoAccount) -> Case:
    """In custody as it should be: reviewed, drilled, with an approval for every use."""
    case = case_in(team, _WESTSTRAND, CustodyState.ACTIVE, days=120)
    case.ask_for_approval(110)
    uses = Uses(case, approver)
    uses.drill(45 * 24, "OPS-349")
    with case.write(44) as work:
        work.calendar.done(case.id, CalendarKind.DRILL, "The alarm rang in time.", went_well=True)
        work.handover.rotate(case.id, "Changed after the drill, as agreed.")
    case.check_items(30)
    with case.write(29.9) as work:
        found = "Two custodians, one approver, one contact: all of them still work there."
        work.calendar.done(case.id, CalendarKind.REVIEW, found, went_well=True)
    _confirmed_statement(case, 25)
    fill_with_decided_uses(uses)
    fill_with_sign_ins(case)
    return case


def _looked_after(team: Team, approver: DemoAccount) -> None:
    """In custody, but its review is overdue; and a credential that has nothing to do with AWS."""
    case = case_in(team, _GIPFELBAHN, CustodyState.ACTIVE, days=130, scenario=Scenario.CHANGE)
    fill_with_undecided_uses(Uses(case, approver))
    library = case_in(team, _AUWALD, CustodyState.ACTIVE, days=60)
    with library.write(40) as work:
        work.calendar.plan(library.id, CalendarKind.DRILL, 180)


def _on_the_way_in(by_day: Team, by_night: Team) -> None:
    verified = case_in(by_night, _TALBRUECKE, CustodyState.VERIFIED, days=5)
    verified.propose_activation(0.5)

    received = case_in(by_day, _LINDGREN, CustodyState.AWAITING_SECRET, days=4)
    play = Play(by_day.stage, by_day.staff, by_day.custodian)
    asked = play.ask(received.id, "Root password, to be handed over", RequestTemplate.AWS_ROOT, days=2)
    play.answer(asked, *received.answer, hours=7)

    awaiting = case_in(by_day, _FERRY, CustodyState.AWAITING_SECRET, days=3)
    play.ask(awaiting.id, "Root password, to be handed over", RequestTemplate.AWS_ROOT, days=1)

    draft = open_case(by_day, _SEEHOF, 2)
    draft.add_contact(1.5)


def _interrupted(team: Team) -> None:
    suspended = case_in(team, _KLINIK, CustodyState.ACTIVE, days=70, scenario=Scenario.CHANGE)
    why = "The customer's IT department was attacked. Nobody signs in until it is clear what they know."
    handing_over.suspend(team.stage.ago(days=2), team.custodian.actor, suspended.id, why)

    compromised = case_in(team, _RHEINBLICK, CustodyState.ACTIVE, days=55)
    compromised.send("Password of the billing user", 6, is_stored=False)
    why = "The password was read out in a meeting that was recorded."
    handing_over.mark_compromised(team.stage.ago(days=4), team.custodian.actor, compromised.id, why)


def _on_the_way_out(by_day: Team, by_night: Team) -> None:
    pending = case_in(by_night, _AGRAR, CustodyState.ACTIVE, days=100)
    pending.begin_release(3)
    pending.send("Root password, back to you", 1, is_stored=False)

    released = case_in(by_day, _OPTIK, CustodyState.ACTIVE, days=90, scenario=Scenario.CHANGE)
    released.begin_release(20)
    released.send("Root password, back to you", 19)
    released.complete_release(17)


def _ended(by_day: Team, by_night: Team, approver: DemoAccount) -> None:
    closing = case_in(by_night, _FJORD, CustodyState.ACTIVE, days=65)
    closing.begin_closing(4)

    closed = case_in(by_day, _LENZ, CustodyState.ACTIVE, days=80)
    closed.begin_closing(33)
    uses = Uses(closed, approver)
    last = uses.declare(32 * 24, Purpose.CLOSE_ACCOUNT, "OPS-355", "Close it, as the customer asked in writing.")
    uses.check_out(32 * 24 - 0.2, last)
    uses.check_in(32 * 24 - 1, last, "The account is closed; AWS has written so.")
    reference = "AWS case 170000000001"
    handing_over.close(by_day.stage.ago(days=31), by_day.custodian.actor, closed.id, reference)

    abandoned = case_in(by_night, _KINO, CustodyState.AWAITING_SECRET, days=28)
    why = "They have chosen another partner before anything was handed over."
    handing_over.abandon(by_night.stage.ago(days=24), by_night.custodian.actor, abandoned.id, why)


def _confirmed_statement(case: Case, days: float) -> None:
    """Have the customer read an earlier statement and say that it is right."""
    link = _make_link(case, days, timedelta(days=7)).link
    reading = stating.read(case.team.stage.ago(days=days - 1), _READER, link)
    stating.confirm(case.team.stage.ago(days=days - 1.01), _READER, link, reading.statement.log.entries)


def _statement(case: Case) -> TryStatement:
    return _make_link(case, 0, timedelta(days=30))


def _make_link(case: Case, days: float, lifetime: timedelta) -> TryStatement:
    with case.write(days) as work:
        (contact,) = confirmed_contacts(work.session, case.id)
        made = work.statements.make(case.id, contact.id, lifetime)
    return TryStatement(made.link, made.contact_name)
