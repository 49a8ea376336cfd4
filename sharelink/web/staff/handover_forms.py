"""The forms of the steps of a handover, and what each of them says."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from wtforms import BooleanField, RadioField, SelectField, StringField, TextAreaField

from sharelink.actors import Actor
from sharelink.acts import handing_over
from sharelink.crypto.identifiers import id_from_text
from sharelink.custody.contacts import confirmed_contacts
from sharelink.custody.models import SERIAL_TAIL_MAX
from sharelink.custody.queries import RecordDetail
from sharelink.custody.release import release_checklist
from sharelink.custody.share_lines import shares_of_record
from sharelink.custody.states import RECORD_TEMPLATES, SCENARIO_LABELS, RecordKind, Scenario, Side
from sharelink.shares.states import ShareState
from sharelink.unit_of_work import UnitOfWork
from sharelink.web.staff.act_forms import (
    MOMENT,
    ONE_LINE,
    REQUIRED_LINE,
    REQUIRED_NOTE,
    ActForm,
    ActWords,
    typed_moment,
)
from sharelink.work import Work

_HOW = "A call to a number that you knew before, a meeting, a signed letter."
_NEXT = "next"


class StepForm(ActForm):
    """A form that knows which step it is for."""

    def offer(self, work: Work, detail: RecordDetail) -> None:
        """Fill in what may be chosen for a record; most steps have nothing of the kind."""

    @abstractmethod
    def act(self, unit_of_work: UnitOfWork, actor: Actor, record_id: bytes) -> None:
        """Take the step, or propose it where it needs a second person. Raises what the service raises."""


class BeginForm(StepForm):
    """Which way the credential changes hands, and how the customer was told."""

    choices: ClassVar[Mapping[str, Sequence[tuple[str, str]]]] = {
        "scenario": [(scenario.value, label) for scenario, label in SCENARIO_LABELS.items()]
    }

    scenario = RadioField(
        "Which way does it change hands?",
        default=Scenario.KEEP.value,
        validate_choice=False,
    )
    contact = SelectField("Who was told", description="A confirmed contact of the customer.", validate_choice=False)
    channel = TextAreaField("How was it agreed?", description=_HOW, render_kw=REQUIRED_NOTE)

    def offer(self, work: Work, detail: RecordDetail) -> None:
        """Offer the contacts that count."""
        found = confirmed_contacts(work.session, detail.id, Side.CUSTOMER)
        contacts = [(contact.id_text, f"{contact.name} · {contact.email}") for contact in found]
        if not RECORD_TEMPLATES[detail.kind].needs_contact:
            contacts = [("", "Nobody in particular"), *contacts]
        self.contact.choices = contacts or [("", "There is none yet")]

    def act(self, unit_of_work: UnitOfWork, actor: Actor, record_id: bytes) -> None:
        """Begin the handover."""
        contact_id = _id_or_none(self.text("contact"))
        with unit_of_work.write(actor) as work:
            work.handover.begin(record_id, self.text("scenario"), self.text("channel"), contact_id)


class ReceiveForm(StepForm):
    """Which secret is the record's: one that was exchanged before, or one that came another way."""

    share = SelectField(
        "Where is the secret from?",
        description="A secret of this record that was exchanged before the handover began, or another way.",
        validate_choice=False,
    )
    note = TextAreaField(
        "If it came another way: how?",
        description="Set in a meeting, handed over on paper. Never the secret itself.",
        render_kw={"rows": 3, "dir": "auto"},
    )

    def offer(self, work: Work, detail: RecordDetail) -> None:
        """Offer the shares that hold or held a secret."""
        held = {ShareState.SEALED, ShareState.LOCKED, ShareState.REVEALED}
        shares = [line for line in shares_of_record(work.session, detail.id, work.now) if line.state in held]
        self.share.choices = [
            *((line.id_text, f"{line.label or line.kind.value.capitalize()}: {line.state_label}") for line in shares),
            ("", "Another way"),
        ]

    def act(self, unit_of_work: UnitOfWork, actor: Actor, record_id: bytes) -> None:
        """Say which secret it is."""
        share_id = _id_or_none(self.text("share"))
        with unit_of_work.write(actor) as work:
            if share_id is None:
                work.handover.receive_elsewhere(record_id, self.text("note"))
            else:
                work.handover.receive_earlier(record_id, share_id)


