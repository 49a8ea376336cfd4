"""Step-up: before a sensitive act, whoever is signed in proves once more who they are. Good for five minutes.

Instead of doing what was posted, a guarded view answers with a page that asks for a passkey, or for password and code.
That page posts to the same address again and carries along what was posted first, so nothing has to be typed twice and
nothing waits on the server.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from flask import Response, after_this_request, request

from sharelink.accounts.queries import Viewer
from sharelink.accounts.queries import person as account_person
from sharelink.accounts.sessions import PROOF_LIFETIME, StartedSession
from sharelink.acts import signing_in
from sharelink.factors.errors import PasskeysUnavailable
from sharelink.factors.passkeys import RelyingParty, relying_party_of
from sharelink.factors.queries import factors_of
from sharelink.sso.service import has_identity
from sharelink.web.authentication import (
    View,
    browser_keys,
    look_again,
    renew_browser,
    signed_in_actor,
    signed_in_viewer,
)
from sharelink.web.responses import page_or_fragment, wants_fragment
from sharelink.web.wiring import current_settings, current_unit_of_work, wiring

PASSWORD_FIELD, CODE_FIELD, PASSKEY_FIELD = "proof_password", "proof_code", "proof_passkey"
_PROOF_FIELDS = frozenset({PASSWORD_FIELD, CODE_FIELD, PASSKEY_FIELD})
NOT_PROVEN = "That did not prove it. Check the password, wait for the next code of the app, and try again."


def current_relying_party() -> RelyingParty | None:
    """Return what passkeys know this service by; None where browsers make none."""
    settings = current_settings()
    return relying_party_of(settings.base_url, settings.organisation_name)


def named_party() -> RelyingParty:
    """Return what passkeys know this service by.

    Raises:
        PasskeysUnavailable: browsers make none here.
    """
    party = current_relying_party()
    if party is None:
        raise PasskeysUnavailable("the service has no name")
    return party


def provider_can_prove(person: Viewer) -> bool:
    """Tell whether the provider's word would be a fresh and strong proof of who somebody is."""
    sso = wiring().single_sign_on
    if sso is None or not sso.requirements.are_strong:
        return False
    with current_unit_of_work().read() as work:
        return has_identity(work.session, person.account_id, sso.issuer)


def is_fresh(person: Viewer) -> bool:
    """Tell whether somebody has proven strongly who they are within the last five minutes."""
    return person.proven_at is not None and current_unit_of_work().clock() < person.proven_at + PROOF_LIFETIME


def requires_fresh_proof(view: View) -> View:
    """Open a view that takes posts only to people who have proven lately who they are; ask the others first.

    Stands below `requires`. The view is marked with `.fresh_proof`, by which the test of all routes finds it.
    """

    @wraps(view)
    def guarded(*arguments: Any, **named: Any) -> Any:
        asked = ask_unless_fresh()
        return view(*arguments, **named) if asked is None else asked

    vars(guarded)["fresh_proof"] = True
    return cast(View, guarded)


def ask_unless_fresh(suffices: Callable[[Viewer], bool] = is_fresh) -> Response | None:
    """Return the page that asks for a proof, or None when there is one: from before, or posted with this request.

    Args:
        suffices: tells whether what the viewer has proven already is enough.
    """
    person = signed_in_viewer()
    has_answered = not _PROOF_FIELDS.isdisjoint(request.form)
    if suffices(person):
        return None
    started = _posted_proof(person) if has_answered else None
    if started is None:
        return _question(person, NOT_PROVEN if has_answered else "")
    look_again(started)

    @after_this_request
    def renew(response: Response) -> Response:
        # Not on the view's own answer: an error page after the proof must carry the new key as well.
        return renew_browser(response, started)

    return None


def _posted_proof(person: Viewer) -> StartedSession | None:
    unit_of_work, actor = current_unit_of_work(), signed_in_actor()
    answer = request.form.get(PASSKEY_FIELD, "")
    if answer:
        party = current_relying_party()
        if party is None:
            return None
        return signing_in.prove_again_with_passkey(unit_of_work, actor, party, person, answer)
    return signing_in.prove_again_with_code(
        unit_of_work,
        actor,
        person,
        password=request.form.get(PASSWORD_FIELD, ""),
        code=request.form.get(CODE_FIELD, ""),
        browser=browser_keys(),
    )


def _question(person: Viewer, problem: str) -> Response:
    with current_unit_of_work().read() as work:
        factors = factors_of(work.session, person.account_id)
        shown = account_person(work.session, person.account_id)
    carried = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in _PROOF_FIELDS and name != "csrf_token"
    ]
    response = page_or_fragment(
        "staff/prove.html",
        "staff/_prove.html",
        401,
        address=request.full_path.rstrip("?"),
        carried=carried,
        email=person.email,
        has_passkey=bool(factors.passkeys) and current_relying_party() is not None,
        has_app=factors.app is not None and bool(shown.has_password),
        has_provider=provider_can_prove(person),
        problem=problem,
    )
    if wants_fragment():
        # Wherever the answer would have gone: the question takes the whole page.
        response.headers["HX-Retarget"] = "#main"
        response.headers["HX-Reswap"] = "innerHTML"
    return response
