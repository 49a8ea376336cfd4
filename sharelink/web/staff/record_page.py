"""Everything that the page of a record shows, read at one moment."""

from dataclasses import dataclass

from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import Viewer, groups_for_choice
from sharelink.custody.calendar import CALENDAR_LABELS, CalendarDone, CalendarLine, calendar_history, calendar_of
from sharelink.custody.contacts import ContactLine, contacts_of
from sharelink.custody.handover_view import handover_facts
from sharelink.custody.hold_view import HoldView, active_hold_of
from sharelink.custody.items import ItemLine, items_of
from sharelink.custody.next_steps import ChecklistLine, NextStep, checklist, next_step
from sharelink.custody.policy import RecordPolicy, record_policy
from sharelink.custody.proposal_view import ProposalView, proposals_of
from sharelink.custody.queries import RecordDetail
from sharelink.custody.share_lines import ShareLine, shares_of_record
from sharelink.custody.states import (
    ALLOWED_ACTS,
    PURPOSE_LABELS,
    SCENARIO_LABELS,
    STATE_TONES,
    TERMINAL_STATES,
    Act,
    CalendarKind,
    CustodyState,
    ProposalKind,
    RecordKind,
)
from sharelink.custody.steps import StepLine, steps_of
from sharelink.custody.terms import Parties, parties_of
from sharelink.custody.versions import VersionLine, versions_of
from sharelink.web.staff.record_next import Way, other_ways, way_to
from sharelink.work import Work

_WITH_CHECKLIST = frozenset(
    {
        CustodyState.DRAFT,
        CustodyState.AWAITING_SECRET,
        CustodyState.RECEIVED,
        CustodyState.VERIFIED,
        CustodyState.COMPROMISED,
    }
)
_CONTACT_KINDS = frozenset({ProposalKind.ADD_CONTACT, ProposalKind.REMOVE_CONTACT})
_HISTORY_MAX = 10


@dataclass(frozen=True, slots=True)
class PolicyShown:
    """A policy in words."""

    policy: RecordPolicy
    purposes: tuple[str, ...]
    mfa_group_name: str


@dataclass(frozen=True, slots=True)
class RecordPage:
    """One record, for one viewer. `allowed` are the acts that the record's state allows now."""

    record: RecordDetail
    viewer: Viewer
    hold: HoldView | None
    next_step: NextStep
    way: Way | None
    other_ways: tuple[Way, ...]
    checklist: tuple[ChecklistLine, ...]
    proposals: tuple[ProposalView, ...]
    items: tuple[ItemLine, ...]
    contacts: tuple[ContactLine, ...]
    parties: Parties
    versions: tuple[VersionLine, ...]
    policy: PolicyShown
    calendar: tuple[CalendarLine, ...]
    calendar_done: tuple[CalendarDone, ...]
    steps: tuple[StepLine, ...]
    shares: tuple[ShareLine, ...]
    allowed: frozenset[Act]

    @property
    def state_tone(self) -> str:
        """How the state is to be taken: plain, done, warn or bad."""
        return STATE_TONES.get(self.record.state, "plain")

    @property
    def scenario_label(self) -> str:
        """Which way the credential changes hands, "" as long as nobody has chosen."""
        return SCENARIO_LABELS[self.record.scenario] if self.record.scenario else ""

    @property
    def is_aws(self) -> bool:
        """Whether words of AWS belong here."""
        return self.record.kind is RecordKind.AWS_ROOT

    @property
    def has_ended(self) -> bool:
        """Whether custody is over for good."""
        return self.record.state in TERMINAL_STATES

    @property
    def items_to_look_at(self) -> int:
        """How many items nobody has looked at yet, or stand where they should not."""
        return sum(item.last_checked_at is None or bool(item.warning) for item in self.items)

    @property
    def is_due(self) -> bool:
        """Whether a review or a drill is overdue."""
        return any(line.is_overdue for line in self.calendar)

    @property
    def unplanned(self) -> tuple[tuple[CalendarKind, str], ...]:
        """What is not planned at all, with its label."""
        planned = {line.kind for line in self.calendar}
        return tuple((kind, label) for kind, label in CALENDAR_LABELS.items() if kind not in planned)

    def may(self, act: Act) -> bool:
        """Tell whether the record's state and the viewer's roles both allow an act of upkeep."""
        return act in self.allowed and self.viewer.may(Permission.CUSTODY_UPKEEP, self.record.group_id)

    def may_send(self) -> bool:
        """Tell whether the viewer may send a secret on this record now."""
        return Act.SEND in self.allowed and self.viewer.may(Permission.SHARE_SEND, self.record.group_id)

    def may_request(self) -> bool:
        """Tell whether the viewer may request a secret on this record now."""
        return Act.REQUEST in self.allowed and self.viewer.may(Permission.REQUEST_CREATE, self.record.group_id)

    def is_waiting(self, contact: ContactLine) -> bool:
        """Tell whether a second person is asked about a contact now."""
        return any(each.kind in _CONTACT_KINDS and each.subject == contact.id_text for each in self.proposals)


def record_page(work: Work, record: RecordDetail, viewer: Viewer) -> RecordPage:
    """Read everything about a record that its page shows."""
    session, now = work.session, work.now
    facts = handover_facts(session, record.id, now)
    step = next_step(facts)
    shares, items = shares_of_record(session, record.id, now), items_of(session, record.id)
    return RecordPage(
        record=record,
        viewer=viewer,
        hold=active_hold_of(session, record.id, viewer.account_id, now),
        next_step=step,
        way=way_to(step, record, shares, items, viewer),
        other_ways=other_ways(record, viewer),
        checklist=checklist(facts) if record.state in _WITH_CHECKLIST else (),
        proposals=proposals_of(session, record.id, viewer.account_id, now),
        items=items,
        contacts=contacts_of(session, record.id),
        parties=parties_of(session, record.id),
        versions=versions_of(session, record.id),
        policy=_policy(work, record),
        calendar=calendar_of(session, record.id, now),
        calendar_done=calendar_history(session, record.id, most=_HISTORY_MAX),
        steps=steps_of(session, record.id),
        shares=shares,
        allowed=frozenset() if record.is_archived else ALLOWED_ACTS[record.state],
    )


def _policy(work: Work, record: RecordDetail) -> PolicyShown:
    policy = record_policy(work.session, record.id)
    wanted = policy.separate_mfa_group
    groups = groups_for_choice(work.session, [wanted]) if wanted else ()
    return PolicyShown(
        policy, tuple(PURPOSE_LABELS[purpose] for purpose in policy.purposes), groups[0].name if groups else ""
    )