class VerifyForm(StepForm):
    """When a custodian signed in, and with which device."""

    signed_in_at = StringField(
        "Signed in at (UTC)",
        description="To the minute. It is compared with the customer's CloudTrail.",
        render_kw=MOMENT,
    )
    mfa_serial_tail = StringField(
        "End of the MFA device's serial number",
        description="A few characters, if a device was registered.",
        render_kw=ONE_LINE | {"maxlength": SERIAL_TAIL_MAX},
    )

    def offer(self, work: Work, detail: RecordDetail) -> None:
        """Leave out what only AWS has."""
        if detail.kind is not RecordKind.AWS_ROOT:
            del self.mfa_serial_tail

    def act(self, unit_of_work: UnitOfWork, actor: Actor, record_id: bytes) -> None:
        """Say that the secret works."""
        tail = self.text("mfa_serial_tail") if "mfa_serial_tail" in self else ""
        with unit_of_work.write(actor) as work:
            work.handover.verify(record_id, typed_moment(self.text("signed_in_at")), tail)


class ActivateForm(StepForm):
    """Who of the customer acknowledged that the credential is in custody."""

    acknowledged_by = StringField("Who acknowledged it for the customer", render_kw=REQUIRED_LINE)
    channel = TextAreaField("How did they?", description=_HOW, render_kw=REQUIRED_NOTE)

    def act(self, unit_of_work: UnitOfWork, actor: Actor, record_id: bytes) -> None:
        """Propose it."""
        with unit_of_work.write(actor) as work:
            work.handover.propose_activation(record_id, self.text("acknowledged_by"), self.text("channel"))


class ReleaseForm(StepForm):
    """Who of the customer wants the credential back."""

    approved_by = StringField("Who approved it for the customer", render_kw=REQUIRED_LINE)
    channel = TextAreaField("How did they?", description=_HOW, render_kw=REQUIRED_NOTE)

    def act(self, unit_of_work: UnitOfWork, actor: Actor, record_id: bytes) -> None:
        """Propose it."""
        with unit_of_work.write(actor) as work:
            work.handover.propose_release(record_id, self.text("approved_by"), self.text("channel"))


class CompleteReleaseForm(StepForm):
    """The checklist of what must be so. Its lines are made for each record by `complete_release_form`."""

    checklist: tuple[str, ...] = ()

    def act(self, unit_of_work: UnitOfWork, actor: Actor, record_id: bytes) -> None:
        """Say that the credential is back."""
        ticked = {key for key in self.checklist if self[key].data}
        handing_over.complete_release(
            unit_of_work,
            actor,
            record_id,
            ticked,
            confirmed_by=self.text("confirmed_by"),
            channel=self.text("channel"),
        )


class CloseForm(StepForm):
    """What shows that the account is closed."""

    closure_reference = StringField(
        "What shows the closure", description="Such as the number of the case.", render_kw=REQUIRED_LINE
    )

    def act(self, unit_of_work: UnitOfWork, actor: Actor, record_id: bytes) -> None:
        """Say that it is closed."""
        handing_over.close(unit_of_work, actor, record_id, self.text("closure_reference"))


class ReasonForm(StepForm):
    """Why."""

    reason = TextAreaField("Reason", description="It is kept on the record.", render_kw=REQUIRED_NOTE)


class ClosingForm(ReasonForm):
    """Why the account will be closed."""

    def act(self, unit_of_work: UnitOfWork, actor: Actor, record_id: bytes) -> None:
        """Propose it."""
        with unit_of_work.write(actor) as work:
            work.handover.propose_closing(record_id, self.text("reason"))


class AbandonForm(ReasonForm):
    """Why the handover came to nothing."""

    def act(self, unit_of_work: UnitOfWork, actor: Actor, record_id: bytes) -> None:
        """Give it up."""
        handing_over.abandon(unit_of_work, actor, record_id, self.text("reason"))


class SuspendForm(ReasonForm):
    """Why everything has to stop."""

    def act(self, unit_of_work: UnitOfWork, actor: Actor, record_id: bytes) -> None:
        """Suspend."""
        handing_over.suspend(unit_of_work, actor, record_id, self.text("reason"))


class CompromisedForm(ReasonForm):
    """Why somebody else may know the secret."""

    def act(self, unit_of_work: UnitOfWork, actor: Actor, record_id: bytes) -> None:
        """Say so."""
        handing_over.mark_compromised(unit_of_work, actor, record_id, self.text("reason"))


class RotateForm(StepForm):
    """Why the secret in custody was changed."""

    note = TextAreaField("Why was it changed?", description="Never the secret itself.", render_kw=REQUIRED_NOTE)

    def act(self, unit_of_work: UnitOfWork, actor: Actor, record_id: bytes) -> None:
        """Count a new version."""
        with unit_of_work.write(actor) as work:
            work.handover.rotate(record_id, self.text("note"))


