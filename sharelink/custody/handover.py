"""The way of a credential into custody and out of it again: every step of a record, as an act.

Who may do what is asked by the caller; what needs a second person is proposed here and carried out by
`sharelink.acts.handing_over` when that person confirms it. Every act is one step and one event, or a proposal.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from sharelink.audit.events import AuditEvent
from sharelink.audit.leaves import leaf_time
from sharelink.crypto.identifiers import id_text
from sharelink.custody.calendar import Calendar
from sharelink.custody.contacts import confirmed_contact
from sharelink.custody.errors import ActNotAllowed, ContactNotConfirmed, NothingToVerify
from sharelink.custody.holds import Holds
from sharelink.custody.models import SERIAL_TAIL_MAX, CustodyRecord
from sharelink.custody.proposals import Proposal, Proposals
from sharelink.custody.release import release_checklist
from sharelink.custody.service import CustodyRecords
from sharelink.custody.states import (
    RECORD_TEMPLATES,
    CustodyState,
    ProposalKind,
    Scenario,
    Side,
    VersionOrigin,
)
from sharelink.custody.steps import Steps
from sharelink.custody.texts import TextCheck
from sharelink.custody.transitions import Evidence
from sharelink.custody.versions import Versions
from sharelink.shares.holds import Hold, HoldReason
from sharelink.shares.models import Share
from sharelink.shares.states import ShareKind, ShareState

_WAY_TOLD = "Say how: a call to a number that you knew before, a meeting, a signed letter."
_REASON = "Say why; the reason is kept on the record."
_ORIGINS = {Scenario.KEEP: VersionOrigin.CUSTOMER, Scenario.CHANGE: VersionOrigin.GENERATED}


@dataclass(frozen=True, slots=True)
class Handover:
    """The acts of a handover, in one unit of work.

    All of them raise `RecordNotFound`, `RecordArchived`, and `ActNotAllowed` when the record is not at that point;
    with free texts, `InvalidInput` in the field of the same name.
    """

    records: CustodyRecords
    proposals: Proposals
    steps: Steps
    versions: Versions
    holds: Holds
    calendar: Calendar

    def begin(self, custody_id: bytes, scenario: str, channel: str, contact_id: bytes | None = None) -> None:
        """Begin a handover, the first one or a new one after a compromise: draft or compromised -> awaiting_secret.

        Args:
            custody_id: the record.
            scenario: which way the credential changes hands, a `Scenario`.
            channel: how the customer's contact was told.
            contact_id: who was told; a plain credential needs none.

        Raises:
            InvalidInput: in "scenario" or "channel".
            ContactNotConfirmed: there is no such confirmed contact of the customer, and this record needs one.
        """
        record = self.steps.ready(custody_id, CustodyState.AWAITING_SECRET)
        check = TextCheck()
        if scenario not in set(Scenario):
            check.problems["scenario"] = "Choose which way the credential changes hands."
        channel = check.note("channel", channel, _WAY_TOLD)
        check.done()
        if contact_id is None and RECORD_TEMPLATES[record.kind].needs_contact:
            raise ContactNotConfirmed("a handover begins with a confirmed contact of the customer")
        evidence: dict[Evidence, str | int] = {Evidence.SCENARIO: scenario, Evidence.CHANNEL: channel}
        if contact_id is not None:
            confirmed_contact(self.records.session, custody_id, contact_id, Side.CUSTOMER)
            evidence[Evidence.CONTACT] = id_text(contact_id)
        self.steps.go(record, CustodyState.AWAITING_SECRET, evidence, scenario=Scenario(scenario))

    def take_turn(self, custody_id: bytes) -> CustodyRecord:
        """Wait for the record before locking anything else, so that `received` can follow in the same transaction."""
        return self.records.locked(custody_id)

    def received(self, record: CustodyRecord, share_id: bytes, origin: VersionOrigin) -> bool:
        """Take a share that has just come in, or was just sent, as the record's secret, if a handover waits for it.

        The record must be locked by this transaction. In awaiting_secret this is the step to `received`; in `received`
        it is a newer version of the secret. Anywhere else, and where the scenario goes the other way, the share is only
        a share: False.
        """
        awaited = record.scenario is not None and _ORIGINS[record.scenario] is origin
        if not awaited or record.state not in {CustodyState.AWAITING_SECRET, CustodyState.RECEIVED}:
            return False
        self._receive(record, origin, share_id, "")
        return True

    def receive_earlier(self, custody_id: bytes, share_id: bytes) -> None:
        """Say that a share which was exchanged before the handover began is the record's secret.

        Raises:
            NothingToVerify: the record has no such share, or nothing was in it.
        """
        record = self.steps.ready(custody_id, CustodyState.RECEIVED)
        share = self.records.session.execute(
            select(Share.kind, Share.state).where(Share.id == share_id, Share.custody_id == custody_id)
        ).first()
        if share is None or share.state not in {ShareState.SEALED, ShareState.LOCKED, ShareState.REVEALED}:
            raise NothingToVerify("the record has no such share with a secret")
        origin = VersionOrigin.CUSTOMER if share.kind is ShareKind.REQUEST else VersionOrigin.GENERATED
        self._receive(record, origin, share_id, "")

    def receive_elsewhere(self, custody_id: bytes, note: str) -> None:
        """Say that the secret came into custody without a share: set in a meeting, or handed over on paper.

        Raises:
            InvalidInput: in "note": nothing was said.
        """
        record = self.steps.ready(custody_id, CustodyState.RECEIVED)
        check = TextCheck()
        note = check.note("note", note, "Say how the secret came here. Never the secret itself.")
        check.done()
        self._receive(record, VersionOrigin.EXTERNAL, None, note)

    def rotate(self, custody_id: bytes, note: str) -> None:
        """Say that the secret in custody was changed where it is used: a new version, and no other state.

        Raises:
            InvalidInput: in "note": nothing was said.
        """
        record = self.records.locked(custody_id)
        if record.state not in {CustodyState.VERIFIED, CustodyState.ACTIVE} or record.archived_at is not None:
            raise ActNotAllowed(record.state)
        check = TextCheck()
        note = check.note("note", note, "Say why it was changed. Never the secret itself.")
        check.done()
        number = self.versions.add(custody_id, VersionOrigin.EXTERNAL, None)
        self.versions.verify(custody_id)
        self._tell_version(custody_id, number, VersionOrigin.EXTERNAL, None, note)

    def verify(self, custody_id: bytes, signed_in_at: datetime | None, mfa_serial_tail: str = "") -> None:
        """Say that a custodian has signed in with the secret: received -> verified.

        Args:
            custody_id: the record.
            signed_in_at: when, to be compared with the customer's CloudTrail; None if it could not be read.
            mfa_serial_tail: the end of the serial of the MFA device that was registered, if there is one.

        Raises:
            InvalidInput: in "signed_in_at" or "mfa_serial_tail".
            NothingToVerify: there is no version of the secret.
        """
        record = self.steps.ready(custody_id, CustodyState.VERIFIED)
        check = TextCheck()
        if signed_in_at is None:
            check.problems["signed_in_at"] = "Enter when you signed in: day and time."
        # It is typed to the minute, so the minute of the opening is not before it.
        elif not record.opened_at.replace(second=0, microsecond=0) <= signed_in_at <= self.records.now:
            check.problems["signed_in_at"] = "This must lie between the opening of the record and now."
        mfa_serial_tail = check.line("mfa_serial_tail", mfa_serial_tail, maximum=SERIAL_TAIL_MAX)
        check.done()
        number = self.versions.verify(custody_id)
        if number is None or signed_in_at is None:
            raise NothingToVerify("there is no version of the secret")
        evidence: dict[Evidence, str | int] = {
            Evidence.VERSION: number,
            Evidence.SIGNED_IN_AT: leaf_time(signed_in_at),
            Evidence.MFA_SERIAL_TAIL: mfa_serial_tail,
        }
        self.steps.go(record, CustodyState.VERIFIED, evidence)

    def propose_activation(self, custody_id: bytes, acknowledged_by: str, channel: str) -> None:
        """Propose verified -> active to a second person, with the customer's acknowledgement.

        Raises:
            InvalidInput: in "acknowledged_by" or "channel".
            ProposalWaits: it was proposed before.
        """
        self._propose(
            custody_id,
            CustodyState.ACTIVE,
            ProposalKind.ACTIVATE,
            lines={"acknowledged_by": (acknowledged_by, "Enter who of the customer acknowledged it.")},
            notes={"channel": (channel, _WAY_TOLD)},
        )

    def propose_release(self, custody_id: bytes, approved_by: str, channel: str) -> None:
        """Propose active -> release_pending (reverse assumption) to a second person, with the customer's word for it.

        Raises:
            InvalidInput: in "approved_by" or "channel".
            ProposalWaits: it was proposed before.
        """
        self._propose(
            custody_id,
            CustodyState.RELEASE_PENDING,
            ProposalKind.RELEASE,
            lines={"approved_by": (approved_by, "Enter who approved it for the customer.")},
            notes={"channel": (channel, _WAY_TOLD)},
        )

    def propose_closing(self, custody_id: bytes, reason: str) -> None:
        """Propose active or suspended -> closing to a second person: the account itself will be closed.

        Raises:
            InvalidInput: in "reason".
            ProposalWaits: it was proposed before.
        """
        self._propose(
            custody_id, CustodyState.CLOSING, ProposalKind.CLOSING, lines={}, notes={"reason": (reason, _REASON)}
        )

    def carry_out(self, proposal: Proposal) -> None:
        """Make the step that a second person has just confirmed: activation, release or closing."""
        to_state = {
            ProposalKind.ACTIVATE: CustodyState.ACTIVE,
            ProposalKind.RELEASE: CustodyState.RELEASE_PENDING,
            ProposalKind.CLOSING: CustodyState.CLOSING,
        }[proposal.kind]
        record = self.steps.ready(proposal.custody_id, to_state)
        evidence = {Evidence(name): str(text) for name, text in proposal.payload.items()}
        self.steps.go(record, to_state, evidence, proposal=proposal)
        if to_state is CustodyState.ACTIVE:
            self.calendar.begin(record.id, record.kind)

    def suspend(self, custody_id: bytes, reason: str) -> None:
        """Suspend a record, which puts it on hold: active -> suspended. One person is enough.

        Raises:
            InvalidInput: in "reason".
        """
        record = self.steps.ready(custody_id, CustodyState.SUSPENDED)
        reason = _reason(reason)
        self.holds.put(custody_id, None, HoldReason.SUSPENDED)
        self.steps.go(record, CustodyState.SUSPENDED, {Evidence.REASON: reason})

    def resume(self, custody_id: bytes) -> None:
        """Follow the lifting of a hold, in its transaction: suspended -> active; any other state stays."""
        record = self.records.locked(custody_id)
        if record.state is CustodyState.SUSPENDED:
            lifted = select(Hold.id).where(Hold.custody_id == custody_id).order_by(Hold.lifted_at.desc()).limit(1)
            hold_id = self.records.session.execute(lifted).scalar_one()
            self.steps.go(record, CustodyState.ACTIVE, {Evidence.HOLD: id_text(hold_id)})

    def mark_compromised(self, custody_id: bytes, reason: str) -> None:
        """Say that somebody else may know the secret: its version is retired and live links burn. One is enough.

        Raises:
            InvalidInput: in "reason".
        """
        record = self.steps.ready(custody_id, CustodyState.COMPROMISED)
        reason = _reason(reason)
        self.versions.retire(custody_id)
        self.steps.go(record, CustodyState.COMPROMISED, {Evidence.REASON: reason})

    def complete_release(self, custody_id: bytes, ticked: Collection[str], confirmed_by: str, channel: str) -> None:
        """Say that the credential is back in the customer's hands: release_pending -> released. Live links burn.

        Args:
            custody_id: the record.
            ticked: the keys of `release_checklist` that are so; all must be.
            confirmed_by: who confirmed it for the customer.
            channel: how they did.

        Raises:
            InvalidInput: in "confirmed_by", "channel" or a key of the checklist.
        """
        record = self.steps.ready(custody_id, CustodyState.RELEASED)
        check = TextCheck()
        checklist = release_checklist(self.records.session, custody_id)
        for line in checklist:
            if line.key not in ticked:
                check.problems[line.key] = "This must be so first."
        confirmed_by = check.line("confirmed_by", confirmed_by, "Enter who confirmed it for the customer.")
        channel = check.note("channel", channel, _WAY_TOLD)
        check.done()
        self.versions.retire(custody_id)
        evidence: dict[Evidence, str | int] = {
            Evidence.CHECKED: ", ".join(line.key for line in checklist),
            Evidence.CONFIRMED_BY: confirmed_by,
            Evidence.CHANNEL: channel,
        }
        self.steps.go(record, CustodyState.RELEASED, evidence)

    def close(self, custody_id: bytes, closure_reference: str) -> None:
        """Say that the account is closed, so that there is nothing to hand back: closing -> closed. Live links burn.

        Raises:
            InvalidInput: in "closure_reference".
        """
        record = self.steps.ready(custody_id, CustodyState.CLOSED)
        check = TextCheck()
        wanted = "Enter what shows the closure, such as the case's number."
        closure_reference = check.line("closure_reference", closure_reference, wanted)
        check.done()
        self.versions.retire(custody_id)
        self.steps.go(record, CustodyState.CLOSED, {Evidence.CLOSURE_REFERENCE: closure_reference})

    def abandon(self, custody_id: bytes, reason: str) -> None:
        """Give a handover up that never came to anything: draft or awaiting_secret -> abandoned. Live links burn.

        Raises:
            InvalidInput: in "reason".
        """
        record = self.steps.ready(custody_id, CustodyState.ABANDONED)
        self.steps.go(record, CustodyState.ABANDONED, {Evidence.REASON: _reason(reason)})

    def _receive(self, record: CustodyRecord, origin: VersionOrigin, share_id: bytes | None, note: str) -> None:
        number = self.versions.add(record.id, origin, share_id)
        if record.state is CustodyState.RECEIVED:
            self._tell_version(record.id, number, origin, share_id, note)
            return
        evidence: dict[Evidence, str | int] = {
            Evidence.VERSION: number,
            Evidence.ORIGIN: origin.value,
            Evidence.SHARE: "" if share_id is None else id_text(share_id),
            Evidence.NOTE: note,
        }
        self.steps.go(record, CustodyState.RECEIVED, evidence)

    def _tell_version(
        self, custody_id: bytes, number: int, origin: VersionOrigin, share_id: bytes | None, note: str
    ) -> None:
        self.records.append(
            AuditEvent.CREDENTIAL_VERSION_ADDED,
            custody_id,
            obj=None if share_id is None else ("share", share_id),
            facts={"version": number, "origin": origin.value},
            personal={"note": note} if note else {},
        )

    def _propose(
        self,
        custody_id: bytes,
        to_state: CustodyState,
        kind: ProposalKind,
        *,
        lines: dict[str, tuple[str, str]],
        notes: dict[str, tuple[str, str]],
    ) -> None:
        record = self.steps.ready(custody_id, to_state)
        check = TextCheck()
        texts = {field: check.line(field, typed, missing) for field, (typed, missing) in lines.items()}
        texts |= {field: check.note(field, typed, missing) for field, (typed, missing) in notes.items()}
        check.done()
        self.proposals.propose(record, kind, texts, personal=texts)


def _reason(typed: str) -> str:
    check = TextCheck()
    reason = check.note("reason", typed, _REASON)
    check.done()
    return reason
