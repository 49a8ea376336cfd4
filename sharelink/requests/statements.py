"""The statements of a request's life, built once at import: SQLAlchemy Core, no ORM objects."""

from sqlalchemy import bindparam, insert, select, update

from sharelink.requests.models import SecretRequest
from sharelink.shares.holds import Hold, active_hold
from sharelink.shares.models import Share
from sharelink.shares.states import ShareKind, ShareState

_share = Share.metadata.tables[Share.__tablename__]
_request = SecretRequest.metadata.tables[SecretRequest.__tablename__]

insert_request = insert(_request)

reference_is_taken = select(_request.c.share_id).where(_request.c.reference == bindparam("reference"))

_facts_of_request = (
    select(
        _share.c.id,
        _share.c.state,
        _share.c.custody_id,
        _share.c.created_by,
        _share.c.sender_name,
        _share.c.label,
        _share.c.instruction,
        _share.c.expires_at,
        _share.c.ended_at,
        _share.c.end_reason,
        _share.c.reported_at,
        _request.c.reference,
        _request.c.template,
        _request.c.fields,
        _request.c.message,
        _request.c.submit_until,
        _request.c.retrieve_lifetime_seconds,
        _request.c.submitted_at,
        _request.c.retrieved_by_name,
        active_hold.where(Hold.custody_id == _share.c.custody_id).exists().label("is_held"),
    )
    .join(_request, _request.c.share_id == _share.c.id)
    .where(_share.c.id == bindparam("share"))
)
facts_of_submit_link = _facts_of_request.where(_request.c.submit_key_hash == bindparam("key_hash"))
facts_of_retrieval_link = _facts_of_request.where(_share.c.link_key_hash == bindparam("key_hash"))
"""Everything that decides an answer, without key or ciphertext, for the holder of a whole link.

For everybody else no row comes back, whatever the token names (promise 7).
"""

key_of_request = select(_request.c.public_key).where(_request.c.share_id == bindparam("share"))

receipt_of_request = select(_request.c.public_key, _request.c.submitted_event, _request.c.submitted_at).where(
    _request.c.share_id == bindparam("share")
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
        select(_share.c.id)
        .where(
            _share.c.id == bindparam("share"),
            _share.c.state == ShareState.AWAITING,
            _share.c.expires_at > bindparam("at"),
        )
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
        select(_share.c.id).where(_share.c.id == bindparam("share"), _share.c.state == ShareState.REVEALED).exists(),
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
