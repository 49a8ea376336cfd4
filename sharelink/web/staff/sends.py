"""Sending a secret: the form, its generator, and the one page that shows link and code."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, request
from markupsafe import Markup

from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import groups_for_choice
from sharelink.acts import sending
from sharelink.acts.sending import Sent
from sharelink.crypto.identifiers import id_from_text, id_text
from sharelink.custody.queries import record_detail, record_group
from sharelink.custody.share_detail import ShareDetail, share_detail
from sharelink.custody.states import Act
from sharelink.errors import InvalidInput, SharelinkError
from sharelink.shares.errors import AlreadyCreated, ShareNotFound, ShareReplaced
from sharelink.shares.links import parse_open_link
from sharelink.web.authentication import authorise, requires, signed_in_actor, signed_in_viewer
from sharelink.web.filters import utc_text
from sharelink.web.rate_limits import limited
from sharelink.web.responses import page_or_fragment, wants_fragment
from sharelink.web.staff.qr import qr_code
from sharelink.web.staff.record_choice import record_choice
from sharelink.web.staff.send_forms import NEW_RECORD, Generator, SendForm
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("sends", __name__)

_WHY_NOT_AGAIN: Mapping[type[SharelinkError], Mapping[str, str]] = {
    ShareNotFound: {"record": "The earlier secret was sent on another record. Choose that one, or start a new send."},
    ShareReplaced: {"record": "This was sent again meanwhile. Look at the record before you make another link."},
}


@dataclass(frozen=True, slots=True, repr=False)
class SentPage:
    """What the answer page shows, once."""

    link: str
    code: str | None
    expires_at: datetime
    label: str
    record_reference: str
    record_id_text: str
    message: str
    qr: Markup | None
    """None where htmx asked: then the page draws it when somebody looks, which costs as much as all the rest."""


@blueprint.get("/send")
@requires(Permission.SHARE_SEND)
def send_form() -> Response:
    """Show the form, for the record that the address names or for any."""
    replaced = _share_to_replace(request.args.get("reissue", ""))
    wanted = request.args.get("record", "") if replaced is None else replaced.line.record_id_text
    form = _offered(SendForm(formdata=None), wanted)
    if replaced is not None:
        form.preset_from(replaced)
    else:
        form.preset(wanted, current_settings().lifetime_default_seconds)
    return _form_page(form, Generator())


@blueprint.post("/send/records")
@requires(Permission.SHARE_SEND)
@limited("open", apart="search")
def find_record() -> Response:
    """Offer the records that a search finds; without JavaScript in the whole form, with everything that was typed."""
    form = SendForm()
    form.record.data = ""
    _offered(form)
    if form.records.only is not None:
        form.record.data = form.records.only.id_text
    if wants_fragment():
        return page_or_fragment("staff/_record_choice.html", "staff/_record_choice.html", form=form)
    return _form_page(form, Generator())


@blueprint.post("/send/generate")
@requires(Permission.SHARE_SEND)
@limited("create")
def generate() -> Response:
    """Make a password or pass phrase; without JavaScript the whole form comes back with it filled in."""
    generator = Generator.posted(request.form)
    status = 422 if generator.errors else 200
    if wants_fragment():
        return page_or_fragment("staff/_generator.html", "staff/_generator.html", status, generator=generator)
    form = _offered(SendForm())
    if generator.text:
        form.secret.data = generator.text
    return _form_page(form, generator, status)


@blueprint.post("/send")
@requires(Permission.SHARE_SEND)
@limited("create")
def send() -> Response:
    """Make the share and show its link, or say what to mend."""
    form = SendForm()
    try:
        asked = form.request_of()
        _authorise_record(asked.custody_id, asked.group_id)
        sent = sending.send(current_unit_of_work(), signed_in_actor(), asked)
    except InvalidInput as error:
        return _form_again(form, error.fields)
    except (ShareNotFound, ShareReplaced) as error:
        return _form_again(form, _WHY_NOT_AGAIN[type(error)])
    except AlreadyCreated as error:
        return _already_page(error)
    return page_or_fragment("staff/sent.html", "staff/_sent.html", 201, sent=_sent_page(sent, asked.label))


@blueprint.post("/send/qr")
@requires(Permission.SHARE_SEND)
@limited("create")
def draw() -> Response:
    """Draw the link that the page has just shown, for a phone to read."""
    link = parse_open_link(request.form.get("link", "")).url(current_settings().base_url)
    return page_or_fragment("staff/qr.html", "staff/_qr.html", qr=qr_code(link))


def _authorise_record(custody_id: bytes | None, group_id: bytes | None) -> None:
    if custody_id is not None:
        with current_unit_of_work().read() as work:
            group_id = record_group(work.session, custody_id)
    if group_id is not None:
        authorise(Permission.SHARE_SEND, group_id)


def _share_to_replace(text: str) -> ShareDetail | None:
    """Return the share whose settings a fresh form takes over, if the address names one that may be sent anew."""
    try:
        share_id = id_from_text(text)
    except ValueError:
        return None
    with current_unit_of_work().read() as work:
        detail = share_detail(work.session, share_id, work.now)
    authorise(Permission.SHARE_SEND, detail.group_id)
    return detail if detail.can_be_reissued else None


def _offered(form: SendForm, wanted: str = "") -> SendForm:
    settings = current_settings()
    choice = record_choice(
        Permission.SHARE_SEND, Act.SEND, form.record_search.data or "", wanted or form.record.data or ""
    )
    reach = signed_in_viewer().reach(Permission.SHARE_SEND)
    with current_unit_of_work().read() as work:
        groups = groups_for_choice(work.session, None if reach.everywhere else reach.group_ids)
    form.offer(
        choice,
        [(id_text(group.id), group.name) for group in groups],
        (settings.lifetime_min_seconds, settings.lifetime_max_seconds, settings.lifetime_default_seconds),
    )
    return form


def _form_again(form: SendForm, problems: Mapping[str, str]) -> Response:
    """Show the form as it was posted, with what may be chosen, and what to mend."""
    _offered(form)
    form.show(problems)
    return _form_page(form, Generator(), 422)


def _form_page(form: SendForm, generator: Generator, status: int = 200) -> Response:
    return page_or_fragment(
        "staff/send.html", "staff/_send_form.html", status, form=form, generator=generator, new_record=NEW_RECORD
    )


def _already_page(error: AlreadyCreated) -> Response:
    with current_unit_of_work().read() as work:
        record = record_detail(work.session, error.custody_id)
    return page_or_fragment(
        "staff/sent_already.html",
        "staff/_sent_already.html",
        409,
        record=record,
        share_id_text=id_text(error.share_id),
    )


def _sent_page(sent: Sent, label: str) -> SentPage:
    settings = current_settings()
    link = sent.link.url(settings.base_url)
    return SentPage(
        link=link,
        code=sent.code,
        expires_at=sent.expires_at,
        label=label,
        record_reference=sent.record_reference,
        record_id_text=id_text(sent.custody_id),
        message=_message(link, settings.organisation_name, sent),
        qr=None if wants_fragment() else qr_code(link),
    )


def _message(link: str, organisation: str, sent: Sent) -> str:
    """Return text to send along with the link. It never holds the code: that goes another way."""
    lines = [
        "Hello,",
        "",
        f"here is a confidential text from {organisation}. It can be shown once, until {utc_text(sent.expires_at)}:",
        "",
        link,
        "",
    ]
    if sent.code is not None:
        lines += ["You will also need an access code. You get it separately.", ""]
    lines += ["If you did not expect this, do not open it, and ask us first."]
    return "\n".join(lines)
