"""Uses in every state, for the demonstration: declared, decided, begun, ended and looked at through the acts."""

from dataclasses import dataclass

from sharelink.access.declarations import TypedDeclaration
from sharelink.access.queries import use_detail
from sharelink.access.states import Finding, UseOutcome, Verdict
from sharelink.actors import Actor
from sharelink.acts import deciding, declaring
from sharelink.acts.deciding import TypedDecision
from sharelink.cli.demo_cases import Case
from sharelink.cli.demo_stage import DemoAccount
from sharelink.custody.states import Purpose
from sharelink.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Uses:
    """The uses of one record: its custodian declares them, `approver` decides. `hours` is how long ago that was."""

    case: Case
    approver: DemoAccount

    def declare(
        self,
        hours: float,
        purpose: Purpose,
        ticket: str,
        reason: str,
        *,
        starts_in_hours: int = 0,
        lasts_hours: int = 4,
        breaks_glass: bool = False,
    ) -> bytes:
        """Declare a use, or begin one without approval; return its id."""
        act = declaring.break_glass if breaks_glass else declaring.declare
        lengths = str(starts_in_hours * 3600), str(lasts_hours * 3600)
        typed = TypedDeclaration(purpose.value, ticket, reason, *lengths)
        return act(self._at(hours), self._custodian, self.case.id, typed)

    def decide(self, hours: float, use_id: bytes, verdict: Verdict, note: str = "") -> None:
        """Approve or deny."""
        unit_of_work = self._at(hours)
        with unit_of_work.read() as work:
            shown = use_detail(work.session, use_id, work.now)
        deciding.decide(unit_of_work, self.approver.actor, use_id, TypedDecision(shown.digest_text, verdict, note))

    def check_out(self, hours: float, use_id: bytes) -> None:
        """Begin it."""
        declaring.check_out(self._at(hours), self._custodian, use_id)

    def check_in(self, hours: float, use_id: bytes, note: str, outcome: UseOutcome = UseOutcome.DONE) -> None:
        """End it."""
        declaring.check_in(self._at(hours), self._custodian, use_id, outcome.value, note)

    def review(self, hours: float, use_id: bytes, finding: Finding, note: str) -> None:
        """Look at what was done."""
        unit_of_work = self._at(hours)
        deciding.review(unit_of_work, self.approver.actor, use_id, finding.value, note, is_proven=False)

    def withdraw(self, hours: float, use_id: bytes) -> None:
        """Take it back."""
        declaring.withdraw(self._at(hours), self._custodian, use_id)

    def sweep(self, hours: float) -> None:
        """Do what the background work would have done then."""
        with self._at(hours).write(Actor.system()) as work:
            work.use_endings.expire_due(100)

    def drill(self, hours: float, ticket: str) -> None:
        """Hold a drill from the declaration to the review; the policy of the record asks for an approval."""
        use = self.declare(hours, Purpose.ACCESS_DRILL, ticket, "Quarterly drill: sign in, see the alarm, sign out.")
        self.decide(hours - 0.5, use, Verdict.APPROVED)
        self.check_out(hours - 1, use)
        self.check_in(hours - 1.5, use, "Signed in with the device from the safe. The alarm rang after two minutes.")
        self.review(hours - 5, use, Finding.AS_DECLARED, "Compared with the alarm and the visitors' list of the safe.")

    @property
    def _custodian(self) -> Actor:
        return self.case.team.custodian.actor

    def _at(self, hours: float) -> UnitOfWork:
        return self.case.team.stage.ago(hours=hours)


def fill_with_decided_uses(uses: Uses) -> None:
    """Make uses of a record whose policy asks for one approval: what may become of them, the oldest first."""
    refused = uses.declare(21 * 24, Purpose.PAYMENT_SETTINGS, "OPS-371", "Change the card; an invoice was not paid.")
    uses.decide(21 * 24 - 1, refused, Verdict.DENIED, "The customer changes their card themselves; see the contract.")
    mistaken = uses.declare(15 * 24, Purpose.ROOT_PASSWORD, "OPS-377", "Change the root password.")
    uses.withdraw(15 * 24 - 1, mistaken)
    uses.declare(12 * 24, Purpose.BILLING_CASE, "OPS-380", "Ask AWS about an invoice of March.")
    uses.sweep(12 * 24 - 6)

    done = uses.declare(8 * 24, Purpose.BILLING_CASE, "OPS-384", "Open the billing case that AWS takes from root only.")
    uses.decide(8 * 24 - 1, done, Verdict.APPROVED, "As agreed with the customer on the phone.")
    uses.check_out(8 * 24 - 1.5, done)
    uses.check_in(8 * 24 - 2, done, "Case opened.")

    urgent = "A policy locked every administrator out of the backup bucket, and production stands still."
    broken = uses.declare(20, Purpose.RESTORE_ACCESS, "OPS-401", urgent, lasts_hours=1, breaks_glass=True)
    uses.check_in(19.5, broken, "Removed the bucket's policy. The customer was on the phone all the time.")

    tomorrow = "Register the second key for the safe, together with the keeper of the safe."
    ready = uses.declare(1.5, Purpose.MFA_CHANGE, "OPS-403", tomorrow, starts_in_hours=4, lasts_hours=2)
    uses.decide(1.2, ready, Verdict.APPROVED)
    begun = uses.declare(1, Purpose.ACCOUNT_SETTINGS, "OPS-404", "Change the account's name after the merger.")
    uses.decide(0.8, begun, Verdict.APPROVED, "The customer wrote to us about it on Monday.")
    uses.check_out(0.6, begun)
    uses.declare(0.3, Purpose.BILLING_CASE, "OPS-406", "Answer what AWS asks in the billing case of last week.")


def fill_with_undecided_uses(uses: Uses) -> None:
    """Make uses of a record whose policy asks for nobody: one with a concern, and one that is overdue."""
    odd = uses.declare(30 * 24, Purpose.BILLING_CASE, "OPS-362", "Ask AWS for another invoice address.")
    uses.check_out(30 * 24 - 0.1, odd)
    uses.check_in(30 * 24 - 2, odd, "AWS wants a letter first.", UseOutcome.NOT_DONE)
    concern = "The sign-in came from an address that is not ours. It was the train; please use the office next time."
    uses.review(30 * 24 - 26, odd, Finding.CONCERN, concern)
    forgotten = uses.declare(9, Purpose.PAYMENT_SETTINGS, "OPS-402", "Enter the tax number, as the customer asked.")
    uses.check_out(8.9, forgotten)
    uses.sweep(4)
