"""Lifting the hold on a record: a custodian of it and a second person, each with one press; alone only with a proof."""

from flask import Blueprint, Response, request

from sharelink.accounts.permissions import Permission
from sharelink.acts import tending
from sharelink.custody.queries import record_group
from sharelink.web.authentication import authorise, requires, signed_in_actor, signed_in_viewer
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.staff.record_access import record_id_of
from sharelink.web.step_up import ask_unless_fresh, is_fresh
from sharelink.web.wiring import current_unit_of_work

blueprint = Blueprint("holds", __name__)


@blueprint.post("/records/<record_text>/hold/release")
@requires(Permission.HOLD_RELEASE)
@limited("sign_in")
def release_hold(record_text: str) -> Response:
    """Say that the hold may go; the record's page tells what is still needed."""
    record_id = record_id_of(record_text)
    with current_unit_of_work().read() as work:
        group_id = record_group(work.session, record_id)
    authorise(Permission.HOLD_RELEASE, group_id)
    if request.form.get("alone") and (asked := ask_unless_fresh()):
        return asked
    tending.release_hold(current_unit_of_work(), signed_in_actor(), record_id, is_proven=is_fresh(signed_in_viewer()))
    return redirect_after_post(f"/records/{record_text}")
