"""The steps of a record, from the beginning of a handover to the end of custody: a page with a short form for each."""

from flask import Blueprint, Response, abort

from sharelink.accounts.permissions import Permission
from sharelink.web.authentication import requires, signed_in_actor
from sharelink.web.rate_limits import limited
from sharelink.web.staff.act_forms import act_page, carried_out
from sharelink.web.staff.handover_forms import STEPS, STOPS, VERIFY, StepPage, form_of
from sharelink.web.staff.record_access import record_for
from sharelink.web.wiring import current_unit_of_work

blueprint = Blueprint("handover", __name__)


@blueprint.get("/records/<record_text>/steps/<step>")
@requires(Permission.CUSTODY_STEP)
def step_form(record_text: str, step: str) -> Response:
    """Show the form of a step."""
    return _show(record_text, Permission.CUSTODY_STEP, STEPS.get(step) or abort(404))


@blueprint.post("/records/<record_text>/steps/<step>")
@requires(Permission.CUSTODY_STEP)
@limited("create")
def take_step(record_text: str, step: str) -> Response:
    """Take a step, or propose it where it needs a second person."""
    return _take(record_text, Permission.CUSTODY_STEP, STEPS.get(step) or abort(404))


@blueprint.get("/records/<record_text>/stops/<stop>")
@requires(Permission.CUSTODY_STOP)
def stop_form(record_text: str, stop: str) -> Response:
    """Show the form by which one person stops everything."""
    return _show(record_text, Permission.CUSTODY_STOP, STOPS.get(stop) or abort(404))


@blueprint.post("/records/<record_text>/stops/<stop>")
@requires(Permission.CUSTODY_STOP)
@limited("create")
def stop(record_text: str, stop: str) -> Response:
    """Suspend the record, or say that its secret is compromised."""
    return _take(record_text, Permission.CUSTODY_STOP, STOPS.get(stop) or abort(404))


@blueprint.get("/records/<record_text>/verify")
@requires(Permission.CUSTODY_VERIFY)
def verify_form(record_text: str) -> Response:
    """Ask a custodian when they signed in with the secret."""
    return _show(record_text, Permission.CUSTODY_VERIFY, VERIFY)


@blueprint.post("/records/<record_text>/verify")
@requires(Permission.CUSTODY_VERIFY)
@limited("create")
def verify(record_text: str) -> Response:
    """Say that the secret works."""
    return _take(record_text, Permission.CUSTODY_VERIFY, VERIFY)


def _show(record_text: str, permission: Permission, page: StepPage) -> Response:
    detail = record_for(record_text, permission)
    with current_unit_of_work().read() as work:
        form = form_of(page, work, detail, posted=False)
    return act_page(detail, form, page.words)


def _take(record_text: str, permission: Permission, page: StepPage) -> Response:
    detail = record_for(record_text, permission)
    with current_unit_of_work().read() as work:
        form = form_of(page, work, detail, posted=True)

    def act() -> None:
        form.act(current_unit_of_work(), signed_in_actor(), detail.id)

    return carried_out(detail, form, page.words, act)
