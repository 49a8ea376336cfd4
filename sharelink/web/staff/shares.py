"""One share as staff see it, and what they do with it while it is on its way: withdraw, unlock, send anew."""

from collections.abc import Mapping

from flask import Blueprint, Response, make_response, render_template, request

from sharelink.accounts.permissions import Permission
from sharelink.acts import handing_out, tending
from sharelink.crypto.identifiers import id_from_text, id_text
from sharelink.custody.share_detail import ShareDetail, share_detail
from sharelink.errors import InvalidInput
from sharelink.outbox.queries import told_about
from sharelink.shares.errors import ShareEnded, ShareNotFound, ShareNotLocked
from sharelink.web.authentication import authorise, requires, signed_in_actor
from sharelink.web.downloads import download
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("shares", __name__)


@blueprint.get("/shares/<share_text>")
@requires(Permission.RECORD_READ)
def share(share_text: str) -> Response:
    """Show a share: settings, what happened, what can be done."""
    return _page(_found(share_text, Permission.RECORD_READ))


@blueprint.post("/shares/<share_text>/withdraw")
@requires(Permission.SHARE_SEND)
@limited("create")
def withdraw(share_text: str) -> Response:
    """Burn the share unread."""
    detail = _found(share_text, Permission.SHARE_SEND)
    reason = request.form.get("reason", "")
    try:
        tending.withdraw(current_unit_of_work(), signed_in_actor(), detail.line.id, reason)
    except InvalidInput as error:
        return _page(detail, 422, errors=error.fields, reason=reason)
    except ShareEnded:
        return _page(_found(share_text, Permission.SHARE_SEND), 409, notice="It had ended before. Nothing was changed.")
    return redirect_after_post(_address(detail))


@blueprint.post("/shares/<share_text>/unlock")
@requires(Permission.SHARE_SEND)
@limited("create")
def unlock(share_text: str) -> Response:
    """Allow five more tries."""
    detail = _found(share_text, Permission.SHARE_SEND)
    try:
        tending.unlock(current_unit_of_work(), signed_in_actor(), detail.line.id)
    except ShareNotLocked:
        return _page(_found(share_text, Permission.SHARE_SEND), 409, notice="It is not locked. Nothing was changed.")
    return redirect_after_post(_address(detail))


@blueprint.post("/shares/<share_text>/receipt")
@requires(Permission.RECORD_READ)
@limited("create")
def receipt(share_text: str) -> Response:
    """Hand out what the log says of the share."""
    detail = _found(share_text, Permission.RECORD_READ)
    return download(handing_out.receipt_of_share(current_unit_of_work(), detail.line.id))


def _found(share_text: str, permission: Permission) -> ShareDetail:
    try:
        share_id = id_from_text(share_text)
    except ValueError:
        raise ShareNotFound("not an id") from None
    with current_unit_of_work().read() as work:
        detail = share_detail(work.session, share_id, work.now)
    authorise(permission, detail.group_id)
    return detail


def _address(detail: ShareDetail) -> str:
    return f"/shares/{id_text(detail.line.id)}"


def _page(
    detail: ShareDetail,
    status: int = 200,
    *,
    errors: Mapping[str, str] | None = None,
    reason: str = "",
    notice: str = "",
) -> Response:
    with current_unit_of_work().read() as work:
        told = told_about(work.session, detail.line.id)
    page = render_template(
        "staff/share.html",
        share=detail,
        errors=errors or {},
        reason=reason,
        notice=notice,
        told=told,
        told_mail=current_settings().has_mail,
    )
    return make_response(page, status)
