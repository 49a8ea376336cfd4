"""Who is signed in, and whether they may: the only place that reads or writes the session and device cookies.

Resolve `viewer()` before a unit of work begins: it has one of its own.
"""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, NoReturn, TypeVar, cast
from urllib.parse import quote, urlsplit

from flask import Flask, Response, has_request_context, make_response, redirect, request
from flask import session as form_session

from sharelink.accounts.devices import DEVICE_LIFETIME, device_key_hash
from sharelink.accounts.permissions import Permission
from sharelink.accounts.queries import HalfSignedIn, Viewer, find_visitor
from sharelink.accounts.sessions import SEEN_PRECISION, BrowserKeys, StartedSession, session_key_hash
from sharelink.accounts.stages import PASSWORD_METHODS, Stage
from sharelink.actors import Actor, ActorKind
from sharelink.acts.single_sign_on import Departure
from sharelink.audit.events import SYSTEM_CHAIN, AuditEvent, Outcome
from sharelink.crypto.bearer_keys import session_reference
from sharelink.errors import PermissionDenied
from sharelink.sso.service import FLOW_LIFETIME
from sharelink.web.rate_limits import limited
from sharelink.web.responses import wants_fragment
from sharelink.web.wiring import current_settings, current_unit_of_work

View = TypeVar("View", bound=Callable[..., Any])

SIGN_IN_PATH = "/sign-in"
SECOND_STEP_PATH = "/sign-in/second-step"
ENROLMENT_PATH = "/account/enrol"
LONGEST_NEXT = 2000
_NO_WAY_BACK = frozenset({SIGN_IN_PATH, SECOND_STEP_PATH, ENROLMENT_PATH, "/sign-out", "/set-up", "/join"})
_STEP_PATHS = {Stage.SECOND_FACTOR: SECOND_STEP_PATH, Stage.ENROLMENT: ENROLMENT_PATH, Stage.FULL: ""}
_VISITOR = "sharelink.visitor"
"""Kept with the request, not in `flask.g`: that lives as long as the application context, which may be longer."""


def install(app: Flask) -> None:
    """Let templates see the viewer, if the view asked who it is; a public page never causes the question."""

    def known_viewer() -> dict[str, Viewer | None]:
        visitor = request.environ.get(_VISITOR) if has_request_context() else None
        return {"viewer": visitor if isinstance(visitor, Viewer) else None}

    app.context_processor(known_viewer)


def viewer() -> Viewer | None:
    """Return who is signed in all the way. One query, once in a request, and only if the browser sent the cookie."""
    visitor = _visitor()
    return visitor if isinstance(visitor, Viewer) else None


def half_signed_in() -> HalfSignedIn | None:
    """Return who has proven a password and still has a step to take; None for everybody else."""
    visitor = _visitor()
    return visitor if isinstance(visitor, HalfSignedIn) else None


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
    return _actor_of(person, person.methods)


def signed_in_holder() -> Viewer | HalfSignedIn:
    """Return whose account this is: somebody signed in, or on the way in.

    Raises:
        PermissionDenied: nobody is.
    """
    found = _visitor()
    if found is None:
        raise PermissionDenied("nobody is signed in")
    return found


def holder_actor() -> Actor:
    """Return that person as the actor of what they do now.

    Raises:
        PermissionDenied: nobody is signed in or on the way in.
    """
    holder = signed_in_holder()
    return half_actor(holder) if isinstance(holder, HalfSignedIn) else signed_in_actor()


def half_actor(half: HalfSignedIn) -> Actor:
    """Return somebody who has proven a password as the actor of their next step."""
    return _actor_of(half, PASSWORD_METHODS)


def public_actor() -> Actor:
    """Return the visitor as an actor without an account."""
    return Actor.public(request.remote_addr, request.headers.get("User-Agent"))


def browser_keys() -> BrowserKeys:
    """Return what the browser brought along, as hashes: the session it had, and the device that it is."""
    return BrowserKeys(
        session_hash=session_key_hash(request.cookies.get(_session_cookie(), "")),
        device_hash=device_key_hash(request.cookies.get(_device_cookie(), "")),
    )


