"""The retrieval link: the same page for everybody, then posts that ask who is there before they tell anything.

Signed out, it offers sign-in in another tab and stays as it is: a redirect would hand the link's fragment on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, render_template, request

from sharelink.access.approvals import needed_by
from sharelink.access.errors import RecordHeld, UseNeeded
from sharelink.access.queries import UseLine, open_use, ready_use
from sharelink.accounts.permissions import Permission
from sharelink.acts import retrieving
from sharelink.crypto.identifiers import id_text, new_id
from sharelink.custody.policy import record_policy
from sharelink.custody.queries import RecordDetail
from sharelink.custody.states import PURPOSE_LABELS, RECORD_TEMPLATES
from sharelink.errors import InvalidInput
from sharelink.requests.errors import NotAnswered
from sharelink.requests.links import RetrievalLink, parse_retrieval_link
from sharelink.requests.rows import RequestFacts
from sharelink.shares.errors import ShareEnded, ShareHeld
from sharelink.shares.states import EndReason, ShareState
from sharelink.web.authentication import authorise, signed_in_actor, signed_in_viewer, viewer
from sharelink.web.metrics import count_refusal
from sharelink.web.rate_limits import limited, limited_per_link
from sharelink.web.responses import page_or_fragment
from sharelink.web.step_up import ask_unless_fresh
from sharelink.web.wiring import current_settings, current_unit_of_work

blueprint = Blueprint("retrievals", __name__, url_prefix="/retrieve")


@dataclass(frozen=True, slots=True)
class RetrievalPage:
    """What the page of a retrieval link shows to a custodian of the record, before and after the retrieval."""

    state: ShareState
    customer: str
    record_reference: str
    record_address: str
    request_address: str
    reference: str
    requester_name: str
    purpose: str
    submit_until: datetime
    submitted_at: datetime | None
    retrieve_until: datetime | None
    ended_at: datetime | None
    end_reason: EndReason | None
    retrieved_by: str | None
    is_held: bool


@dataclass(frozen=True, slots=True)
class RetrievalUse:
    """In which use the answer would be retrieved: the viewer's open one, one still to be begun, or one to declare.

    `is_needed`: without an open one nothing is shown. Otherwise purpose and ticket are typed, and declare one.
    """

    open: UseLine | None
    waiting: UseLine | None
    is_needed: bool
    is_declared_here: bool


_STATUS_OF = {NotAnswered: 409, ShareEnded: 410, ShareHeld: 423, RecordHeld: 423}


@blueprint.get("/<token>")
@limited("open", "GET")
def link(token: str) -> str:  # noqa: ARG001 - the page must not depend on it
    """Show the one page that is the same for every token and everybody; nothing is looked up (promise 5)."""
    return render_template("staff/retrieval_link.html", audience="public")


@blueprint.post("/status")
@limited("status")
def status() -> Response:
    """Tell a custodian who holds the whole retrieval link what it opens."""
    retrieval_link = parse_retrieval_link(request.form.get("link", ""))
    if viewer() is None:
        return _sign_in_first(retrieval_link)
    return _retrieval_page(retrieval_link)


@blueprint.post("/reveal")
@limited("reveal")
@limited_per_link
def reveal() -> Response:
    """Show the answer, once, to a custodian who has proven lately who they are."""
    retrieval_link = parse_retrieval_link(request.form.get("link", ""))
    if viewer() is None:
        return _sign_in_first(retrieval_link)
    facts, record = _found(retrieval_link)
    asked = ask_unless_fresh()
    if asked is not None:
        return asked
    try:
        retrieved = retrieving.retrieve(
            current_unit_of_work(),
            signed_in_actor(),
            signed_in_viewer(),
            retrieval_link,
            typed_purpose=request.form.get("purpose", ""),
            typed_ticket=request.form.get("ticket", ""),
        )
    except InvalidInput as error:
        count_refusal(error)
        return _retrieval_page(retrieval_link, 422, error.fields)
    except UseNeeded as error:
        count_refusal(error)
        return _retrieval_page(retrieval_link, 409)
    except (NotAnswered, ShareEnded, ShareHeld, RecordHeld) as error:
        count_refusal(error)
        return _retrieval_page(retrieval_link, _STATUS_OF[type(error)])
    return page_or_fragment(
        "staff/retrieved.html",
        "staff/_retrieved.html",
        audience="public",
        answer=retrieved.fields,
        ask=_page_of(facts, record),
        receipt=retrieved.receipt,
        use_address="" if retrieved.use_id is None else f"/uses/{id_text(retrieved.use_id)}",
        form_id=id_text(new_id()),
        errors={},
        values={},
    )


def _found(retrieval_link: RetrievalLink) -> tuple[RequestFacts, RecordDetail]:
    facts, record = retrieving.look(current_unit_of_work(), signed_in_actor(), retrieval_link)
    authorise(Permission.REQUEST_RETRIEVE, record.group_id)
    return facts, record


def _sign_in_first(retrieval_link: RetrievalLink) -> Response:
    return page_or_fragment(
        "staff/retrieval.html",
        "staff/_retrieval.html",
        403,
        audience="public",
        signed_in=False,
        ask=None,
        link=retrieval_link.url(current_settings().base_url),
    )


def _retrieval_page(
    retrieval_link: RetrievalLink, status: int = 200, errors: Mapping[str, str] | None = None
) -> Response:
    facts, record = _found(retrieval_link)
    with current_unit_of_work().read() as work:
        me = signed_in_viewer().account_id
        policy = record_policy(work.session, record.id)
        use = RetrievalUse(
            open=open_use(work.session, record.id, me, work.now),
            waiting=ready_use(work.session, record.id, me, work.now),
            is_needed=needed_by(policy) > 0,
            is_declared_here=RECORD_TEMPLATES[record.kind].access_is_declared,
        )
    return page_or_fragment(
        "staff/retrieval.html",
        "staff/_retrieval.html",
        status,
        audience="public",
        signed_in=True,
        ask=_page_of(facts, record),
        link=retrieval_link.url(current_settings().base_url),
        use=use,
        purposes=[(purpose.value, PURPOSE_LABELS[purpose]) for purpose in policy.purposes],
        ticket_required=policy.ticket_required,
        errors=errors or {},
        values={name: request.form.get(name, "") for name in ("purpose", "ticket")},
    )


def _page_of(facts: RequestFacts, record: RecordDetail) -> RetrievalPage:
    return RetrievalPage(
        state=facts.state,
        customer=record.customer,
        record_reference=record.reference,
        record_address=f"/records/{record.id_text}",
        request_address=f"/requests/{id_text(facts.id)}",
        reference=facts.reference,
        requester_name=facts.requester_name,
        purpose=facts.purpose,
        submit_until=facts.submit_until,
        submitted_at=facts.submitted_at,
        retrieve_until=facts.expires_at if facts.submitted_at is not None else None,
        ended_at=facts.ended_at,
        end_reason=facts.end_reason,
        retrieved_by=facts.retrieved_by,
        is_held=facts.is_held,
    )
