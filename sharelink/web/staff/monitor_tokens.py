"""Monitor tokens: made, shown once, listed and revoked, by administrators and auditors."""

from collections.abc import Mapping

from flask import Blueprint, Response, make_response, render_template, request

from sharelink.accounts.permissions import Permission
from sharelink.errors import InvalidInput
from sharelink.monitors.errors import MonitorTokenNotFound
from sharelink.monitors.queries import monitor_tokens
from sharelink.web.authentication import requires, signed_in_actor
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.staff.paging import id_of
from sharelink.web.step_up import requires_fresh_proof
from sharelink.web.wiring import current_settings, current_unit_of_work
from sharelink.witnesses.configured import Witnesses
from sharelink.witnesses.queries import witness_views

blueprint = Blueprint("monitor_tokens", __name__)

CHOICES_DAYS = (30, 90, 365)
_DEFAULT_DAYS = "90"


@blueprint.get("/monitors")
@requires(Permission.MONITOR_ADMINISTER)
def tokens() -> Response:
    """List the tokens that there are."""
    return _list_page(revoked=request.args.get("done") == "revoked")


@blueprint.post("/monitors")
@requires(Permission.MONITOR_ADMINISTER)
@limited("create")
@requires_fresh_proof
def add() -> Response:
    """Make a token and show it, this once; or say what to mend."""
    typed = {"name": request.form.get("name", ""), "days": request.form.get("days", _DEFAULT_DAYS)}
    days = int(typed["days"]) if typed["days"] in {str(choice) for choice in CHOICES_DAYS} else 0
    try:
        with current_unit_of_work().write(signed_in_actor()) as work:
            new = work.monitor_tokens.create(typed["name"], days)
    except InvalidInput as error:
        return _list_page(422, typed=typed, errors=error.fields)
    page = render_template("staff/monitor_token_made.html", token=new.text, address=_prefix())
    return make_response(page)


@blueprint.post("/monitors/<token_text>/revoke")
@requires(Permission.MONITOR_ADMINISTER)
@limited("create")
def revoke(token_text: str) -> Response:
    """End a token."""
    token_id = id_of(token_text, MonitorTokenNotFound)
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.monitor_tokens.revoke(token_id)
    return redirect_after_post("/monitors?done=revoked")


def _list_page(
    status: int = 200,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    revoked: bool = False,
) -> Response:
    settings = current_settings()
    witnesses = Witnesses.of(settings.witness_entries, settings.audit_quorum)
    with current_unit_of_work().read() as work:
        found = monitor_tokens(work.session, work.now)
        views = witness_views(work.session, witnesses.all, work.now)
    page = render_template(
        "staff/monitor_tokens.html",
        tokens=found,
        witnesses=views,
        typed=typed or {"name": "", "days": _DEFAULT_DAYS},
        errors=errors or {},
        choices=CHOICES_DAYS,
        revoked=revoked,
        address=_prefix(),
    )
    return make_response(page, status)


def _prefix() -> str:
    return f"{current_settings().base_url}/audit"
