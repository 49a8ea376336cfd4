"""Root sign-ins as AWS recorded them: the list, bringing a file in, explaining a mismatch."""

from flask import Blueprint, Response, request
from flask_wtf.file import FileField
from wtforms import StringField, TextAreaField

from sharelink.accounts.permissions import Permission
from sharelink.acts import reconciling
from sharelink.acts.reconciling import TypedImport
from sharelink.cloudtrail.errors import ExportRejected, MismatchNotFound, NoAccountNumber, RowProblem
from sharelink.cloudtrail.queries import Mismatch, imports_of, mismatch_of, reconciliation, sign_in_page
from sharelink.cloudtrail.states import ARRIVES_WITHIN, FILE_MAX_BYTES
from sharelink.custody.queries import RecordDetail
from sharelink.errors import InvalidInput
from sharelink.web.authentication import requires, signed_in_actor
from sharelink.web.rate_limits import limited
from sharelink.web.request_body import takes_file
from sharelink.web.responses import page_or_fragment, redirect_after_post
from sharelink.web.staff.act_forms import MOMENT, REQUIRED_NOTE, ActForm, typed_moment
from sharelink.web.staff.paging import asked_page, id_of
from sharelink.web.staff.record_access import record_for
from sharelink.web.wiring import current_unit_of_work

blueprint = Blueprint("sign_ins", __name__)


class ImportForm(ActForm):
    """The file, and the time of which it tells everything."""

    file = FileField(
        "File from CloudTrail",
        description=f"JSON or CSV, packed with gzip or not, at most {FILE_MAX_BYTES // 1_000_000} MB.",
        render_kw={"required": True, "accept": ".json,.jsonl,.csv,.gz"},
    )
    covers_from = StringField(
        "Complete from", description="In UTC. As chosen when the file was exported.", render_kw=MOMENT
    )
    covers_until = StringField(
        "Complete until",
        description="In UTC. The last 15 minutes may still be missing at AWS.",
        render_kw=MOMENT,
    )


class ExplanationForm(ActForm):
    """What is known about a mismatch."""

    note = TextAreaField(
        "What is known about it", description="The customer reads it on the statement.", render_kw=REQUIRED_NOTE
    )


@blueprint.get("/records/<record_text>/sign-ins")
@requires(Permission.RECORD_READ)
def sign_ins(record_text: str) -> Response:
    """Show what agrees with the declared uses, what does not, and every sign-in."""
    detail = record_for(record_text, Permission.RECORD_READ)
    with current_unit_of_work().read() as work:
        found = reconciliation(work.session, detail.id)
        page = sign_in_page(work.session, detail.id, asked_page())
        imports = imports_of(work.session, detail.id)
    return page_or_fragment(
        "staff/sign_ins.html",
        "staff/_sign_ins.html",
        record=detail,
        sign_ins=found,
        sign_in_page=page,
        imports=imports,
    )


@blueprint.get("/records/<record_text>/sign-ins/import")
@requires(Permission.CUSTODY_UPKEEP)
def import_form(record_text: str) -> Response:
    """Ask for a file, and for the time that it covers: from where the last one ended until now."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    if not detail.aws_account_id:
        raise NoAccountNumber("the record names no account")
    with current_unit_of_work().read() as work:
        covered, now = reconciliation(work.session, detail.id).covered, work.now
    since = covered[-1].end if covered else detail.opened_at
    return _import_page(
        detail,
        ImportForm(
            formdata=None,
            data={"covers_from": f"{since:%Y-%m-%dT%H:%M}", "covers_until": f"{now - ARRIVES_WITHIN:%Y-%m-%dT%H:%M}"},
        ),
    )


@blueprint.post("/records/<record_text>/sign-ins/import")
@takes_file
@requires(Permission.CUSTODY_UPKEEP)
@limited("create")
def import_file(record_text: str) -> Response:
    """Bring a file in, or say which rows of it cannot be taken."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    form = ImportForm()
    chosen = request.files.get("file")
    typed = TypedImport(
        content=chosen.read() if chosen is not None else b"",
        file_name=(chosen.filename or "") if chosen is not None else "",
        covers_from=typed_moment(form.text("covers_from")),
        covers_until=typed_moment(form.text("covers_until")),
    )
    try:
        reconciling.bring_in(current_unit_of_work(), signed_in_actor(), detail.id, typed)
    except InvalidInput as error:
        form.show(error.fields)
        return _import_page(detail, form, 422)
    except ExportRejected as error:
        form.show({"file": "Some of its rows cannot be taken, so nothing was. They are listed below."})
        return _import_page(detail, form, 422, error.problems)
    return redirect_after_post(f"/records/{detail.id_text}/sign-ins")


@blueprint.get("/records/<record_text>/sign-ins/<mismatch_text>/explain")
@requires(Permission.CUSTODY_UPKEEP)
def explanation_form(record_text: str, mismatch_text: str) -> Response:
    """Ask what is known about a mismatch."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    return _explanation_page(detail, _mismatch(detail, mismatch_text), ExplanationForm(formdata=None))


@blueprint.post("/records/<record_text>/sign-ins/<mismatch_text>/explain")
@requires(Permission.CUSTODY_UPKEEP)
@limited("create")
def explain(record_text: str, mismatch_text: str) -> Response:
    """Write down what is known about a mismatch."""
    detail = record_for(record_text, Permission.CUSTODY_UPKEEP)
    form = ExplanationForm()
    mismatch_id = id_of(mismatch_text, MismatchNotFound)
    try:
        reconciling.explain(current_unit_of_work(), signed_in_actor(), detail.id, mismatch_id, form.text("note"))
    except InvalidInput as error:
        form.show(error.fields)
        return _explanation_page(detail, _mismatch(detail, mismatch_text), form, 422)
    return redirect_after_post(f"/records/{detail.id_text}/sign-ins#mismatches")


def _mismatch(detail: RecordDetail, text: str) -> Mismatch:
    mismatch_id = id_of(text, MismatchNotFound)
    with current_unit_of_work().read() as work:
        found = mismatch_of(work.session, detail.id, mismatch_id)
    if found is None:
        raise MismatchNotFound("not a mismatch of this record")
    return found


def _import_page(
    detail: RecordDetail, form: ImportForm, status: int = 200, problems: tuple[RowProblem, ...] = ()
) -> Response:
    return page_or_fragment(
        "staff/sign_ins_import.html",
        "staff/_sign_ins_import.html",
        status,
        record=detail,
        form=form,
        problems=problems,
    )


def _explanation_page(detail: RecordDetail, mismatch: Mismatch, form: ExplanationForm, status: int = 200) -> Response:
    return page_or_fragment(
        "staff/mismatch.html", "staff/_mismatch_form.html", status, record=detail, mismatch=mismatch, form=form
    )
