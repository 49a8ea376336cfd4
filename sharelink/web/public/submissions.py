"""The customer's way: one static page, then posts with the whole submit link in their body, never in an address."""

import json
from collections.abc import Mapping

from flask import Blueprint, Response, make_response, request

from sharelink.actors import Actor
from sharelink.acts import handing_out, submitting
from sharelink.errors import InvalidInput
from sharelink.requests.errors import RequestClosed, StraySpace
from sharelink.requests.fields import FIELD_MAX_BYTES
from sharelink.requests.links import SubmitLink, parse_submit_link
from sharelink.requests.rows import RequestFacts
from sharelink.requests.service import SubmitReceipt
from sharelink.requests.states import FieldKind
from sharelink.shares.errors import OwnShare
from sharelink.web.authentication import public_actor, signed_in_actor, viewer
from sharelink.web.downloads import download
from sharelink.web.filters import iso_text, utc_text
from sharelink.web.metrics import count_refusal
from sharelink.web.rate_limits import limited, limited_per_link
from sharelink.web.responses import page_for_everybody, page_or_fragment
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("submissions", __name__, url_prefix="/r")


@blueprint.get("/<token>")
@limited("open", "GET")
def link(token: str) -> Response:  # noqa: ARG001 - the page must not depend on it
    """Show the one page that is the same for every token; nothing is looked up and nothing changes (promise 5)."""
    return page_for_everybody("public/request_link.html")


@blueprint.post("/status")
@limited("status")
def status() -> Response:
    """Tell the holder of a whole submit link what is asked, or what became of it, and record the first opening."""
    submit_link = _posted_link()
    actor = _actor()
    return _request_page(actor, submitting.look(current_unit_of_work(), actor, submit_link), submit_link)


@blueprint.post("/submit")
@limited("submit")
@limited_per_link
def submit() -> Response:
    """Take the answer, once."""
    submit_link = _posted_link()
    actor = _actor()
    try:
        facts = submitting.submit(
            current_unit_of_work(),
            actor,
            submit_link,
            request.form,
            space_is_meant=request.form.get("space_ok") == "yes",
        )
    except (InvalidInput, RequestClosed, OwnShare) as error:
        count_refusal(error)
        facts = submitting.look(current_unit_of_work(), actor, submit_link)
        answered = {RequestClosed: 409, OwnShare: 403}.get(type(error), 422)
        return _request_page(actor, facts, submit_link, answered, error if isinstance(error, InvalidInput) else None)
    return page_or_fragment(
        "public/submitted.html",
        "public/_submitted.html",
        audience="public",
        ask=facts,
        link=submit_link.url(current_settings().base_url),
    )


@blueprint.post("/receipt")
@limited("status")
def receipt() -> Response:
    """Hand out the receipt of an answered request: a small file for people or programs, or with the log's proof."""
    if request.form.get("format") == "proof":
        return download(handing_out.receipt_for_submitter(current_unit_of_work(), _actor(), _posted_link()))
    kept = submitting.receipt(current_unit_of_work(), _actor(), _posted_link())
    organisation = current_settings().organisation_name
    as_json = request.form.get("format") == "json"
    response = make_response(_receipt_json(kept, organisation) if as_json else _receipt_text(kept, organisation))
    response.mimetype = "application/json" if as_json else "text/plain"
    file_name = f"receipt-{kept.reference}.{'json' if as_json else 'txt'}"
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response


@blueprint.post("/report")
@limited("reveal")
def report() -> Response:
    """Raise an incident for the holder of an answered request's link who says "this was not me"."""
    facts = submitting.report(current_unit_of_work(), _actor(), _posted_link())
    return page_or_fragment("public/answer_reported.html", "public/_answer_reported.html", audience="public", ask=facts)


def _actor() -> Actor:
    return signed_in_actor() if viewer() is not None else public_actor()


def _posted_link() -> SubmitLink:
    return parse_submit_link(request.form.get("link", ""))


def _request_page(
    actor: Actor,
    facts: RequestFacts,
    submit_link: SubmitLink,
    status: int = 200,
    error: InvalidInput | None = None,
) -> Response:
    """Show the form, or what became of the request. What was typed comes back, for its typist only and in no cache."""
    return page_or_fragment(
        "public/request.html",
        "public/_request.html",
        status,
        audience="public",
        ask=facts,
        is_preview=facts.created_by == actor.account_id,
        link=submit_link.url(current_settings().base_url),
        values=_typed(facts),
        errors=error.fields if error is not None and not isinstance(error, StraySpace) else {},
        stray_space=error.names if isinstance(error, StraySpace) else [],
        limits_text=(
            f"A line takes up to {FIELD_MAX_BYTES[FieldKind.LINE]:,} bytes, a longer text"
            f" {FIELD_MAX_BYTES[FieldKind.TEXT]:,}, all together {current_settings().secret_max_bytes:,}."
        ),
    )


def _typed(facts: RequestFacts) -> Mapping[str, str]:
    """Return what was typed; for a form that nobody has filled in yet, what is preset."""
    typed = {field.name: request.form.get(field.name, field.preset) for field in facts.fields}
    return typed | {"space_ok": request.form.get("space_ok", "")}


def _receipt_json(kept: SubmitReceipt, organisation: str) -> str:
    content = {
        "sharelink_receipt": 1,
        "what": "secret submitted",
        "received_by": organisation,
        "reference": kept.reference,
        "received_at": iso_text(kept.received_at),
        "fields": list(kept.field_labels),
        "audit_event": kept.event_id,
        "sealed_to_key_sha256": kept.key_fingerprint,
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _receipt_text(kept: SubmitReceipt, organisation: str) -> str:
    lines = [
        f"Receipt {kept.reference}",
        "",
        f"{organisation} received what you submitted, sealed, on {utc_text(kept.received_at)}.",
        "",
        "What was asked for:",
        *(f"  - {label}" for label in kept.field_labels),
        "",
        f"Event in the audit log:  {kept.event_id}",
        f"Sealed to the key:       {kept.key_fingerprint}",
        "                         (SHA-256 of the public key; the second half of your link names the same)",
        "",
        "This receipt holds nothing of what you submitted. Keep it.",
    ]
    return "\n".join(lines) + "\n"
