"""What could not be delivered, and what waits: for administrators, who can have it tried again."""

from flask import Blueprint, Response, make_response, render_template, request

from sharelink.accounts.permissions import Permission
from sharelink.outbox.errors import DeliveryNotFailed
from sharelink.outbox.queries import failed_deliveries, waiting_deliveries
from sharelink.web.authentication import requires, signed_in_actor
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.staff.paging import asked_page, id_of
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("deliveries", __name__)


@blueprint.get("/deliveries")
@requires(Permission.OUTBOX_ADMINISTER)
def deliveries() -> Response:
    """Show what failed and what waits."""
    with current_unit_of_work().read() as work:
        failed = failed_deliveries(work.session, asked_page())
        waiting = waiting_deliveries(work.session)
    page = render_template(
        "staff/deliveries.html",
        failed=failed,
        waiting=waiting,
        has_mail=current_settings().has_mail,
        done=request.args.get("done") == "again",
    )
    return make_response(page)


@blueprint.post("/deliveries/<delivery_text>/again")
@requires(Permission.OUTBOX_ADMINISTER)
@limited("create")
def again(delivery_text: str) -> Response:
    """Put one failed delivery back into the queue."""
    delivery_id = id_of(delivery_text, DeliveryNotFailed)
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.outbox.try_again(delivery_id)
    return redirect_after_post("/deliveries?done=again")
