"""Declared uses: declare, break the glass, look, decide, withdraw, check out and in, review."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from flask import Blueprint, Response, make_response, render_template, request

from sharelink.access.approvals import needed_by
from sharelink.access.errors import UseNotFound
from sharelink.access.queries import UseDetail, use_detail, use_page
from sharelink.access.states import FINDING_LABELS, OUTCOME_LABELS
from sharelink.accounts.permissions import Permission
from sharelink.acts import deciding, declaring
from sharelink.acts.deciding import TypedDecision
from sharelink.crypto.identifiers import id_text
from sharelink.custody.policy import RecordPolicy, record_policy
from sharelink.custody.queries import RecordDetail
from sharelink.errors import InvalidInput
from sharelink.web.authentication import authorise, requires, signed_in_actor, signed_in_viewer
from sharelink.web.filters import duration_text
from sharelink.web.rate_limits import limited
from sharelink.web.responses import redirect_after_post
from sharelink.web.staff.act_forms import ActWords, act_page
from sharelink.web.staff.paging import asked_page, id_of
from sharelink.web.staff.record_access import record_for
from sharelink.web.staff.use_forms import BreakGlassForm, UseForm
from sharelink.web.step_up import ask_unless_fresh, is_fresh, requires_fresh_proof
from sharelink.web.wiring import current_unit_of_work

blueprint = Blueprint("uses", __name__)

_Form = TypeVar("_Form", bound=BreakGlassForm)

_ANCHOR = "access"
_TYPED = ("verdict", "note", "outcome", "outcome_note", "finding", "review_note")


@blueprint.get("/records/<record_text>/uses")
@requires(Permission.RECORD_READ)
def uses(record_text: str) -> str:
    """Show all uses of a record, the newest first."""
    record = record_for(record_text, Permission.RECORD_READ)
    with current_unit_of_work().read() as work:
        found = use_page(work.session, record.id, asked_page())
        now = work.now
    return render_template("staff/uses.html", record=record, uses=found, now=now)


@blueprint.get("/records/<record_text>/uses/new")
@requires(Permission.ACCESS_DECLARE)
def declare_form(record_text: str) -> Response:
    """Show the empty form."""
    record, policy = _record_and_policy(record_text)
    return act_page(record, _offered(UseForm(formdata=None), policy), _declare_words(policy))


@blueprint.post("/records/<record_text>/uses/new")
@requires(Permission.ACCESS_DECLARE)
@limited("create")
def declare(record_text: str) -> Response:
    """Declare a use, or say what to mend."""
    record, policy = _record_and_policy(record_text)
    form = _offered(UseForm(), policy)
    try:
        use_id = declaring.declare(current_unit_of_work(), signed_in_actor(), record.id, form.typed())
    except InvalidInput as error:
        form.show(error.fields)
        return act_page(record, form, _declare_words(policy), 422)
    return redirect_after_post(f"/uses/{id_text(use_id)}")


@blueprint.get("/records/<record_text>/uses/break-glass")
@requires(Permission.ACCESS_DECLARE)
def break_glass_form(record_text: str) -> Response:
    """Show the empty form, and what breaking the glass means."""
    record, policy = _record_and_policy(record_text)
    return act_page(record, _offered(BreakGlassForm(formdata=None), policy), _BREAK_GLASS_WORDS)


@blueprint.post("/records/<record_text>/uses/break-glass")
@requires(Permission.ACCESS_DECLARE)
@limited("create")
@requires_fresh_proof
def break_glass(record_text: str) -> Response:
    """Begin a use without approval, or say what to mend."""
    record, policy = _record_and_policy(record_text)
    form = _offered(BreakGlassForm(), policy)
    try:
        use_id = declaring.break_glass(current_unit_of_work(), signed_in_actor(), record.id, form.typed())
    except InvalidInput as error:
        form.show(error.fields)
        return act_page(record, form, _BREAK_GLASS_WORDS, 422)
    return redirect_after_post(f"/uses/{id_text(use_id)}")


@blueprint.get("/uses/<use_text>")
@requires(Permission.RECORD_READ)
def use(use_text: str) -> Response:
    """Show a use: what was declared, who decided, and what can be done with it now."""
    return _page(_found(use_text, Permission.RECORD_READ))


@blueprint.post("/uses/<use_text>/decide")
@requires(Permission.ACCESS_APPROVE)
@limited("create")
@requires_fresh_proof
def decide(use_text: str) -> Response:
    """Approve or deny exactly what the page showed: the form carries its digest."""
    detail = _found(use_text, Permission.ACCESS_APPROVE)
    typed = TypedDecision(request.form.get("digest", ""), request.form.get("verdict", ""), request.form.get("note", ""))
    return _done(detail, lambda: deciding.decide(current_unit_of_work(), signed_in_actor(), detail.line.id, typed))


@blueprint.post("/uses/<use_text>/withdraw")
@requires(Permission.ACCESS_DECLARE)
@limited("create")
def withdraw(use_text: str) -> Response:
    """Take back one's own use before it begins."""
    detail = _found(use_text, Permission.ACCESS_DECLARE)
    return _done(detail, lambda: declaring.withdraw(current_unit_of_work(), signed_in_actor(), detail.line.id))


