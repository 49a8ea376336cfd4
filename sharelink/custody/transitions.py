"""The table of what may follow what in custody: what a step is called, what it must show, and what it does.

The database has the same table (`custody_transition`) and refuses whatever is not in it; a test compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sharelink.audit.events import AuditEvent
from sharelink.custody.states import CustodyState, ProposalKind


class Demand(StrEnum):
    """What the database itself looks for before it lets a record go this way."""

    CONTACT = "contact"
    VERSION = "version"
    VERIFIED_VERSION = "verified_version"
    PROPOSAL = "proposal"
    HOLD = "hold"
    NO_HOLD = "no_hold"
    NO_LIVE_SHARE = "no_live_share"


class Evidence(StrEnum):
    """What a step shows for itself. `FREE_TEXTS` are words of a person, and erasable in the audit."""

    SCENARIO = "scenario"
    CHANNEL = "channel"
    CONTACT = "contact"
    VERSION = "version"
    ORIGIN = "origin"
    SHARE = "share"
    NOTE = "note"
    SIGNED_IN_AT = "signed_in_at"
    MFA_SERIAL_TAIL = "mfa_serial_tail"
    ACKNOWLEDGED_BY = "acknowledged_by"
    APPROVED_BY = "approved_by"
    CONFIRMED_BY = "confirmed_by"
    CHECKED = "checked"
    PROPOSAL = "proposal"
    PROPOSED_BY = "proposed_by"
    HOLD = "hold"
    REASON = "reason"
    CLOSURE_REFERENCE = "closure_reference"


FREE_TEXTS = frozenset(
    {
        Evidence.CHANNEL,
        Evidence.NOTE,
        Evidence.MFA_SERIAL_TAIL,
        Evidence.ACKNOWLEDGED_BY,
        Evidence.APPROVED_BY,
        Evidence.CONFIRMED_BY,
        Evidence.PROPOSED_BY,
        Evidence.REASON,
        Evidence.CLOSURE_REFERENCE,
    }
)

EVIDENCE_LABELS: Mapping[Evidence, str] = {
    Evidence.SCENARIO: "Scenario",
    Evidence.CHANNEL: "Told or asked through",
    Evidence.CONTACT: "Contact",
    Evidence.VERSION: "Version of the secret",
    Evidence.ORIGIN: "Origin",
    Evidence.SHARE: "Share",
    Evidence.NOTE: "Note",
    Evidence.SIGNED_IN_AT: "Signed in at",
    Evidence.MFA_SERIAL_TAIL: "End of the MFA device's serial",
    Evidence.ACKNOWLEDGED_BY: "Acknowledged by",
    Evidence.APPROVED_BY: "Approved for the customer by",
    Evidence.CONFIRMED_BY: "Confirmed for the customer by",
    Evidence.CHECKED: "Checked",
    Evidence.PROPOSAL: "Proposal",
    Evidence.PROPOSED_BY: "Proposed by",
    Evidence.HOLD: "Hold",
    Evidence.REASON: "Reason",
    Evidence.CLOSURE_REFERENCE: "Closure reference",
}


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed step. `evidence` must be there; `burns_shares` ends every live link of the record with it.

    `second_person` names the kind of proposal that another person must have confirmed.
    """

    label: str
    demand: Demand
    evidence: frozenset[Evidence]
    event: AuditEvent = AuditEvent.CUSTODY_STATE_CHANGED
    second_person: ProposalKind | None = None
    burns_shares: bool = False


_S = CustodyState
_TWO_PEOPLE = frozenset({Evidence.PROPOSAL, Evidence.PROPOSED_BY})

_ABANDONED = Transition("Abandon", Demand.NO_LIVE_SHARE, frozenset({Evidence.REASON}), burns_shares=True)
_COMPROMISED = Transition(
    "Mark as compromised",
    Demand.NO_LIVE_SHARE,
    frozenset({Evidence.REASON}),
    event=AuditEvent.CUSTODY_COMPROMISED,
    burns_shares=True,
)
_CLOSING = Transition(
    "Begin the closing",
    Demand.PROPOSAL,
    _TWO_PEOPLE | {Evidence.REASON},
    second_person=ProposalKind.CLOSING,
)

TRANSITIONS: Mapping[tuple[CustodyState, CustodyState], Transition] = {
    (_S.DRAFT, _S.AWAITING_SECRET): Transition(
        "Begin the handover", Demand.CONTACT, frozenset({Evidence.SCENARIO, Evidence.CHANNEL})
    ),
    (_S.DRAFT, _S.ABANDONED): _ABANDONED,
    (_S.AWAITING_SECRET, _S.RECEIVED): Transition(
        "Receive the secret", Demand.VERSION, frozenset({Evidence.VERSION, Evidence.ORIGIN})
    ),
    (_S.AWAITING_SECRET, _S.ABANDONED): _ABANDONED,
    (_S.RECEIVED, _S.VERIFIED): Transition(
        "Verify the sign-in", Demand.VERIFIED_VERSION, frozenset({Evidence.VERSION, Evidence.SIGNED_IN_AT})
    ),
    (_S.RECEIVED, _S.COMPROMISED): _COMPROMISED,
    (_S.VERIFIED, _S.ACTIVE): Transition(
        "Take into custody",
        Demand.PROPOSAL,
        _TWO_PEOPLE | {Evidence.ACKNOWLEDGED_BY, Evidence.CHANNEL},
        second_person=ProposalKind.ACTIVATE,
    ),
    (_S.VERIFIED, _S.COMPROMISED): _COMPROMISED,
    (_S.ACTIVE, _S.SUSPENDED): Transition(
        "Suspend", Demand.HOLD, frozenset({Evidence.REASON}), event=AuditEvent.CUSTODY_SUSPENDED
    ),
    (_S.ACTIVE, _S.COMPROMISED): _COMPROMISED,
    (_S.ACTIVE, _S.RELEASE_PENDING): Transition(
        "Begin the release",
        Demand.PROPOSAL,
        _TWO_PEOPLE | {Evidence.APPROVED_BY, Evidence.CHANNEL},
        second_person=ProposalKind.RELEASE,
    ),
    (_S.ACTIVE, _S.CLOSING): _CLOSING,
    # Two people have lifted the hold: that is the second person.
    (_S.SUSPENDED, _S.ACTIVE): Transition("Resume", Demand.NO_HOLD, frozenset({Evidence.HOLD})),
    (_S.SUSPENDED, _S.CLOSING): _CLOSING,
    (_S.RELEASE_PENDING, _S.RELEASED): Transition(
        "Complete the release",
        Demand.NO_LIVE_SHARE,
        frozenset({Evidence.CHECKED, Evidence.CONFIRMED_BY, Evidence.CHANNEL}),
        event=AuditEvent.CUSTODY_RELEASED,
        burns_shares=True,
    ),
    (_S.CLOSING, _S.CLOSED): Transition(
        "Close",
        Demand.NO_LIVE_SHARE,
        frozenset({Evidence.CLOSURE_REFERENCE}),
        event=AuditEvent.CUSTODY_CLOSED,
        burns_shares=True,
    ),
    (_S.COMPROMISED, _S.AWAITING_SECRET): Transition(
        "Begin again with a new secret", Demand.CONTACT, frozenset({Evidence.SCENARIO, Evidence.CHANNEL})
    ),
}
"""One line per step; the states in between cannot be skipped."""


def states_after(state: CustodyState) -> tuple[CustodyState, ...]:
    """Return the states to which a record in `state` may go, in the order of the table."""
    return tuple(to_state for from_state, to_state in TRANSITIONS if from_state is state)
