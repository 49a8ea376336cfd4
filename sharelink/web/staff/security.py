"""The security of one's own account: second factors, sessions, what happened lately."""

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response, request

from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import SessionLine, sessions_of
from sharelink.accounts.queries import person as account_person
from sharelink.audit.queries import chain_page
from sharelink.client_networks import client_network
from sharelink.crypto.bearer_keys import session_reference
from sharelink.crypto.identifiers import id_text
from sharelink.factors.queries import factors_of
from sharelink.outbox.queries import mailed_to
from sharelink.web.authentication import requires, signed_in_actor, signed_in_viewer
from sharelink.web.devices import device_text
from sharelink.web.rate_limits import limited
from sharelink.web.responses import page_or_fragment, redirect_after_post
from sharelink.web.staff.event_words.people import PROOF_LABELS
from sharelink.web.staff.factors import SECURITY_PATH
from sharelink.web.staff.paging import asked_page
from sharelink.web.staff.security_notices import security_notices
from sharelink.web.staff.timeline import timeline_entry
from sharelink.web.step_up import current_relying_party
from sharelink.web.wiring import current_unit_of_work

_DONE = frozenset({"added", "removed", "ended", "seen"})

blueprint = Blueprint("security", __name__)


@dataclass(frozen=True, slots=True)
class ShownSession:
    """One session, for its owner."""

    reference: str
    device: str
    network: str
    how: str
    created_at: datetime
    last_seen_at: datetime
    is_this: bool


@blueprint.get(SECURITY_PATH)
@requires(Permission.OWN_ACCOUNT)
def security() -> Response:
    """Show factors, sessions, notices and recent events of the viewer's account."""
    person = signed_in_viewer()
    with current_unit_of_work().read() as work:
        factors = factors_of(work.session, person.account_id)
        has_password = account_person(work.session, person.account_id).has_password
        notices = security_notices(work, person.account_id)
        lines = sessions_of(work.session, person.account_id, work.now, work.session_limits.idle_lifetime)
        mailed = mailed_to(work.session, person.account_id)
        history = chain_page(work.session, id_text(person.account_id), asked_page())
    done = request.args.get("done", "")
    return page_or_fragment(
        "staff/security.html",
        "staff/_timeline.html",
        factors=factors,
        has_password=has_password,
        mailed=mailed,
        notices=notices,
        sessions=[_shown(line, person.session_hash) for line in lines],
        has_passkeys=current_relying_party() is not None,
        done=done if done in _DONE else "",
        timeline=[timeline_entry(event, {}) for event in history.events],
        timeline_page=history.page,
        timeline_page_count=history.page_count,
        timeline_address=SECURITY_PATH,
    )


@blueprint.post(f"{SECURITY_PATH}/seen")
@requires(Permission.OWN_ACCOUNT)
@limited("create")
def see_notices() -> Response:
    """Take the notices off the pages; the events stay on the timeline."""
    account_id = signed_in_viewer().account_id
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.accounts.see_notices(account_id)
    return redirect_after_post(f"{SECURITY_PATH}?done=seen")


@blueprint.post("/account/sessions/<reference>/end")
@requires(Permission.OWN_ACCOUNT)
@limited("create")
def end_session(reference: str) -> Response:
    """End one of the viewer's own sessions; ending one that is over already is no error."""
    person = signed_in_viewer()
    with current_unit_of_work().write(signed_in_actor()) as work:
        for line in sessions_of(work.session, person.account_id, work.now, work.session_limits.idle_lifetime):
            if _reference(line.key_hash) == reference:
                work.accounts.sessions.end(line.key_hash, person.account_id)
    return redirect_after_post(f"{SECURITY_PATH}?done=ended")


@blueprint.post("/account/sessions/end-others")
@requires(Permission.OWN_ACCOUNT)
@limited("create")
def end_other_sessions() -> Response:
    """End every session of the viewer but this one."""
    person = signed_in_viewer()
    with current_unit_of_work().write(signed_in_actor()) as work:
        work.accounts.sessions.end_others(person.account_id, person.session_hash)
    return redirect_after_post(f"{SECURITY_PATH}?done=ended")


def _shown(line: SessionLine, this: bytes) -> ShownSession:
    how = PROOF_LABELS[line.proof] if line.proof is not None else "On the way in"
    return ShownSession(
        reference=_reference(line.key_hash),
        device=device_text(line.agent),
        network=client_network(line.ip),
        how=how,
        created_at=line.created_at,
        last_seen_at=line.last_seen_at,
        is_this=line.key_hash == this,
    )


def _reference(key_hash: bytes) -> str:
    return session_reference(current_unit_of_work().keyring.audit_key, key_hash)
