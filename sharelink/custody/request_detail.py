"""One request as its own page shows it to staff: the question, what happened, and what may be done with it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from sharelink.crypto.identifiers import id_text
from sharelink.crypto.link_keys import link_key_text
from sharelink.crypto.request_keys import key_fingerprint
from sharelink.custody.models import CustodyRecord
from sharelink.custody.share_lines import ShareLine, share_line
from sharelink.custody.states import PURPOSE_LABELS, Purpose
from sharelink.requests.fields import RequestField, fields_from_text
from sharelink.requests.models import SecretRequest
from sharelink.requests.states import RequestTemplate, Verdict
from sharelink.shares.errors import ShareNotFound
from sharelink.shares.holds import Hold, active_hold
from sharelink.shares.models import Share
from sharelink.shares.states import LIVE_STATES, ShareKind, ShareState


@dataclass(frozen=True, slots=True)
class RequestDetail:
    """A request with its settings. `line` is what lists show of it; ids of other requests are texts, or None."""

    line: ShareLine
    group_id: bytes
    reference: str
    template: RequestTemplate
    fields: tuple[RequestField, ...]
    purpose: str
    message: str
    key_fingerprint: str
    submit_until: datetime
    submit_lifetime_seconds: int
    retrieve_lifetime_seconds: int
    remind_at: datetime | None
    reminded_at: datetime | None
    submitted_at: datetime | None
    retrieved_by: str | None
    retrieval_purpose: str
    retrieval_ticket: str | None
    verdict: Verdict | None
    verdict_at: datetime | None
    verdict_note: str | None
    vault_reference: str | None
    reported_at: datetime | None
    replaces: str | None
    replaced_by: str | None
    is_held: bool
    record_is_archived: bool

    @property
    def remind_after(self) -> timedelta | None:
        """How long after the asking a reminder was wanted."""
        return self.remind_at - self.line.created_at if self.remind_at is not None else None

    @property
    def is_reminder_due(self) -> bool:
        """Whether it is time to remind the customer."""
        return self.line.is_reminder_due

    @property
    def can_be_cancelled(self) -> bool:
        """Whether there is still something to end."""
        return self.line.state in LIVE_STATES

    @property
    def can_be_reminded(self) -> bool:
        """Whether the customer can still answer."""
        return self.line.state is ShareState.AWAITING

    @property
    def can_be_asked_again(self) -> bool:
        """Whether new links make sense: not after the answer proved right, and once only."""
        return self.replaced_by is None and self.verdict is not Verdict.WORKED and not self.record_is_archived

    @property
    def can_be_judged(self) -> bool:
        """Whether somebody has the answer and nobody has said yet how it turned out."""
        return self.line.state is ShareState.REVEALED and self.verdict is None


def request_detail(session: Session, share_id: bytes, now: datetime) -> RequestDetail:
    """Return one request.

    Raises:
        ShareNotFound: there is none with this id.
    """
    found = session.execute(
        select(Share, SecretRequest, CustodyRecord)
        .join(SecretRequest, SecretRequest.share_id == Share.id)
        .join(CustodyRecord, CustodyRecord.id == Share.custody_id)
        .where(Share.id == share_id, Share.kind == ShareKind.REQUEST)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise ShareNotFound("no such request")
    share, request, record = found
    replaced_by = session.scalar(select(Share.id).where(Share.replaces_id == share_id).limit(1))
    held = session.scalar(active_hold.where(Hold.custody_id == share.custody_id))
    return RequestDetail(
        line=share_line(session, share_id, now),
        group_id=record.group_id,
        reference=request.reference,
        template=request.template,
        fields=fields_from_text(request.fields),
        purpose=share.instruction,
        message=request.message,
        key_fingerprint=link_key_text(key_fingerprint(request.public_key)),
        submit_until=request.submit_until,
        submit_lifetime_seconds=int((request.submit_until - share.created_at).total_seconds()),
        retrieve_lifetime_seconds=request.retrieve_lifetime_seconds,
        remind_at=request.remind_at,
        reminded_at=request.reminded_at,
        submitted_at=request.submitted_at,
        retrieved_by=request.retrieved_by_name,
        retrieval_purpose=PURPOSE_LABELS[Purpose(request.retrieval_purpose)] if request.retrieval_purpose else "",
        retrieval_ticket=request.retrieval_ticket,
        verdict=request.verdict,
        verdict_at=request.verdict_at,
        verdict_note=request.verdict_note,
        vault_reference=request.vault_reference,
        reported_at=share.reported_at,
        replaces=id_text(share.replaces_id) if share.replaces_id is not None else None,
        replaced_by=id_text(replaced_by) if replaced_by is not None else None,
        is_held=held is not None,
        record_is_archived=record.archived_at is not None,
    )
