"""Who is signed in, and whether they may: the only place that reads or writes the session cookie.

Resolve `viewer()` before a unit of work begins: it has one of its own.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlsplit

from flask import Flask, Response, has_request_context, make_response, redirect, request
from flask import session as form_session

from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import Viewer, find_viewer
from sharelink.accounts.sessions import PASSWORD_FACTOR, SEEN_PRECISION, StartedSession, session_key_hash
from sharelink.actors import Actor, ActorKind
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent, Outcome
from sharelink.crypto.bearer_keys import session_reference
from sharelink.errors import PermissionDenied
from sharelink.web.responses import wants_fragment
from sharelink.web.wiring import current_settings, current_unit_of_work

_View = TypeVar("_View", bound=Callable[..., Any])

SIGN_IN_PATH = "/sign-in"
LONGEST_NEXT = 2000
_VIEWER = "sharelink.viewer"
"""Kept with the request, not in `flask.g`: that lives as long as the application context, which may be longer."""


def install(app: Flask) -> None:
    """Let templates see the viewer, if the view asked who it is; a public page never causes the question."""
    app.context_processor(lambda: {"viewer": request.environ.get(_VIEWER) if has_request_context() else None})


def viewer() -> Viewer | None:
    """Return who is signed in. One query, once in a request, and only if the browser sent the cookie."""
    if _VIEWER not in request.environ:
        request.environ[_VIEWER] = _find_viewer()
    return cast(Viewer | None, request.environ[_VIEWER])


def signed_in_viewer() -> Viewer:
    """Return who is signed in.

    Raises:
        PermissionDenied: nobody is.
    """
    found = viewer()
    if found is None:
        raise PermissionDenied("nobody is signed in")
    return found


def signed_in_actor() -> Actor:
    """Return the signed-in person as the actor of what they do now.

    Raises:
        PermissionDenied: nobody is signed in.
    """
    person = signed_in_viewer()
    return Actor(
        kind=ActorKind.STAFF,
        account_id=person.account_id,
        name=person.name,
        session_ref=session_reference(current_unit_of_work().keyring.audit_key, person.session_hash),
        amr=(PASSWORD_FACTOR,),
        ip=request.remote_addr,
        agent=request.headers.get("User-Agent"),
    )


def public_actor() -> Actor:
    """Return the visitor as an actor without an account."""
    return Actor.public(request.remote_addr, request.headers.get("User-Agent"))


def requires(permission: Permission) -> Callable[[_View], _View]:
    """Return a decorator that opens a view only to people who have `permission` for anything at all.

    Views of one object check its group as well, with `authorise`. Signed out: to the sign-in page, and back after it
    if this was a GET. Without the permission: 403, and an event. The view is marked with `.permission`, by which the
    test of all routes finds it.
    """

    def decorate(view: _View) -> _View:
        @wraps(view)
        def guarded(*arguments: Any, **named: Any) -> Any:
            person = viewer()
            if person is None:
                return _to_sign_in()
            if not person.may(permission):
                _refuse(permission)
            return view(*arguments, **named)

        vars(guarded)["permission"] = permission
        return cast(_View, guarded)

    return decorate


def authorise(permission: Permission, group_id: bytes) -> None:
    """Make sure that the signed-in person may do this to an object of the group `group_id`.

    Raises:
        PermissionDenied: they may not; the refusal is in the audit.
    """
    if not signed_in_viewer().reach(permission).covers(group_id):
        _refuse(permission)


def sign_in_browser(response: Response, started: StartedSession) -> Response:
    """Give the browser the key of its new session. Forms that were open before lose their token."""
    form_session.clear()
    response.set_cookie(
        _cookie_name(), started.key, secure=current_settings().https, httponly=True, samesite="Lax", path="/"
    )
    return response


def sign_out_browser(response: Response) -> Response:
    """Take the session's key from the browser; the session itself is ended in the database."""
    form_session.clear()
    response.delete_cookie(_cookie_name(), secure=current_settings().https, httponly=True, samesite="Lax", path="/")
    return response


def local_path(text: str | None) -> str | None:
    """Return `text` if it is a path on this site, else None: nobody may be sent elsewhere after the sign-in."""
    if not text or len(text) > LONGEST_NEXT or not text.startswith("/") or text.startswith("//"):
        return None
    # Browsers read a backslash as a slash, and leave out tabs and line ends.
    if "\\" in text or not text.isprintable():
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.scheme or parts.netloc or parts.path in {SIGN_IN_PATH, "/sign-out", "/set-up"}:
        return None
    return text


def _find_viewer() -> Viewer | None:
    key_hash = session_key_hash(request.cookies.get(_cookie_name(), ""))
    if key_hash is None:
        return None
    unit_of_work = current_unit_of_work()
    with unit_of_work.read() as work:
        found = find_viewer(work.session, key_hash, work.now, work.session_limits.idle_lifetime)
        is_stale = found is not None and found.last_seen_at <= work.now - SEEN_PRECISION
    if is_stale:
        with unit_of_work.write(Actor.system()) as work:
            work.accounts.sessions.touch(key_hash)
    return found


def _refuse(permission: Permission) -> None:
    actor = signed_in_actor()
    with current_unit_of_work().write(actor) as work:
        work.audit.append(
            AuditEvent.AUTHZ_REFUSED,
            rec=SYSTEM_CHAIN,
            actor=actor,
            now=work.now,
            outcome=Outcome.REFUSED,
            reason="no_permission",
            facts={"permission": permission.value},
        )
    raise PermissionDenied(f"no permission: {permission.value}")


def _to_sign_in() -> Response:
    asked = local_path(request.full_path.rstrip("?")) if request.method == "GET" else None
    address = SIGN_IN_PATH if asked in {None, "/"} else f"{SIGN_IN_PATH}?next={quote(str(asked), safe='/')}"
    if wants_fragment():
        # htmx would follow a redirect by itself and put the sign-in page into a part of this one.
        return Response(status=401, headers={"HX-Redirect": address})
    return make_response(redirect(address, 303))


def _cookie_name() -> str:
    return "__Host-sharelink_session" if current_settings().https else "sharelink_session"
