"""Who can sign in, and as what: for administrators. What takes a second administrator is proposed and waits."""

from collections.abc import Mapping

from flask import Blueprint, Response, render_template, request

from sharelink.accounts import people_view, queries
from sharelink.accounts.changes import ChangeRequest
from sharelink.accounts.errors import AccountNotFound
from sharelink.accounts.permissions import Permission
from sharelink.accounts.states import ROLE_LABELS, ChangeKind, Role
from sharelink.acts import administering
from sharelink.audit.queries import chain_page
from sharelink.crypto.identifiers import id_text
from sharelink.errors import InvalidInput
from sharelink.web.authentication import requires, signed_in_actor, signed_in_viewer
from sharelink.web.rate_limits import limited
from sharelink.web.responses import page_or_fragment, redirect_after_post
from sharelink.web.staff.paging import asked_page, id_of
from sharelink.web.staff.timeline import timeline_entry
from sharelink.web.step_up import requires_fresh_proof
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("people", __name__)


@blueprint.get("/people")
@requires(Permission.ACCOUNT_LIST)
def people() -> str:
    """List every account, the invitations that are open, and the changes that wait for a second administrator."""
    with current_unit_of_work().read() as work:
        return render_template(
            "staff/people.html",
            people=queries.people(work.session),
            invitations=people_view.open_invitations(work.session, work.now),
            changes=people_view.pending_changes(work.session, work.now),
            has_second_administrator=len(queries.active_administrators(work.session)) > 1,
            separation_of_duties=current_settings().separation_of_duties,
        )


@blueprint.get("/people/<account_text>")
@requires(Permission.ACCOUNT_LIST)
def person(account_text: str) -> Response:
    """Show one account with what was done with it, and what an administrator can do."""
    return _person_page(id_of(account_text, AccountNotFound))


@blueprint.post("/people/<account_text>/roles")
@requires(Permission.ACCOUNT_ADMINISTER)
@limited("create")
@requires_fresh_proof
def change_roles(account_text: str) -> Response:
    """Give the account exactly the roles that are ticked."""
    account_id = id_of(account_text, AccountNotFound)
    try:
        roles = ticked_roles()
        return _ask_for(ChangeRequest(ChangeKind.SET_ROLES, account_id, roles=roles))
    except InvalidInput as error:
        return _person_page(account_id, 422, errors=error.fields)


@blueprint.post("/people/<account_text>/disable")
@requires(Permission.ACCOUNT_ADMINISTER)
@limited("create")
@requires_fresh_proof
def disable(account_text: str) -> Response:
    """Shut the account out, at once."""
    account_id = id_of(account_text, AccountNotFound)
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.accounts.changes.disable(account_id)
    return redirect_after_post(f"/people/{account_text}")


@blueprint.post("/people/<account_text>/enable")
@requires(Permission.ACCOUNT_ADMINISTER)
@limited("create")
@requires_fresh_proof
def enable(account_text: str) -> Response:
    """Let the person sign in again."""
    return _ask_for(ChangeRequest(ChangeKind.ENABLE, id_of(account_text, AccountNotFound)))


@blueprint.post("/people/<account_text>/reset-factors")
@requires(Permission.ACCOUNT_ADMINISTER)
@limited("create")
@requires_fresh_proof
def reset_factors(account_text: str) -> Response:
    """Take the person's second factors away; they add new ones after their next password."""
    return _ask_for(ChangeRequest(ChangeKind.RESET_FACTORS, id_of(account_text, AccountNotFound)))


@blueprint.post("/people/<account_text>/end-sessions")
@requires(Permission.ACCOUNT_ADMINISTER)
@limited("create")
@requires_fresh_proof
def end_sessions(account_text: str) -> Response:
    """Sign the person out everywhere."""
    account_id = id_of(account_text, AccountNotFound)
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.accounts.administration.end_sessions(account_id)
    return redirect_after_post(f"/people/{account_text}")


def ticked_roles() -> frozenset[Role]:
    """Return the roles that are ticked in the posted form.

    Raises:
        InvalidInput: in the field "roles": there is no such role.
    """
    try:
        return frozenset(Role(text) for text in request.form.getlist("roles"))
    except ValueError:
        raise InvalidInput({"roles": "Choose from the roles that there are."}) from None


def _ask_for(asked: ChangeRequest) -> Response:
    administering.change(current_unit_of_work(), signed_in_actor(), asked)
    return redirect_after_post(f"/people/{id_text(asked.account_id)}")


def _person_page(account_id: bytes, status: int = 200, *, errors: Mapping[str, str] | None = None) -> Response:
    with current_unit_of_work().read() as work:
        shown = queries.person(work.session, account_id)
        changes = people_view.pending_changes_of_account(work.session, work.now, account_id)
        history = chain_page(work.session, shown.id_text, asked_page())
        groups = people_view.group_list(work.session, shown.group_ids)
    return page_or_fragment(
        "staff/person.html",
        "staff/_timeline.html",
        status,
        person=shown,
        groups=groups,
        changes=changes,
        is_self=account_id == signed_in_viewer().account_id,
        roles=ROLE_LABELS,
        separation_of_duties=current_settings().separation_of_duties,
        errors=errors or {},
        timeline=[timeline_entry(event, {}) for event in history.events],
        timeline_address=f"/people/{shown.id_text}",
        timeline_page=history.page,
        timeline_page_count=history.page_count,
    )
