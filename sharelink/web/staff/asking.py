"""Asking for a secret: the form, and the one page that shows the two links."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, request
from markupsafe import Markup

from sharelink.accounts.permissions import Permission
from sharelink.acts import requesting
from sharelink.acts.requesting import Asked
from sharelink.crypto.identifiers import id_text
from sharelink.custody.queries import record_detail, record_group
from sharelink.custody.states import Act
from sharelink.errors import InvalidInput
from sharelink.shares.errors import AlreadyCreated
from sharelink.web.authentication import authorise, requires, signed_in_actor
from sharelink.web.filters import utc_text
from sharelink.web.rate_limits import limited
from sharelink.web.responses import page_or_fragment, wants_fragment
from sharelink.web.staff.qr import qr_code
from sharelink.web.staff.record_choice import record_choice
from sharelink.web.staff.request_forms import RequestForm
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("asking", __name__)


@dataclass(frozen=True, slots=True, repr=False)
class AskedPage:
    """What the answer page shows, once."""

    retrieval_link: str
    submit_link: str
    message: str
    qr: Markup
    submit_until: datetime
    record_reference: str
    record_id_text: str
    request_id_text: str
    replaced: bool


@blueprint.get("/request")
@requires(Permission.REQUEST_CREATE)
def request_form() -> Response:
    """Show the form, for the record that the address names or for any."""
    wanted = request.args.get("record", "")
    form = _offered(RequestForm(formdata=None), wanted)
    form.preset(wanted, current_settings().lifetime_default_seconds)
    return _form_page(form)


@blueprint.post("/request/records")
@requires(Permission.REQUEST_CREATE)
@limited("open", apart="search")
def find_record() -> Response:
    """Offer the records that a search finds; without JavaScript in the whole form, with everything that was typed."""
    form = RequestForm()
    form.record.data = ""
    _offered(form)
    if form.records.only is not None:
        form.record.data = form.records.only.id_text
    if wants_fragment():
        return page_or_fragment("staff/_record_choice.html", "staff/_record_choice.html", form=form)
    return _form_page(form)


@blueprint.post("/request")
@requires(Permission.REQUEST_CREATE)
@limited("create")
def ask() -> Response:
    """Make the request and show its links, or say what to mend."""
    form = _offered(RequestForm())
    try:
        question = form.question()
        with current_unit_of_work().read() as work:
            group_id = record_group(work.session, question.custody_id)
        authorise(Permission.REQUEST_CREATE, group_id)
        asked = requesting.ask(current_unit_of_work(), signed_in_actor(), question)
    except InvalidInput as error:
        form.show(error.fields)
        return _form_page(form, 422)
    except AlreadyCreated as error:
        return already_page(error)
    return asked_page(asked, replaced=False)


def asked_page(asked: Asked, *, replaced: bool) -> Response:
    """Show the two links of a new request, for the only time."""
    settings = current_settings()
    submit_link = asked.submit_link.url(settings.base_url)
    with current_unit_of_work().read() as work:
        record = record_detail(work.session, asked.custody_id)
    page = AskedPage(
        retrieval_link=asked.retrieval_link.url(settings.base_url),
        submit_link=submit_link,
        message=_message(submit_link, settings.organisation_name, asked.submit_until),
        qr=qr_code(submit_link),
        submit_until=asked.submit_until,
        record_reference=record.reference,
        record_id_text=record.id_text,
        request_id_text=id_text(asked.share_id),
        replaced=replaced,
    )
    return page_or_fragment("staff/asked.html", "staff/_asked.html", 201, asked=page)


def already_page(error: AlreadyCreated) -> Response:
    """Tell that this form has made its request before; its links were shown then."""
    with current_unit_of_work().read() as work:
        record = record_detail(work.session, error.custody_id)
    return page_or_fragment(
        "staff/asked_already.html",
        "staff/_asked_already.html",
        409,
        record=record,
        request_id_text=id_text(error.share_id),
    )


def _offered(form: RequestForm, wanted: str = "") -> RequestForm:
    settings = current_settings()
    choice = record_choice(
        Permission.REQUEST_CREATE, Act.REQUEST, form.record_search.data or "", wanted or form.record.data or ""
    )
    form.offer(choice, (settings.lifetime_min_seconds, settings.lifetime_max_seconds))
    return form


def _form_page(form: RequestForm, status: int = 200) -> Response:
    return page_or_fragment("staff/ask.html", "staff/_ask_form.html", status, form=form)


def _message(link: str, organisation: str, submit_until: datetime) -> str:
    """Return text to send to the customer. It holds the submit link and never the retrieval link."""
    lines = [
        "Hello,",
        "",
        f"{organisation} asks you for a confidential text, such as a password. Please do not send it by mail.",
        f"Use this one-time link until {utc_text(submit_until)}; it seals what you type for the people in charge:",
        "",
        link,
        "",
        "If you did not expect this, do not open it, and ask us first.",
    ]
    return "\n".join(lines)
