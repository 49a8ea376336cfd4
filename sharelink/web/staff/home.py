"""The start page: what waits for the person who is signed in."""

from flask import Blueprint, Response, request

from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import groups_for_choice
from sharelink.custody.hold_view import held_records
from sharelink.custody.share_lines import my_work
from sharelink.web.authentication import requires, signed_in_viewer
from sharelink.web.responses import page_or_fragment
from sharelink.web.staff.group_news import group_news
from sharelink.web.staff.security_notices import break_glass_notices, security_notices
from sharelink.web.wiring import current_unit_of_work

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@requires(Permission.OWN_ACCOUNT)
def home() -> Response:
    """Show what waits for the viewer: holds to lift, answers to retrieve, their shares, and their groups' news."""
    person = signed_in_viewer()
    reach = person.reach(Permission.HOLD_RELEASE)
    with current_unit_of_work().read() as work:
        held = held_records(work.session, None if reach.everywhere else reach.group_ids)
        mine = my_work(work.session, person.account_id, work.now, person.reach(Permission.REQUEST_RETRIEVE))
        notices = security_notices(work, person.account_id)
        break_glass = break_glass_notices(work) if person.may(Permission.ACCOUNT_ADMINISTER) else ()
        news = group_news(work, groups_for_choice(work.session, person.group_ids))
    return page_or_fragment(
        "staff/home.html",
        "staff/_work.html",
        work=mine,
        held=held,
        group_news=news,
        notices=notices,
        break_glass=break_glass,
        notices_link=True,
        welcome=request.args.get("welcome") == "1",
    )
