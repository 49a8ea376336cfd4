"""What waits for a second person on a record: confirmed, refused or taken back with one press."""

from flask import Blueprint, Response, request
from wtforms import HiddenField, TextAreaField

from sharelink.accounts.permissions import Permission
from sharelink.acts import handing_over
from sharelink.custody.errors import ProposalUnavailable
from sharelink.custody.proposal_view import ProposalView, proposals_of
from sharelink.custody.queries import RecordDetail
from sharelink.custody.states import ProposalKind
from sharelink.web.authentication import requires, signed_in_actor, signed_in_viewer
from sharelink.web.rate_limits import limited
from sharelink.web.staff.act_forms import REQUIRED_NOTE, ActForm, ActWords, carried_out, done
from sharelink.web.staff.record_access import record_for
from sharelink.web.step_up import requires_fresh_proof
from sharelink.web.wiring import current_unit_of_work

blueprint = Blueprint("proposals", __name__)

_CONFIRM = ActWords(
    "Confirm the contact",
    "Ask the person another way than by this address, such as by a call to a number that you knew before.",
    "Confirm the contact",
    "contacts",
)


class ConfirmForm(ActForm):
    """How a contact was checked. What is confirmed travels along, so that nothing else is."""

    digest = HiddenField()
    how = TextAreaField("How did you check it?", render_kw=REQUIRED_NOTE)


@blueprint.post("/records/<record_text>/proposals/<proposal_text>/confirm")
@requires(Permission.CUSTODY_CONFIRM)
@limited("create")
@requires_fresh_proof
def confirm(record_text: str, proposal_text: str) -> Response:
    """Confirm exactly what the page showed: the form carries its digest."""
    detail = record_for(record_text, Permission.CUSTODY_CONFIRM)
    proposal = _proposal(detail, proposal_text)
    digest, form = _digest(), ConfirmForm()

    def act() -> None:
        handing_over.confirm(
            current_unit_of_work(), signed_in_actor(), proposal.id, digest, is_proven=True, how=form.text("how")
        )

    anchor = {ProposalKind.ADD_CONTACT: "contacts", ProposalKind.REMOVE_CONTACT: "contacts"}.get(proposal.kind, "next")
    return carried_out(detail, form, _CONFIRM, act, anchor)


@blueprint.post("/records/<record_text>/proposals/<proposal_text>/refuse")
@requires(Permission.CUSTODY_CONFIRM)
@limited("create")
def refuse(record_text: str, proposal_text: str) -> Response:
    """Refuse it, or take back one's own."""
    detail = record_for(record_text, Permission.CUSTODY_CONFIRM)
    proposal = _proposal(detail, proposal_text)
    handing_over.refuse(current_unit_of_work(), signed_in_actor(), proposal.id)
    return done(detail, "next")


def _digest() -> bytes:
    try:
        return bytes.fromhex(request.form.get("digest", ""))
    except ValueError:
        raise ProposalUnavailable("this is no digest") from None


def _proposal(detail: RecordDetail, text: str) -> ProposalView:
    """Return the proposal if it is one on this record: whoever may decide here may not decide on another record."""
    with current_unit_of_work().read() as work:
        for proposal in proposals_of(work.session, detail.id, signed_in_viewer().account_id, work.now):
            if proposal.id_text == text:
                return proposal
    raise ProposalUnavailable("there is no such proposal on this record")
