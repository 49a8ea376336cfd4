"""One request as staff see it, and what they do with it: cancel, remind, ask again, say how the answer turned out."""

from collections.abc import Mapping

from flask import Blueprint, Response, make_response, render_template, request

from sharelink.access.queries import open_use
from sharelink.accounts.permissions import Permission
from sharelink.acts import handing_out, requesting, retrieving, tending
from sharelink.crypto.identifiers import id_from_text, id_text, new_id
from sharelink.custody.request_detail import RequestDetail, request_detail
from sharelink.errors import InvalidInput
from sharelink.outbox.queries import told_about
from sharelink.requests.errors import NotJudgeable, RequestNotAwaiting
from sharelink.requests.states import Verdict
from sharelink.shares.errors import AlreadyCreated, ShareEnded, ShareNotFound, ShareReplaced
from sharelink.web.authentication import authorise, requires, signed_in_actor, signed_in_viewer
from sharelink.web.downloads import download
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.staff.asking import already_page, asked_page
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("requests", __name__)


@blueprint.get("/requests/<request_text>")
@requires(Permission.RECORD_READ)
def show(request_text: str) -> Response:
    """Show a request: what was asked, what happened, what can be done."""
    return _page(_found(request_text, Permission.RECORD_READ))


@blueprint.post("/requests/<request_text>/cancel")
@requires(Permission.REQUEST_CREATE)
@limited("create")
def cancel(request_text: str) -> Response:
    """End the request; an answer that waits is erased unread."""
    detail = _found(request_text, Permission.REQUEST_CREATE)
    try:
        tending.withdraw(current_unit_of_work(), signed_in_actor(), detail.line.id, request.form.get("reason", ""))
    except InvalidInput as error:
        return _page(detail, 422, errors=error.fields)
    except ShareEnded:
        return _stale(request_text, "It had ended before. Nothing was changed.")
    return redirect_after_post(detail.line.address)


@blueprint.post("/requests/<request_text>/reminded")
@requires(Permission.REQUEST_CREATE)
@limited("create")
def reminded(request_text: str) -> Response:
    """Take note that somebody has reminded the customer."""
    detail = _found(request_text, Permission.REQUEST_CREATE)
    try:
        tending.note_reminder(current_unit_of_work(), signed_in_actor(), detail)
    except RequestNotAwaiting:
        return _stale(request_text, "It does not wait for an answer any more.")
    return redirect_after_post(detail.line.address)


@blueprint.post("/requests/<request_text>/again")
@requires(Permission.REQUEST_CREATE)
@limited("create")
def again(request_text: str) -> Response:
    """Ask the same under new links."""
    return _ask_again(_found(request_text, Permission.REQUEST_CREATE), rejecting=None)


@blueprint.post("/requests/<request_text>/outcome")
@requires(Permission.REQUEST_RETRIEVE)
@limited("create")
def outcome(request_text: str) -> Response:
    """Take note how a retrieved answer turned out; a wrong one is asked for again at once."""
    detail = _found(request_text, Permission.REQUEST_RETRIEVE)
    verdict = request.form.get("verdict", "")
    if verdict == Verdict.WRONG:
        return _ask_again(detail, rejecting=request.form.get("message", ""))
    if verdict != Verdict.WORKED:
        return _page(detail, 422, errors={"verdict": "Say how it turned out."})
    try:
        retrieving.accept(current_unit_of_work(), signed_in_actor(), detail, request.form.get("vault_reference", ""))
    except InvalidInput as error:
        return _page(detail, 422, errors=error.fields)
    except NotJudgeable:
        return _stale(request_text, "This was said before, or nothing was retrieved.")
    return redirect_after_post(detail.line.address)


def _ask_again(detail: RequestDetail, *, rejecting: str | None) -> Response:
    address = detail.line.id_text
    try:
        form_id = id_from_text(request.form.get("form_id", ""))
    except ValueError:
        return _page(detail, 422, errors={"form": "Load the page again, then try once more."})
    try:
        asked = requesting.ask_again(current_unit_of_work(), signed_in_actor(), detail, form_id, rejecting=rejecting)
    except InvalidInput as error:
        return _page(detail, 422, errors=error.fields)
    except (ShareReplaced, NotJudgeable):
        return _stale(address, "It was asked again, or the answer was judged, meanwhile. Nothing was changed.")
    except AlreadyCreated as error:
        return already_page(error)
    return asked_page(asked, replaced=True)


@blueprint.post("/requests/<request_text>/receipt")
@requires(Permission.RECORD_READ)
@limited("create")
def receipt(request_text: str) -> Response:
    """Hand out what the log says of the request."""
    detail = _found(request_text, Permission.RECORD_READ)
    return download(handing_out.receipt_of_share(current_unit_of_work(), detail.line.id))


def _found(request_text: str, permission: Permission) -> RequestDetail:
    try:
        share_id = id_from_text(request_text)
    except ValueError:
        raise ShareNotFound("not an id") from None
    with current_unit_of_work().read() as work:
        detail = request_detail(work.session, share_id, work.now)
    authorise(permission, detail.group_id)
    return detail


def _stale(request_text: str, notice: str) -> Response:
    return _page(_found(request_text, Permission.RECORD_READ), 409, notice=notice)


def _page(
    detail: RequestDetail,
    status: int = 200,
    *,
    errors: Mapping[str, str] | None = None,
    notice: str = "",
) -> Response:
    values = {name: request.form.get(name, "") for name in ("reason", "verdict", "vault_reference", "message")}
    with current_unit_of_work().read() as work:
        my_use = open_use(work.session, detail.line.custody_id, signed_in_viewer().account_id, work.now)
    with current_unit_of_work().read() as work:
        told = told_about(work.session, detail.line.id)
    page = render_template(
        "staff/request.html",
        told=told,
        told_mail=current_settings().has_mail,
        ask=detail,
        errors=errors or {},
        values=values,
        notice=notice,
        my_use=my_use,
        form_id=id_text(new_id()),
        request_address=detail.line.address,
    )
    return make_response(page, status)
