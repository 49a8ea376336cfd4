"""What comes next on a record, and the checklist on the way: a pure function of facts. Knows no database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sharelink.custody.states import RECORD_TEMPLATES, CustodyState, ItemKind, ProposalKind, RecordKind, Scenario


class StepCode(StrEnum):
    """What the one button of the next step leads to."""

    ADD_CONTACT = "add_contact"
    CONFIRM_CONTACT = "confirm_contact"
    BEGIN = "begin"
    REQUEST = "request"
    AWAIT_ANSWER = "await_answer"
    SEND = "send"
    RETRIEVE = "retrieve"
    VERIFY = "verify"
    ADD_ITEM = "add_item"
    CHECK_ITEM = "check_item"
    PROPOSE_ACTIVATION = "propose_activation"
    CONFIRM_PROPOSAL = "confirm_proposal"
    REVIEW = "review"
    DRILL = "drill"
    LIFT_HOLD = "lift_hold"
    COMPLETE_RELEASE = "complete_release"
    CLOSE = "close"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do now: a title, one sentence, and what its button leads to."""

    code: StepCode
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class ChecklistLine:
    """One line of the checklist of a handover."""

    label: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class HandoverFacts:
    """Everything that decides what comes next.

    `item_kinds` are those written down, `checked_kinds` those that somebody has looked at. `pending` are the kinds of
    proposal that wait. `awaits_answer`: a request of the record waits for the customer; `answer_waits`: an answer waits
    to be retrieved.
    """

    kind: RecordKind
    state: CustodyState
    scenario: Scenario | None
    is_archived: bool
    is_held: bool
    has_confirmed_contact: bool
    has_waiting_contact: bool
    has_terms: bool
    has_version: bool
    is_verified: bool
    verified_at: datetime | None
    item_kinds: frozenset[ItemKind]
    checked_kinds: frozenset[ItemKind]
    pending: frozenset[ProposalKind]
    awaits_answer: bool
    answer_waits: bool
    review_is_overdue: bool
    drill_is_overdue: bool


_BEFORE_CUSTODY = frozenset(
    {CustodyState.DRAFT, CustodyState.AWAITING_SECRET, CustodyState.RECEIVED, CustodyState.VERIFIED}
)
_NOT_BEGUN = frozenset({CustodyState.DRAFT, CustodyState.COMPROMISED, CustodyState.ABANDONED})


def checklist(facts: HandoverFacts) -> tuple[ChecklistLine, ...]:
    """Return the checklist of the handover: what both scenarios need, and what each needs for itself."""
    template = RECORD_TEMPLATES[facts.kind]
    begun = facts.state not in _NOT_BEGUN
    lines = []
    if template.needs_contact:
        lines.append(("A contact of the customer, confirmed by a second person", facts.has_confirmed_contact))
    lines += [
        ("Terms written down: who owns it together, for what", facts.has_terms),
        ("Handover begun, and the customer told", begun),
    ]
    if facts.scenario is Scenario.CHANGE:
        lines.append(("Secret changed, and the new one sent", facts.has_version))
    else:
        lines.append(("Secret kept by the customer, and submitted", facts.has_version))
    if facts.kind is RecordKind.AWS_ROOT:
        lines += [
            ("Root mailbox moved to the distribution list", ItemKind.MAILBOX in facts.checked_kinds),
            ("MFA device registered, kept apart from the password", ItemKind.MFA_DEVICE in facts.item_kinds),
            ("Root access keys: none, seen so", ItemKind.ACCESS_KEYS in facts.checked_kinds),
        ]
    lines += [
        ("Sign-in verified by a custodian", facts.is_verified),
        ("Kept in the vault, place written down", ItemKind.PASSWORD in facts.item_kinds),
        (
            "Acknowledged by the customer, taken into custody by two people",
            facts.verified_at is not None and facts.state not in _BEFORE_CUSTODY | _NOT_BEGUN,
        ),
    ]
    return tuple(ChecklistLine(label, is_done) for label, is_done in lines)


def next_step(facts: HandoverFacts) -> NextStep:
    """Return what comes next where the record stands."""
    if facts.is_archived:
        return NextStep(StepCode.NOTHING, "Archived", "Restore the record to go on with it.")
    if facts.is_held:
        return NextStep(
            StepCode.LIFT_HOLD, "Clear up what happened", "The record is on hold until two people lift it together."
        )
    return _NEXT[facts.state](facts)