@dataclass(frozen=True, slots=True)
class StepPage:
    """The page of one step: its words and its form."""

    words: ActWords
    form: type[StepForm]


STEPS: Mapping[str, StepPage] = {
    "begin": StepPage(
        ActWords(
            "Begin the handover",
            "From now on the record waits for the secret. Tell the customer's contact first, by a way that you trust.",
            "Begin the handover",
            _NEXT,
        ),
        BeginForm,
    ),
    "receive": StepPage(
        ActWords(
            "The secret is here already",
            "As a rule the record notices by itself. Say where the secret is from if it came before, or another way.",
            "This is the secret",
            _NEXT,
        ),
        ReceiveForm,
    ),
    "activate": StepPage(
        ActWords(
            "Take into custody",
            "The customer has acknowledged it. A second person confirms, one of you a custodian of the record.",
            "Propose it to a second person",
            _NEXT,
        ),
        ActivateForm,
    ),
    "rotate": StepPage(
        ActWords(
            "The secret was changed",
            "A new version of the secret is in custody; the old one no longer opens anything.",
            "Note the new version",
            "versions",
        ),
        RotateForm,
    ),
    "release": StepPage(
        ActWords(
            "Begin the release",
            "The credential goes back to the customer. A second person confirms; then a checklist leads through it.",
            "Propose it to a second person",
            _NEXT,
        ),
        ReleaseForm,
    ),
    "complete-release": StepPage(
        ActWords(
            "Complete the release",
            "Custody ends with this, for good. Links that can still be opened are destroyed.",
            "Complete the release",
            _NEXT,
            is_grave=True,
        ),
        CompleteReleaseForm,
    ),
    "closing": StepPage(
        ActWords(
            "Begin the closing",
            "The account itself will be closed, so there is nothing to hand back. A second person confirms.",
            "Propose it to a second person",
            _NEXT,
        ),
        ClosingForm,
    ),
    "close": StepPage(
        ActWords(
            "Close",
            "The account is closed. Custody ends with this, for good. Links that can still be opened are destroyed.",
            "Close the record",
            _NEXT,
            is_grave=True,
        ),
        CloseForm,
    ),
    "abandon": StepPage(
        ActWords(
            "Abandon",
            "The handover comes to nothing. Links that can still be opened are destroyed; the record stays to be read.",
            "Abandon the record",
            _NEXT,
            is_grave=True,
        ),
        AbandonForm,
    ),
}
STOPS: Mapping[str, StepPage] = {
    "suspend": StepPage(
        ActWords(
            "Suspend",
            "Nothing of this record is revealed or used until two people lift the hold. Nothing is destroyed.",
            "Suspend the record",
            _NEXT,
            is_grave=True,
        ),
        SuspendForm,
    ),
    "compromised": StepPage(
        ActWords(
            "Mark as compromised",
            "Somebody else may know the secret. Links that can still be opened are destroyed; a new secret is needed.",
            "Mark as compromised",
            _NEXT,
            is_grave=True,
        ),
        CompromisedForm,
    ),
}
VERIFY = StepPage(
    ActWords(
        "Verify the sign-in",
        "You have signed in with the secret, and it works. Say when, so that it can be found in the customer's log.",
        "It works",
        _NEXT,
    ),
    VerifyForm,
)


def form_of(page: StepPage, work: Work, detail: RecordDetail, *, posted: bool) -> StepForm:
    """Return the page's form for a record, with what may be chosen there; empty unless it was `posted`."""
    given = {} if posted else {"formdata": None}
    kind = _complete_release_form(work, detail) if page.form is CompleteReleaseForm else page.form
    form = kind(**given)
    form.offer(work, detail)
    return form


def _complete_release_form(work: Work, detail: RecordDetail) -> type[CompleteReleaseForm]:
    lines = release_checklist(work.session, detail.id)
    fields: dict[str, Any] = {line.key: BooleanField(line.label) for line in lines}
    fields["confirmed_by"] = StringField("Who confirmed it for the customer", render_kw=REQUIRED_LINE)
    fields["channel"] = TextAreaField("How did they?", description=_HOW, render_kw=REQUIRED_NOTE)
    return type(
        "CompleteReleaseFormOfRecord",
        (CompleteReleaseForm,),
        fields | {"checklist": tuple(line.key for line in lines)},
    )


def _id_or_none(text: str) -> bytes | None:
    try:
        return id_from_text(text)
    except ValueError:
        return None
