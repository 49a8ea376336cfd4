"""Deciding what another administrator has proposed."""

from flask import Blueprint, Response, request

from sharelink.accounts.errors import ChangeUnavailable
from sharelink.accounts.permissions import Permission
from sharelink.acts import administering
from sharelink.crypto.identifiers import id_text
from sharelink.web.authentication import requires, signed_in_actor
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.staff.paging import id_of
from sharelink.web.step_up import requires_fresh_proof
from sharelink.web.wiring import current_unit_of_work

blueprint = Blueprint("changes", __name__)


@blueprint.post("/people/changes/<change_text>/approve")
@requires(Permission.ACCOUNT_ADMINISTER)
@limited("create")
@requires_fresh_proof
def approve(change_text: str) -> Response:
    """Approve exactly what the page showed: the form carries its digest."""
    change_id = id_of(change_text, ChangeUnavailable)
    try:
        digest = bytes.fromhex(request.form.get("digest", ""))
    except ValueError:
        raise ChangeUnavailable("this is no digest") from None
    made = administering.approve(current_unit_of_work(), signed_in_actor(), change_id, digest)
    return redirect_after_post(f"/people/{id_text(made.account_id)}")


@blueprint.post("/people/changes/<change_text>/refuse")
@requires(Permission.ACCOUNT_ADMINISTER)
@limited("create")
def refuse(change_text: str) -> Response:
    """Refuse it, or take back one's own."""
    change_id = id_of(change_text, ChangeUnavailable)
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.accounts.changes.refuse(change_id)
    return redirect_after_post("/people")
