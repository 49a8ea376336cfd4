"""Custodian groups: who is in them and what happened with them, for their members; changed by administrators."""

from collections.abc import Mapping

from flask import Blueprint, Response, make_response, render_template, request

from sharelink.accounts import people_view
from sharelink.accounts.changes import ChangeRequest
from sharelink.accounts.errors import AccountNotFound, GroupNotFound
from sharelink.accounts.permissions import Permission
from sharelink.accounts.states import ChangeKind
from sharelink.acts import administering
from sharelink.audit.queries import chain_page
from sharelink.crypto.identifiers import id_text
from sharelink.errors import InvalidInput
from sharelink.web.authentication import authorise, requires, signed_in_actor, signed_in_viewer
from sharelink.web.rate_limits import limited
from sharelink.web.responses import page_or_fragment, redirect_after_post
from sharelink.web.staff.paging import asked_page, id_of
from sharelink.web.staff.timeline import timeline_entry
from sharelink.web.step_up import requires_fresh_proof
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("groups", __name__)


@blueprint.get("/groups")
@requires(Permission.GROUP_READ)
def groups() -> Response:
    """List the groups that the viewer may look at."""
    return _list_page()


@blueprint.post("/groups")
@requires(Permission.ACCOUNT_ADMINISTER)
@limited("create")
def create_group() -> Response:
    """Make an empty group, or say what to mend."""
    name = request.form.get("name", "")
    try:
        with current_unit_of_work().write(signed_in_actor()) as work:
            group_id = work.accounts.groups.create(name)
    except InvalidInput as error:
        return _list_page(422, typed_name=name, errors=error.fields)
    return redirect_after_post(f"/groups/{id_text(group_id)}")


@blueprint.get("/groups/<group_text>")
@requires(Permission.GROUP_READ)
def group(group_text: str) -> Response:
    """Show a group with its members, the changes that wait, and its events."""
    group_id = id_of(group_text, GroupNotFound)
    authorise(Permission.GROUP_READ, group_id)
    with current_unit_of_work().read() as work:
        detail = people_view.group_detail(work.session, group_id)
        changes = people_view.pending_changes_of_group(work.session, work.now, group_id)
        history = chain_page(work.session, detail.id_text, asked_page())
    return page_or_fragment(
        "staff/group.html",
        "staff/_timeline.html",
        group=detail,
        changes=changes,
        separation_of_duties=current_settings().separation_of_duties,
        timeline=[timeline_entry(event, {}) for event in history.events],
        timeline_address=f"/groups/{detail.id_text}",
        timeline_page=history.page,
        timeline_page_count=history.page_count,
    )


@blueprint.post("/groups/<group_text>/members/add")
@requires(Permission.ACCOUNT_ADMINISTER)
@limited("create")
@requires_fresh_proof
def add_member(group_text: str) -> Response:
    """Add the chosen person to the group."""
    return _change_members(ChangeKind.ADD_MEMBER, group_text)


@blueprint.post("/groups/<group_text>/members/remove")
@requires(Permission.ACCOUNT_ADMINISTER)
@limited("create")
@requires_fresh_proof
def remove_member(group_text: str) -> Response:
    """Take the chosen person out of the group."""
    return _change_members(ChangeKind.REMOVE_MEMBER, group_text)


def _change_members(kind: ChangeKind, group_text: str) -> Response:
    group_id = id_of(group_text, GroupNotFound)
    account_id = id_of(request.form.get("person", ""), AccountNotFound)
    asked = ChangeRequest(kind, account_id, group_id=group_id)
    administering.change(current_unit_of_work(), signed_in_actor(), asked)
    return redirect_after_post(f"/groups/{group_text}")


def _list_page(status: int = 200, *, typed_name: str = "", errors: Mapping[str, str] | None = None) -> Response:
    reach = signed_in_viewer().reach(Permission.GROUP_READ)
    with current_unit_of_work().read() as work:
        found = people_view.group_list(work.session, None if reach.everywhere else reach.group_ids)
    page = render_template("staff/groups.html", groups=found, typed_name=typed_name, errors=errors or {})
    return make_response(page, status)
