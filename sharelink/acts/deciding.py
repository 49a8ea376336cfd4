"""What others do about a use: approve, deny, review; and the customer's word, by link and code."""

from dataclasses import dataclass

from sharelink.access.approver_links import ApprovalFacts, TriedCode
from sharelink.access.declarations import checked_text
from sharelink.access.errors import UseChanged
from sharelink.access.links import ApproverLink
from sharelink.access.states import Finding, UseState, Verdict
from sharelink.actors import Actor
from sharelink.acts.declaring import refusals_noted
from sharelink.errors import InvalidInput
from sharelink.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class TypedDecision:
    """A decision as a form carries it: the digest of what was shown, and what is said about it."""

    digest: str
    verdict: str
    note: str

    def checked(self) -> tuple[bytes, Verdict, str]:
        """Return digest, verdict and note.

        Raises:
            InvalidInput: in "verdict" or "note".
            UseChanged: the digest is none.
        """
        problems: dict[str, str] = {}
        if self.verdict not in set(Verdict):
            problems["verdict"] = "Choose one."
        missing = "Say why. Whoever asked reads it." if self.verdict == Verdict.DENIED else ""
        note, problem = checked_text(self.note, missing)
        if problem:
            problems["note"] = problem
        if problems:
            raise InvalidInput(problems)
        try:
            return bytes.fromhex(self.digest), Verdict(self.verdict), note
        except ValueError:
            raise UseChanged("this is no digest") from None


def decide(unit_of_work: UnitOfWork, actor: Actor, use_id: bytes, typed: TypedDecision) -> UseState:
    """Approve or deny what the page showed; return where the use stands then. Raises as `Access.decide`, and

    InvalidInput: in "verdict" or "note".
    """
    with refusals_noted(unit_of_work, actor, use_id=use_id):
        digest, verdict, note = typed.checked()
        with unit_of_work.write(actor) as work:
            return work.access.decide(use_id, digest, verdict, note)


def review(
    unit_of_work: UnitOfWork, actor: Actor, use_id: bytes, typed_finding: str, typed_note: str, *, is_proven: bool
) -> None:
    """Say what a look at a finished use found.

    Raises:
        InvalidInput: in "finding" or "note".
        UseNotFound, OwnUse, NotAnApprover, UseMovedOn: see `Access.review`.
    """
    problems: dict[str, str] = {}
    if typed_finding not in set(Finding):
        problems["finding"] = "Choose what you found."
    note, problem = checked_text(typed_note, "Say what you found." if typed_finding == Finding.CONCERN else "")
    if problem:
        problems["note"] = problem
    if problems:
        raise InvalidInput(problems)
    with refusals_noted(unit_of_work, actor, use_id=use_id), unit_of_work.write(actor) as work:
        work.access.review(use_id, Finding(typed_finding), note, is_proven=is_proven)


def look_as_contact(unit_of_work: UnitOfWork, actor: Actor, link: ApproverLink) -> ApprovalFacts:
    """Return what the holder of a whole link may know, and record its first opening.

    Raises:
        LinkUnavailable: there is nothing for this visitor; nothing was written.
    """
    with unit_of_work.read(actor) as work:
        facts = work.approver_links.find(link)
        is_new = work.approver_links.is_first_opening(link) and actor.account_id is None
    if is_new:
        with unit_of_work.write(actor) as work:
            work.approver_links.note_opening(link)
    return facts


def ask_code(unit_of_work: UnitOfWork, actor: Actor, link: ApproverLink) -> None:
    """Have a code mailed to the link's contact. Raises as `ApproverLinks.ask_code`."""
    with unit_of_work.read(actor) as work:
        # Without the writer's turn, so that strangers can never hold it.
        use_id = work.approver_links.find(link).use.id
    with refusals_noted(unit_of_work, actor, use_id=use_id), unit_of_work.write(actor) as work:
        work.approver_links.ask_code(link)


def decide_as_contact(
    unit_of_work: UnitOfWork, actor: Actor, link: ApproverLink, typed: TypedDecision, code: str
) -> TriedCode:
    """Approve or deny for the link's contact, if the code is right. Raises as `ApproverLinks.decide`, and

    InvalidInput: in "verdict" or "note"; no code was tried.
    """
    with unit_of_work.read(actor) as work:
        use_id = work.approver_links.find(link).use.id
    with refusals_noted(unit_of_work, actor, use_id=use_id):
        digest, verdict, note = typed.checked()
        with unit_of_work.write(actor) as work:
            return work.approver_links.decide(link, digest, verdict, note, code)
