"""The start page: what waits for the person who is signed in."""

from flask import Blueprint, Response, request

from sharelink.accounts.permissions import Permission
from sharelink.custody.share_lines import my_work
from sharelink.web.authentication import requires, signed_in_actor
from sharelink.web.responses import page_or_fragment
from sharelink.web.wiring import current_unit_of_work

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@requires(Permission.OWN_ACCOUNT)
def home() -> Response:
    """Show the viewer's own shares: ending soon, declined, not opened yet, revealed."""
    account_id = signed_in_actor().account_id or b""
    with current_unit_of_work().read() as work:
        mine = my_work(work.session, account_id, work.now)
    return page_or_fragment(
        "staff/home.html", "staff/_work.html", work=mine, welcome=request.args.get("welcome") == "1"
    )
