"""What every act on a request begins with: finding it by one of its whole links."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sharelink.crypto.link_keys import link_key_hash
from sharelink.crypto.request_keys import submit_key_hash
from sharelink.requests import statements
from sharelink.requests.fields import RequestField, fields_from_text
from sharelink.requests.links import RetrievalLink, SubmitLink
from sharelink.shares.errors import LinkUnavailable
from sharelink.shares.rows import REPORT_LIFETIME, Openings, ShareRows
from sharelink.shares.states import LIVE_STATES, EndReason, ShareState


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What the holder of one of a request's whole links may know. `expires_at` is the end of what it waits for now."""

    id: bytes
    state: ShareState
    custody_id: bytes
    created_by: bytes
    requester_name: str
    purpose: str
    message: str
    reference: str
    fields: tuple[RequestField, ...]
    submit_until: datetime
    retrieve_lifetime: timedelta
    expires_at: datetime
    submitted_at: datetime | None
    ended_at: datetime | None
    end_reason: EndReason | None
    retrieved_by: str | None
    openings: Openings
    is_held: bool
    is_overdue: bool
    can_be_reported: bool
    is_reported: bool


def find_request(rows: ShareRows, link: SubmitLink | RetrievalLink) -> RequestFacts:
    """Return the request of a whole link. Writes nothing; its query gives strangers nothing (promise 7).

    Raises:
        LinkUnavailable: unknown, forged, or with another key than the request's.
    """
    share_id = rows.verified(link.purpose, link.token, rows.limits.request_token_lifetime)
    row = _row(rows, link, share_id)
    if row is None:
        raise LinkUnavailable("no such request for this link")
    return _facts(row, rows.openings(share_id), rows.now)


def _facts(row: Any, openings: Openings, now: datetime) -> RequestFacts:
    is_due = row.state in LIVE_STATES and row.expires_at <= now
    ended_at = row.expires_at if is_due else row.ended_at
    is_reportable = row.submitted_at is not None and (ended_at is None or now <= ended_at + REPORT_LIFETIME)
    return RequestFacts(
        id=row.id,
        state=ShareState.EXPIRED if is_due else row.state,
        custody_id=row.custody_id,
        created_by=row.created_by,
        requester_name=row.sender_name,
        purpose=row.instruction,
        message=row.message,
        reference=row.reference,
        fields=fields_from_text(row.fields),
        submit_until=row.submit_until,
        retrieve_lifetime=timedelta(seconds=row.retrieve_lifetime_seconds),
        expires_at=row.expires_at,
        submitted_at=row.submitted_at,
        ended_at=ended_at,
        end_reason=row.end_reason,
        retrieved_by=row.retrieved_by_name,
        openings=openings,
        is_held=bool(row.is_held),
        is_overdue=is_due,
        can_be_reported=is_reportable and row.reported_at is None,
        is_reported=row.reported_at is not None,
    )


def _row(rows: ShareRows, link: SubmitLink | RetrievalLink, share_id: bytes) -> Any:
    if isinstance(link, SubmitLink):
        wanted, key_hash = statements.facts_of_submit_link, submit_key_hash(share_id, link.submit_key)
    else:
        wanted, key_hash = statements.facts_of_retrieval_link, link_key_hash(share_id, link.retrieval_key)
    return rows.connection.execute(wanted, {"share": share_id, "key_hash": key_hash}).first()
