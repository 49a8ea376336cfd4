"""What access to a record takes: shown on the record, changed by a proposal that a second person confirms."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar

from flask import Blueprint, Response
from wtforms import BooleanField, SelectField, SelectMultipleField, StringField

from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import groups_for_choice
from sharelink.crypto.identifiers import id_from_text, id_text
from sharelink.custody.models import TICKET_PATTERN_MAX
from sharelink.custody.policy import APPROVALS_MAX, RecordPolicy, checked_policy, record_policy
from sharelink.custody.queries import RecordDetail
from sharelink.custody.states import PURPOSE_LABELS, RECORD_TEMPLATES, RecordKind
from sharelink.errors import InvalidInput
from sharelink.web.authentication import requires, signed_in_actor
from sharelink.web.filters import duration_text
from sharelink.web.rate_limits import limited
from sharelink.web.staff.act_forms import ONE_LINE, ActForm, ActWords, act_page, carried_out
from sharelink.web.staff.record_access import record_for
from sharelink.web.wiring import current_unit_of_work

blueprint = Blueprint("record_policy", __name__)

WORDS = ActWords(
    "Change the policy",
    "What access to this record takes from now on. A second person confirms the change before it holds.",
    "Propose the change",
    "policy",
)
_WINDOW_SECONDS = (900, 1_800, 3_600, 4 * 3_600, 8 * 3_600, 86_400, 3 * 86_400, 7 * 86_400)
_APPROVALS = ("None: whoever may declares the use", "One person", "Two people", "Three people")


class PolicyForm(ActForm):
    """Everything that a policy says."""

    choices: ClassVar[Mapping[str, Sequence[tuple[str, str]]]] = {
        "approvals_needed": [(str(number), _APPROVALS[number]) for number in range(APPROVALS_MAX + 1)]
    }

    approvals_needed = SelectField(
        "Approvals before a use",
        description="Never one's own; one denial is final.",
        validate_choice=False,
    )
    customer_approves = BooleanField(
        "One of them is the customer", description="A confirmed contact gets a link for each use, and a code."
    )
    purposes = SelectMultipleField("What it may be used for", validate_choice=False)
    longest_window_seconds = SelectField("Longest use", validate_choice=False)
    ticket_required = BooleanField("Each use names a ticket")
    ticket_pattern = StringField(
        "What a ticket looks like",
        description="Such as CASE-#, where # stands for any number. Left empty, any text will do.",
        render_kw=ONE_LINE | {"maxlength": TICKET_PATTERN_MAX},
    )
    separate_mfa_group = SelectField(
        "Who keeps the second factor",
        description="If it is another group, nobody may be in both, and one approval comes from there.",
        validate_choice=False,
    )

    def offer(self, detail: RecordDetail, groups: list[tuple[str, str]], current: RecordPolicy) -> None:
        """Fill in what may be chosen for this record."""
        seconds = sorted({*_WINDOW_SECONDS, current.longest_window_seconds})
        self.longest_window_seconds.choices = [(str(length), duration_text(length)) for length in seconds]
        self.purposes.choices = [
            (purpose.value, PURPOSE_LABELS[purpose]) for purpose in RECORD_TEMPLATES[detail.kind].purposes
        ]
        self.separate_mfa_group.choices = [("", f"The same group: {detail.group_name}"), *groups]
        if detail.kind is not RecordKind.AWS_ROOT:
            del self.separate_mfa_group

    def policy(self, kind: RecordKind) -> RecordPolicy:
        """Return what was asked for.

        Raises:
            InvalidInput: with a message for every field that cannot be accepted.
        """
        approvals, window = self.text("approvals_needed"), self.text("longest_window_seconds")
        group = self.text("separate_mfa_group") if "separate_mfa_group" in self else ""
        return checked_policy(
            kind,
            approvals_needed=_number(approvals),
            customer_approves=bool(self.customer_approves.data),
            purposes=self.purposes.data or [],
            longest_window=None if (length := _number(window)) is None else timedelta(seconds=length),
            ticket_required=bool(self.ticket_required.data),
            ticket_pattern=self.text("ticket_pattern"),
            separate_mfa_group=_group(group),
        )


@blueprint.get("/records/<record_text>/policy")
@requires(Permission.CUSTODY_UPKEEP)
def policy_form(record_text: str) -> Response:
    """Show the form with what holds now."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    with current_unit_of_work().read() as work:
        current = record_policy(work.session, detail.id)
    data = {
        "approvals_needed": str(current.approvals_needed),
        "customer_approves": current.customer_approves,
        "purposes": [purpose.value for purpose in current.purposes],
        "longest_window_seconds": str(current.longest_window_seconds),
        "ticket_required": current.ticket_required,
        "ticket_pattern": current.ticket_pattern,
        "separate_mfa_group": id_text(current.separate_mfa_group) if current.separate_mfa_group else "",
    }
    return act_page(detail, _offered(PolicyForm(formdata=None, data=data), detail), WORDS)


@blueprint.post("/records/<record_text>/policy")
@requires(Permission.CUSTODY_UPKEEP)
@limited("create")
def propose_policy(record_text: str) -> Response:
    """Propose another policy."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    form = _offered(PolicyForm(), detail)

    def propose() -> None:
        policy = form.policy(detail.kind)
        with current_unit_of_work().write(signed_in_actor()) as work:
            work.policies.propose(detail.id, policy)

    return carried_out(detail, form, WORDS, propose, "proposals")


def _offered(form: PolicyForm, detail: RecordDetail) -> PolicyForm:
    with current_unit_of_work().read() as work:
        current = record_policy(work.session, detail.id)
        groups = groups_for_choice(work.session, None)
    others = [(id_text(group.id), group.name) for group in groups if group.id != detail.group_id]
    form.offer(detail, others, current)
    return form


def _group(text: str) -> bytes | None:
    try:
        return id_from_text(text) if text else None
    except ValueError:
        raise InvalidInput({"separate_mfa_group": "Choose a group from the list."}) from None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None
