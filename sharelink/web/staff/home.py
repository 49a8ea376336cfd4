"""The start page: what waits for the person who is signed in."""

from flask import Blueprint, Response, request

from sharelink.access.waiting import my_uses
from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import groups_for_choice
from sharelink.custody.due_view import overdue_tasks
from sharelink.custody.hold_view import held_records
from sharelink.custody.proposal_view import waiting_proposals
from sharelink.custody.share_lines import my_work
from sharelink.outbox.queries import failed_count
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
        groups = None if reach.everywhere else reach.group_ids
        held = held_records(work.session, groups)
        waiting = waiting_proposals(work.session, groups, person.account_id, work.now)
        overdue = overdue_tasks(work.session, groups, work.now)
        mine = my_work(work.session, person.account_id, work.now, person.reach(Permission.REQUEST_RETRIEVE))
        uses = my_uses(work.session, person.account_id, work.now, person.reach(Permission.ACCESS_APPROVE))
        notices = security_notices(work, person.account_id)
        failed = failed_count(work.session) if person.may(Permission.OUTBOX_ADMINISTER) else 0
        break_glass = break_glass_notices(work) if person.may(Permission.ACCOUNT_ADMINISTER) else ()
        news = group_news(work, groups_for_choice(work.session, person.group_ids))
    return page_or_fragment(
        "staff/home.html",
        "staff/_work.html",
        work=mine,
        held=held,
        waiting=waiting,
        overdue=overdue,
        uses=uses,
        group_news=news,
        notices=notices,
        break_glass=break_glass,
        failed_deliveries=failed,
        notices_link=True,
        welcome=request.args.get("welcome") == "1",
    )