@blueprint.post("/uses/<use_text>/check-out")
@requires(Permission.ACCESS_DECLARE)
@limited("create")
@requires_fresh_proof
def check_out(use_text: str) -> Response:
    """Begin one's own use."""
    detail = _found(use_text, Permission.ACCESS_DECLARE)
    return _done(detail, lambda: declaring.check_out(current_unit_of_work(), signed_in_actor(), detail.line.id))


@blueprint.post("/uses/<use_text>/check-in")
@requires(Permission.ACCESS_REVIEW)
@limited("create")
def check_in(use_text: str) -> Response:
    """End a use and say what came of it."""
    detail = _found(use_text, Permission.ACCESS_REVIEW)
    outcome, note = request.form.get("outcome", ""), request.form.get("outcome_note", "")
    return _done(
        detail,
        lambda: declaring.check_in(current_unit_of_work(), signed_in_actor(), detail.line.id, outcome, note),
        {"note": "outcome_note"},
    )


@blueprint.post("/uses/<use_text>/review")
@requires(Permission.ACCESS_REVIEW)
@limited("create")
def review(use_text: str) -> Response:
    """Say what a look at a finished use found; alone only with a proof."""
    detail = _found(use_text, Permission.ACCESS_REVIEW)
    if request.form.get("alone") and (asked := ask_unless_fresh()):
        return asked
    finding, note = request.form.get("finding", ""), request.form.get("review_note", "")
    is_proven = is_fresh(signed_in_viewer())
    return _done(
        detail,
        lambda: deciding.review(
            current_unit_of_work(), signed_in_actor(), detail.line.id, finding, note, is_proven=is_proven
        ),
        {"note": "review_note"},
    )


def _found(use_text: str, permission: Permission) -> UseDetail:
    """Return a use that the viewer's permission reaches: by the record's group, or by the one that keeps its MFA.

    Raises:
        UseNotFound: there is none.
        PermissionDenied: the viewer may not do this with it.
    """
    use_id = id_of(use_text, UseNotFound)
    viewer = signed_in_viewer()
    with current_unit_of_work().read() as work:
        detail = use_detail(work.session, use_id, work.now, viewer.account_id)
    if not _reaches(detail, permission):
        authorise(permission, detail.group_id)
    return detail


def _done(detail: UseDetail, act: Callable[[], object], names: Mapping[str, str] | None = None) -> Response:
    """Do what a form of the page asks for and show the use again, or what to mend; `names` are those of its fields."""
    try:
        act()
    except InvalidInput as error:
        return _page(detail, 422, {(names or {}).get(name, name): text for name, text in error.fields.items()})
    return redirect_after_post(detail.line.address)


def _page(detail: UseDetail, status: int = 200, errors: Mapping[str, str] | None = None) -> Response:
    viewer = signed_in_viewer()
    with current_unit_of_work().read() as work:
        now = work.now
    page = render_template(
        "staff/use.html",
        detail=detail,
        use=detail.line,
        now=now,
        mail_is_on=current_unit_of_work().outbox_policy.mail,
        is_own=detail.line.requester_id == viewer.account_id,
        may_decide=_reaches(detail, Permission.ACCESS_APPROVE),
        may_check_out=_reaches(detail, Permission.ACCESS_DECLARE),
        may_review=_reaches(detail, Permission.ACCESS_REVIEW),
        outcomes=list(OUTCOME_LABELS.items()),
        findings=list(FINDING_LABELS.items()),
        errors=errors or {},
        values={name: request.form.get(name, "") for name in _TYPED},
    )
    return make_response(page, status)


def _reaches(detail: UseDetail, permission: Permission) -> bool:
    reach = signed_in_viewer().reach(permission)
    apart = detail.mfa_group_id is not None and reach.covers(detail.mfa_group_id)
    return reach.covers(detail.group_id) or (apart and permission is not Permission.ACCESS_DECLARE)


def _record_and_policy(record_text: str) -> tuple[RecordDetail, RecordPolicy]:
    record = record_for(record_text, Permission.ACCESS_DECLARE)
    with current_unit_of_work().read() as work:
        return record, record_policy(work.session, record.id)


def _offered(form: _Form, policy: RecordPolicy) -> _Form:
    form.offer(policy)
    return form


def _declare_words(policy: RecordPolicy) -> ActWords:
    needed = needed_by(policy)
    if needed:
        people = "one other person approves" if needed == 1 else f"{needed} other people approve"
        by = ", the customer among them" if policy.customer_approves else ""
        lede = f"Before you begin, {people} exactly what you write here{by}. An edit is a new declaration."
    else:
        lede = "No approval is asked for on this record. The record keeps what you declare, and the customer reads it."
    return ActWords("Declare a use", lede, "Declare it", _ANCHOR)


_BREAK_GLASS_WORDS = ActWords(
    "Break the glass",
    "Only when it cannot wait for an approval. Both owners are told at once, with your name. Somebody else reviews it "
    f"within {duration_text(86_400)}, and it stands in red on the statement that the customer reads.",
    "Begin without approval",
    _ANCHOR,
    is_grave=True,
)
