"""Webhooks: added, tried, watched and removed by administrators."""

from collections.abc import Mapping

from flask import Blueprint, Response, make_response, render_template, request

from sharelink.accounts.permissions import Permission
from sharelink.crypto.identifiers import id_text
from sharelink.errors import InvalidInput
from sharelink.outbox.errors import EndpointNotFound
from sharelink.outbox.queries import endpoint, endpoint_deliveries, endpoints
from sharelink.web.authentication import requires, signed_in_actor
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.staff.paging import asked_page, id_of
from sharelink.web.step_up import requires_fresh_proof
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("webhooks", __name__)


@blueprint.get("/webhooks")
@requires(Permission.OUTBOX_ADMINISTER)
def webhooks() -> Response:
    """List the webhooks that there are."""
    return _list_page(removed=request.args.get("done") == "removed")


@blueprint.post("/webhooks")
@requires(Permission.OUTBOX_ADMINISTER)
@limited("create")
@requires_fresh_proof
def add() -> Response:
    """Add a webhook and show its secret, this once; or say what to mend."""
    name, url = request.form.get("name", ""), request.form.get("url", "")
    try:
        with current_unit_of_work().write(signed_in_actor()) as work:
            new = work.endpoints.add(name, url, allow_private=current_settings().webhook_allow_private)
    except InvalidInput as error:
        return _list_page(422, typed={"name": name, "url": url}, errors=error.fields)
    page = render_template("staff/webhook_added.html", secret=new.secret_text, address=f"/webhooks/{id_text(new.id)}")
    return make_response(page)


@blueprint.get("/webhooks/<webhook_text>")
@requires(Permission.OUTBOX_ADMINISTER)
def webhook(webhook_text: str) -> Response:
    """Show one webhook and what was sent to it."""
    webhook_id = id_of(webhook_text, EndpointNotFound)
    with current_unit_of_work().read() as work:
        found = endpoint(work.session, webhook_id)
        log = endpoint_deliveries(work.session, webhook_id, asked_page())
    if found is None:
        raise EndpointNotFound("no such webhook")
    page = render_template("staff/webhook.html", webhook=found, log=log, done=request.args.get("done") == "test")
    return make_response(page)


@blueprint.post("/webhooks/<webhook_text>/test")
@requires(Permission.OUTBOX_ADMINISTER)
@limited("create")
def send_test(webhook_text: str) -> Response:
    """Queue a message that says nothing but that the way works."""
    webhook_id = id_of(webhook_text, EndpointNotFound)
    with current_unit_of_work().write(signed_in_actor()) as work:
        found = endpoint(work.session, webhook_id)
        if found is None or found.removed_at is not None:
            raise EndpointNotFound("no such webhook")
        work.outbox.queue_test(webhook_id)
    return redirect_after_post(f"/webhooks/{webhook_text}?done=test")


@blueprint.post("/webhooks/<webhook_text>/remove")
@requires(Permission.OUTBOX_ADMINISTER)
@limited("create")
@requires_fresh_proof
def remove(webhook_text: str) -> Response:
    """Stop a webhook."""
    webhook_id = id_of(webhook_text, EndpointNotFound)
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.endpoints.remove(webhook_id)
    return redirect_after_post("/webhooks?done=removed")


def _list_page(
    status: int = 200,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    removed: bool = False,
) -> Response:
    with current_unit_of_work().read() as work:
        found = endpoints(work.session)
    page = render_template(
        "staff/webhooks.html",
        webhooks=found,
        typed=typed or {"name": "", "url": ""},
        errors=errors or {},
        removed=removed,
        allow_private=current_settings().webhook_allow_private,
    )
    return make_response(page, status)
