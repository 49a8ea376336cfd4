"""Invitations: made by administrators, followed by people who join."""

from flask import Blueprint, Response, jsonify, make_response, render_template, request

from sharelink.accounts.errors import GroupNotFound, InvitationUnavailable
from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import groups_for_choice
from sharelink.accounts.states import ROLE_LABELS
from sharelink.acts import joining
from sharelink.errors import InvalidInput
from sharelink.factors.errors import PasskeyRefused
from sharelink.web.authentication import (
    browser_keys,
    public_actor,
    requires,
    sign_in_browser,
    signed_in_actor,
    signed_in_response,
)
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.staff.account_forms import show_problems
from sharelink.web.staff.factors import codes_page
from sharelink.web.staff.invitation_forms import InvitationForm, JoinForm
from sharelink.web.staff.paging import id_of
from sharelink.web.staff.people import ticked_roles
from sharelink.web.step_up import current_relying_party, named_party, requires_fresh_proof
from sharelink.web.wiring import current_settings, current_unit_of_work

NOT_MADE = "The passkey could not be made. Try again, use another device, or choose a password."

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
@limited("open", "GET")
def join_form() -> Response:
    """Show the form. The link's secret is in the fragment, so nobody knows yet whether it is good."""
    return _join_page(JoinForm(formdata=None))


@blueprint.post("/join/passkey/challenge")
@limited("sign_in", apart="challenge")
def ask_for_first_passkey() -> Response:
    """Tell the browser of somebody who joins how to make a passkey, if everything else of the form is right."""
    form = JoinForm()
    return jsonify(joining.ask_for_first_passkey(current_unit_of_work(), public_actor(), named_party(), **_typed(form)))


@blueprint.post("/join")
@limited("sign_in")
def join() -> Response:
    """Make the account, with a passkey or with a password; after a password, a second factor comes before all else."""
    form = JoinForm()
    answer, password = request.form.get("passkey", ""), form.password.data or ""
    try:
        if answer:
            return _join_with_passkey(form, answer)
        if request.form.get("way") == "passkey" and not password:
            return _passkey_did_not_answer(form)
        started = joining.join(
            current_unit_of_work(), public_actor(), **_typed(form), password=password, browser=browser_keys()
        )
    except InvalidInput as error:
        show_problems(form, error)
        return _join_page(form, 422)
    return signed_in_response(started)


def _join_with_passkey(form: JoinForm, answer: str) -> Response:
    try:
        joined = joining.join_with_passkey(
            current_unit_of_work(),
            public_actor(),
            named_party(),
            **_typed(form),
            answer=answer,
            browser=browser_keys(),
        )
    except PasskeyRefused:
        form.form_errors = [NOT_MADE]
        return _join_page(form, 422)
    page = codes_page(joined.recovery_codes, "/", has_password=False)
    return page if joined.started is None else sign_in_browser(page, joined.started)


def _passkey_did_not_answer(form: JoinForm) -> Response:
    """Say what keeps the browser from making a passkey: what is typed is wrong, or the browser makes none.

    Raises:
        InvalidInput: a field cannot be accepted.
    """
    joining.check_invited(current_unit_of_work(), public_actor(), **_typed(form))
    form.form_errors = [NOT_MADE]
    return _join_page(form, 422)


def _typed(form: JoinForm) -> dict[str, str]:
    return {"link": form.key.data or "", "name": form.name.data or "", "email": form.email.data or ""}


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
    has_passkeys = current_relying_party() is not None and current_settings().local_passwords
    return make_response(render_template("staff/join.html", form=form, has_passkeys=has_passkeys), status)
