"""Who can sign in, for administrators."""

from flask import Blueprint, render_template

from sharelink.accounts import queries
from sharelink.accounts.permissions import Permission
from sharelink.web.authentication import requires
from sharelink.web.wiring import current_unit_of_work

blueprint = Blueprint("people", __name__)


@blueprint.get("/people")
@requires(Permission.ACCOUNT_LIST)
def people() -> str:
    """List every account with its roles and groups."""
    with current_unit_of_work().read() as work:
        found = queries.people(work.session)
    return render_template("staff/people.html", people=found)