def _begin(facts: HandoverFacts) -> NextStep:
    if RECORD_TEMPLATES[facts.kind].needs_contact and not facts.has_confirmed_contact:
        if facts.has_waiting_contact:
            return NextStep(
                StepCode.CONFIRM_CONTACT,
                "Have the contact confirmed",
                "A second person checks the address another way, such as by a call, and confirms it here.",
            )
        return NextStep(
            StepCode.ADD_CONTACT,
            "Add a contact of the customer",
            "Whom you deal with about this credential. A second person confirms the address.",
        )
    if facts.state is CustodyState.COMPROMISED:
        return NextStep(
            StepCode.BEGIN, "Change the secret and begin again", "Once it is changed, a new version comes into custody."
        )
    return NextStep(
        StepCode.BEGIN, "Begin the handover", "Choose whether the customer keeps the secret or a new one is sent."
    )


def _await(facts: HandoverFacts) -> NextStep:
    if facts.scenario is Scenario.CHANGE:
        return NextStep(
            StepCode.SEND, "Set a new secret and send it", "Generate it here, set it where it is used, and send it."
        )
    if facts.awaits_answer:
        return NextStep(
            StepCode.AWAIT_ANSWER, "Wait for the customer", "The request is out. You can remind the customer of it."
        )
    return NextStep(StepCode.REQUEST, "Ask the customer for the secret", "They submit it once, through a link of ours.")


def _received(facts: HandoverFacts) -> NextStep:
    if facts.answer_waits:
        return NextStep(
            StepCode.RETRIEVE,
            "Retrieve it and store it",
            "A custodian opens the retrieval link and puts it in the vault.",
        )
    return NextStep(
        StepCode.VERIFY, "Sign in once and verify", "Say when, so that the customer can compare it with their own log."
    )


def _verified(facts: HandoverFacts) -> NextStep:
    if ProposalKind.ACTIVATE in facts.pending:
        return NextStep(
            StepCode.CONFIRM_PROPOSAL, "A second person confirms", "It was proposed to take this into custody."
        )
    template = RECORD_TEMPLATES[facts.kind]
    for kind in template.released_items:
        if kind not in facts.item_kinds:
            label = template.item_labels[kind].lower() if kind is not ItemKind.MFA_DEVICE else "MFA device"
            return NextStep(StepCode.ADD_ITEM, f"Write down the {label}", "Who has it, and where it is kept.")
    if facts.kind is RecordKind.AWS_ROOT and ItemKind.ACCESS_KEYS not in facts.checked_kinds:
        return NextStep(
            StepCode.CHECK_ITEM, "Look for root access keys", "There must be none; write down that you saw so."
        )
    return NextStep(
        StepCode.PROPOSE_ACTIVATION,
        "Take it into custody",
        "Write down who of the customer acknowledged it. A second person confirms.",
    )


def _active(facts: HandoverFacts) -> NextStep:
    if facts.pending - {ProposalKind.ADD_CONTACT, ProposalKind.REMOVE_CONTACT}:
        return NextStep(StepCode.CONFIRM_PROPOSAL, "A second person decides", "Something was proposed on this record.")
    if facts.review_is_overdue:
        return NextStep(StepCode.REVIEW, "Review who has access", "The review is overdue.")
    if facts.drill_is_overdue:
        return NextStep(StepCode.DRILL, "Hold an access drill", "The drill is overdue.")
    return NextStep(StepCode.NOTHING, "In custody", "Nothing is due.")


def _ended(_facts: HandoverFacts) -> NextStep:
    return NextStep(StepCode.NOTHING, "Custody has ended", "The record stays as it is, to be read.")


_NEXT: Mapping[CustodyState, Callable[[HandoverFacts], NextStep]] = {
    CustodyState.DRAFT: _begin,
    CustodyState.AWAITING_SECRET: _await,
    CustodyState.RECEIVED: _received,
    CustodyState.VERIFIED: _verified,
    CustodyState.ACTIVE: _active,
    CustodyState.SUSPENDED: lambda _facts: NextStep(
        StepCode.LIFT_HOLD, "Suspended", "Two people lift the hold together; then custody goes on."
    ),
    CustodyState.RELEASE_PENDING: lambda _facts: NextStep(
        StepCode.COMPLETE_RELEASE,
        "Hand everything back",
        "Send what is left to send, tick each item off with the customer, and destroy our copies.",
    ),
    CustodyState.RELEASED: _ended,
    CustodyState.CLOSING: lambda _facts: NextStep(
        StepCode.CLOSE, "Close the account", "When it is closed, write down what shows it."
    ),
    CustodyState.CLOSED: _ended,
    CustodyState.COMPROMISED: _begin,
    CustodyState.ABANDONED: _ended,
}
