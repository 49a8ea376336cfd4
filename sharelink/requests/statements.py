"""The statements of a request's life, built once at import: SQLAlchemy Core, no ORM objects."""

from sqlalchemy import bindparam, insert, select, update

from sharelink.requests.models import SecretRequest
from sharelink.shares.holds import Hold, active_hold
from sharelink.shares.models import Share
from sharelink.shares.states import ShareKind, ShareState

_share = Share.metadata.tables[Share.__tablename__]
_request = SecretRequest.metadata.tables[SecretRequest.__tablename__]

insert_request = insert(_request)

reference_is_taken = select(SecretRequest.share_id).where(SecretRequest.reference == bindparam("reference"))

_facts_of_request = (
    select(
        Share.id,
        Share.state,
        Share.custody_id,
        Share.created_by,
        Share.sender_name,
        Share.label,
        Share.instruction,
        Share.expires_at,
        Share.ended_at,
        Share.end_reason,
        Share.reported_at,
        SecretRequest.reference,
        SecretRequest.template,
        SecretRequest.fields,
        SecretRequest.message,
        SecretRequest.submit_until,
        SecretRequest.retrieve_lifetime_seconds,
        SecretRequest.submitted_at,
        SecretRequest.retrieved_by_name,
        active_hold.where(Hold.custody_id == Share.custody_id).exists().label("is_held"),
    )
    .join(SecretRequest, SecretRequest.share_id == Share.id)
    .where(Share.id == bindparam("share"))
)
facts_of_submit_link = _facts_of_request.where(SecretRequest.submit_key_hash == bindparam("key_hash"))
facts_of_retrieval_link = _facts_of_request.where(Share.link_key_hash == bindparam("key_hash"))
"""Everything that decides an answer, without key or ciphertext, for the holder of a whole link.

For everybody else no row comes back, whatever the token names (promise 7).
"""

key_of_request = select(SecretRequest.public_key).where(SecretRequest.share_id == bindparam("share"))

receipt_of_request = select(SecretRequest.public_key, SecretRequest.submitted_event, SecretRequest.submitted_at).where(
    SecretRequest.share_id == bindparam("share")
)

submit = (
    update(_share)
    .where(
        _share.c.id == bindparam("share"),
        _share.c.kind == ShareKind.REQUEST,
        _share.c.state == ShareState.AWAITING,
        _share.c.expires_at > bindparam("at"),
    )
    .values(
        state=ShareState.SEALED,
        seal_header=bindparam("header"),
        outer_ciphertext=bindparam("outer"),
        expires_at=bindparam("until"),
    )
    .returning(_share.c.custody_id)
)
"""The one statement that decides whose answer is the answer."""

_this_request = _request.c.share_id == bindparam("share")

mark_submitted = (
    update(_request).where(_this_request).values(submitted_at=bindparam("at"), submitted_event=bindparam("event"))
)
mark_retrieved = (
    update(_request)
    .where(_this_request)
    .values(
        retrieved_by_name=bindparam("name"),
        retrieval_purpose=bindparam("purpose"),
        retrieval_ticket=bindparam("ticket"),
    )
)
mark_reminded = (
    update(_request)
    .where(
        _this_request,
        select(Share.id)
        .where(Share.id == bindparam("share"), Share.state == ShareState.AWAITING, Share.expires_at > bindparam("at"))
        .exists(),
    )
    .values(reminded_at=bindparam("at"))
    .returning(_request.c.share_id)
)
judge = (
    update(_request)
    .where(
        _this_request,
        _request.c.verdict.is_(None),
        select(Share.id).where(Share.id == bindparam("share"), Share.state == ShareState.REVEALED).exists(),
    )
    .values(
        verdict=bindparam("verdict"),
        verdict_at=bindparam("at"),
        verdict_note=bindparam("note"),
        vault_reference=bindparam("vault"),
    )
    .returning(_request.c.share_id)
)
mark_answer_reported = (
    update(_share)
    .where(_share.c.id == bindparam("share"), _share.c.reported_at.is_(None), _share.c.seal_header.is_not(None))
    .values(reported_at=bindparam("at"))
    .returning(_share.c.custody_id)
)