def requires(permission: Permission, *, also: Collection[Stage] = ()) -> Callable[[View], View]:
    """Return a decorator that opens a view only to people who have `permission` for anything at all.

    Views of one object check its group as well, with `authorise`. Signed out: to the sign-in page, and back after it
    if this was a GET. On the way in: to the next step, unless the view is `also` open at that stage. Without the
    permission: 403, and an event. The view is marked with `.permission` and `.also`, by which the test of all routes
    finds it.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*arguments: Any, **named: Any) -> Any:
            person, half = viewer(), half_signed_in()
            if half is not None and half.stage in also:
                return view(*arguments, **named)
            if person is None:
                return to_sign_in()
            if not person.may(permission):
                _refuse(permission)
            return view(*arguments, **named)

        vars(guarded).update(permission=permission, also=frozenset(also))
        return cast(View, guarded)

    return decorate


def authorise(permission: Permission, group_id: bytes) -> None:
    """Make sure that the signed-in person may do this to an object of the group `group_id`.

    Raises:
        PermissionDenied: they may not; the refusal is in the audit.
    """
    if not signed_in_viewer().reach(permission).covers(group_id):
        _refuse(permission)


def provider_key() -> str:
    """Return the key by which this browser is known while it is at the provider; empty if it has none."""
    return request.cookies.get(_provider_cookie(), "")


def leave_for_provider(departure: Departure) -> Response:
    """Send the browser to the provider, with the key by which it is known when it comes back."""
    response = make_response(redirect(departure.address, 303))
    response.set_cookie(
        _provider_cookie(),
        departure.browser_key,
        max_age=FLOW_LIFETIME,
        secure=current_settings().https,
        httponly=True,
        # Lax: the way back is a navigation from the provider's site.
        samesite="Lax",
        path="/",
    )
    return response


def to_sign_in() -> Response:
    """Send the visitor to the sign-in page, or to the step of the sign-in that comes next for them."""
    asked = local_path(request.full_path.rstrip("?")) if request.method == "GET" else None
    half = half_signed_in()
    address = with_next(SIGN_IN_PATH if half is None else _STEP_PATHS[half.stage], asked)
    if wants_fragment():
        # htmx would follow a redirect by itself and put the sign-in page into a part of this one.
        return Response(status=401, headers={"HX-Redirect": address})
    return make_response(redirect(address, 303))


def signed_in_response(started: StartedSession, wanted: str | None = None) -> Response:
    """Give the browser its new session and send it on: to the next step, or to the page that was `wanted`."""
    wanted = local_path(wanted)
    if started.stage is Stage.FULL:
        return sign_in_browser(make_response(redirect(wanted or "/", 303)), started)
    address = with_next(_STEP_PATHS[started.stage], wanted)
    return sign_in_browser(make_response(redirect(address, 303)), started)


def sign_in_browser(response: Response, started: StartedSession) -> Response:
    """Give the browser the keys of its new session and device. Forms that were open before lose their token."""
    form_session.clear()
    renew_browser(response, started)
    if started.device_key is not None:
        response.set_cookie(
            _device_cookie(),
            started.device_key,
            max_age=DEVICE_LIFETIME,
            secure=current_settings().https,
            httponly=True,
            samesite="Lax",
            path="/",
        )
    return response


def renew_browser(response: Response, started: StartedSession) -> Response:
    """Give the browser the new key of the session that it has. Forms that are open keep their token."""
    response.set_cookie(
        _session_cookie(), started.key, secure=current_settings().https, httponly=True, samesite="Lax", path="/"
    )
    return response


def sign_out_browser(response: Response) -> Response:
    """Take the session's key from the browser; the session itself is ended in the database."""
    form_session.clear()
    response.delete_cookie(_session_cookie(), secure=current_settings().https, httponly=True, samesite="Lax", path="/")
    return response


def look_again(started: StartedSession) -> None:
    """Let the rest of this request see the session as it is after `started`, under its new id."""
    key_hash = session_key_hash(started.key)
    request.environ[_VISITOR] = None if key_hash is None else _find_visitor(key_hash)


def with_next(path: str, wanted: str | None) -> str:
    """Return the address of a step of the sign-in that carries along where to go after it."""
    return path if wanted in {None, "", "/"} else f"{path}?next={quote(str(wanted), safe='/')}"


def local_path(text: str | None) -> str | None:
    """Return `text` if it is a path on this site, else None: nobody may be sent elsewhere after the sign-in."""
    if not text or len(text) > LONGEST_NEXT or not text.startswith("/") or text.startswith("//"):
        return None
    # No page of ours is reached by climbing, and `/..//other.example` could become another site's address on the way.
    if not {".", ".."}.isdisjoint(text.partition("?")[0].lower().replace("%2e", ".").split("/")):
        return None
    # Browsers read a backslash as a slash, and leave out tabs and line ends.
    if "\\" in text or not text.isprintable():
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.scheme or parts.netloc or parts.path in _NO_WAY_BACK or parts.path.startswith("/sign-in/"):
        return None
    return text


def _visitor() -> Viewer | HalfSignedIn | None:
    if _VISITOR not in request.environ:
        key_hash = session_key_hash(request.cookies.get(_session_cookie(), ""))
        request.environ[_VISITOR] = None if key_hash is None else _find_visitor(key_hash)
    return cast(Viewer | HalfSignedIn | None, request.environ[_VISITOR])


def _find_visitor(key_hash: bytes) -> Viewer | HalfSignedIn | None:
    unit_of_work = current_unit_of_work()
    with unit_of_work.read() as work:
        found = find_visitor(
            work.connection,
            key_hash,
            work.now,
            work.session_limits.idle_lifetime,
            local_sign_in=work.account_policy.local_sign_in,
        )
        is_stale = isinstance(found, Viewer) and found.last_seen_at <= work.now - SEEN_PRECISION
    if is_stale:
        with unit_of_work.write(Actor.system()) as work:
            work.accounts.sessions.touch(key_hash)
    return found


def _actor_of(person: Viewer | HalfSignedIn, methods: tuple[str, ...]) -> Actor:
    return Actor(
        kind=ActorKind.STAFF,
        account_id=person.account_id,
        name=person.name,
        session_ref=session_reference(current_unit_of_work().keyring.audit_key, person.session_hash),
        amr=methods,
        ip=request.remote_addr,
        agent=request.headers.get("User-Agent"),
    )


@limited("create", None, apart="refused")
def _note_refusal(permission: Permission) -> None:
    # Limited, or whoever may sign in could grow the log as fast as the database writes.
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


def _refuse(permission: Permission) -> NoReturn:
    _note_refusal(permission)
    raise PermissionDenied(f"no permission: {permission.value}")


def _session_cookie() -> str:
    return _cookie_name("sharelink_session")


def _device_cookie() -> str:
    return _cookie_name("sharelink_device")


def _provider_cookie() -> str:
    return _cookie_name("sharelink_sso")


def _cookie_name(name: str) -> str:
    return f"__Host-{name}" if current_settings().https else name
