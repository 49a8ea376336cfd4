"""Invitations: made by administrators, followed by people who join."""

from flask import Blueprint, Response, make_response, render_template, request

from sharelink.accounts.errors import GroupNotFound, InvitationUnavailable
from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import groups_for_choice
from sharelink.accounts.states import ROLE_LABELS
from sharelink.acts import joining
from sharelink.errors import InvalidInput
from sharelink.web.authentication import browser_keys, public_actor, requires, signed_in_actor, signed_in_response
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.staff.account_forms import show_problems
from sharelink.web.staff.invitation_forms import InvitationForm, JoinForm
from sharelink.web.staff.paging import id_of
from sharelink.web.staff.people import ticked_roles
from sharelink.web.step_up import requires_fresh_proof
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("invitations", __name__)


@blueprint.get("/people/invite")
@requires(Permission.ACCOUNT_ADMINISTER)
def invitation_form() -> Response:
    """Show the empty form."""
    return _invitation_page(InvitationForm(formdata=None))


@blueprint.post("/people/invite")
@requires(Permission.ACCOUNT_ADMINISTER)
@limited("create")
@requires_fresh_proof
def invite() -> Response:
    """Make an invitation and show its link, this once; an earlier one to the same address dies."""
    form = InvitationForm()
    try:
        group_ids = [id_of(text, GroupNotFound) for text in request.form.getlist("groups")]
        roles = ticked_roles()
        with current_unit_of_work().write(signed_in_actor()) as work:
            made = work.accounts.invitations.invite(form.email.data or "", roles, group_ids)
    except InvalidInput as error:
        show_problems(form, error)
        return _invitation_page(form, 422)
    link = f"{current_settings().base_url}/join#{made.link_secret}"
    return make_response(render_template("staff/invited.html", email=made.email, link=link, expires_at=made.expires_at))


@blueprint.post("/people/invitations/<invitation_text>/revoke")
@requires(Permission.ACCOUNT_ADMINISTER)
@limited("create")
def revoke(invitation_text: str) -> Response:
    """Make an invitation worthless."""
    invitation_id = id_of(invitation_text, InvitationUnavailable)
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.accounts.invitations.revoke(invitation_id)
    return redirect_after_post("/people")


@blueprint.get("/join")
def join_form() -> Response:
    """Show the form. The link's secret is in the fragment, so nobody knows yet whether it is good."""
    return _join_page(JoinForm(formdata=None))


@blueprint.post("/join")
@limited("sign_in")
def join() -> Response:
    """Make the account; the next page asks for a second factor, before anything else is within reach."""
    form = JoinForm()
    try:
        started = joining.join(
            current_unit_of_work(),
            public_actor(),
            link=form.key.data or "",
            name=form.name.data or "",
            email=form.email.data or "",
            password=form.password.data or "",
            browser=browser_keys(),
        )
    except InvalidInput as error:
        show_problems(form, error)
        return _join_page(form, 422)
    return signed_in_response(started)


def _invitation_page(form: InvitationForm, status: int = 200) -> Response:
    with current_unit_of_work().read() as work:
        groups = groups_for_choice(work.session, None)
    page = render_template(
        "staff/invite.html",
        form=form,
        roles=ROLE_LABELS,
        groups=groups,
        chosen_roles=request.form.getlist("roles"),
        chosen_groups=request.form.getlist("groups"),
        separation_of_duties=current_settings().separation_of_duties,
    )
    return make_response(page, status)


def _join_page(form: JoinForm, status: int = 200) -> Response:
    return make_response(render_template("staff/join.html", form=form), status)
